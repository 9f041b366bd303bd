//! A receiver in a consumer group.

use super::{
    config::{self, default},
    consumer::Consumer,
    control::KafkaControl,
    dead_letter::DeadLetterTopic,
    failure::failed,
    fetch::Fetcher,
    first::Start,
    handover::{Handover, ended},
    login::{BearerTokens, Keeper},
    position::Position,
    reachable::unless_refused,
    rebalance::Group,
    source::Source,
    urls::URLS,
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    Bounds, Endpoint, Partition, Receiver, ReceiverOptions, Side,
    binding::{
        Rejecting,
        log::{Ledger, LogOptions, LogReceiver},
        rejecting,
    },
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
};
use std::{collections::VecDeque, fmt, sync::Arc, thread, time::Duration};
use tokio::sync::oneshot;

/// The default of `max.poll.interval.ms`.
const POLL_INTERVAL: Duration = Duration::from_secs(300);

/// Options of a [`receiver`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_kafka::rdkafka039::KafkaReceiverOptions;
/// use cloudevents_transport::binding::log::LogOptions;
///
/// let mut options = KafkaReceiverOptions::from(DecodeOptions::strict());
/// options.log = LogOptions::default().dropping_rejected();
/// options.config.set("fetch.wait.max.ms", "100");
/// ```
///
/// The assignment is cooperative (`partition.assignment.strategy=cooperative-sticky`): when a member joins or leaves, partitions that stay
/// go on. All members of a group need the same strategy. In a group that has others, set it to theirs (`range,roundrobin` in
/// librdkafka's own default).
#[derive(Clone)]
#[non_exhaustive]
pub struct KafkaReceiverOptions {
    /// Decode options, the policy for unreadable messages, and upper bounds for unsettled deliveries. JSON
    /// is understood without being among the formats.
    pub receiver: ReceiverOptions,
    /// Retries, and the policy for rejected messages. The policy must be set, here or in the URL.
    pub log: LogOptions,
    /// Upper bounds for fetching ahead. Default: 1,024 messages, 16 MiB. `prefetch` in a URL is the number of messages.
    ///
    /// librdkafka fetches this many bytes, unless the setting `queued.max.messages.kbytes` differs. As many are also taken from librdkafka
    /// and wait to be requested, besides as many of each partition that is held back.
    pub prefetch: Bounds,
    /// How often watermarks are committed. Zero commits as soon as a watermark moves. Default: 1 second.
    ///
    /// After a crash, messages settled since the last commit are delivered again. So are messages behind the first unsettled message: see
    /// [`LogOptions::max_lead`].
    pub commit_interval: Duration,
    /// How long a rebalance waits for deliveries of revoked partitions to be settled. Default: 10 seconds.
    ///
    /// It is a third of `max.poll.interval.ms` at most, after which a broker takes the member for lost. If a delivery is not settled by
    /// then, messages that are settled behind it come again to another consumer. If all members wait for each other
    /// (`partition.assignment.strategy` other than `cooperative-sticky`), they read nothing meanwhile. While the receiver ends, a rebalance
    /// waits until the time for that is over (`drain`).
    pub rebalance_wait: Duration,
    /// Reads these partitions of the URL's topics, from these positions, instead of the partitions that the group assigns. Offsets are
    /// still committed for the group. Default: none.
    pub partitions: Vec<(u32, Position)>,
    /// How often librdkafka reports statistics. [`KafkaControl`] returns them and computes the lag from
    /// them. Default: never.
    pub statistics: Option<Duration>,
    /// How long the first response of a broker may take: `connect-timeout` in a URL. Default: 10 seconds.
    pub connect_timeout: Duration,
    /// A source of bearer tokens, for SASL OAUTHBEARER. It excludes a user in the URL, and needs the feature `tls`.
    /// Default: none.
    pub tokens: Option<Arc<dyn BearerTokens>>,
    /// Extra librdkafka settings. Precedence: the URL, these, our defaults. Default: none.
    pub config: ClientConfig,
}

impl Default for KafkaReceiverOptions {
    fn default() -> Self {
        Self {
            receiver: ReceiverOptions::default(),
            log: LogOptions::default(),
            prefetch: Bounds { bytes: 16 << 20, ..Bounds::default() },
            commit_interval: Duration::from_secs(1),
            rebalance_wait: Duration::from_secs(10),
            partitions: Vec::new(),
            statistics: None,
            connect_timeout: Duration::from_secs(10),
            tokens: None,
            config: ClientConfig::new(),
        }
    }
}

