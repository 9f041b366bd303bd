//! Topics, as brokers show them, and the offsets that a group has committed.

use super::{config, failure::failed, login_refusals::Refusals, reachable::unless_refused, urls::URLS};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, Place, Places, Side};
use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::MetadataTopic,
};
use std::{collections::HashMap, time::Duration};
use tokio::task::spawn_blocking;

/// How long brokers may take for one request, unless the URL has `connect-timeout`.
const REQUEST: Duration = Duration::from_secs(10);

/// How many partitions one request is about.
const TOGETHER: usize = 512;

/// Lists the topics of the URL with their partitions; without a topic, all topics.
///
/// Asking for the offsets that a group has committed makes a broker look for the group's coordinator, and the first such request to a new
/// cluster makes it create its own topic `__consumer_offsets`. Nothing else is created.
pub(super) async fn look(endpoint: Endpoint) -> Result<Places, Error> {
    URLS.check(&endpoint, Side::Both)?;
    let topics = topics(&endpoint)?;
    let limit = endpoint.duration("connect-timeout")?.unwrap_or(REQUEST);
    let mut config = ClientConfig::new();
    config::from_endpoint(&endpoint, &mut config)?;
    if let Some(group) = endpoint.option("group").filter(|group| !group.is_empty()) {
        config.set("group.id", group);
    }
    let has_group = config.get("group.id").is_some();
    config.set("allow.auto.create.topics", "false").set("enable.auto.commit", "false");
    // All records that are there, also those of open transactions.
    config::default(&mut config, "isolation.level", "read_uncommitted");
    let client = config.create_with_context(Looking::default()).map_err(failed)?;
    let looking = spawn_blocking(move || list(&client, &topics, has_group, limit));
    let looking = async {
        looking
            .await
            .unwrap_or_else(|error| Err(Error::new(ErrorKind::Transport).with_detail(error.to_string())))
    };
    unless_refused(&endpoint, limit, looking).await
}

/// The topics of the URL; none for all.
fn topics(endpoint: &Endpoint) -> Result<Vec<String>, Error> {
    let mut segments = endpoint.segments().filter(|segment| !segment.is_empty());
    let (path, None) = (segments.next(), segments.next()) else {
        return Err(endpoint.invalid("the path is not the name of a topic"));
    };
    let topics: Vec<String> = path.iter().flat_map(|path| path.split(',')).map(str::to_owned).collect();
    if topics.iter().any(|topic| topic.is_empty() || topic.starts_with('^')) {
        return Err(endpoint
            .invalid("the path is not the name of a topic")
            .with_help("leave it out to list all topics"));
    }
    Ok(topics)
}

/// The one topic of the URL.
pub(super) fn one_topic(endpoint: &Endpoint) -> Result<String, Error> {
    match <[String; 1]>::try_from(topics(endpoint)?) {
        Ok([topic]) => Ok(topic),
        Err(_) => Err(endpoint.invalid("the path does not name one topic")),
    }
}

/// The callbacks of the client.
#[derive(Default)]
pub(super) struct Looking {
    /// Why there is no connection.
    refusals: Refusals,
}

impl ClientContext for Looking {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        config::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "looking at Kafka");
        self.refusals.hear(&error, reason);
    }
}

impl ConsumerContext for Looking {}

/// A topic, with the known numbers of its partitions.
struct Topic {
    name: Box<str>,
    error: Option<RDKafkaErrorCode>,
    partitions: Vec<Partition>,
}

#[derive(Default)]
struct Partition {
    number: i32,
    first: Option<u64>,
    end: Option<u64>,
    committed: Option<u64>,
    /// Why something is not known.
    error: Option<String>,
}

fn list(
    client: &BaseConsumer<Looking>,
    wanted: &[String],
    has_group: bool,
    limit: Duration,
) -> Result<Places, Error> {
    connected(client, wanted.first().map(String::as_str), limit)?;
    let mut topics = Vec::new();
    if wanted.is_empty() {
        let metadata = client.fetch_metadata(None, limit).map_err(failed)?;
        topics.extend(metadata.topics().iter().map(known));
        topics.sort_by(|one, other| one.name.cmp(&other.name));
    }
    for name in wanted {
        let metadata = client.fetch_metadata(Some(name), limit).map_err(failed)?;
        topics.extend(metadata.topics().iter().map(known));
        if let Some(code) = topics.last().and_then(|topic| topic.error) {
            return Err(
                failed(KafkaError::MetadataFetch(code)).with_detail(format!("the topic `{name}`: {code}"))
            );
        }
    }
    let has_more = topics.len() > Places::MOST;
    topics.truncate(Places::MOST);
    fill(client, &mut topics, has_group, limit)?;
    let mut places: Places = topics.iter().map(|topic| place(topic, !wanted.is_empty(), has_group)).collect();
    places.has_more = has_more;
    Ok(places)
}

