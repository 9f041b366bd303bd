//! Reports of the client about its connection: its end, dropped messages, and refusals of the server.

use super::failure;
use async_nats::Event;
use cloudevents_core::Error;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// How many refusals are remembered, of subjects and of inboxes.
const REMEMBERED: usize = 1024;

/// How many requests, or messages that the server refused, may be without an answer.
///
/// The client keeps something of each until the answer comes, or the connection ends.
pub(super) const UNANSWERED: usize = 1024;

/// How long after an error of the server the connection ends, if it is because of that.
const ENDING: Duration = Duration::from_secs(1);

/// How often the same error of the server is logged.
const LOGGED: Duration = Duration::from_secs(60);

/// How the server quotes the beginning of a subject that acknowledges.
const ACKNOWLEDGED: &str = "\"$JS.ACK.";

/// Reports of the client about its connection.
#[derive(Clone)]
pub(super) struct Notes {
    noted: Arc<watch::Sender<Noted>>,
    /// How the server quotes the beginning of an inbox.
    inbox: Arc<str>,
}

#[derive(Default)]
struct Noted {
    lost: Option<Error>,
    subjects: Refusals,
    /// Apart from the others, because each [round trip](super::connection::Connected::round_trip) has an inbox of its own.
    inboxes: Refusals,
    /// That this client may not subscribe to an inbox.
    no_inbox: Option<String>,
    /// The last error of the server that may end a connection.
    ending: Option<(Instant, String)>,
    /// When errors of the server were logged.
    logged: HashMap<String, Instant>,
    /// How many refusals there were, by which they are numbered.
    count: u64,
    /// Messages that the server refused instead of an answer.
    unanswered: usize,
    /// How often the client has reported that it dropped a message. The client leaves out reports that do not fit into its queue.
    dropped: u64,
}

/// The number and the text of the last error of the server about each subject, such as `Permissions Violation for Publish to "orders"`. The
/// subject is between quotes, as in the error.
#[derive(Default)]
struct Refusals {
    known: HashMap<String, (u64, String)>,
}

impl Notes {
    /// For a client whose inboxes begin with this prefix.
    pub(super) fn new(inbox_prefix: &str) -> Self {
        let quoted = quote(&format!("{inbox_prefix}."));
        let inbox = quoted.strip_suffix('"').unwrap_or(&quoted).into();
        Self { noted: Arc::default(), inbox }
    }

    pub(super) fn note(&self, event: Event) {
        match event {
            Event::Disconnected | Event::Closed => {
                let ending = self.noted.borrow().ending.clone();
                let why = ending.filter(|(since, _)| since.elapsed() <= ENDING);
                self.lose(why.map_or_else(closed, |(_, said)| {
                    failure::disconnected(format!("the connection was closed: {said}"))
                }));
            }
            Event::ServerError(error) => {
                let text = error.to_string();
                if self.is_to_be_logged(&text) {
                    tracing::warn!(%error, "the NATS server reported an error");
                }
                let Some(subject) = quoted(&text).map(str::to_owned) else {
                    // Errors about a subject do not end the connection. Some of the others do.
                    self.noted.send_modify(|noted| noted.ending = Some((Instant::now(), text)));
                    return;
                };
                self.noted.send_modify(|noted| {
                    noted.count = noted.count.saturating_add(1);
                    let is_inbox = subject.starts_with(&*self.inbox);
                    // To publish to an inbox is another right. Only programs that reply need it.
                    if is_inbox && text.contains("for Subscription") {
                        noted.no_inbox = Some(text.clone());
                    }
                    let refusals = if is_inbox { &mut noted.inboxes } else { &mut noted.subjects };
                    refusals.add(subject, noted.count, text);
                });
            }
            Event::SlowConsumer(_) => {
                self.noted.send_modify(|noted| noted.dropped = noted.dropped.saturating_add(1));
            }
            _ => {}
        }
    }

