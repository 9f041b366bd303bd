//! Which subscriptions get a message.

use bytes::Bytes;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{Notify, mpsc::UnboundedSender};

/// Output for a connection.
#[derive(Debug)]
pub(super) enum Give {
    Bytes(Bytes),
    /// An error, after which the connection ends.
    End(&'static str),
}

/// All subscriptions, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Routes {
    clients: HashMap<u64, Client>,
    subscriptions: Vec<Subscription>,
    /// How often each queue group got a message, so that its members take turns.
    turns: HashMap<String, usize>,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) out: UnboundedSender<Give>,
    pub(super) headers: bool,
    /// How many bytes wait to be written, and how many may.
    pub(super) pending: Arc<AtomicUsize>,
    pub(super) max_pending: usize,
    /// Ends the connection, because too much waits for it.
    pub(super) cut: Arc<Notify>,
}

#[derive(Debug)]
struct Subscription {
    client: u64,
    sid: String,
    subject: String,
    group: Option<String>,
    /// How many messages it got.
    got: u64,
    /// How many it gets before it ends.
    max: Option<u64>,
}

impl Subscription {
    fn has_ended(&self) -> bool {
        self.max.is_some_and(|max| self.got >= max)
    }
}

/// A published message.
#[derive(Debug)]
pub(super) struct Published<'a> {
    pub(super) subject: &'a str,
    pub(super) reply: Option<&'a str>,
    pub(super) headers: &'a [u8],
    pub(super) payload: &'a [u8],
    /// The client that does not want its own messages back.
    pub(super) except: Option<u64>,
}

impl Routes {
    pub(super) fn join(&mut self, number: u64, client: Client) {
        self.clients.insert(number, client);
    }

    pub(super) fn leave(&mut self, client: u64) {
        self.clients.remove(&client);
        self.subscriptions.retain(|subscription| subscription.client != client);
    }

    /// Adds a subscription, unless the client uses its number already.
    pub(super) fn subscribe(&mut self, client: u64, sid: String, subject: String, group: Option<String>) {
        let is_used = |other: &Subscription| other.client == client && other.sid == sid;
        if !self.subscriptions.iter().any(is_used) {
            self.subscriptions.push(Subscription { client, sid, subject, group, got: 0, max: None });
        }
    }

    /// Ends a subscription, at once or when it got this many messages since it began.
    pub(super) fn unsubscribe(&mut self, client: u64, sid: &str, max: Option<u64>) {
        let is_it = |subscription: &Subscription| subscription.client == client && subscription.sid == sid;
        match max.filter(|max| *max > 0) {
            None => self.subscriptions.retain(|subscription| !is_it(subscription)),
            Some(max) => {
                for subscription in self.subscriptions.iter_mut().filter(|subscription| is_it(subscription)) {
                    subscription.max = Some(max);
                }
                self.subscriptions.retain(|subscription| !subscription.has_ended());
            }
        }
    }

    pub(super) fn matching(&self, subject: &str) -> usize {
        self.subscriptions.iter().filter(|subscription| matches(&subscription.subject, subject)).count()
    }

