//! The broker.

use cloudevents_core::{Error, ErrorKind};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms},
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{Headers, Message},
    mocking::MockCluster,
    producer::{BaseProducer, DefaultProducerContext, Producer},
    types::{
        RDKafkaApiKey, RDKafkaErrorCode,
        RDKafkaRespErr::{self, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED},
    },
};
use std::{collections::BTreeMap, fmt, time::Duration};

/// How long the broker's own clients wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A Kafka cluster of one broker, in memory, for any client of this process or another one. It listens on a port of the loopback interface
/// and ends when it is dropped.
///
/// It is librdkafka's mock cluster. It knows topics, partitions, keys, headers, compression, idempotent producers, offsets, consumer groups
/// with every assignment strategy, and commits: `tests/real/behaves` of `cloudevents-kafka` runs the same behaviours against it and against
/// Apache Kafka. It is not Kafka:
///
/// - Transactions are refused. Sending in one fails with the error `TRANSACTIONAL_ID_AUTHORIZATION_FAILED`, and so does adding offsets to
///   one. A consumer cannot meet messages of a transaction here, with any `isolation.level`.
/// - Admin clients get no answer. Topics are created by [`create_topic`](Self::create_topic). A producer that may create topics gets one of
///   four partitions for every name that it sends to, although Kafka refuses names with other characters than `a-zA-Z0-9._-`.
/// - Messages that an idempotent producer sends again, because the response was lost, are stored again.
/// - A partition keeps 5 MiB or 100,000 messages. Older messages are dropped. Nothing expires or is compacted.
/// - The size of messages is not checked.
/// - An offset that is looked up by a time is the end of the partition.
/// - There are no users, no TLS, no quotas and no access control. There is one broker, so that no leader changes.
/// - The first member of a new group gets its partitions at once, without the three seconds that Kafka waits for more
///   ([`rebalance_after`](Self::rebalance_after)). A member that joins later waits for the `session.timeout.ms` of the consumers minus one
///   second, so tests set it to two or three seconds. While a group is rebalanced, commits are refused. A member whose session ends while
///   it joins, because its machine stood still, gets no answer. It joins again `max.poll.interval.ms` and three seconds later, so tests set
///   that, too.
///
/// ```
/// use cloudevents_testkit::kafka::Broker;
///
/// let broker = Broker::start()?;
/// broker.create_topic("orders", 3)?;
/// assert!(broker.url("orders?group=billing").starts_with("kafka://127.0.0.1:"));
/// assert_eq!(broker.committed("billing", "orders")?, [None, None, None]);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub struct Broker {
    /// The mock cluster lives in this client and ends with it.
    host: BaseProducer,
    servers: String,
}

impl Broker {
    /// Starts a broker. Errors are of kind [`Transport`](ErrorKind::Transport).
    pub fn start() -> Result<Self, Error> {
        let host: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .set_log_level(RDKafkaLogLevel::Emerg)
            .create()
            .map_err(failed)?;
        let servers = cluster(&host)?.bootstrap_servers();
        rebalance_after(&host, Duration::ZERO);
        without_transactions(&host)?;
        Ok(Self { host, servers })
    }

    /// The address that clients connect to: `127.0.0.1:49152`.
    pub fn bootstrap_servers(&self) -> &str {
        &self.servers
    }

    /// The connection URL of a topic, which may include options: `kafka://127.0.0.1:49152/orders?group=billing` for
    /// `orders?group=billing`.
    pub fn url(&self, topic: &str) -> String {
        format!("kafka://{}/{topic}", self.servers)
    }

    /// Creates a topic with this many partitions, at least one. Errors are Kafka's (`INVALID_TOPIC_EXCEPTION`, `INVALID_PARTITIONS`,
    /// `TOPIC_ALREADY_EXISTS`), as rdkafka's `KafkaError` in the source of an error of kind [`Transport`](ErrorKind::Transport).
    pub fn create_topic(&self, topic: &str, partitions: u16) -> Result<(), Error> {
        if !is_topic(topic) {
            return Err(failed(KafkaError::MockCluster(RDKafkaErrorCode::InvalidTopic)));
        }
        if partitions == 0 {
            return Err(failed(KafkaError::MockCluster(RDKafkaErrorCode::InvalidPartitions)));
        }
        cluster(&self.host)?.create_topic(topic, partitions.into(), 1).map_err(failed)
    }

    /// Answers requests for the partitions of a topic that the topic does not exist, until [`remember_topic`](Self::remember_topic). It
    /// keeps all messages and commits.
    pub fn forget_topic(&self, topic: &str) -> Result<(), Error> {
        let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        cluster(&self.host)?.topic_error(topic, error).map_err(failed)
    }