impl KafkaReceiverOptions {
    /// The URL takes precedence over the program.
    fn configure(&mut self, endpoint: &Endpoint) -> Result<(), Error> {
        self.receiver = self.receiver.clone().with_url(endpoint)?;
        if let Some(interval) = endpoint.duration("commit-interval")? {
            self.commit_interval = interval;
        }
        if let Some(wait) = endpoint.duration("rebalance-wait")? {
            self.rebalance_wait = wait;
        }
        if let Some(messages) = endpoint.number("prefetch")? {
            self.prefetch.messages = messages;
        }
        if let Some(timeout) = endpoint.duration("connect-timeout")? {
            self.connect_timeout = timeout;
        }
        if let Some(interval) = endpoint.duration("statistics")? {
            self.statistics = Some(interval);
        }
        Ok(())
    }
}

impl From<ReceiverOptions> for KafkaReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for KafkaReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Omits the settings, some of which are secret.
impl fmt::Debug for KafkaReceiverOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaReceiverOptions")
            .field("receiver", &self.receiver)
            .field("log", &self.log)
            .field("prefetch", &self.prefetch)
            .field("commit_interval", &self.commit_interval)
            .field("rebalance_wait", &self.rebalance_wait)
            .field("connect_timeout", &self.connect_timeout)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

/// Opens a receiver from `kafka://user:password@host:port,host:port/topic?group=...`.
///
/// The default port is 9092. Several topics are separated by commas. A name that begins with `^` (in a URL, `%5E`) is a regular expression:
/// the receiver reads all matching topics, including topics created later.
///
/// ```no_run
/// use cloudevents_core::Event;
/// use cloudevents_transport::OrderBy;
///
/// # async fn receive() -> Result<(), cloudevents_core::Error> {
/// let url = "kafka://one:9092/orders?group=billing&dead-letter=orders.rejected";
/// let receiver = cloudevents_kafka::rdkafka039::receiver(url, Default::default()).await?;
/// receiver.run(async |event: Event| println!("{}", event.id())).in_order(OrderBy::Partition).await?;
/// # Ok(()) }
/// ```
///
/// Consumes in a consumer group, and settles each message separately.
///
/// Offsets are committed as described in [`log`](cloudevents_transport::binding::log): up to the first unsettled
/// message of a partition. See [the module](super#guarantees) for the guarantees.
///
/// A thread polls the brokers, commits, and handles rebalances, so that the consumer stays in its group while the program does other
/// things. Dropping the receiver ends the thread. The thread commits settled messages and leaves the group.
///
/// [The crate's documentation](crate#urls) lists the options. They take precedence over the options of the program.
///
/// One of `dead-letter` and `reject=drop` is required, unless [`KafkaReceiverOptions::log`] sets the policy for rejected messages.
///
/// Errors:
///
/// - [`InvalidUrl`](ErrorKind::InvalidUrl)
/// - [`Unsupported`](ErrorKind::Unsupported) for settings that librdkafka does not accept, outside a tokio runtime, and if no policy for
///   rejected messages is set
/// - [`Refused`](ErrorKind::Refused) when the broker refuses the user, when a topic with a name or a
///   [partition](KafkaReceiverOptions::partitions) does not exist, and for certificates that cannot be trusted
/// - [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when no broker responds in time
///
/// Dropping the future opens nothing.
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: KafkaReceiverOptions,
) -> Result<Receiver, Error> {
    let (receiver, _) = controlled(url, options).await?;
    Ok(receiver)
}

/// Opens a receiver as [`receiver`] does, and returns with it a control to seek and to read the lag while it runs.
///
/// ```no_run
/// # async fn receive() -> Result<(), cloudevents_core::Error> {
/// let url = "kafka://one:9092/orders?group=billing&dead-letter=orders.rejected";
/// let (receiver, control) = cloudevents_kafka::rdkafka039::controlled(url, Default::default()).await?;
/// # Ok(()) }
/// ```
pub async fn controlled(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: KafkaReceiverOptions,
) -> Result<(Receiver, KafkaControl), Error> {
    connect(Endpoint::of(url)?, options).await
}

