//! A queue in memory.

use super::{Stored, lock};
use crate::{
    Bounds, InFlight, Incoming, Intake, Outcome, Permit, Receiver, ReceiverOptions, Resolver, Sender, Settle,
    Settlement, Token, Transmit,
};
use cloudevents_core::{Error, ErrorKind, Message};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

/// A queue in memory, with settlement per message. Clones are the same queue.
///
/// Receivers need a tokio runtime: each has a task that owns its connection.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// use cloudevents_core::{Decoding, Event};
/// use cloudevents_transport::fake::FakeQueue;
///
/// let queue = FakeQueue::new();
/// queue.sender().send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
///
/// let mut receiver = queue.receiver(Decoding::strict());
/// let delivery = receiver.next().await?.unwrap();
/// delivery.reject("not today").await?;
/// assert_eq!(queue.rejected()[0].1, "not today");
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// ```
#[derive(Clone, Debug)]
pub struct FakeQueue(Arc<Broker>);

#[derive(Debug)]
struct Broker {
    state: Mutex<State>,
    /// Something is ready, or the connections were cut.
    changed: Notify,
    credit: usize,
    send_bounds: Bounds,
}

#[derive(Default)]
struct State {
    sequence: u64,
    ready: VecDeque<Queued>,
    delayed: BTreeMap<(Instant, u64), Queued>,
    rejected: Vec<(Stored, String)>,
    /// Resolvers of sends that were confirmed while confirms are held back.
    held: Vec<(Resolver, Permit, Result<(), Error>)>,
    holding: bool,
    refuses: Option<Refuses>,
    /// Counts the times that the connections were cut.
    cuts: u64,
}

type Refuses = Box<dyn Fn(&Message) -> bool + Send>;

#[derive(Clone, Debug)]
struct Queued {
    id: u64,
    attempt: u32,
    stored: Stored,
}

impl FakeQueue {
    /// An empty queue that gives each receiver a credit of 4,096 messages.
    pub fn new() -> Self {
        Self::with_credit(4096)
    }

    /// An empty queue that gives each receiver this credit, and at least one: so many messages may be unsettled, delivered or not.
    pub fn with_credit(credit: usize) -> Self {
        Self::with_bounds(credit, Bounds::default())
    }

    /// The same with this much that a sender may have sent and not yet been told about.
    pub fn with_bounds(credit: usize, send_bounds: Bounds) -> Self {
        let state = Mutex::default();
        Self(Arc::new(Broker { state, changed: Notify::new(), credit: credit.max(1), send_bounds }))
    }

    /// A sender.
    pub fn sender(&self) -> Sender {
        Sender::new(Producer { queue: self.clone(), in_flight: InFlight::new(self.0.send_bounds) })
    }

    /// A receiver. It has to be called in a tokio runtime; outside of one, the receiver's first call is an error.
    pub fn receiver(&self, options: impl Into<ReceiverOptions>) -> Receiver {
        Receiver::new(Consumer::new(self.clone()), options)
    }

    /// Puts something that is no message into the queue: the receiver finds an error of this kind.
    pub fn push_garbage(&self, kind: ErrorKind, body: &[u8]) {
        self.push(Stored::garbage(kind, body));
    }

