//! A receiver in a consumer group.

use super::{
    config::{self, default, failed},
    consumer::Consumer,
    dead_letter::DeadLetterTopic,
    fetch::{Fetcher, Step},
    handover::{Handover, ended},
    rebalance::Group,
};
use cloudevents_core::{Decoding, Error, ErrorKind};
use cloudevents_transport::{
    Bounds, Endpoint, Incoming, Intake, Partition, Receiver, ReceiverOptions,
    log::{Ledger, LogIntake, LogOptions, LogSource, Record},
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};
use std::{collections::VecDeque, fmt, sync::Arc, thread, time::Duration};
use tokio::sync::oneshot;

/// How a [`KafkaReceiver`] receives.
///
/// ```
/// use cloudevents_core::Decoding;
/// use cloudevents_kafka::rdkafka039::KafkaReceiverOptions;
/// use cloudevents_transport::log::LogOptions;
///
/// let mut options = KafkaReceiverOptions::from(Decoding::strict());
/// options.log = LogOptions::default().dropping_rejected();
/// options.config.set("partition.assignment.strategy", "cooperative-sticky");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct KafkaReceiverOptions {
    /// Decoding, policy, and what may be delivered and not settled. JSON is understood without being among the formats.
    pub receiver: ReceiverOptions,
    /// Retries, and what becomes of rejected messages. It must be decided, here or in the URL.
    pub log: LogOptions,
    /// What is fetched ahead. Default: 1,024 messages, 16 MiB. librdkafka fetches so many bytes, unless the settings say otherwise
    /// (`queued.max.messages.kbytes`). While the program asks for nothing, so much is taken from it and decoded besides.
    pub prefetch: Bounds,
    /// How often watermarks are committed. What was settled since the last time comes again after a crash. Default: 1 second.
    pub commit_interval: Duration,
    /// How long a rebalance waits for deliveries of the partitions that go away to be settled. Default: 1 second.
    pub rebalance_wait: Duration,
    /// How long the first answer of a broker may take. Default: 10 seconds.
    pub connect_timeout: Duration,
    /// Settings of librdkafka, which go before those made here; those of the URL go before these. Default: none.
    pub config: ClientConfig,
}

impl Default for KafkaReceiverOptions {
    fn default() -> Self {
        Self {
            receiver: ReceiverOptions::default(),
            log: LogOptions::default(),
            prefetch: Bounds { bytes: 16 << 20, ..Bounds::default() },
            commit_interval: Duration::from_secs(1),
            rebalance_wait: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(10),
            config: ClientConfig::new(),
        }
    }
}

