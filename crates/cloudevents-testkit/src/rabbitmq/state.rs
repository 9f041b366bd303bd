//! Queues, and the messages in them.

use super::{
    arguments::{Arguments, expiration},
    consumers::{Consumer, Outbox},
    death::{self, Reason},
    fault::{Fault, not_found},
    message::{Answer, Message},
    routing::Exchange,
};
use amq_protocol::types::{ChannelId, FieldTable};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

/// A channel: the number of its connection, and its own.
pub(super) type ChannelKey = (u64, ChannelId);

/// The state that outlives a restart.
#[derive(Debug)]
pub(super) struct State {
    pub(super) queues: BTreeMap<String, QueueState>,
    pub(super) exchanges: HashMap<String, Exchange>,
    pub(super) channels: HashMap<ChannelKey, Outbox>,
    pub(super) connections: usize,
    /// How often all connections were closed.
    pub(super) closings: u64,
    /// The reason of the alarm, while it lasts.
    pub(super) alarm: Option<String>,
    /// The logins of connections with a lower number have expired.
    pub(super) expired: u64,
    /// The seconds of the last stamp.
    stamped: u64,
    sequence: u64,
}

impl Default for State {
    fn default() -> Self {
        let given = [("amq.direct", "direct"), ("amq.fanout", "fanout"), ("amq.topic", "topic")];
        let exchanges =
            given.into_iter().map(|(name, kind)| (name.to_owned(), Exchange::new(kind))).collect();
        Self {
            queues: BTreeMap::new(),
            exchanges,
            channels: HashMap::new(),
            connections: 0,
            closings: 0,
            alarm: None,
            expired: 0,
            stamped: 1_700_000_000,
            sequence: 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct QueueState {
    /// Tells it from earlier queues of its name.
    pub(super) id: u64,
    pub(super) durable: bool,
    pub(super) auto_delete: bool,
    /// The connection that has it for itself.
    pub(super) owner: Option<u64>,
    /// As they were declared.
    pub(super) table: FieldTable,
    pub(super) arguments: Arguments,
    /// By their sequence.
    pub(super) ready: VecDeque<Stored>,
    /// Sent to consumers and not settled.
    pub(super) unsettled: usize,
    /// In the order of their turns.
    pub(super) consumers: VecDeque<Consumer>,
    /// When it was last used.
    pub(super) used: Instant,
    pub(super) answer: Answer,
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    sequence: u64,
    pub(super) message: Message,
    pub(super) redelivered: bool,
    /// How often it returned to the queue.
    pub(super) returns: u32,
    expires: Option<Instant>,
}

impl State {
    /// The time of another stamp, in seconds: each is different.
    pub(super) fn stamp(&mut self) -> u64 {
        self.stamped = self.stamped.saturating_add(1);
        self.stamped
    }

    /// A number that was not there before.
    pub(super) fn number(&mut self) -> u64 {
        self.sequence = self.sequence.saturating_add(1);
        self.sequence
    }

    /// The queues that a message goes to, each once.
    pub(super) fn route(&self, message: &Message) -> Result<Vec<String>, Fault> {
        let mut queues = match message.exchange.as_str() {
            "" => vec![message.routing_key.clone()],
            name => {
                let exchange = self.exchanges.get(name).ok_or_else(|| not_found("exchange", name))?;
                exchange.route(&message.routing_key)
            }
        };
        if queues.len() > 1 {
            queues.sort();
            queues.dedup();
        }
        queues.retain(|queue| self.queues.contains_key(queue));
        Ok(queues)
    }

    /// Puts a message at the end of a queue.
    pub(super) fn push(&mut self, name: &str, message: Message) {
        let sequence = self.number();
        let Some(queue) = self.queues.get_mut(name) else { return };
        let own = message.properties().and_then(|properties| {
            let text = properties.expiration().as_ref()?;
            expiration(text.as_str()).ok()
        });
        let ttl = [own, queue.arguments.number("x-message-ttl")].into_iter().flatten().min();
        let expires = ttl.and_then(|ttl| Instant::now().checked_add(Duration::from_millis(ttl)));
        queue.ready.push_back(Stored { sequence, message, redelivered: false, returns: 0, expires });
        // A message that expires at once is for a consumer that waits, or for none.
        if ttl == Some(0) {
            queue.dispatch(name, &mut self.channels);
            let is_left = queue.ready.back().is_some_and(|last| last.sequence == sequence);
            if let Some(lost) = is_left.then(|| queue.ready.pop_back()).flatten() {
                self.bury(name, lost.message, Reason::Expired);
            }
        }
    }

    /// Returns a message to its position.
    pub(super) fn give_back(&mut self, name: &str, mut stored: Stored) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        queue.unsettled = queue.unsettled.saturating_sub(1);
        stored.redelivered = true;
        stored.returns = stored.returns.saturating_add(1);
        let place = queue.ready.partition_point(|other| other.sequence < stored.sequence);
        queue.ready.insert(place, stored);
    }

    /// Removes a settled message. If it was rejected, it goes to the destination of the queue's dead letters.
    pub(super) fn settle(&mut self, name: &str, stored: Stored, rejected: bool) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        queue.unsettled = queue.unsettled.saturating_sub(1);
        if rejected {
            self.bury(name, stored.message, Reason::Rejected);
        }
    }

    /// Moves expired messages, and removes expired queues. Returns whether there were any, and when the next one expires.
    pub(super) fn expire(&mut self) -> (bool, Option<Instant>) {
        let now = Instant::now();
        let (mut dead, mut unused, mut due) = (Vec::new(), Vec::new(), None::<Instant>);
        for (name, queue) in &mut self.queues {
            // Messages expire at the head of a queue.
            while let Some(expires) = queue.ready.front().and_then(|first| first.expires) {
                if expires > now {
                    due = due.into_iter().chain([expires]).min();
                    break;
                }
                dead.extend(queue.ready.pop_front().map(|stored| (name.clone(), stored.message)));
            }
            if let Some(expires) = queue.expires() {
                match expires > now {
                    true => due = due.into_iter().chain([expires]).min(),
                    false => unused.push(name.clone()),
                }
            }
        }
        let changed = !dead.is_empty() || !unused.is_empty();
        dead.into_iter().for_each(|(name, message)| self.bury(&name, message, Reason::Expired));
        unused.into_iter().for_each(|name| drop(self.remove_queue(&name)));
        (changed, due)
    }

    /// Moves a dead letter, as RabbitMQ without `expiration`. A dead letter that no queue takes, or that would go round in a cycle, is
    /// dropped.
    fn bury(&mut self, name: &str, mut letter: Message, reason: Reason) {
        let Some(queue) = self.queues.get(name) else { return };
        let Some(exchange) = queue.arguments.text("x-dead-letter-exchange") else { return };
        let (exchange, key) = (exchange.to_owned(), queue.arguments.text("x-dead-letter-routing-key"));
        let key = key.map(str::to_owned);
        death::record(&mut letter, name, reason);
        letter.exchange = exchange;
        if let Some(key) = key {
            letter.routing_key = key;
        }
        let mut queues = self.route(&letter).unwrap_or_default();
        queues.retain(|queue| reason == Reason::Rejected || !death::is_cycle(&letter, queue));
        queues.iter().for_each(|queue| self.push(queue, letter.clone()));
    }
}

impl QueueState {
    pub(super) fn new(id: u64, table: FieldTable, arguments: Arguments) -> Self {
        Self {
            id,
            durable: true,
            auto_delete: false,
            owner: None,
            table,
            arguments,
            ready: VecDeque::new(),
            unsettled: 0,
            consumers: VecDeque::new(),
            used: Instant::now(),
            answer: Answer::default(),
        }
    }

    /// When it ends for want of use (`x-expires`).
    fn expires(&self) -> Option<Instant> {
        let time = self.arguments.number("x-expires").filter(|_| self.consumers.is_empty())?;
        self.used.checked_add(Duration::from_millis(time))
    }
}
