//! Queues, and how tests inspect them.

use super::mutex::lock;
use bytes::Bytes;
use fe2o3_amqp_types::{
    definitions::{self, ErrorCondition},
    messaging::{AmqpValue, Body, Header, Message},
    primitives::{LazyValue, Value},
};
use serde_amqp::{described::Described, descriptor::Descriptor, from_slice, lazy::to_lazy_value, to_vec};
use std::{
    cmp::Reverse,
    collections::VecDeque,
    fmt, io,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tokio::sync::Notify;

/// The queue of an address. Clones are the same queue.
#[derive(Clone, Default)]
pub struct Queue(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Something of the state changed.
    changed: Notify,
}

#[derive(Default)]
struct State {
    sequence: u64,
    /// By their rank.
    ready: VecDeque<Stored>,
    /// Removed for a receiver that has no credit yet.
    waiting: usize,
    /// Sent to receivers and not settled.
    unsettled: usize,
    dead: Vec<DeadLetter>,
    answer: Answer,
    /// The number of receivers that wait for a message.
    hungry: usize,
}

/// A message in the queue.
#[derive(Clone)]
pub(super) struct Stored {
    /// The higher its priority, the lower; then by arrival.
    rank: (Reverse<u8>, u64),
    expires: Option<SystemTime>,
    pub(super) message: Message<Body<LazyValue>>,
    pub(super) failures: u32,
}

/// The broker's response to messages sent to a queue.
///
/// ```
/// use cloudevents_testkit::amqp::Answer;
///
/// assert_eq!(Answer::default(), Answer::Accept);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The message is accepted.
    #[default]
    Accept,
    /// The message is rejected, with a reason.
    Reject {
        /// The condition, a symbol: `amqp:not-allowed`.
        condition: String,
        /// The description for people.
        description: String,
    },
    /// The message is released: not accepted, and not faulty.
    Release,
    /// The message is modified: the delivery failed.
    Modify,
    /// No response until another answer is set.
    Withhold,
}

impl Answer {
    /// [`Reject`](Self::Reject) with this condition and description.
    pub fn reject(condition: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Reject { condition: condition.into(), description: description.into() }
    }
}

/// A message that was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The concatenated data sections. `None` for another kind of body.
    pub body: Option<Bytes>,
    /// The condition of the rejection.
    pub condition: Option<String>,
    /// The description of the rejection.
    pub description: Option<String>,
    /// The number of failed deliveries.
    pub failures: u32,
}

impl Queue {
    /// The number of messages ready for a receiver, including messages that wait for a receiver's credit.
    pub fn len(&self) -> usize {
        let mut state = lock(&self.0.state);
        state.expire();
        state.ready.len().saturating_add(state.waiting)
    }

    /// Whether no message is ready.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of messages sent to receivers and not settled.
    pub fn unsettled(&self) -> usize {
        lock(&self.0.state).unsettled
    }

    /// The bodies of ready messages that do not wait for credit: the concatenated data sections. `None` for other kinds of bodies.
    pub fn bodies(&self) -> Vec<Option<Bytes>> {
        lock(&self.0.state).ready.iter().map(|stored| data(&stored.message)).collect()
    }