/// Waits until a broker has answered.
pub(super) fn connected(
    client: &BaseConsumer<Looking>,
    topic: Option<&str>,
    limit: Duration,
) -> Result<(), Error> {
    let serve = || drop(client.poll(Duration::ZERO));
    client.context().refusals.connected(client.client(), topic, limit, serve)
}

fn known(topic: &MetadataTopic) -> Topic {
    let mut partitions: Vec<_> = topic
        .partitions()
        .iter()
        .take(Places::MOST)
        .map(|partition| Partition {
            number: partition.id(),
            error: (partition.leader() < 0).then(|| "it has no leader".to_owned()),
            ..Partition::default()
        })
        .collect();
    partitions.sort_by_key(|partition| partition.number);
    Topic { name: topic.name().into(), error: topic.error().map(RDKafkaErrorCode::from), partitions }
}

/// The subject of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    First,
    End,
    Committed,
}

/// Asks for the offsets of all partitions, as many at once as one request may have.
fn fill(
    client: &BaseConsumer<Looking>,
    topics: &mut [Topic],
    has_group: bool,
    limit: Duration,
) -> Result<(), Error> {
    let mut partitions: Vec<(&str, &mut Partition)> = topics
        .iter_mut()
        .flat_map(|Topic { name, partitions, .. }| {
            let name: &str = name;
            partitions.iter_mut().map(move |partition| (name, partition))
        })
        .filter(|(_, partition)| partition.error.is_none())
        .collect();
    let committed = has_group.then_some(Asked::Committed);
    let mut unanswered = None;
    for some in partitions.chunks_mut(TOGETHER) {
        for asked in [Asked::First, Asked::End].into_iter().chain(committed) {
            let answered = match &unanswered {
                // Others would take as long again.
                Some(error) => Err(Error::clone(error)),
                None => ask(client, some, asked, limit),
            };
            let error = match answered {
                Ok(()) => continue,
                Err(error) => error,
            };
            // The user of the URL may not see the offsets of the group.
            if asked == Asked::Committed && error.kind() == ErrorKind::Refused {
                return Err(error);
            }
            some.iter_mut().for_each(|(_, partition)| partition.error = Some(error.detail().to_owned()));
            if error.kind() == ErrorKind::Timeout {
                unanswered = Some(error);
            }
        }
    }
    Ok(())
}

fn ask(
    client: &BaseConsumer<Looking>,
    partitions: &mut [(&str, &mut Partition)],
    asked: Asked,
    limit: Duration,
) -> Result<(), Error> {
    let offset = match asked {
        Asked::First => Offset::Beginning,
        Asked::End => Offset::End,
        Asked::Committed => Offset::Invalid,
    };
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions.iter() {
        list.add_partition_offset(topic, partition.number, offset).map_err(failed)?;
    }
    // The numbers of the ends stand for times.
    let answer = match asked {
        Asked::First | Asked::End => client.offsets_for_times(list, limit),
        Asked::Committed => client.committed_offsets(list, limit),
    };
    let answer = answer.map_err(failed)?;
    let elements = answer.elements();
    let found: HashMap<(&str, i32), _> =
        elements.iter().map(|element| ((element.topic(), element.partition()), element)).collect();
    for (topic, partition) in partitions {
        let Some(element) = found.get(&(*topic, partition.number)) else { continue };
        if let Err(error) = element.error() {
            partition.error = Some(failed(error).detail().to_owned());
            continue;
        }
        let offset = match element.offset() {
            Offset::Offset(offset) => u64::try_from(offset).ok(),
            _ => None,
        };
        match asked {
            Asked::First => partition.first = offset,
            Asked::End => partition.end = offset,
            Asked::Committed => partition.committed = offset,
        }
    }
    Ok(())
}

