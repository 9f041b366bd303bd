//! A producer with its own thread, and its records in flight.
//!
//! librdkafka stops a producer after a fatal error: it is not allowed to get a producer id, for example. Rights can be granted, so another
//! client replaces it, once each record has its report.

use super::{
    at_fault::{Batches, Handed, Pass},
    config,
    connection::{LOOK, State},
    failure::failed,
    login::{self, Keeper},
    login_refusals::{Refusals, is_login},
    message::Prepared,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Bounds, Connectivity, InFlight, Outcome, Receipt,
    binding::{Permit, Resolver, connect::Backoff},
};
use rdkafka::{
    ClientConfig, ClientContext,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::Message as _,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
};
use std::{
    fmt,
    sync::{
        Arc, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, oneshot},
    task::spawn_blocking,
    time::sleep,
};

/// How often the thread checks whether it is still needed.
const TURN: Duration = Duration::from_millis(100);

/// The same interval while a task waits for librdkafka's queue.
const SHORT_TURN: Duration = Duration::from_millis(1);

/// How long a broker may take to create a topic.
const CREATED: Duration = Duration::from_secs(3);

type Client = BaseProducer<Reports>;

/// Sends records and reports the outcome of each. Even if dropped earlier, it ends only when every record
/// is delivered or has failed.
pub(super) struct Producer {
    signals: Arc<Signals>,
    batches: Arc<Batches>,
    in_flight: InFlight,
    connectivity: Connectivity,
    /// The largest payload that fits into librdkafka's queue when it is empty.
    queue: usize,
    closed: AtomicBool,
}

struct Signals {
    /// `None` once closed. The thread has the other reference and drops it last, because that takes time.
    client: RwLock<Option<Arc<Client>>>,
    /// No task sends any more.
    stop: AtomicBool,
    /// How many tasks wait for librdkafka's queue, which is full.
    waiting: AtomicUsize,
    /// Messages have left librdkafka's queue.
    room: Notify,
}

impl Producer {
    /// Creates a producer, and waits until a broker has responded.
    pub(super) async fn connect(
        config: ClientConfig,
        topic: String,
        in_flight: Bounds,
        timeout: Duration,
        tokens: Option<Arc<Keeper>>,
    ) -> Result<Self, Error> {
        check_promises(&config)?;
        let kib = config.get("queue.buffering.max.kbytes").and_then(|kib| kib.parse().ok());
        let queue = kib.unwrap_or(usize::MAX).saturating_mul(1024);
        let client = open(&config, Reports { tokens, ..Reports::default() }).map_err(failed)?;
        let signals = Arc::new(Signals {
            client: RwLock::new(Some(Arc::clone(&client))),
            stop: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            room: Notify::new(),
        });
        let (connected, answer) = oneshot::channel();
        let producer = Self {
            signals: Arc::clone(&signals),
            batches: Arc::clone(&client.context().batches),
            in_flight: InFlight::new(in_flight),
            connectivity: client.context().state.connectivity(),
            queue,
            closed: AtomicBool::new(false),
        };
        thread::Builder::new()
            .name("kafka producer".into())
            .spawn(move || {
                let reports = client.context();
                let report = || client.poll(Duration::ZERO);
                let answered = reports.refusals.connected(client.client(), Some(&topic), timeout, report);
                if answered.is_ok() {
                    reports.connected();
                }
                let _ = connected.send(answered);
                run(client, &signals, &topic, &config);
            })
            .map_err(|error| {
                Error::new(ErrorKind::Transport).with_detail(format!("no thread: {error}")).with_source(error)
            })?;
        match answer.await {
            Ok(connected) => connected.map(|()| producer),
            Err(_) => Err(Error::new(ErrorKind::Transport).with_detail("the producer's thread ended")),
        }
    }

    /// Returns the state of the connection.
    pub(super) fn connectivity(&self) -> Connectivity {
        self.connectivity.clone()
    }