    /// The rejected messages, in the order of rejection.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        lock(&self.0.state).dead.clone()
    }

    /// Sets the response to senders from now on. Withheld messages get this response, too.
    pub fn answer(&self, answer: Answer) {
        self.change(|state| state.answer = answer);
    }

    /// Puts a message with this body that is not a CloudEvent.
    pub fn put(&self, body: &[u8]) {
        let data = fe2o3_amqp_types::messaging::Data::from(body);
        self.push(Message::builder().body(Body::Data(vec![data].into())).build());
    }

    /// Puts a message with a body of these sections, encoded as they are on the wire (AMQP 1.0, part 3, section 3.2). Their values are not
    /// read.
    ///
    /// Errors: they are no sections of a body.
    ///
    /// ```
    /// # use cloudevents_testkit::amqp::Broker;
    /// let queue = Broker::start()?.queue("orders");
    /// let map = b"\x00\x53\x77\xc1\x06\x02\xa1\x01a\x54\x01"; // an amqp-value: {"a": 1}
    /// queue.put_body(map)?;
    /// assert_eq!(queue.encoded_bodies(), [&map[..]]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn put_body(&self, sections: &[u8]) -> io::Result<()> {
        let body = from_slice::<Body<LazyValue>>(sections);
        let body = body.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.push(Message::builder().body(body).build());
        Ok(())
    }

    /// The sections of the bodies of ready messages that do not wait for credit, encoded as they are on the wire.
    pub fn encoded_bodies(&self) -> Vec<Bytes> {
        let ready = &lock(&self.0.state).ready;
        ready.iter().map(|stored| to_vec(&stored.message.body).unwrap_or_default().into()).collect()
    }

    /// Puts a message with a body that the client library does not read: a described value that is described again.
    pub fn put_undecodable(&self) {
        let value = Described { descriptor: Descriptor::Code(1), value: Value::Bool(true) };
        let twice = Described { descriptor: Descriptor::Code(2), value: Value::Described(Box::new(value)) };
        if let Ok(value) = to_lazy_value(&Value::Described(Box::new(twice))) {
            self.push(Message::builder().body(Body::Value(AmqpValue(value))).build());
        }
    }

    /// Waits until the queue meets a condition. Use it with a timeout.
    ///
    /// ```
    /// # use cloudevents_testkit::amqp::Broker;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let queue = Broker::start()?.queue("orders");
    /// queue.put(b"hello");
    /// queue.until(|queue| queue.len() == 1).await;
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn until(&self, wanted: impl Fn(&Self) -> bool) {
        loop {
            // Created before the check, so that a change in between is not missed.
            let changed = self.changed();
            if wanted(self) {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.changed.notified()
    }

    pub(super) fn current_answer(&self) -> Answer {
        lock(&self.0.state).answer.clone()
    }

    pub(super) fn push(&self, message: Message<Body<LazyValue>>) {
        self.change(|state| {
            state.sequence = state.sequence.saturating_add(1);
            let failures = message.header.as_ref().map_or(0, |header| header.delivery_count);
            let rank = (Reverse(priority(&message)), state.sequence);
            let expires = expiry(&message);
            state.put(Stored { rank, expires, message, failures });
        });
    }

    /// Takes the first ready message, to send it.
    pub(super) fn pop(&self) -> Option<Held> {
        let mut state = lock(&self.0.state);
        state.expire();
        let stored = state.ready.pop_front()?;
        state.waiting = state.waiting.saturating_add(1);
        Some(Held { queue: self.clone(), stored: Some(stored), given: false })
    }

    /// Whether there is a message to [`pop`](Self::pop).
    pub(super) fn has_ready(&self) -> bool {
        !lock(&self.0.state).ready.is_empty()
    }

    /// Whether a message is ready that goes before this one.
    pub(super) fn outranks(&self, held: &Held) -> bool {
        let rank = held.stored.as_ref().map(|stored| stored.rank);
        lock(&self.0.state).ready.front().is_some_and(|first| rank.is_some_and(|rank| first.rank < rank))
    }

    /// Whether another receiver waits for a message.
    pub(super) fn is_wanted(&self) -> bool {
        lock(&self.0.state).hungry > 0
    }

    /// Counts as hungry until it is dropped.
    pub(super) fn hungry(&self) -> Hungry {
        self.change(|state| state.hungry = state.hungry.saturating_add(1));
        Hungry(self.clone())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.0.state));
        self.0.changed.notify_waiters();
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.0.state);
        f.debug_struct("Queue")
            .field("ready", &state.ready.len())
            .field("unsettled", &state.unsettled)
            .field("dead", &state.dead.len())
            .field("answer", &state.answer)
            .finish_non_exhaustive()
    }
}

/// See [`Queue::hungry`].
pub(super) struct Hungry(Queue);

impl Drop for Hungry {
    fn drop(&mut self) {
        self.0.change(|state| state.hungry = state.hungry.saturating_sub(1));
    }
}