async fn connect(
    endpoint: Endpoint,
    mut options: KafkaReceiverOptions,
) -> Result<(Receiver, KafkaControl), Error> {
    let _ = URLS.check(&endpoint, Side::Receive)?;
    options.configure(&endpoint)?;
    let topics = topics(&endpoint)?;
    let partitions = partitions(&endpoint, &topics, &options)?;
    let mut config = options.config.clone();
    config::from_endpoint(&endpoint, &mut config)?;
    let tokens = Keeper::start(options.tokens.as_ref(), &mut config, options.connect_timeout).await?;
    let log = rejected(&endpoint, &options, &topics, &config, tokens.as_ref()).await?;
    let start = consuming(&endpoint, &options, &mut config)?;
    config::understand_json(&mut options.receiver);
    let ledger = Ledger::new(log)?;
    let handover = Arc::new(Handover::new(options.prefetch));
    let (waits, looks) = (wait(options.rebalance_wait, &config), longest_wait(&config));
    let mut group = Group::new(ledger.clone(), Arc::clone(&handover), waits, looks);
    (group.tokens, group.start) = (tokens, start);
    let is_static = config.get("group.instance.id").is_some_and(|name| !name.is_empty());
    group.leaves = config.get("group.id").filter(|_| !is_static && partitions.is_empty()).map(str::to_owned);
    let creates = config.get("allow.auto.create.topics").unwrap_or_default();
    group.creates_topics = ["true", "t", "1"].iter().any(|yes| creates.eq_ignore_ascii_case(yes));
    // librdkafka does not say so of a pattern that no topic matches yet, nor with the protocol of Kafka 4 before there is a partition.
    group.may_go = topics.iter().any(|topic| topic.starts_with('^'));
    let is_unsaid = config.get("group.protocol") == Some("consumer") || group.may_go;
    (group.joins_unsaid, group.has_joined) = (is_unsaid, is_unsaid.into());
    let mut client: BaseConsumer<Group> = config.create_with_context(group).map_err(failed)?;
    let waker = Arc::clone(&handover);
    client.set_nonempty_callback(move || waker.wake());
    let fetcher = Fetcher { client: Arc::new(client), decoding: options.receiver.decoding.clone() };
    let connectivity = fetcher.client.context().state.connectivity();
    let statistics = fetcher.client.context().statistics.clone();
    let consumer = Consumer { fetcher, commit_interval: options.commit_interval, topics, partitions };
    if options.commit_interval.is_zero() {
        let waker = Arc::clone(&handover);
        ledger.notifying(move || waker.wake());
    }
    // From here on, dropping ends the thread.
    let control = KafkaControl { handover: Arc::clone(&handover), ledger: ledger.clone(), statistics };
    let source = Source { handover, ledger: ledger.clone(), taken: VecDeque::new(), held_back: Vec::new() };
    let intake = LogReceiver::new(ledger, source).with_connectivity(connectivity);
    let (connected, answer) = oneshot::channel();
    let timeout = options.connect_timeout;
    thread::Builder::new()
        .name("kafka consumer".into())
        .spawn(move || consumer.run(timeout, connected))
        .map_err(|error| {
            Error::new(ErrorKind::Transport).with_detail(format!("no thread: {error}")).with_source(error)
        })?;
    let answer = async { answer.await.unwrap_or_else(|_| Err(ended())) };
    unless_refused(&endpoint, timeout, answer).await?;
    tracing::debug!(%endpoint, "consuming");
    Ok((Receiver::new(intake, options.receiver), control))
}

/// How long a rebalance waits for deliveries, and then for a commit that is under way, before the broker takes the member for lost.
fn wait(wanted: Duration, config: &ClientConfig) -> Duration {
    let wait = wanted.min(longest_wait(config));
    if wait < wanted {
        tracing::info!(?wait, ?wanted, "a rebalance waits no longer than a third of `max.poll.interval.ms`");
    }
    wait
}