    /// Waits until the bounds allow a record, hands it over, and returns its future outcome.
    ///
    /// Dropped before it returns, it has sent nothing.
    pub(super) async fn enqueue(
        &self,
        topic: &Arc<str>,
        mut prepared: Prepared,
    ) -> Result<Outcome<Receipt>, Error> {
        let mut permit = self.in_flight.room().await;
        self.check(&prepared)?;
        permit.charge(prepared.size);
        let mut pass = self.batches.pass(topic, &prepared).await;
        let (resolver, outcome) = Outcome::channel();
        let mut promise = Promise { resolver, topic: Arc::clone(topic), _permit: permit };
        let mut waiting = None;
        loop {
            // Created before the attempt, so that a notification in between is not missed.
            let room = self.signals.room.notified();
            (promise, pass) = match self.hand_over(topic, &mut prepared, promise, pass) {
                Ok(()) => return Ok(outcome),
                Err(Refusal::Full(promise, pass)) => (promise, pass),
                Err(Refusal::Error(error)) => return Err(error),
            };
            if waiting.is_none() {
                // Counted after the attempt: the thread may be in the middle of a long turn, so try once
                // more now.
                waiting = Some(Waiting::new(&self.signals.waiting));
                continue;
            }
            room.await;
        }
    }

    /// Errors that waiting cannot resolve.
    fn check(&self, prepared: &Prepared) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        if prepared.payload.as_ref().is_some_and(|payload| payload.len() > self.queue) {
            return Err(too_large_for_queue());
        }
        Ok(())
    }

    /// Hands a record over with its headers, and returns the headers if librdkafka's queue is full.
    fn hand_over(
        &self,
        topic: &str,
        prepared: &mut Prepared,
        promise: Promise,
        pass: Pass,
    ) -> Result<(), Refusal> {
        let client = self.signals.client.read().unwrap_or_else(PoisonError::into_inner);
        let Some(client) = &*client else { return Err(Refusal::Error(Error::new(ErrorKind::Closed))) };
        let pending = Box::new(Pending { promise, handed: self.batches.hand_over(pass) });
        let mut record = BaseRecord::<[u8], [u8], _>::with_opaque_to(topic, pending);
        record.key = prepared.key.as_deref();
        record.payload = prepared.payload.as_deref();
        record.headers = prepared.headers.take();
        match client.send(record) {
            Ok(()) => Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => {
                prepared.headers = record.headers;
                let Pending { promise, handed } = *record.delivery_opaque;
                Err(Refusal::Full(promise, self.batches.report(handed).0))
            }
            Err((error, record)) => {
                let _ = self.batches.report(record.delivery_opaque.handed);
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                    let error = client.context().fatal().unwrap_or_else(|| failed(error));
                    return Err(Refusal::Error(error));
                }
                let error = failed(error);
                Err(Refusal::Error(match error.kind() {
                    ErrorKind::TooLarge => {
                        error.with_detail(format!("the record has {} bytes", prepared.size))
                    }
                    _ => error,
                }))
            }
        }
    }

    /// Whether there is such a topic, and this user may see it. Brokers that create topics do so within moments of the first request.
    ///
    /// Until then, they report that there is none. If the topic takes nothing, the error is of kind [`Refused`](ErrorKind::Refused). Other
    /// errors leave it open.
    pub(super) async fn finds(&self, topic: &str) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let client = self.signals.client.read().unwrap_or_else(PoisonError::into_inner).clone();
            let Some(client) = client else { return Err(Error::new(ErrorKind::Closed)) };
            let name = topic.to_owned();
            let looked = spawn_blocking(move || look(&client, &name)).await.map_err(|error| {
                Error::new(ErrorKind::Transport).with_detail(error.to_string()).with_source(error)
            })?;
            match looked {
                Err(error) if is_missing(&error) && begun.elapsed() < CREATED => sleep(TURN).await,
                looked => return looked.map_err(failed),
            }
        }
    }

    /// Accepts no more records, waits until each is delivered or has failed, and disconnects.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.in_flight.idle().await;
        self.let_go();
    }

    fn let_go(&self) {
        let client = self.signals.client.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(client); // before the thread is stopped, so that the thread has the last reference
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
    Full(Promise, Pass),
    Error(Error),
}

