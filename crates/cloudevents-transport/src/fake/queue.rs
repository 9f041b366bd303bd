//! A queue in memory.

use super::{Stored, lock, producer::Producer};
use crate::{
    Bounds, By, Endpoint, Host, Outcome, Receipt, Received, Receiver, ReceiverCapabilities, ReceiverOptions,
    Sender, Settlement, Settles,
    binding::{
        Incoming, Receive, Resolver,
        confirms::Confirms,
        connect::{Backoff, Connect, Reconnect},
        later,
        queue::{Arrived, QueueOptions, QueueReceiver, QueueSource, Room},
    },
};
use cloudevents_core::{Error, ErrorKind, Message};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// A queue in memory, with settlement per message. Clones share the queue.
///
/// Receivers need a tokio runtime, because each has a task that owns its connection.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// use cloudevents_core::{DecodeOptions, Event};
/// use cloudevents_transport::fake::FakeQueue;
///
/// let queue = FakeQueue::new();
/// queue.sender().send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
///
/// let mut receiver = queue.receiver(DecodeOptions::strict());
/// let delivery = receiver.next().await?.unwrap();
/// delivery.reject("not today").await?;
/// assert_eq!(queue.rejected()[0].1, "not today");
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// ```
#[derive(Clone, Debug)]
pub struct FakeQueue(pub(super) Arc<Broker>);

#[derive(Debug)]
pub(super) struct Broker {
    pub(super) state: Mutex<State>,
    /// Notified when a message is ready, the connections were cut, or connections are accepted again.
    pub(super) changed: Notify,
    credit: usize,
    capabilities: ReceiverCapabilities,
    send_bounds: Bounds,
}

#[derive(Default)]
pub(super) struct State {
    sequence: u64,
    /// Was delivered and came back. It is first, in the order in which it came back, as with JetStream and quorum queues.
    returned: VecDeque<Queued>,
    ready: VecDeque<Queued>,
    delayed: BTreeMap<(Instant, u64), Queued>,
    rejected: Vec<(Stored, String)>,
    /// Confirms that are held back.
    pub(super) held: Vec<(Confirms, u64, Result<Receipt, Error>)>,
    pub(super) holding: bool,
    pub(super) refuses: Option<Refuses>,
    /// Whether settlements have no answer, and settlements that wait for one.
    hangs: bool,
    unanswered: Vec<Resolver>,
    /// How often the connections were cut.
    pub(super) cuts: u64,
    /// The kind of error with which connections are refused.
    pub(super) away: Option<ErrorKind>,
    /// The number of renewed deadlines.
    extended: usize,
}

type Refuses = Box<dyn Fn(&Message) -> bool + Send>;

#[derive(Clone, Debug)]
struct Queued {
    id: u64,
    attempt: u32,
    redelivered: bool,
    stored: Stored,
}

impl FakeQueue {
    /// Creates an empty queue that gives each receiver a credit of 4,096 messages.
    pub fn new() -> Self {
        Self::with_credit(4096)
    }

    /// Creates an empty queue that gives each receiver this credit, at least one.
    ///
    /// The credit limits unsettled messages, delivered or not.
    pub fn with_credit(credit: usize) -> Self {
        Self::with_bounds(credit, Bounds::default())
    }

    /// Creates an empty queue with this credit, and with these bounds for messages that a sender has sent and that are not confirmed.
    pub fn with_bounds(credit: usize, send_bounds: Bounds) -> Self {
        let state = Mutex::default();
        let capabilities = ReceiverCapabilities { delays: By::Broker, ..ReceiverCapabilities::queue() };
        let credit = credit.max(1);
        Self(Arc::new(Broker { state, changed: Notify::new(), credit, capabilities, send_bounds }))
    }

    /// Creates an empty queue with these capabilities.
    ///
    /// With [`Settles::Never`], it forgets delivered messages.
    pub fn with_capabilities(capabilities: ReceiverCapabilities) -> Self {
        let (state, changed, send_bounds) = (Mutex::default(), Notify::new(), Bounds::default());
        Self(Arc::new(Broker { state, changed, credit: 4096, capabilities, send_bounds }))
    }

    /// A sender.
    pub fn sender(&self) -> Sender {
        Sender::new(Producer::new(self.clone(), self.0.send_bounds))
    }

    /// Creates a receiver that leaves rejected messages to the queue.
    ///
    /// Call this in a tokio runtime; otherwise the receiver's first call is an error.
    pub fn receiver(&self, options: impl Into<ReceiverOptions>) -> Receiver {
        self.receiver_with(options, QueueOptions::default().rejecting_to_broker())
    }