    /// How many messages are in the queue: ready, or waiting to be retried.
    pub fn len(&self) -> usize {
        let state = lock(&self.0.state);
        state.ready.len().saturating_add(state.delayed.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bodies and reasons of what was rejected.
    pub fn rejected(&self) -> Vec<(Option<bytes::Bytes>, String)> {
        let state = lock(&self.0.state);
        state.rejected.iter().map(|(stored, reason)| (stored.raw.body.clone(), reason.clone())).collect()
    }

    /// Makes the queue decline some of what is sent.
    pub fn refuse_if(&self, refuses: impl Fn(&Message) -> bool + Send + 'static) {
        lock(&self.0.state).refuses = Some(Box::new(refuses));
    }

    /// Takes what is sent, and holds the confirms back until this is called with `false`.
    pub fn hold_confirms(&self, hold: bool) {
        let mut state = lock(&self.0.state);
        state.holding = hold;
        let held = if hold { Vec::new() } else { std::mem::take(&mut state.held) };
        drop(state);
        for (resolver, permit, result) in held {
            drop(permit);
            resolver.resolve(result);
        }
    }

    /// Cuts the connections of all receivers: what was unsettled is ready again, and can be settled no more.
    pub fn cut(&self) {
        let mut state = lock(&self.0.state);
        state.cuts = state.cuts.saturating_add(1);
        drop(state);
        self.0.changed.notify_waiters();
    }

    fn push(&self, stored: Stored) {
        let mut state = lock(&self.0.state);
        state.sequence = state.sequence.saturating_add(1);
        let id = state.sequence;
        state.ready.push_back(Queued { id, attempt: 1, stored });
        drop(state);
        self.0.changed.notify_waiters();
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
            .field("ready", &self.ready.len())
            .field("delayed", &self.delayed.len())
            .field("rejected", &self.rejected.len())
            .finish_non_exhaustive()
    }
}

struct Producer {
    queue: FakeQueue,
    in_flight: InFlight,
}

impl Transmit for Producer {
    async fn enqueue(&self, message: Message) -> Result<Outcome, Error> {
        let mut permit = self.in_flight.room().await;
        permit.charge(message.body_len());
        let mut state = lock(&self.queue.0.state);
        let result = match &state.refuses {
            Some(refuses) if refuses(&message) => Err(Error::new(ErrorKind::Refused)),
            _ => Ok(()),
        };
        let (resolver, outcome) = Outcome::channel();
        if state.holding {
            state.held.push((resolver, permit, result.clone()));
        } else {
            resolver.resolve(result.clone());
        }
        drop(state);
        if result.is_ok() {
            self.queue.push(Stored::message(message));
        }
        Ok(outcome)
    }

    async fn close(&self) -> Result<(), Error> {
        self.in_flight.idle().await;
        Ok(())
    }
}

/// The user's side of a connection. The task has the other.
struct Consumer {
    queue: FakeQueue,
    connection: Option<Connection>,
    draining: bool,
}

struct Connection {
    incoming: mpsc::Receiver<Result<Incoming, Error>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Consumer {
    fn new(queue: FakeQueue) -> Self {
        let mut this = Self { queue, connection: None, draining: false };
        // A receiver has its credit from the start, whether or not anybody calls it.
        let _ = this.connect();
        this
    }

    fn connect(&mut self) -> Result<&mut Connection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let runtime = tokio::runtime::Handle::try_current()
                    .map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))?;
                let (out, incoming) = mpsc::channel(1);
                let (stop, stopped) = oneshot::channel();
                let owner = Owner::new(self.queue.clone());
                Connection { incoming, stop: Some(stop), task: runtime.spawn(owner.run(out, stopped)) }
            }
        };
        Ok(self.connection.insert(connection))
    }
}

impl Intake for Consumer {
    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        if self.draining {
            return Ok(None);
        }
        match self.connect()?.incoming.recv().await {
            Some(Ok(incoming)) => Ok(Some(incoming)),
            Some(Err(error)) => {
                self.connection = None; // the next call connects anew
                Err(error)
            }
            None => Ok(None),
        }
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.draining = true;
        let Some(connection) = &mut self.connection else { return Ok(()) };
        drop(connection.stop.take());
        connection.incoming.close();
        let ended = async {
            // One that is being handed over in this moment still comes, and must not be left in the channel.
            while let Some(incoming) = connection.incoming.recv().await {
                drop(incoming);
            }
            let _ = (&mut connection.task).await;
        };
        match timeout(deadline, ended).await {
            Ok(()) => {
                self.connection = None;
                Ok(())
            }
            Err(_) => {
                Err(Error::new(ErrorKind::Timeout).with_detail("not every delivery was settled in time"))
            }
        }
    }
}

type Ask = (u64, Settlement, Resolver);

/// Owns the connection: nobody else reads from it or writes to it.
struct Owner {
    queue: FakeQueue,
    ask: mpsc::UnboundedSender<Ask>,
    /// Not bounded by itself, but by the credit: there is one ask for each message at most.
    asks: mpsc::UnboundedReceiver<Ask>,
    unsettled: BTreeMap<u64, Queued>,
    cuts: u64,
}