fn open(config: &ClientConfig, reports: Reports) -> Result<Arc<Client>, KafkaError> {
    let client: Arc<Client> = Arc::new(config.create_with_context(reports)?);
    let _ = client.context().client.set(Arc::downgrade(&client));
    Ok(client)
}

/// After a fatal error, another client would send the records behind the gap.
///
/// A client with transactions sends nothing unless one has begun.
fn check_promises(config: &ClientConfig) -> Result<(), Error> {
    const GAPLESS: &str = "enable.gapless.guarantee";
    const TRANSACTIONS: &str = "transactional.id";
    let refused = |detail| Err(Error::new(ErrorKind::Unsupported).with_detail(detail));
    if config.get(TRANSACTIONS).is_some_and(|id| !id.is_empty()) {
        return refused(format!("the setting {TRANSACTIONS}: a sender has no transactions"));
    }
    let gapless = config.create_native_config().and_then(|native| native.get(GAPLESS)).map_err(failed)?;
    if gapless == "true" {
        return refused(format!("the setting {GAPLESS}: a sender goes on after a record that was given up"));
    }
    Ok(())
}

/// Serves one client, and another one after a fatal error, until no task sends any more and every record has its report.
fn run(mut client: Arc<Client>, signals: &Signals, topic: &str, config: &ClientConfig) {
    let backoff = Backoff::default().with_delays(Duration::from_secs(1), Duration::from_secs(60));
    let mut failures = 0_u32;
    loop {
        let since = Instant::now();
        serve(&client, signals, topic);
        if signals.stop.load(Ordering::Acquire) {
            return;
        }
        failures = if since.elapsed() > backoff.longest { 1 } else { failures.saturating_add(1) };
        let (stopped, pause) = (Instant::now(), backoff.delay(failures));
        while stopped.elapsed() < pause && !signals.stop.load(Ordering::Acquire) {
            client.poll(TURN);
        }
        let another = match open(config, client.context().renewed()) {
            Ok(another) => another,
            Err(error) => {
                tracing::warn!(%error, "another Kafka producer cannot be opened yet");
                continue;
            }
        };
        match &mut *signals.client.write().unwrap_or_else(PoisonError::into_inner) {
            Some(used) => *used = Arc::clone(&another),
            None => return,
        }
        tracing::info!("another Kafka producer takes the place of the one that was stopped");
        client = another;
    }
}

/// Serves delivery reports until no task sends any more, or after a fatal error, and every record has its report. librdkafka
/// guarantees a report within `message.timeout.ms`.
fn serve(client: &Client, signals: &Signals, topic: &str) {
    let mut looked = Instant::now();
    loop {
        let waited_for = signals.waiting.load(Ordering::Acquire) > 0;
        client.poll(if waited_for { SHORT_TURN } else { TURN });
        // Only now have the messages of the reports left the queue.
        signals.room.notify_waiters();
        let is_over = client.client().fatal_error().is_some();
        if looked.elapsed() >= LOOK && !is_over {
            let state = &client.context().state;
            if state.look(client.client(), Some(topic)) {
                state.connected();
            }
            looked = Instant::now();
        }
        if (is_over || signals.stop.load(Ordering::Acquire)) && client.in_flight_count() == 0 {
            return;
        }
    }
}

/// Counts as one waiting task.
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
    promise: Promise,
    handed: Handed,
}

/// The outcome and the permit of a message, until its report comes.
struct Promise {
    resolver: Resolver<Receipt>,
    topic: Arc<str>,
    _permit: Permit,
}

/// Receives the delivery reports.
#[derive(Default)]
struct Reports {
    batches: Arc<Batches>,
    refusals: Refusals,
    state: Arc<State>,
    tokens: Option<Arc<Keeper>>,
    /// After a fatal error.
    stopped: AtomicBool,
    /// The client that reports.
    client: OnceLock<Weak<Client>>,
}