    /// Whether this error was not logged for a minute. A forbidden action may be tried again and again.
    fn is_to_be_logged(&self, text: &str) -> bool {
        // Each inbox, and each message to acknowledge, has a subject of its own.
        let begins = [&*self.inbox, ACKNOWLEDGED].into_iter().find_map(|prefix| {
            let (before, _) = text.split_once(prefix)?;
            Some(format!("{before}{prefix}"))
        });
        let (what, now) = (begins.unwrap_or_else(|| text.to_owned()), Instant::now());
        let mut is_news = false;
        self.noted.send_if_modified(|noted| {
            noted.logged.retain(|_, at| now.saturating_duration_since(*at) < LOGGED);
            is_news = noted.logged.len() < REMEMBERED && !noted.logged.contains_key(&what);
            if is_news {
                noted.logged.insert(what, now);
            }
            false
        });
        is_news
    }

    /// The connection is lost, or has to be given up, for this reason. The first one counts.
    pub(super) fn lose(&self, error: Error) {
        self.noted.send_if_modified(|noted| {
            let first = noted.lost.is_none();
            noted.lost.get_or_insert(error);
            first
        });
    }

    /// Returns the reason when the connection is lost.
    pub(super) async fn lost(&self) -> Error {
        let mut noted = self.noted.subscribe();
        let lost = noted.wait_for(|noted| noted.lost.is_some()).await;
        lost.ok().and_then(|noted| noted.lost.clone()).unwrap_or_else(closed)
    }

    /// The reason why the connection is lost, which it is.
    pub(super) fn why_lost(&self) -> Error {
        self.note(Event::Closed);
        self.noted.borrow().lost.clone().unwrap_or_else(closed)
    }

    /// The error of the server about this subject, if there was one.
    pub(super) fn refusal(&self, subject: &str) -> Option<Error> {
        self.refusal_behind(subject, 0)
    }