impl From<ReceiverOptions> for KafkaReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<Decoding> for KafkaReceiverOptions {
    fn from(decoding: Decoding) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Leaves out the settings, some of which are secret.
impl fmt::Debug for KafkaReceiverOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaReceiverOptions")
            .field("receiver", &self.receiver)
            .field("log", &self.log)
            .field("prefetch", &self.prefetch)
            .field("commit_interval", &self.commit_interval)
            .field("rebalance_wait", &self.rebalance_wait)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// A receiver in the consumer group of this URL: see [`KafkaReceiver::connect`].
///
/// ```no_run
/// use std::time::Duration;
///
/// # async fn receive() -> Result<(), cloudevents_core::Error> {
/// let url = "kafka://one:9092/orders?group=billing&dead-letter=orders.rejected";
/// let mut deliveries = cloudevents_kafka::rdkafka039::receiver(url, Default::default()).await?;
/// while let Some(delivery) = deliveries.next().await? {
///     println!("{}", delivery.event()?.id());
///     delivery.accept().await?;
/// }
/// deliveries.drain(Duration::from_secs(10)).await?;
/// # Ok(()) }
/// ```
pub async fn receiver(url: &str, options: KafkaReceiverOptions) -> Result<Receiver, Error> {
    KafkaReceiver::connect(url, options).await.map(KafkaReceiver::into_receiver)
}

/// Consumes in a consumer group, with settlement per message.
///
/// Offsets are committed as [`log`](cloudevents_transport::log) says: up to the first message of a partition that is not settled. See
/// [the module](super#guarantees) for what is guaranteed.
///
/// Messages are decoded as they are asked for, in the task that asks. While it does not ask, a thread talks to the brokers, so that
/// nothing the program does keeps the consumer from staying in its group; commits and rebalances are always the thread's. Dropping
/// the receiver ends it; it commits what is settled and leaves the group.
#[derive(Debug)]
pub struct KafkaReceiver {
    intake: LogIntake<Source>,
    options: ReceiverOptions,
}

impl KafkaReceiver {
    /// Connects to `kafka://user:password@host:port,host:port/topic?group=...`. Without a port, it is 9092; several topics are separated
    /// by commas.
    ///
    /// | option | |
    /// |---|---|
    /// | `group` | the consumer group; required |
    /// | `offset` | where a group starts that has committed nothing: `earliest`, the default, or `latest` |
    /// | `dead-letter` | the topic that rejected messages go to: see [`DeadLetterTopic`] |
    /// | `reject=drop` | rejected messages are gone |
    /// | `sasl`, `tls`, and others with a dot | as for a [sender](super::KafkaSender::connect) |
    ///
    /// One of `dead-letter` and `reject=drop` is required, unless [`KafkaReceiverOptions::log`] has decided.
    ///
    /// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Unsupported`](ErrorKind::Unsupported) for settings that librdkafka does not
    /// take, outside a tokio runtime, and when nobody has said what becomes of rejected messages;
    /// [`Refused`](ErrorKind::Refused) for users whom the broker does not let in, and for certificates that cannot be trusted;
    /// [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when no broker answers in time. Dropping the
    /// future opens nothing.
    pub async fn connect(url: &str, mut options: KafkaReceiverOptions) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(url)?;
        config::check_options(&endpoint, &["group", "offset", "dead-letter", "reject", "sasl", "tls"])?;
        let topics = topics(&endpoint)?;
        let mut config = options.config.clone();
        config::from_endpoint(&endpoint, &mut config)?;
        let log = rejected(&endpoint, &mut options, &config).await?;
        consuming(&endpoint, &options, &mut config)?;
        // A receiver reads documents with the formats it is given.
        let formats = &mut options.receiver.decoding.formats;
        *formats = cloudevents_json::among(std::mem::take(formats));
        let ledger = Ledger::new(log)?;
        let handover = Arc::new(Handover::new(options.prefetch));
        let group = Group::new(ledger.clone(), Arc::clone(&handover), options.rebalance_wait);
        let mut client: BaseConsumer<Group> = config.create_with_context(group).map_err(failed)?;
        let waker = Arc::clone(&handover);
        client.set_nonempty_callback(move || waker.arrive());
        let fetcher = Fetcher { client: Arc::new(client), decoding: options.receiver.decoding.clone() };
        let consumer =
            Consumer { fetcher: fetcher.clone(), commit_interval: options.commit_interval, topics };
        // From here on, dropping ends the thread.
        let source = Source { handover, taken: VecDeque::new(), fetcher: Some(fetcher) };
        let intake = LogIntake::new(ledger, source);
        let (connected, answer) = oneshot::channel();
        let timeout = options.connect_timeout;
        thread::Builder::new()
            .name("kafka consumer".into())
            .spawn(move || consumer.run(timeout, connected))
            .map_err(|error| {
                Error::new(ErrorKind::Transport).with_detail(format!("no thread: {error}")).with_source(error)
            })?;
        answer.await.unwrap_or_else(|_| Err(ended()))?;
        tracing::debug!(%endpoint, "consuming");
        Ok(Self { intake, options: options.receiver })
    }

    /// The receiver to take deliveries from, with the options this was made with.
    pub fn into_receiver(self) -> Receiver {
        let options = self.options.clone();
        Receiver::new(self, options)
    }
}

impl Intake for KafkaReceiver {
    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        self.intake.next().await
    }

    fn try_next(&mut self) -> Option<Result<Option<Incoming>, Error>> {
        self.intake.try_next()
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.intake.drain(deadline).await
    }
}

fn topics(endpoint: &Endpoint) -> Result<Vec<String>, Error> {
    let mut segments = endpoint.segments();
    let (Some(path), None) = (segments.next(), segments.next()) else {
        return Err(endpoint.invalid("the path is not the name of a topic"));
    };
    if path.split(',').any(str::is_empty) {
        return Err(endpoint.invalid("the name of a topic is empty"));
    }
    Ok(path.split(',').map(str::to_owned).collect())
}

/// What becomes of rejected messages.
async fn rejected(
    endpoint: &Endpoint,
    options: &mut KafkaReceiverOptions,
    config: &ClientConfig,
) -> Result<LogOptions, Error> {
    let log = options.log.clone();
    match (endpoint.option("dead-letter"), endpoint.option("reject")) {
        (None, None) if log.is_decided() => Ok(log),
        (None, None) => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("Kafka has no place for rejected messages, and none was named")
            .with_help(
                "add `dead-letter=<topic>` or `reject=drop` to the URL, or decide in `KafkaReceiverOptions::log`",
            )),
        (None, Some("drop")) => Ok(log.dropping_rejected()),
        (Some(topic), None) if !topic.is_empty() => {
            let sink = DeadLetterTopic::connect(topic, config.clone(), options.connect_timeout).await?;
            Ok(log.with_sink(sink))
        }
        (Some(_), Some(_)) => Err(endpoint.invalid("the options `dead-letter` and `reject` exclude each other")),
        (Some(_), None) => Err(endpoint.invalid("the option `dead-letter` names no topic")),
        (None, Some(_)) => Err(endpoint.invalid("the option `reject` is not `drop`")),
    }
}

