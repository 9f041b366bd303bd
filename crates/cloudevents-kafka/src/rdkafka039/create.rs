//! Topics that are created on request.

use super::{
    config,
    failure::failed,
    look::{Looking, connected, one_topic},
    reachable::unless_refused,
    urls::URLS,
};
use cloudevents_core::{Error, ErrorKind, codec::one_line};
use cloudevents_transport::{Endpoint, Place, Side};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    error::{KafkaError, RDKafkaErrorCode},
};
use std::time::Duration;
use tokio::task::spawn_blocking;

/// How long brokers may take, unless the URL has `connect-timeout`.
const REQUEST: Duration = Duration::from_secs(10);

/// The broker decides about a number that is not given.
const BY_BROKER: i32 = -1;

/// Creates the topic that the path of the URL names.
///
/// The settings are `partitions` and `replication`, both of which the broker decides otherwise, and settings of topics as Kafka names them,
/// such as `retention.ms`. The options of the URL are those of senders and receivers.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Unsupported`](ErrorKind::Unsupported) for a number that is none;
/// [`Refused`](ErrorKind::Refused) if there is such a topic, and for settings and users that the broker does not accept; and errors of
/// connecting.
pub async fn create(endpoint: Endpoint, settings: Vec<(String, String)>) -> Result<Place, Error> {
    URLS.check(&endpoint, Side::Both)?;
    let name = one_topic(&endpoint)?;
    let limit = endpoint.duration("connect-timeout")?.unwrap_or(REQUEST);
    let mut config = ClientConfig::new();
    config::from_endpoint(&endpoint, &mut config)?;
    let partitions = number(&settings, "partitions")?;
    let replication = number(&settings, "replication")?;
    let creating = async {
        // It reports why there is no connection.
        let client = config.create_with_context(Looking::default()).map_err(failed)?;
        blocking(move || connected(&client, None, limit)).await??;
        let admin: AdminClient<_> = config.create().map_err(failed)?;
        let topic = NewTopic::new(
            &name,
            partitions.unwrap_or(BY_BROKER),
            TopicReplication::Fixed(replication.unwrap_or(BY_BROKER)),
        );
        let others = settings.iter().filter(|(name, _)| !NUMBERS.contains(&name.as_str()));
        let topic = others.fold(topic, |topic, (name, value)| topic.set(name, value));
        let options = AdminOptions::new().request_timeout(Some(limit)).operation_timeout(Some(limit));
        let created = admin.create_topics([&topic], &options).await;
        // It waits for its thread.
        blocking(move || drop(admin)).await?;
        match created.map_err(failed)?.into_iter().next() {
            Some(Ok(_)) => Ok(()),
            Some(Err((_, code))) => Err(refused(&name, code, &settings)),
            None => Err(Error::new(ErrorKind::Transport).with_detail("the broker says nothing of the topic")),
        }
    };
    unless_refused(&endpoint, limit, creating).await?;
    let known = |number: Option<i32>| number.and_then(|number| u64::try_from(number).ok());
    let place = Place::new("topic", name.as_str());
    Ok(place.with_known("partitions", known(partitions)).with_known("replication", known(replication)))
}

/// The settings that are no settings of topics.
const NUMBERS: [&str; 2] = ["partitions", "replication"];

fn number(settings: &[(String, String)], name: &str) -> Result<Option<i32>, Error> {
    let Some((_, value)) = settings.iter().rev().find(|(known, _)| known == name) else { return Ok(None) };
    match value.parse() {
        Ok(number) if number > 0 => Ok(Some(number)),
        _ => Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!("the setting `{name}` is not a number of 1 or more"))),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let done = spawn_blocking(work).await;
    done.map_err(|error| Error::new(ErrorKind::Transport).with_detail(error.to_string()))
}

/// The settings of topics of Kafka 4.1 (its documentation, "Topic Configs"). The client does not return which one a broker refuses. Brokers
/// may have others.
const KNOWN: [&str; 38] = [
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "internal.segment.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.downconversion.enable",
    "message.format.version",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.difference.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.copy.disable",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
];

/// Which settings a broker has refused, as far as that is known: those that Kafka does not have, or else all of topics.
fn suspects(settings: &[(String, String)]) -> String {
    let of_topics = || settings.iter().filter(|(name, _)| !NUMBERS.contains(&name.as_str()));
    let unknown: Vec<_> = of_topics()
        .filter(|(name, _)| !KNOWN.contains(&name.as_str()))
        .map(|(name, _)| format!("`{}`", one_line(name)))
        .collect();
    if !unknown.is_empty() {
        return format!("Kafka has no setting {}", unknown.join(", "));
    }
    let given: Vec<_> =
        of_topics().map(|(name, value)| format!("`{}={}`", one_line(name), one_line(value))).collect();
    if given.is_empty() { String::new() } else { format!("one of {} is wrong", given.join(", ")) }
}

fn refused(name: &str, code: RDKafkaErrorCode, settings: &[(String, String)]) -> Error {
    let error = failed(KafkaError::AdminOp(code));
    match (error.kind(), code) {
        (ErrorKind::Timeout | ErrorKind::Disconnected, _) => error,
        (_, RDKafkaErrorCode::TopicAlreadyExists) => Error::new(ErrorKind::Refused)
            .with_detail(format!("there is a topic `{name}` already"))
            .with_help("its settings are unchanged: `kafka-configs.sh --alter` changes them"),
        (_, RDKafkaErrorCode::InvalidConfig) => Error::new(ErrorKind::Refused)
            .with_detail(format!("the topic `{name}`: {code}: {}", suspects(settings)))
            .with_help("a setting has a name or a value that Kafka does not know: `partitions`, `replication`, or one of topics, such as `retention.ms`"),
        _ => Error::new(ErrorKind::Refused).with_detail(format!("the topic `{name}`: {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broker_refuses_is_named() {
        let settings = |all: &[(&str, &str)]| -> Vec<_> {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        for (given, words) in [
            (
                &[("partitons", "4"), ("retention.ms", "9"), ("partitions", "4")][..],
                "Kafka has no setting `partitons`",
            ),
            (&[("retention.ms", "x"), ("partitions", "4")], "one of `retention.ms=x` is wrong"),
        ] {
            let error = refused("orders", RDKafkaErrorCode::InvalidConfig, &settings(given));
            assert!(error.detail().ends_with(words), "{error}");
        }
    }

    #[test]
    fn numbers_are_positive_and_the_last_one_counts() {
        let settings = |value: &str| {
            vec![("partitions".to_owned(), "9".to_owned()), ("partitions".to_owned(), value.to_owned())]
        };
        assert_eq!(number(&settings("3"), "partitions").unwrap(), Some(3));
        assert_eq!(number(&settings("3"), "replication").unwrap(), None);
        for wrong in ["0", "-1", "x", ""] {
            assert_eq!(
                number(&settings(wrong), "partitions").unwrap_err().kind(),
                ErrorKind::Unsupported,
                "{wrong}"
            );
        }
    }
}