    /// Returns the error of the server about this subject when there is an error behind this [mark](Self::count).
    pub(super) async fn refused(&self, subject: &str, mark: u64) -> Error {
        let mut changes = self.noted.subscribe();
        loop {
            if let Some(error) = self.refusal_behind(subject, mark) {
                return error;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Returns the error of the server about a subject that begins with this, when there is an error behind this mark.
    pub(super) async fn refused_below(&self, prefix: &str, mark: u64) -> Error {
        let mut changes = self.noted.subscribe();
        loop {
            let refused = changes.borrow_and_update().subjects.below(prefix, mark);
            if let Some(text) = refused {
                return failure::refused(text);
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The current mark of the refusals, if some are about a subject that begins with this.
    pub(super) fn mark_below(&self, prefix: &str) -> Option<u64> {
        let noted = self.noted.borrow();
        noted.subjects.below(prefix, 0).is_some().then_some(noted.count)
    }

    /// Forgets the errors about subjects that begin with this, up to the mark.
    pub(super) fn allowed_below(&self, prefix: &str, mark: u64) {
        self.noted.send_if_modified(|noted| {
            let known = &mut noted.subjects.known;
            known.retain(|subject, (number, _)| *number > mark || !begins(subject, prefix));
            false // nothing waits for that
        });
    }

    /// The server refused a message instead of answering it. With as many as there may be, the connection is lost.
    pub(super) fn unanswered(&self) {
        let mut unanswered = 0;
        self.noted.send_if_modified(|noted| {
            noted.unanswered = noted.unanswered.saturating_add(1);
            unanswered = noted.unanswered;
            false // nothing waits for that
        });
        if unanswered >= UNANSWERED {
            self.lose(failure::disconnected(format!(
                "the server has refused {UNANSWERED} messages, of which the client keeps something until the connection ends"
            )));
        }
    }

    /// Returns an error when the server does not let this client subscribe to an inbox: then no reply arrives.
    pub(super) async fn no_inbox(&self) -> Error {
        let mut noted = self.noted.subscribe();
        let refused = noted.wait_for(|noted| noted.no_inbox.is_some()).await;
        failure::no_inbox(refused.ok().and_then(|noted| noted.no_inbox.clone()).unwrap_or_default())
    }

    /// How often the client has reported that it dropped a message.
    pub(super) fn dropped(&self) -> u64 {
        self.noted.borrow().dropped
    }

    /// Returns when it has done so more often than that.
    pub(super) async fn has_dropped(&self, before: u64) {
        let mut noted = self.noted.subscribe();
        let _ = noted.wait_for(|noted| noted.dropped > before).await;
    }

    /// The current mark of the refusals.
    pub(super) fn count(&self) -> u64 {
        self.noted.borrow().count
    }

    /// The error of the server about this subject, if there was an error behind this mark.
    pub(super) fn refusal_behind(&self, subject: &str, mark: u64) -> Option<Error> {
        let noted = self.noted.borrow();
        if noted.count <= mark {
            return None;
        }
        let subject = quote(subject);
        let of =
            |refusals: &Refusals| refusals.known.get(&subject).filter(|(number, _)| *number > mark).cloned();
        let (_, text) = of(&noted.subjects).or_else(|| of(&noted.inboxes))?;
        Some(failure::refused(text))
    }
}

impl Refusals {
    fn add(&mut self, subject: String, number: u64, text: String) {
        if self.known.len() >= REMEMBERED && !self.known.contains_key(&subject) {
            let oldest = self.known.iter().min_by_key(|(_, (number, _))| *number);
            if let Some(oldest) = oldest.map(|(subject, _)| subject.clone()) {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(subject, (number, text));
    }

    /// The first error about a subject that begins with this, behind this mark.
    fn below(&self, prefix: &str, mark: u64) -> Option<String> {
        let mut known = self.known.iter();
        known.find_map(|(subject, (number, text))| {
            (*number > mark && begins(subject, prefix)).then(|| text.clone())
        })
    }
}

/// Whether a quoted subject begins with this.
fn begins(subject: &str, prefix: &str) -> bool {
    subject.strip_prefix('"').is_some_and(|subject| subject.starts_with(prefix))
}

/// The subject in an error of the server, with its quotes.
fn quoted(error: &str) -> Option<&str> {
    let rest = error.get(error.find('"')?..)?;
    let mut escaped = false;
    let (end, _) = rest.char_indices().skip(1).find(|(_, character)| {
        let is_end = *character == '"' && !escaped;
        escaped = *character == '\\' && !escaped;
        is_end
    })?;
    rest.get(..=end)
}

/// A subject as the server quotes it.
fn quote(subject: &str) -> String {
    format!("{subject:?}")
}

fn closed() -> Error {
    failure::disconnected("the connection was closed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_nats::ServerError;
    use futures_util::FutureExt;

    fn forbid(notes: &Notes, subject: &str) {
        let text = format!("Permissions Violation for Publish to {subject:?}");
        notes.note(Event::ServerError(ServerError::Other(text)));
    }

    #[test]
    fn a_refusal_counts_from_its_mark() {
        let notes = Notes::new("_INBOX");
        forbid(&notes, "a");
        let mark = notes.count();
        assert!(notes.refusal("a").is_some() && notes.refused("a", mark).now_or_never().is_none());
        forbid(&notes, "b");
        assert!(notes.refusal_behind("a", mark).is_none() && notes.refusal_behind("b", mark).is_some());
        forbid(&notes, "a");
        assert!(notes.refused("a", mark).now_or_never().is_some());
    }

    #[test]
    fn a_refusal_of_any_subject_that_begins_so() {
        let notes = Notes::new("_INBOX");
        forbid(&notes, "$JS.ACK.S.c.1.1.1.1.0");
        let below = |prefix: &str, mark| notes.refused_below(prefix, mark).now_or_never().is_some();
        assert_eq!([below("$JS.ACK.", 0), below("$JS.API.", 0), below("$JS.ACK.", 1)], [true, false, false]);
        assert_eq!((notes.mark_below("$JS.ACK."), notes.mark_below("JS")), (Some(1), None));
        forbid(&notes, "$JS.ACK.S.c.1.2.2.1.0");
        notes.allowed_below("$JS.ACK.", 1);
        assert!(below("$JS.ACK.", 1));
        notes.allowed_below("$JS.ACK.", 2);
        assert_eq!(notes.mark_below("$JS.ACK."), None);
    }

    /// Each inbox is another one, and is forbidden like the others.
    #[tokio::test(start_paused = true)]
    async fn an_error_that_comes_again_is_logged_once_a_minute() {
        let notes = Notes::new("_INBOX");
        let text = |subject: &str| format!("Permissions Violation for Publish to {subject:?}");
        for _ in 0..2 {
            for subject in ["a", "b", "_INBOX.1", "$JS.ACK.S.c.1.1.1.1.0"] {
                assert!(notes.is_to_be_logged(&text(subject)), "{subject}");
            }
            tokio::time::advance(LOGGED - Duration::from_secs(1)).await;
            for subject in ["a", "b", "_INBOX.2", "$JS.ACK.S.c.1.2.2.1.0"] {
                assert!(!notes.is_to_be_logged(&text(subject)), "{subject}");
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_the_server_ends_says_why() {
        let notes = Notes::new("_INBOX");
        forbid(&notes, "a");
        let text = "User Authentication Expired".to_owned();
        notes.note(Event::ServerError(ServerError::Other(text.clone())));
        notes.note(Event::Disconnected);
        let lost = notes.lost().now_or_never().unwrap().to_string();
        assert!(lost.contains(&text) && !lost.contains("Permissions"), "{lost}");
    }

    /// Some errors end nothing, such as that there are too many subscriptions.
    #[tokio::test(start_paused = true)]
    async fn an_error_long_before_the_end_of_a_connection_is_not_its_reason() {
        let notes = Notes::new("_INBOX");
        notes.note(Event::ServerError(ServerError::Other("maximum subscriptions exceeded".into())));
        tokio::time::advance(Duration::from_secs(10)).await;
        notes.note(Event::Disconnected);
        let lost = notes.lost().now_or_never().unwrap().to_string();
        assert!(!lost.contains("subscriptions"), "{lost}");
    }

    /// What begins like an inbox is none without the dot, and to publish to one may be forbidden, too.
    #[test]
    fn subjects_that_begin_like_inboxes_are_subjects() {
        let notes = Notes::new("acme");
        let text = r#"Permissions Violation for Subscription to "acme2.orders""#;
        notes.note(Event::ServerError(ServerError::Other(text.into())));
        assert!(notes.no_inbox().now_or_never().is_none());
        forbid(&notes, "acme.orders");
        assert!(notes.no_inbox().now_or_never().is_none() && notes.refusal("acme.orders").is_some());
    }

    #[test]
    fn the_oldest_refusals_are_forgotten() {
        let notes = Notes::new("_INBOX");
        (0..REMEMBERED).for_each(|number| forbid(&notes, &format!("_INBOX.{number}")));
        (0..=REMEMBERED).for_each(|number| forbid(&notes, &format!("t.{number}")));
        let knows = |subject: &str| notes.refusal(subject).is_some();
        assert_eq!([knows("t.0"), knows("t.1"), knows("_INBOX.0")], [false, true, true]);
    }

    #[test]
    fn subjects_are_quoted() {
        for (error, subject) in [
            (r#"nats: Permissions Violation for Subscription to "a.b" using queue "q""#, Some(r#""a.b""#)),
            (r#"Permissions Violation for Publish to "a\"b\\""#, Some(r#""a\"b\\""#)),
            ("Slow Consumer", None),
            (r#"to "a"#, None),
        ] {
            assert_eq!(quoted(error), subject, "{error}");
        }
        assert_eq!(quote("a\"b\\"), r#""a\"b\\""#);
    }
}
