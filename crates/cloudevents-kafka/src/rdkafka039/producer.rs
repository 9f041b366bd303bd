//! A producer with a thread of its own, and what is under way through it.

use super::{
    config::{self, Refusals, failed},
    record::Outgoing,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Bounds, InFlight, Outcome, Permit, Resolver};
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
};
use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::sync::{Notify, oneshot};

/// How often the thread looks whether it is still needed.
const TURN: Duration = Duration::from_millis(100);

/// The same while somebody waits for room in librdkafka's queue.
const SHORT_TURN: Duration = Duration::from_millis(1);

type Client = BaseProducer<Reports>;

/// Sends records, and tells what became of each. It is gone when all is delivered or given up, however early it is dropped.
pub(super) struct Producer {
    /// `None` when it was closed. The thread has the other reference, and is the last to let go: that takes time.
    client: RwLock<Option<Arc<Client>>>,
    signals: Arc<Signals>,
    in_flight: InFlight,
    /// The payload that fits into librdkafka's queue when it is empty.
    queue: usize,
    closed: AtomicBool,
}

#[derive(Default)]
struct Signals {
    /// Nobody sends any more.
    stop: AtomicBool,
    /// How many wait for room in librdkafka's queue.
    waiting: AtomicUsize,
    /// Messages have left librdkafka's queue.
    room: Notify,
}

impl Producer {
    /// Starts one, and waits until a broker has answered.
    pub(super) async fn connect(
        config: ClientConfig,
        topic: String,
        in_flight: Bounds,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let kib = config.get("queue.buffering.max.kbytes").and_then(|kib| kib.parse().ok());
        let queue = kib.unwrap_or(usize::MAX).saturating_mul(1024);
        let client: Client = config.create_with_context(Reports::default()).map_err(failed)?;
        let client = Arc::new(client);
        let signals = Arc::<Signals>::default();
        let (connected, answer) = oneshot::channel();
        let producer = Self {
            client: RwLock::new(Some(Arc::clone(&client))),
            signals: Arc::clone(&signals),
            in_flight: InFlight::new(in_flight),
            queue,
            closed: AtomicBool::new(false),
        };
        thread::Builder::new()
            .name("kafka producer".into())
            .spawn(move || {
                let metadata = client.client().fetch_metadata(Some(&topic), timeout);
                let explain =
                    |error| client.context().refusals.explain(error, || client.poll(Duration::ZERO));
                let _ = connected.send(metadata.map(|_| ()).map_err(explain));
                serve(&client, &signals);
            })
            .map_err(|error| {
                Error::new(ErrorKind::Transport).with_detail(format!("no thread: {error}")).with_source(error)
            })?;
        match answer.await {
            Ok(connected) => connected.map(|()| producer),
            Err(_) => Err(Error::new(ErrorKind::Transport).with_detail("the producer's thread ended")),
        }
    }

    /// Whether a record can be handed over now, as far as the bounds go.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight.has_room()
    }

    /// Hands a record over, unless that would have to wait for room.
    pub(super) fn try_enqueue(&self, topic: &str, mut outgoing: Outgoing) -> Option<Result<Outcome, Error>> {
        let permit = self.in_flight.try_take(outgoing.size)?;
        if let Err(error) = self.check(&outgoing) {
            return Some(Err(error));
        }
        let (resolver, outcome) = Outcome::channel();
        let pending = Box::new(Pending { resolver, _permit: permit });
        match self.hand_over(topic, &mut outgoing, pending) {
            Ok(()) => Some(Ok(outcome)),
            Err(Refusal::Full(_)) => None,
            Err(Refusal::Error(error)) => Some(Err(error)),
        }
    }

    /// Waits for room, hands a record over, and answers with what becomes of it. Dropped before it answers, nothing is sent.
    pub(super) async fn enqueue(&self, topic: &str, mut outgoing: Outgoing) -> Result<Outcome, Error> {
        let mut permit = self.in_flight.room().await;
        self.check(&outgoing)?;
        permit.charge(outgoing.size);
        let (resolver, outcome) = Outcome::channel();
        let mut pending = Box::new(Pending { resolver, _permit: permit });
        let mut waiting = None;
        loop {
            // Made before the attempt, so that room made in between is not missed.
            let room = self.signals.room.notified();
            pending = match self.hand_over(topic, &mut outgoing, pending) {
                Ok(()) => return Ok(outcome),
                Err(Refusal::Full(pending)) => pending,
                Err(Refusal::Error(error)) => return Err(error),
            };
            if waiting.is_none() {
                // Counted after the attempt: the thread may be in the middle of a long turn, so one more attempt is due now.
                waiting = Some(Waiting::new(&self.signals.waiting));
                continue;
            }
            room.await;
        }
    }

    /// What no waiting helps against.
    fn check(&self, outgoing: &Outgoing) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        if outgoing.payload.as_ref().is_some_and(|payload| payload.len() > self.queue) {
            return Err(too_large_for_queue());
        }
        Ok(())
    }

    /// Hands it over with its headers, which come back when librdkafka's queue is full.
    fn hand_over(&self, topic: &str, outgoing: &mut Outgoing, pending: Box<Pending>) -> Result<(), Refusal> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
        let Some(client) = &*client else { return Err(Refusal::Error(Error::new(ErrorKind::Closed))) };
        let mut record = BaseRecord::<[u8], [u8], _>::with_opaque_to(topic, pending);
        record.key = outgoing.key.as_deref();
        record.payload = outgoing.payload.as_deref();
        record.headers = outgoing.headers.take();
        match client.send(record) {
            Ok(()) => Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => {
                outgoing.headers = record.headers;
                Err(Refusal::Full(record.delivery_opaque))
            }
            Err((error, _)) => {
                let error = failed(error);
                Err(Refusal::Error(match error.kind() {
                    ErrorKind::TooLarge => {
                        error.with_detail(format!("the record has {} bytes", outgoing.size))
                    }
                    _ => error,
                }))
            }
        }
    }

    /// Takes nothing more, waits until all is delivered or given up, and lets go of the connection.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.in_flight.idle().await;
        self.let_go();
    }

    fn let_go(&self) {
        let client = self.client.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(client); // before the thread is told, which is to be the last
        self.signals.stop.store(true, Ordering::Release);
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("in_flight", &self.in_flight)
            .field("closed", &self.closed.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

enum Refusal {
    Full(Box<Pending>),
    Error(Error),
}

/// Serves delivery reports until nobody sends any more and all that was handed over has its report, which librdkafka sees to
/// (`message.timeout.ms`).
fn serve(client: &Client, signals: &Signals) {
    loop {
        let waited_for = signals.waiting.load(Ordering::Acquire) > 0;
        client.poll(if waited_for { SHORT_TURN } else { TURN });
        // Only now are the messages of the reports out of the queue.
        signals.room.notify_waiters();
        if signals.stop.load(Ordering::Acquire) && client.in_flight_count() == 0 {
            return;
        }
    }
}

/// Counts as one that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A message that was handed over and has no report yet.
struct Pending {
    resolver: Resolver,
    _permit: Permit,
}

/// Receives the delivery reports.
#[derive(Default)]
struct Reports {
    refusals: Refusals,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        config::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the Kafka producer is in trouble");
        self.refusals.hear(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        let result = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(failed(error.clone())),
        };
        pending.resolver.resolve(result);
    }
}

#[cold]
fn too_large_for_queue() -> Error {
    Error::new(ErrorKind::TooLarge)
        .with_detail("the record alone is larger than librdkafka's queue")
        .with_help("send less, or raise `queue.buffering.max.kbytes`")
}