    /// Gives the message to every subscription without a group, and to one of each group, also if the subjects of its members differ.
    /// Returns to how many.
    pub(super) fn publish(&mut self, message: &Published<'_>) -> usize {
        if !is_subject(message.subject) {
            return 0;
        }
        let mut chosen = Vec::new();
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, subscription) in self.subscriptions.iter().enumerate() {
            if !matches(&subscription.subject, message.subject) || message.except == Some(subscription.client)
            {
                continue;
            }
            match &subscription.group {
                None => chosen.push(index),
                Some(group) => groups.entry(group).or_default().push(index),
            }
        }
        for (group, members) in groups {
            let turn = self.turns.entry(group.to_owned()).or_default();
            *turn = turn.wrapping_add(1);
            chosen.extend(turn.checked_rem(members.len()).and_then(|turn| members.get(turn)));
        }
        for index in &chosen {
            self.give(*index, message);
        }
        let is_gone = |subscription: &Subscription| !self.clients.contains_key(&subscription.client);
        self.subscriptions.retain(|subscription| !subscription.has_ended() && !is_gone(subscription));
        chosen.len()
    }

    fn give(&mut self, index: usize, message: &Published<'_>) {
        let Some(subscription) = self.subscriptions.get_mut(index) else { return };
        subscription.got = subscription.got.saturating_add(1);
        let Some(client) = self.clients.get(&subscription.client) else { return };
        let headers = if client.headers { message.headers } else { &[] };
        let bytes = super::protocol::message(
            message.subject,
            &subscription.sid,
            message.reply,
            headers,
            message.payload,
        );
        let pending = client.pending.fetch_add(bytes.len(), Ordering::Relaxed);
        if pending.saturating_add(bytes.len()) > client.max_pending {
            client.cut.notify_one();
            self.clients.remove(&subscription.client);
            return;
        }
        let _ = client.out.send(Give::Bytes(bytes.into()));
    }
}

/// Whether no token is empty.
pub(super) fn is_subject(subject: &str) -> bool {
    subject.split('.').all(|token| !token.is_empty())
}

/// Whether it is a pattern of subjects: `>` is the last token.
pub(super) fn is_pattern(pattern: &str) -> bool {
    let is_inner = pattern.rsplit('.').skip(1).any(|token| token == ">");
    is_subject(pattern) && !is_inner
}

/// Whether it is a subject without wildcards.
pub(super) fn is_literal(subject: &str) -> bool {
    is_subject(subject) && !subject.split('.').any(|token| token == "*" || token == ">")
}

/// Whether a subject matches a pattern: `*` is any token, and `>` at the end one or more.
pub(super) fn matches(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    let mut parts = pattern.split('.').peekable();
    while let Some(part) = parts.next() {
        match (part, tokens.next()) {
            (_, None) => return false,
            (">", Some(_)) if parts.peek().is_none() => return true,
            ("*", Some(_)) => {}
            (part, Some(token)) if part == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    #[test]
    fn patterns() {
        for (pattern, subject, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*", "a.b.c", false),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            ("*.b", "a.b", true),
            (">", "a", true),
            ("a.>.c", "a.b.c", false),
        ] {
            assert_eq!(matches(pattern, subject), expected, "{pattern} {subject}");
        }
    }

    fn count(out: &mut UnboundedReceiver<Give>) -> usize {
        std::iter::from_fn(|| out.try_recv().ok()).count()
    }

    #[test]
    fn groups_take_turns_and_maxima_end() {
        let mut routes = Routes::default();
        let mut outs: Vec<_> = (0..3)
            .map(|client| {
                let (out, received) = unbounded_channel();
                let pending = Arc::default();
                let cut = Arc::default();
                routes.join(client, Client { out, headers: true, pending, max_pending: 1000, cut });
                received
            })
            .collect();
        routes.subscribe(0, "1".into(), "a.*".into(), None);
        routes.subscribe(1, "1".into(), "a.b".into(), Some("g".into()));
        routes.subscribe(2, "1".into(), "a.b".into(), Some("g".into()));
        let publish = |routes: &mut Routes, except| {
            let message = Published { subject: "a.b", reply: None, headers: b"", payload: b"x", except };
            routes.publish(&message)
        };
        assert_eq!((publish(&mut routes, None), publish(&mut routes, None)), (2, 2));
        assert_eq!(outs.iter_mut().map(count).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(publish(&mut routes, Some(0)), 1);
        routes.leave(2);
        // It got three until now.
        routes.unsubscribe(0, "1", Some(3));
        assert_eq!((publish(&mut routes, None), publish(&mut routes, None)), (2, 1));
        assert_eq!((routes.matching("a.b"), routes.matching("a.c")), (1, 0));
    }
}