impl Owner {
    fn new(queue: FakeQueue) -> Self {
        let (ask, asks) = mpsc::unbounded_channel();
        let cuts = lock(&queue.0.state).cuts;
        Self { queue, ask, asks, unsettled: BTreeMap::new(), cuts }
    }

    async fn run(mut self, out: mpsc::Sender<Result<Incoming, Error>>, mut stopped: oneshot::Receiver<()>) {
        let mut stopping = false;
        loop {
            let broker = Arc::clone(&self.queue.0);
            let changed = broker.changed.notified();
            if lock(&broker.state).cuts != self.cuts {
                drop(self); // what was unsettled is ready again, what was asked is answered
                let _ = out.send(Err(Error::new(ErrorKind::Disconnected))).await;
                return;
            }
            if stopping && self.unsettled.is_empty() {
                return;
            }
            let takes = !stopping && self.unsettled.len() < broker.credit;
            let due = if takes { self.due() } else { None };
            let ready = takes && due.is_none_or(|due| due <= Instant::now()) && !self.queue.is_empty();
            tokio::select! {
                biased;
                Some(ask) = self.asks.recv() => self.settle(ask),
                _ = &mut stopped, if !stopping => stopping = true,
                place = out.reserve(), if ready => match place {
                    Ok(place) => if let Some(incoming) = self.take() { place.send(Ok(incoming)) },
                    Err(_) => stopping = true,
                },
                () = changed => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if takes && !ready && due.is_some() => {}
            }
        }
    }

    /// When something is ready: `None` for at once, or for not before something changes.
    fn due(&self) -> Option<Instant> {
        let state = lock(&self.queue.0.state);
        if state.ready.is_empty() { state.delayed.first_key_value().map(|((due, _), _)| *due) } else { None }
    }

    fn take(&mut self) -> Option<Incoming> {
        let mut state = lock(&self.queue.0.state);
        let queued = match state.ready.pop_front() {
            Some(queued) => queued,
            None => {
                let first = state.delayed.first_entry().filter(|first| first.key().0 <= Instant::now())?;
                first.remove()
            }
        };
        drop(state);
        let Stored { message, mut raw } = queued.stored.clone();
        raw.position = Some(queued.id);
        let (id, attempt) = (queued.id, queued.attempt);
        self.unsettled.insert(id, queued);
        Some(
            Incoming::new(message, raw, Token::new(Ticket { id, ask: self.ask.clone() }))
                .with_attempt(attempt),
        )
    }

    fn settle(&mut self, (id, how, resolver): Ask) {
        let Some(mut queued) = self.unsettled.remove(&id) else { return };
        let mut state = lock(&self.queue.0.state);
        match how {
            Settlement::Accept => {}
            Settlement::Reject { reason } => state.rejected.push((queued.stored, reason.into_owned())),
            Settlement::Release => state.ready.push_front(queued),
            Settlement::Retry { after } => {
                queued.attempt = queued.attempt.saturating_add(1);
                let now = Instant::now();
                state.delayed.insert((now.checked_add(after).unwrap_or(now), id), queued);
            }
        }
        drop(state);
        self.queue.0.changed.notify_waiters();
        resolver.resolve(Ok(()));
    }
}

/// A connection that ends leaves nothing unsettled.
impl Drop for Owner {
    fn drop(&mut self) {
        let mut state = lock(&self.queue.0.state);
        for (_, queued) in std::mem::take(&mut self.unsettled).into_iter().rev() {
            state.ready.push_front(queued);
        }
        drop(state);
        self.queue.0.changed.notify_waiters();
    }
}

struct Ticket {
    id: u64,
    ask: mpsc::UnboundedSender<Ask>,
}

impl Settle for Ticket {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        let (resolver, outcome) = Outcome::channel();
        // Should the connection be gone, the resolver goes with the ask, and the outcome says so.
        let _ = self.ask.send((self.id, how, resolver));
        outcome
    }
}