/// The lag of a topic is that of the partitions in which the group has committed an offset. The others are counted: a setting of its
/// consumers decides where the group begins in them. In a list of all topics, those count that the group reads.
fn place(topic: &Topic, has_parts: bool, has_group: bool) -> Place {
    let sum = |of: fn(&Partition) -> Option<u64>| {
        topic.partitions.iter().filter_map(of).reduce(u64::saturating_add)
    };
    let count = u64::try_from(topic.partitions.len()).unwrap_or(u64::MAX);
    let lag = sum(Partition::lag);
    let uncommitted = topic.partitions.iter().filter(|partition| partition.is_uncommitted()).count();
    let uncommitted = u64::try_from(uncommitted).unwrap_or(u64::MAX);
    let is_counted = has_group && uncommitted > 0 && (has_parts || lag.is_some());
    let place = Place::new("topic", topic.name.clone())
        .with("partitions", count)
        .with_known("messages", sum(Partition::messages))
        .with_known("lag", lag)
        .with_known("uncommitted", is_counted.then_some(uncommitted))
        .with_known("error", topic.error.map(|code| code.to_string()));
    match has_parts {
        true => place.with_parts(topic.partitions.iter().map(Partition::place).collect()),
        false => place,
    }
}

impl Partition {
    /// Offsets of transactions and of records that were compacted count, too.
    fn messages(&self) -> Option<u64> {
        self.end?.checked_sub(self.first?)
    }

    /// How far the group is behind the end. Records that were deleted before they were read are no lag.
    fn lag(&self) -> Option<u64> {
        Some(self.end?.saturating_sub(self.committed?.max(self.first?)))
    }

    fn is_uncommitted(&self) -> bool {
        self.committed.is_none() && self.error.is_none()
    }

    fn place(&self) -> Place {
        Place::new("partition", self.number.to_string())
            .with_known("first", self.first)
            .with_known("end", self.end)
            .with_known("committed", self.committed)
            .with_known("lag", self.lag())
            .with_known("error", self.error.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_names_topics_or_none() {
        let topics = |url: &str| topics(&Endpoint::parse(url).unwrap());
        assert_eq!(topics("kafka://one/a,b").unwrap(), ["a", "b"]);
        for all in ["kafka://one", "kafka://one/"] {
            assert!(topics(all).unwrap().is_empty(), "{all}");
        }
        for wrong in ["kafka://one/a/b", "kafka://one/a,", "kafka://one/%5Ea"] {
            assert_eq!(topics(wrong).unwrap_err().kind(), ErrorKind::InvalidUrl, "{wrong}");
        }
    }

    #[test]
    fn what_was_deleted_is_no_lag() {
        let of = |first, end, committed| {
            let [first, end, committed] = [first, end, committed].map(Some);
            let partition = Partition { first, end, committed, ..Partition::default() };
            (partition.messages().unwrap(), partition.lag().unwrap())
        };
        assert_eq!(of(0, 10, 4), (10, 6));
        assert_eq!(of(7, 10, 4), (3, 3));
        assert_eq!(of(0, 10, 12), (10, 0)); // it was truncated
    }

    /// A lag of some partitions is not taken for that of all.
    #[test]
    fn partitions_without_a_commit_are_counted() {
        let partition = |committed, error: Option<&str>| Partition {
            first: Some(0),
            end: Some(10),
            committed,
            error: error.map(str::to_owned),
            ..Partition::default()
        };
        let some = vec![partition(Some(4), None), partition(None, None), partition(None, Some("gone"))];
        let topic = |partitions| Topic { name: "t".into(), error: None, partitions };
        let facts = |place: Place| ["lag", "uncommitted"].map(|name| place.fact(name).cloned());
        let [lag, one] = [6, 1].map(|number: u64| Some(number.into()));
        assert_eq!(facts(place(&topic(some), true, true)), [lag, one.clone()]);
        let none = || topic(vec![partition(None, None)]);
        assert_eq!(facts(place(&none(), true, true)), [None, one]);
        // Of all topics, the group need not read each. And there may be no group.
        assert_eq!(facts(place(&none(), false, true)), [None, None]);
        assert_eq!(facts(place(&none(), true, false)), [None, None]);
    }
}