    /// Answers all requests for a topic that the right to read or write it is missing, until [`remember_topic`](Self::remember_topic).
    pub fn forbid_topic(&self, topic: &str) -> Result<(), Error> {
        let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        cluster(&self.host)?.topic_error(topic, error).map_err(failed)
    }

    /// Knows and allows a topic again.
    pub fn remember_topic(&self, topic: &str) -> Result<(), Error> {
        cluster(&self.host)?.topic_error(topic, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).map_err(failed)
    }

    /// Closes every connection and accepts none until [`come_back`](Self::come_back). Keeps all messages and commits.
    pub fn go_away(&self) -> Result<(), Error> {
        cluster(&self.host)?.broker_down(-1).map_err(failed)
    }

    /// Accepts connections again.
    pub fn come_back(&self) -> Result<(), Error> {
        cluster(&self.host)?.broker_up(-1).map_err(failed)
    }

    /// Delays every response by this time.
    pub fn answer_after(&self, delay: Duration) -> Result<(), Error> {
        cluster(&self.host)?.broker_round_trip_time(-1, delay).map_err(failed)
    }

    /// Has a new group wait for members this long, as Kafka does for three seconds (`group.initial.rebalance.delay.ms`).
    pub fn rebalance_after(&self, delay: Duration) {
        rebalance_after(&self.host, delay);
    }

    /// Refuses this many of the next requests.
    pub fn refuse_next(&self, refusal: Refusal, count: usize) -> Result<(), Error> {
        let (request, error) = match refusal {
            Refusal::BatchTooLarge => {
                (RDKafkaApiKey::Produce, RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
            }
            Refusal::InvalidRecord => {
                (RDKafkaApiKey::Produce, RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD)
            }
            Refusal::Storage => {
                (RDKafkaApiKey::Produce, RDKafkaRespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR)
            }
            Refusal::ProducerId => (
                RDKafkaApiKey::InitProducerId,
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            ),
            Refusal::Commit => {
                (RDKafkaApiKey::OffsetCommit, RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE)
            }
            Refusal::Member => {
                (RDKafkaApiKey::Heartbeat, RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
            }
        };
        cluster(&self.host)?.request_errors(request, &vec![error; count]);
        Ok(())
    }

    /// The committed offset of a group for each partition of a topic: all messages before it are done. Blocks until the broker answers.
    pub fn committed(&self, group: &str, topic: &str) -> Result<Vec<Option<i64>>, Error> {
        let client = self.client(group)?;
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(&client, topic)? {
            list.add_partition(topic, partition);
        }
        let list = client.committed_offsets(list, PATIENCE).map_err(failed)?;
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        Ok(list.elements().iter().map(|element| offset(element.offset())).collect())
    }

    /// The offset after the last message of each partition of a topic. Blocks until the broker answers.
    pub fn ends(&self, topic: &str) -> Result<Vec<i64>, Error> {
        let client = self.client("testkit")?;
        let end = |partition| client.fetch_watermarks(topic, partition, PATIENCE).map(|(_, end)| end);
        self.partitions(&client, topic)?.into_iter().map(|partition| end(partition).map_err(failed)).collect()
    }

    /// All current messages of a topic, partition by partition. Blocks until the broker answers.
    pub fn messages(&self, topic: &str) -> Result<Vec<Kept>, Error> {
        let client = self.client("testkit")?;
        let mut list = TopicPartitionList::new();
        let mut missing = BTreeMap::new();
        for (partition, end) in self.partitions(&client, topic)?.into_iter().zip(self.ends(topic)?) {
            if end > 0 {
                list.add_partition_offset(topic, partition, Offset::Beginning).map_err(failed)?;
                missing.insert(partition, end);
            }
        }
        client.assign(&list).map_err(failed)?;
        let mut messages = Vec::new();
        while !missing.is_empty() {
            let Some(message) = client.poll(PATIENCE) else {
                return Err(Error::new(ErrorKind::Timeout).with_detail("a message does not come"));
            };
            let message = message.map_err(failed)?.detach();
            if missing.get(&message.partition()).is_some_and(|end| message.offset().saturating_add(1) >= *end)
            {
                missing.remove(&message.partition());
            }
            messages.push(Kept::new(&message));
        }
        messages.sort_by_key(|message: &Kept| (message.partition, message.offset));
        Ok(messages)
    }

    fn client(&self, group: &str) -> Result<BaseConsumer, Error> {
        ClientConfig::new()
            .set("bootstrap.servers", &self.servers)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .create()
            .map_err(failed)
    }

    fn partitions(&self, client: &BaseConsumer, topic: &str) -> Result<Vec<i32>, Error> {
        let metadata = client.fetch_metadata(Some(topic), PATIENCE).map_err(failed)?;
        let topics = metadata.topics().iter().filter(|known| known.name() == topic);
        let mut partitions: Vec<_> = topics
            .flat_map(|known| known.partitions())
            .map(rdkafka::metadata::MetadataPartition::id)
            .collect();
        partitions.sort_unstable();
        Ok(partitions)
    }
}

/// A refusal of a [`Broker`]: see [`Broker::refuse_next`].
///
/// ```
/// use cloudevents_testkit::kafka::{Broker, Refusal};
///
/// let broker = Broker::start()?;
/// broker.refuse_next(Refusal::BatchTooLarge, 1)?; // the next batch, whatever its size
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// A batch, as too large: MESSAGE_TOO_LARGE. The answer does not say which record is at fault.
    BatchTooLarge,
    /// A batch with a record that is not valid: INVALID_RECORD. The answer does not say which one.
    InvalidRecord,
    /// A batch that the broker cannot store, as with a full disk: KAFKA_STORAGE_ERROR. Clients send it again.
    Storage,
    /// The id of an idempotent producer, as for a user without the right to write: CLUSTER_AUTHORIZATION_FAILED.
    ProducerId,
    /// A commit, for good: INVALID_COMMIT_OFFSET_SIZE.
    Commit,
    /// A heartbeat of a member whose session has ended: UNKNOWN_MEMBER_ID. The member has lost its partitions, and joins again.
    Member,
}

/// A message stored by a [`Broker`].
///
/// ```
/// let broker = cloudevents_testkit::kafka::Broker::start()?;
/// broker.create_topic("orders", 1)?;
/// // ... a program sends ...
/// for message in broker.messages("orders")? {
///     println!("{}: {:?}", message.offset, message.header("ce_id"));
/// }
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept {
    /// The number of the partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// The key. `None` is null.
    pub key: Option<Vec<u8>>,
    /// The headers in order. A value of `None` is null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The value. `None` is null.
    pub value: Option<Vec<u8>>,
}

impl Kept {
    fn new(message: &impl Message) -> Self {
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                .collect(),
            value: message.payload().map(<[u8]>::to_vec),
        }
    }

