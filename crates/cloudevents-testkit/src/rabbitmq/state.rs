//! Exchanges, queues and the messages in them.

use super::{
    death::{self, Reason},
    queue::{Answer, Message, Properties},
    routing::Exchange,
};
use amq_protocol::{
    protocol::BasicProperties,
    types::{AMQPValue, FieldTable},
};
use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// What outlives a restart.
#[derive(Debug)]
pub(super) struct State {
    pub(super) queues: HashMap<String, QueueState>,
    pub(super) exchanges: HashMap<String, Exchange>,
    pub(super) connections: usize,
    /// How often all connections were closed.
    pub(super) closings: u64,
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
            queues: HashMap::new(),
            exchanges,
            connections: 0,
            closings: 0,
            stamped: 1_700_000_000,
            sequence: 0,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct QueueState {
    pub(super) arguments: FieldTable,
    /// By their sequence.
    pub(super) ready: VecDeque<Stored>,
    /// Sent to consumers and not settled.
    pub(super) unsettled: usize,
    pub(super) consumers: usize,
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

    /// Declares a queue. Returns false if it exists with other arguments.
    pub(super) fn declare(&mut self, name: &str, arguments: FieldTable) -> bool {
        match self.queues.get(name) {
            Some(queue) => arguments == FieldTable::default() || queue.arguments == arguments,
            None => {
                self.queues.insert(name.to_owned(), QueueState { arguments, ..QueueState::default() });
                true
            }
        }
    }

    pub(super) fn bind(&mut self, exchange: &str, routing_key: &str, queue: &str) {
        let bindings = &mut self.exchanges.entry(exchange.to_owned()).or_default().bindings;
        let binding = (routing_key.to_owned(), queue.to_owned());
        if !bindings.contains(&binding) {
            bindings.push(binding);
        }
    }

    /// The queues that a message goes to; `None` if there is no such exchange.
    pub(super) fn route(&self, exchange: &str, routing_key: &str) -> Option<Vec<String>> {
        let queues = match exchange {
            "" => vec![routing_key.to_owned()],
            name => self.exchanges.get(name)?.route(routing_key),
        };
        Some(queues.into_iter().filter(|queue| self.queues.contains_key(queue)).collect())
    }

    /// Puts a message at the end of a queue.
    pub(super) fn push(&mut self, name: &str, message: Message) {
        self.sequence = self.sequence.saturating_add(1);
        let Some(queue) = self.queues.get_mut(name) else { return };
        let own = message
            .properties()
            .and_then(|properties| properties.expiration().as_ref()?.as_str().parse().ok());
        let ttl = [own, number(&queue.arguments, "x-message-ttl")].into_iter().flatten().min();
        let expires = ttl.and_then(|ttl| Instant::now().checked_add(Duration::from_millis(ttl)));
        queue.ready.push_back(Stored {
            sequence: self.sequence,
            message,
            redelivered: false,
            returns: 0,
            expires,
        });
    }

    /// Returns a message to its position.
    pub(super) fn give_back(&mut self, name: &str, mut stored: Stored, counts: bool) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        queue.unsettled = queue.unsettled.saturating_sub(1);
        stored.redelivered = true;
        stored.returns = stored.returns.saturating_add(u32::from(counts));
        let place = queue.ready.partition_point(|other| other.sequence < stored.sequence);
        queue.ready.insert(place, stored);
    }

    /// Removes a settled message; if it was rejected, it goes where the queue's dead letters go.
    pub(super) fn settle(&mut self, name: &str, stored: Stored, rejected: bool) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        queue.unsettled = queue.unsettled.saturating_sub(1);
        if rejected {
            self.bury(name, stored.message, Reason::Rejected);
        }
    }

    /// Moves expired messages. Returns whether there were any, and when the next one expires.
    pub(super) fn expire(&mut self) -> (bool, Option<Instant>) {
        let now = Instant::now();
        let (mut dead, mut due) = (Vec::new(), None::<Instant>);
        for (name, queue) in &mut self.queues {
            // Messages expire at the head of a queue.
            while let Some(expires) = queue.ready.front().and_then(|first| first.expires) {
                if expires > now {
                    due = Some(due.map_or(expires, |due| due.min(expires)));
                    break;
                }
                dead.extend(queue.ready.pop_front().map(|stored| (name.clone(), stored.message)));
            }
        }
        let moved = !dead.is_empty();
        dead.into_iter().for_each(|(name, message)| self.bury(&name, message, Reason::Expired));
        (moved, due)
    }

    /// As RabbitMQ, without confirmation and without `expiration`. Drops a message that would go round in a cycle.
    fn bury(&mut self, name: &str, mut message: Message, reason: Reason) {
        let Some(queue) = self.queues.get(name) else { return };
        let Some(exchange) = text(&queue.arguments, "x-dead-letter-exchange") else { return };
        let key = text(&queue.arguments, "x-dead-letter-routing-key");
        death::record(&mut message, name, reason);
        message.exchange = exchange;
        message.routing_key = key.unwrap_or(message.routing_key);
        if let Properties::Read(properties) = &mut message.properties {
            **properties = without_expiration(properties);
        }
        for queue in self.route(&message.exchange, &message.routing_key).unwrap_or_default() {
            if reason == Reason::Rejected || !death::is_cycle(&message, &queue) {
                self.push(&queue, message.clone());
            }
        }
    }
}

impl QueueState {
    /// Whether it counts deliveries.
    pub(super) fn is_quorum(&self) -> bool {
        text(&self.arguments, "x-queue-type").is_some_and(|kind| kind == "quorum")
    }
}

fn without_expiration(from: &BasicProperties) -> BasicProperties {
    let mut to = BasicProperties::default();
    if let Some(value) = from.content_type() {
        to = to.with_content_type(value.clone());
    }
    if let Some(value) = from.content_encoding() {
        to = to.with_content_encoding(value.clone());
    }
    if let Some(value) = from.headers() {
        to = to.with_headers(value.clone());
    }
    if let Some(value) = from.delivery_mode() {
        to = to.with_delivery_mode(*value);
    }
    if let Some(value) = from.priority() {
        to = to.with_priority(*value);
    }
    if let Some(value) = from.correlation_id() {
        to = to.with_correlation_id(value.clone());
    }
    if let Some(value) = from.reply_to() {
        to = to.with_reply_to(value.clone());
    }
    if let Some(value) = from.message_id() {
        to = to.with_message_id(value.clone());
    }
    if let Some(value) = from.timestamp() {
        to = to.with_timestamp(*value);
    }
    if let Some(value) = from.kind() {
        to = to.with_type(value.clone());
    }
    if let Some(value) = from.user_id() {
        to = to.with_user_id(value.clone());
    }
    if let Some(value) = from.app_id() {
        to = to.with_app_id(value.clone());
    }
    if let Some(value) = from.cluster_id() {
        to = to.with_cluster_id(value.clone());
    }
    to
}

fn text(arguments: &FieldTable, name: &str) -> Option<String> {
    match arguments.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn number(arguments: &FieldTable, name: &str) -> Option<u64> {
    match arguments.inner().get(name)? {
        AMQPValue::LongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongUInt(number) => Some(u64::from(*number)),
        AMQPValue::LongLongInt(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