/// The settings of a consumer.
fn consuming(
    endpoint: &Endpoint,
    options: &KafkaReceiverOptions,
    config: &mut ClientConfig,
) -> Result<(), Error> {
    match endpoint.option("group") {
        Some("") => return Err(endpoint.invalid("the option `group` is empty")),
        Some(group) => _ = config.set("group.id", group),
        None if config.get("group.id").is_some() => {}
        None => {
            return Err(endpoint.invalid("the option `group` is missing").with_help(
                "name the consumer group: those in it share the partitions, and its offsets are kept",
            ));
        }
    }
    match endpoint.option("offset") {
        Some(offset @ ("earliest" | "latest")) => _ = config.set("auto.offset.reset", offset),
        Some(_) => return Err(endpoint.invalid("the option `offset` is neither `earliest` nor `latest`")),
        None => default(config, "auto.offset.reset", "earliest"),
    }
    // Offsets are committed by the ledger, and by nobody else.
    config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    let kib = (options.prefetch.bytes / 1024).clamp(1, 64 << 10);
    default(config, "queued.max.messages.kbytes", kib.to_string());
    // One fetch brings no more than that, either; librdkafka wants room for one message.
    let message = config.get("message.max.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(1_000_000);
    let fetch = options.prefetch.bytes.clamp(1, 50 << 20).max(message);
    default(config, "fetch.max.bytes", fetch.to_string());
    // With its queue full, librdkafka looks again after a second, and so little is fetched ahead here that the queue is empty long before.
    default(config, "fetch.queue.backoff.ms", "10");
    Ok(())
}

/// The receiver's side of the consumer.
struct Source {
    handover: Arc<Handover>,
    /// What was taken at once, and is not asked for yet.
    taken: VecDeque<Record>,
    /// `None` when the consumer is given up. The thread has the other reference, and is the last to let go: that takes time.
    fetcher: Option<Fetcher>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("handover", &self.handover).finish_non_exhaustive()
    }
}

/// How many things that are no messages the receiver takes out of the queue before others get their turn.
const OTHERS: usize = 64;

impl Source {
    /// What is in librdkafka's queue, unless the thread is about to look there.
    fn fetch(&mut self) -> Option<Result<Record, Error>> {
        let fetcher = self.fetcher.as_ref()?;
        let turn = fetcher.client.context().try_turn()?;
        // It may have been the thread's turn until now, and what that took comes first.
        if let Some(record) = handed_over(&self.handover, &mut self.taken) {
            return Some(record);
        }
        for _ in 0..OTHERS {
            match fetcher.next(&turn) {
                Step::Message(fetched) => return Some(Ok(fetched.record)),
                Step::Other => {}
                Step::Error(error) => return Some(Err(error)),
                Step::Over(error) => {
                    drop(turn);
                    self.end();
                    return Some(Err(error));
                }
                Step::Nothing => return None,
            }
        }
        self.handover.arrive(); // there may be more
        None
    }

    fn end(&mut self) {
        self.fetcher = None; // before the thread is told, which is to be the last
        self.handover.stop();
    }
}

/// What the thread has handed over.
fn handed_over(handover: &Handover, taken: &mut VecDeque<Record>) -> Option<Result<Record, Error>> {
    if taken.is_empty()
        && handover.has_news()
        && let Err(error) = handover.take(taken)
    {
        return Some(Err(error));
    }
    taken.pop_front().map(Ok)
}

impl LogSource for Source {
    async fn next(&mut self) -> Result<Record, Error> {
        loop {
            if let Some(record) = self.try_next() {
                return record;
            }
            self.handover.arrived().await;
        }
    }

    fn try_next(&mut self) -> Option<Result<Record, Error>> {
        self.handover.ask();
        handed_over(&self.handover, &mut self.taken).or_else(|| self.fetch())
    }

    fn mark(&mut self, partition: &Partition, offset: u64) -> Result<(), Error> {
        self.handover.mark(partition, offset);
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Error> {
        self.handover.commit().await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.end();
    }
}