    /// The value of the first header of this name that is not null.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().filter(|(known, _)| known == name).find_map(|(_, value)| value.as_deref())
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("servers", &self.servers).finish_non_exhaustive()
    }
}

fn cluster(host: &BaseProducer) -> Result<MockCluster<'_, DefaultProducerContext>, Error> {
    host.client()
        .mock_cluster()
        .ok_or_else(|| Error::new(ErrorKind::Transport).with_detail("the client has no mock cluster"))
}

/// Whether Kafka takes it as the name of a topic (`org.apache.kafka.common.internals.Topic`).
fn is_topic(name: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(is_legal)
}

/// Refuses the messages and offsets of this many transactions. The mock cluster takes part in transactions, and shows aborted messages to
/// every consumer. Each refusal is fatal for its producer, so a broker would have to meet as many producers. If the API were removed
/// instead, clients would wait.
fn without_transactions(host: &BaseProducer) -> Result<(), Error> {
    const TRANSACTIONS: usize = 10_000;
    let refusals = [RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED; TRANSACTIONS];
    for key in [RDKafkaApiKey::AddPartitionsToTxn, RDKafkaApiKey::AddOffsetsToTxn] {
        cluster(host)?.request_errors(key, &refusals);
    }
    Ok(())
}

/// Makes a group's first member wait this long for others. rdkafka has no safe function for it.
#[allow(unsafe_code)]
fn rebalance_after(host: &BaseProducer, delay: Duration) {
    let delay = delay.as_millis().try_into().unwrap_or(i32::MAX);
    // SAFETY: the pointer is that of a live client, which `host` keeps alive for the duration of both calls. The first answers with the
    // client's mock cluster or null; the second receives the cluster only when there is one, takes no ownership of it, and hands the
    // number to the cluster's own thread.
    unsafe {
        let cluster = rd_kafka_handle_mock_cluster(host.client().native_ptr());
        if !cluster.is_null() {
            rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, delay);
        }
    }
}

#[cold]
fn failed(error: KafkaError) -> Error {
    Error::new(ErrorKind::Transport).with_detail(error.to_string()).with_source(error)
}