    /// Creates a receiver with these options of the queue machine. The receiver's first call reports errors.
    pub fn receiver_with(&self, options: impl Into<ReceiverOptions>, queue: QueueOptions) -> Receiver {
        let bounds = Bounds { messages: self.0.credit, bytes: usize::MAX };
        let open = || {
            let hosts = Endpoint::parse("fake://memory/")?.hosts().to_vec();
            let reconnect = Reconnect::new(Connector(self.clone()), hosts, Backoff::default());
            QueueReceiver::start(reconnect, self.connect()?, Room::new(bounds, self.0.credit), queue)
        };
        match open() {
            Ok(receiver) => Receiver::new(receiver, options),
            Err(error) => Receiver::new(Nowhere(error), options),
        }
    }

    fn connect(&self) -> Result<Connection, Error> {
        let state = lock(&self.0.state);
        match state.away {
            Some(kind) => Err(Error::new(kind).with_detail("the fake broker refuses connections")),
            None => Ok(Connection { queue: self.clone(), unsettled: BTreeMap::new(), cuts: state.cuts }),
        }
    }

    /// Adds an entry that is not a message. The receiver gets an error of this kind.
    pub fn push_garbage(&self, kind: ErrorKind, body: &[u8]) {
        self.push(Stored::garbage(kind, body));
    }

    /// The number of messages in the queue: ready, or waiting for a retry.
    pub fn len(&self) -> usize {
        let state = lock(&self.0.state);
        state.returned.len().saturating_add(state.ready.len()).saturating_add(state.delayed.len())
    }

    /// Whether the queue has no messages.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bodies and reasons of rejected messages.
    pub fn rejected(&self) -> Vec<(Option<bytes::Bytes>, String)> {
        let state = lock(&self.0.state);
        state.rejected.iter().map(|(stored, reason)| (stored.raw.body.clone(), reason.clone())).collect()
    }

    /// Makes the queue decline sent messages for which the function returns `true`.
    pub fn refuse_if(&self, refuses: impl Fn(&Message) -> bool + Send + 'static) {
        lock(&self.0.state).refuses = Some(Box::new(refuses));
    }

    /// With `true`, the queue takes messages but holds back the confirms, until this is called with `false`.
    pub fn hold_confirms(&self, hold: bool) {
        let mut state = lock(&self.0.state);
        state.holding = hold;
        let held = if hold { Vec::new() } else { std::mem::take(&mut state.held) };
        drop(state);
        for (confirms, number, result) in held {
            confirms.resolve(number, result);
        }
    }

    /// With `true`, the queue answers no settlement, until this is called with `false`.
    pub fn hold_settlements(&self, hold: bool) {
        let mut state = lock(&self.0.state);
        state.hangs = hold;
        let unanswered = if hold { Vec::new() } else { std::mem::take(&mut state.unanswered) };
        drop(state);
        unanswered.into_iter().for_each(|resolver| resolver.resolve(Ok(())));
    }

    /// Refuses new connections with an error of this kind; `None` accepts them again.
    ///
    /// Existing connections stay; see [`cut`](Self::cut).
    pub fn refuse_connections(&self, kind: Option<ErrorKind>) {
        lock(&self.0.state).away = kind;
        self.0.changed.notify_waiters();
    }

    /// The number of renewed deadlines.
    pub fn extended(&self) -> usize {
        lock(&self.0.state).extended
    }

    /// Cuts all connections.
    ///
    /// Unsettled messages of receivers are ready again, and their deliveries can no longer be settled. Unconfirmed messages of senders
    /// fail. Senders and receivers reconnect.
    pub fn cut(&self) {
        let mut state = lock(&self.0.state);
        state.cuts = state.cuts.saturating_add(1);
        let unconfirmed = std::mem::take(&mut state.held);
        drop(state);
        for (confirms, ..) in unconfirmed {
            confirms.end(&Error::new(ErrorKind::Disconnected));
        }
        self.0.changed.notify_waiters();
    }

    pub(super) fn push(&self, stored: Stored) -> u64 {
        let mut state = lock(&self.0.state);
        state.sequence = state.sequence.saturating_add(1);
        let id = state.sequence;
        state.ready.push_back(Queued { id, attempt: 1, redelivered: false, stored });
        drop(state);
        self.0.changed.notify_waiters();
        id
    }
}