/// A third of the time after which librdkafka gives up its place in the group.
fn longest_wait(config: &ClientConfig) -> Duration {
    let interval = config.get("max.poll.interval.ms").and_then(|text| text.parse().ok());
    let interval = interval.map_or(POLL_INTERVAL, Duration::from_millis);
    interval.checked_div(3).unwrap_or(interval)
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

/// The partitions to read without the group's assignment.
fn partitions(
    endpoint: &Endpoint,
    topics: &[String],
    options: &KafkaReceiverOptions,
) -> Result<Vec<(Partition, Position)>, Error> {
    let numbers = match endpoint.option("partitions") {
        None => options.partitions.clone(),
        Some(text) => {
            let number = |text: &str| text.parse().ok().map(|number| (number, Position::Committed));
            text.split(',').map(number).collect::<Option<_>>().ok_or_else(|| {
                endpoint.invalid("the option `partitions` is not a list of numbers such as `0,1`")
            })?
        }
    };
    if !numbers.is_empty() && topics.iter().any(|topic| topic.starts_with('^')) {
        return Err(endpoint.invalid("partitions are of topics that are named, not of a pattern"));
    }
    let of = |topic: &String| {
        let topic = Arc::<str>::from(topic.as_str());
        numbers
            .clone()
            .into_iter()
            .map(move |(number, position)| (Partition::new(Arc::clone(&topic), number), position))
    };
    Ok(topics.iter().flat_map(of).collect())
}

/// Returns the policy for rejected messages.
async fn rejected(
    endpoint: &Endpoint,
    options: &KafkaReceiverOptions,
    topics: &[String],
    config: &ClientConfig,
    tokens: Option<&Arc<Keeper>>,
) -> Result<LogOptions, Error> {
    let log = options.log.clone();
    // Only librdkafka knows the topics that match a pattern.
    let reads = |topic: &str| topics.iter().any(|read| read == topic);
    let field = "KafkaReceiverOptions::log";
    Ok(match rejecting(endpoint, log.is_decided(), Some("topic"), false, field, reads)? {
        Rejecting::AsDecided | Rejecting::ToBroker => log,
        Rejecting::Dropped => log.dropping_rejected(),
        Rejecting::To(topic) => {
            let (config, limit) = (config.clone(), options.connect_timeout);
            let letters = DeadLetterTopic::open(topic, config, limit, tokens.cloned()).await?;
            letters.check().await?;
            log.with_sink(letters.of_the_same_cluster())
        }
    })
}

/// Adds the settings of a consumer. Returns the start of a group without a position.
fn consuming(
    endpoint: &Endpoint,
    options: &KafkaReceiverOptions,
    config: &mut ClientConfig,
) -> Result<Option<Start>, Error> {
    match endpoint.option("group") {
        Some("") => return Err(endpoint.invalid("the option `group` is empty")),
        Some(group) => _ = config.set("group.id", group),
        None if config.get("group.id").is_some() => {}
        None => {
            return Err(endpoint.invalid("the option `group` is missing").with_help(
                "name the consumer group: its members share the partitions, and its offsets are committed",
            ));
        }
    }
    match endpoint.option("offset") {
        Some(offset @ ("earliest" | "latest")) => _ = config.set("auto.offset.reset", offset),
        Some(_) => return Err(endpoint.invalid("the option `offset` is neither `earliest` nor `latest`")),
        None => default(config, "auto.offset.reset", "earliest"),
    }
    // librdkafka would also go there from a position that does not exist any more: see `first`.
    let is_end = matches!(config.get("auto.offset.reset"), Some("latest" | "largest" | "end"));
    let is_error = config.get("auto.offset.reset") == Some("error");
    let given: Vec<_> =
        ["offset", "since", "last"].into_iter().filter(|name| endpoint.option(name).is_some()).collect();
    if let [one, other, ..] = given[..] {
        return Err(endpoint.invalid(format!("the options `{one}` and `{other}` are both there")));
    }
    let start = match (endpoint.time("since")?, endpoint.number("last")?, is_end) {
        (Some(time), ..) => Some(Start::Since(time)),
        (None, Some(count), _) => Some(Start::Last(count)),
        (None, None, true) => Some(Start::End),
        (None, None, false) if is_error => None,
        (None, None, false) => Some(Start::Beginning),
    };
    if is_end {
        config.set("auto.offset.reset", "earliest");
    }
    // A partition that stays goes on while others move. The group protocol of Kafka 4 has its own assignors.
    if config.get("group.protocol") != Some("consumer") {
        default(config, "partition.assignment.strategy", "cooperative-sticky");
    }
    if let Some(interval) = options.statistics {
        default(config, "statistics.interval.ms", config::millis(interval));
    }
    // Only the ledger commits offsets.
    config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    let kib = (options.prefetch.bytes / 1024).clamp(1, 64 << 10);
    default(config, "queued.max.messages.kbytes", kib.to_string());
    // One fetch returns no more than that, either. librdkafka requires space for one message.
    let message = config.get("message.max.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(1_000_000);
    let fetch = options.prefetch.bytes.clamp(1, 50 << 20).max(message);
    default(config, "fetch.max.bytes", fetch.to_string());
    // If its queue is full, librdkafka checks again only after a second. So little is fetched ahead here
    // that the queue would be empty long before.
    default(config, "fetch.queue.backoff.ms", "10");
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// librdkafka would give up its place in the group, with all that is under way.
    #[test]
    fn a_rebalance_does_not_wait_so_long_that_the_consumer_is_taken_for_lost() {
        let seconds = Duration::from_secs;
        let mut config = ClientConfig::new();
        assert_eq!(wait(KafkaReceiverOptions::default().rebalance_wait, &config), seconds(10));
        assert_eq!(wait(Duration::MAX, &config), seconds(100));
        config.set("max.poll.interval.ms", "9000");
        assert_eq!((wait(seconds(2), &config), wait(seconds(10), &config)), (seconds(2), seconds(3)));
    }
}