impl Reports {
    /// For the client that replaces this one.
    fn renewed(&self) -> Self {
        Self {
            batches: Arc::clone(&self.batches),
            state: Arc::clone(&self.state),
            tokens: self.tokens.clone(),
            ..Self::default()
        }
    }

    /// A broker has answered. That is no help to a client that is stopped.
    fn connected(&self) {
        if !self.stopped.load(Ordering::Acquire) {
            self.state.connected();
        }
    }

    /// The fatal error after which librdkafka has stopped this client. Records that it did not send are reported before the error is.
    fn fatal(&self) -> Option<Error> {
        let client = self.client.get()?.upgrade()?;
        client.client().fatal_error().map(|(code, reason)| stopped(code, &reason))
    }
}

impl ClientContext for Reports {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        login::requested(self.tokens.as_ref())
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        config::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Once no broker can be reached, the state has the reason.
        let is_known = self.state.knows_why_not() && !is_login(&error);
        if !is_known && self.refusals.is_news(&error, reason) {
            tracing::warn!(%error, reason, "the Kafka producer is in trouble");
        } else {
            tracing::debug!(%error, reason, "the Kafka producer is in trouble");
        }
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.stopped.store(true, Ordering::Release);
            return self.state.lost(&self.fatal().unwrap_or_else(|| failed(error)));
        }
        self.refusals.hear(&error, reason);
        if is_login(&error) {
            login::refused(self.tokens.as_ref());
        }
        self.state.hear(&error, reason, &self.refusals);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        let Pending { promise: Promise { resolver, topic, _permit }, handed } = *pending;
        let (_pass, alone) = self.batches.report(handed);
        let result = match result {
            Ok(message) => {
                self.connected();
                self.refusals.logged_in();
                self.batches.acquit(message);
                let mut receipt = Receipt::new().with_place(topic);
                if let Ok(partition) = u32::try_from(message.partition()) {
                    receipt = receipt.with_partition(partition);
                }
                // Without acknowledgements (`acks=0`), the offset is not known.
                if let Ok(offset) = u64::try_from(message.offset()) {
                    receipt = receipt.with_offset(offset);
                }
                Ok(receipt)
            }
            Err((error, _)) if is_purged(error) => Err(self.fatal().unwrap_or_else(|| failed(error.clone()))),
            Err((error, message)) => Err(self.refusals.explain(self.batches.judge(error, alone, message))),
        };
        resolver.resolve(result);
    }
}

/// Asks for the metadata of a topic. Blocks for a while at most.
fn look(client: &Client, topic: &str) -> Result<(), KafkaError> {
    let metadata = client.client().fetch_metadata(Some(topic), LOOK)?;
    let error = metadata.topics().iter().find(|found| found.name() == topic).and_then(|found| found.error());
    error.map_or(Ok(()), |error| Err(KafkaError::MetadataFetch(error.into())))
}

fn is_missing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(error.rdkafka_error_code(), Some(Code::UnknownTopic | Code::UnknownTopicOrPartition))
}

/// Whether a record was not sent because the client was stopped.
fn is_purged(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(error.rdkafka_error_code(), Some(Code::Fatal | Code::PurgeQueue | Code::PurgeInflight))
}

/// The error of records that a stopped client did not send. It passes when another one is open.
#[cold]
fn stopped(code: RDKafkaErrorCode, reason: &str) -> Error {
    let detail = format!("librdkafka has stopped the producer, and another one is opened: {code}: {reason}");
    match code {
        RDKafkaErrorCode::ClusterAuthorizationFailed => {
            Error::new(ErrorKind::Refused).with_detail(detail).with_help(
                "grant IDEMPOTENT_WRITE on the cluster, or since Kafka 2.8 WRITE on the topic; or set `enable.idempotence=false`",
            )
        }
        _ => Error::new(ErrorKind::Disconnected).with_detail(detail),
    }
}

#[cold]
fn too_large_for_queue() -> Error {
    Error::new(ErrorKind::TooLarge)
        .with_detail("the record alone is larger than librdkafka's queue")
        .with_help("send less, or raise `queue.buffering.max.kbytes`")
}