impl Default for FakeQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("returned", &self.returned.len())
            .field("ready", &self.ready.len())
            .field("delayed", &self.delayed.len())
            .field("rejected", &self.rejected.len())
            .finish_non_exhaustive()
    }
}

/// Connects to the queue. Fails without a runtime, and while connections are refused.
struct Connector(FakeQueue);

impl Connect for Connector {
    type Connection = Connection;

    async fn connect(&self, _: &Host) -> Result<Connection, Error> {
        self.0.connect()
    }
}

/// One connection of a receiver, with its unsettled messages.
struct Connection {
    queue: FakeQueue,
    unsettled: BTreeMap<u64, Queued>,
    cuts: u64,
}

impl Connection {
    /// Takes the next message that is ready, if any.
    fn take(&mut self) -> Option<Arrived<u64>> {
        let mut state = lock(&self.queue.0.state);
        let State { returned, ready, .. } = &mut *state;
        let queued = match returned.pop_front().or_else(|| ready.pop_front()) {
            Some(queued) => queued,
            None => {
                let first = state.delayed.first_entry().filter(|first| first.key().0 <= Instant::now())?;
                first.remove()
            }
        };
        drop(state);
        let Stored { message, mut raw } = queued.stored.clone();
        raw.offset = Some(queued.id);
        raw.redelivered = Some(queued.redelivered);
        let arrived =
            Arrived { received: Received::new(message, raw), tag: queued.id, attempt: queued.attempt };
        if self.capabilities().settles != Settles::Never {
            self.unsettled.insert(queued.id, queued);
        }
        Some(arrived)
    }

    /// When the next waiting message is ready.
    fn due(&self) -> Option<Instant> {
        lock(&self.queue.0.state).delayed.first_key_value().map(|((due, _), _)| *due)
    }

    fn is_cut(&self) -> bool {
        lock(&self.queue.0.state).cuts != self.cuts
    }
}

impl QueueSource for Connection {
    type Tag = u64;

    fn capabilities(&self) -> ReceiverCapabilities {
        self.queue.0.capabilities
    }

    fn position(tag: &u64) -> u64 {
        *tag
    }

    async fn next(&mut self) -> Result<Arrived<u64>, Error> {
        let broker = Arc::clone(&self.queue.0);
        loop {
            let changed = broker.changed.notified();
            if self.is_cut() {
                return Err(Error::new(ErrorKind::Disconnected).with_detail("the connection was cut"));
            }
            if let Some(arrived) = self.take() {
                return Ok(arrived);
            }
            let due = self.due();
            tokio::select! {
                () = changed => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    async fn settle(&mut self, tags: Vec<u64>, how: Settlement) -> Result<Outcome, Error> {
        if self.is_cut() {
            return Err(Error::new(ErrorKind::Disconnected).with_detail("the connection was cut"));
        }
        let mut state = lock(&self.queue.0.state);
        for id in tags {
            let Some(mut queued) = self.unsettled.remove(&id) else { continue };
            queued.redelivered = true;
            match &how {
                Settlement::Accept => {}
                Settlement::Reject { reason, .. } => state.rejected.push((queued.stored, reason.to_string())),
                Settlement::Release => state.returned.push_back(queued),
                Settlement::Retry { after } => {
                    queued.attempt = queued.attempt.saturating_add(1);
                    let now = Instant::now();
                    state.delayed.insert((later(now, *after), id), queued);
                }
            }
        }
        let outcome = match state.hangs {
            true => {
                let (resolver, outcome) = Outcome::channel();
                state.unanswered.push(resolver);
                outcome
            }
            false => Outcome::done(),
        };
        drop(state);
        self.queue.0.changed.notify_waiters();
        Ok(outcome)
    }

    async fn extend(&mut self, tags: Vec<u64>) -> Result<(), Error> {
        let mut state = lock(&self.queue.0.state);
        state.extended = state.extended.saturating_add(tags.len());
        Ok(())
    }

    async fn close(self) -> Result<(), Error> {
        Ok(())
    }
}

/// Returns the unsettled messages to the queue.
impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.0.state);
        for (_, mut queued) in std::mem::take(&mut self.unsettled) {
            queued.redelivered = true;
            state.returned.push_back(queued);
        }
        drop(state);
        self.queue.0.changed.notify_waiters();
    }
}

/// Receives nothing, because there is no runtime.
struct Nowhere(Error);

impl Receive for Nowhere {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::queue()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        Err(self.0.clone())
    }

    async fn drain(&mut self, _: Duration) -> Result<(), Error> {
        Ok(())
    }
}