/// A message that is sent to a receiver, or about to be. When dropped, it is ready again, at its position.
pub(super) struct Held {
    queue: Queue,
    stored: Option<Stored>,
    given: bool,
}

impl Held {
    /// The message to send.
    pub(super) fn message(&self) -> Message<Body<LazyValue>> {
        let Some(stored) = &self.stored else { return Message::from(Body::Empty) };
        let mut message = stored.message.clone();
        if stored.failures > 0 {
            message.header.get_or_insert_with(Default::default).delivery_count = stored.failures;
        }
        message
    }

    /// Waits until the message has expired.
    pub(super) async fn expired(&self) {
        match self.stored.as_ref().and_then(|stored| stored.expires) {
            Some(expires) => {
                tokio::time::sleep(expires.duration_since(SystemTime::now()).unwrap_or_default()).await
            }
            None => std::future::pending().await,
        }
    }

    /// Marks the message as sent.
    pub(super) fn give(&mut self) {
        if !std::mem::replace(&mut self.given, true) {
            self.queue.change(|state| {
                state.waiting = state.waiting.saturating_sub(1);
                state.unsettled = state.unsettled.saturating_add(1);
            });
        }
    }

    /// The receiver accepted the message.
    pub(super) fn accept(mut self) {
        self.stored = None;
    }

    /// The delivery failed; the message is delivered again.
    pub(super) fn fail(mut self) {
        if let Some(stored) = &mut self.stored {
            stored.failures = stored.failures.saturating_add(1);
        }
    }

    /// The message becomes a dead letter.
    pub(super) fn bury(mut self, error: Option<definitions::Error>) {
        let Some(Stored { message, failures, .. }) = self.stored.take() else { return };
        let (condition, description) = match error {
            Some(error) => (symbol(&error.condition), error.description),
            None => (None, None),
        };
        let letter = DeadLetter { body: data(&message), condition, description, failures };
        self.queue.change(|state| state.dead.push(letter));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (stored, given) = (self.stored.take(), self.given);
        self.queue.change(|state| {
            let place = if given { &mut state.unsettled } else { &mut state.waiting };
            *place = place.saturating_sub(1);
            if let Some(stored) = stored {
                state.put(stored);
            }
        });
    }
}

impl State {
    /// Makes a message ready, at its position.
    fn put(&mut self, stored: Stored) {
        let place = self.ready.partition_point(|other| other.rank < stored.rank);
        self.ready.insert(place, stored);
    }

    /// Drops messages whose time has passed.
    fn expire(&mut self) {
        let now = SystemTime::now();
        self.ready.retain(|stored| stored.expires.is_none_or(|expires| expires > now));
    }
}

fn priority(message: &Message<Body<LazyValue>>) -> u8 {
    message.header.as_ref().map_or_else(|| Header::default().priority.0, |header| header.priority.0)
}

/// When a message expires that arrives now: by its header, or by its properties.
fn expiry(message: &Message<Body<LazyValue>>) -> Option<SystemTime> {
    let ttl = message.header.as_ref().and_then(|header| header.ttl).filter(|ttl| *ttl > 0);
    let by_ttl = ttl.and_then(|ttl| SystemTime::now().checked_add(Duration::from_millis(ttl.into())));
    let at = message.properties.as_ref().and_then(|properties| properties.absolute_expiry_time.as_ref());
    let at = at.and_then(|at| u64::try_from(at.milliseconds()).ok());
    let at = at.and_then(|at| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(at)));
    [by_ttl, at].into_iter().flatten().min()
}

/// The symbol of a condition: on the wire, every condition is a symbol.
fn symbol(condition: &ErrorCondition) -> Option<String> {
    serde_json::to_value(condition).ok()?.as_str().map(str::to_owned)
}

fn data(message: &Message<Body<LazyValue>>) -> Option<Bytes> {
    let Body::Data(sections) = &message.body else { return None };
    let sections: Vec<&[u8]> = sections.iter().map(|section| section.0.as_slice()).collect();
    Some(sections.concat().into())
}
