//! Streams that are created on request.

use super::{
    connection::{ALONE, Connected, runtime},
    failure,
    look::place,
    options::{NatsConnection, Target},
};
use async_nats::jetstream::{
    Context,
    context::{CreateStreamError, CreateStreamErrorKind},
    stream::{Config, Info, Stream},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, Place, Side, binding::any_host};
use serde_json::Value;
use std::time::Duration;

/// How long the server may take for one request, unless the URL has `connect-timeout`.
const REQUEST: Duration = Duration::from_secs(10);

/// The settings that are numbers or words, by their names in the configuration of a stream.
const VALUES: [&str; 11] = [
    "storage",
    "retention",
    "discard",
    "num_replicas",
    "max_bytes",
    "max_msgs",
    "max_msgs_per_subject",
    "max_msg_size",
    "max_consumers",
    "deny_delete",
    "description",
];

/// The settings that are durations.
const DURATIONS: [&str; 2] = ["max_age", "duplicate_window"];

/// Creates the stream that the option `stream` of the URL names, with the subject of the URL.
///
/// The settings have the names that NATS has for them in the configuration of a stream, such as `storage`, `max_bytes` and `num_replicas`.
/// `subjects` is a list with commas, in place of the subject of the URL. `max_age` and `duplicate_window` are durations: `24h`. If there is
/// such a stream with the same configuration, nothing changes.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Unsupported`](ErrorKind::Unsupported) for core NATS, and for settings that streams do
/// not have; [`Refused`](ErrorKind::Refused) if there is a stream with the name or the subject, and for settings and users that the server
/// does not accept; and errors of connecting.
pub async fn create(endpoint: Endpoint, settings: Vec<(String, String)>) -> Result<Place, Error> {
    let connection = NatsConnection { connect_timeout: REQUEST, ..NatsConnection::default() };
    let target = Target::new(&endpoint, connection, Side::Both)?;
    if !target.jetstream {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail("core NATS keeps no messages, and creates nothing")
            .with_help("the scheme `nats+jetstream` has streams"));
    }
    let config = config(&endpoint, &target.subject, &settings)?;
    let wanted = config.clone();
    let given: Vec<&str> = settings.iter().map(|(name, _)| name.as_str()).collect();
    runtime()?;
    let limit = target.options.connect_timeout;
    let begin = |host| {
        let target = &target;
        async move { Connected::begin(target, &host, ALONE).await }
    };
    let connected = any_host(&target.hosts, limit, begin).await?;
    let context = target.context(connected.client.clone(), limit, ALONE);
    let created = tokio::select! {
        biased;
        created = make(&context, config) => match created {
            Err(error) if error.kind() == ErrorKind::Refused => return Err(differing(&context, &wanted, &given, error).await),
            created => created?,
        },
        error = connected.notes.lost() => return Err(error),
    };
    connected.close().await;
    Ok(place(created.cached_info()))
}

async fn make(context: &Context, config: Config) -> Result<Stream<Info>, Error> {
    context.create_stream(config).await.map_err(refused)
}

/// The error of a stream that exists, with what differs: the server does not say it.
async fn differing(context: &Context, wanted: &Config, given: &[&str], error: Error) -> Error {
    let Ok(stream) = context.get_stream(&wanted.name).await else { return error };
    let differences = differences(wanted, given, &stream.cached_info().config);
    if differences.is_empty() {
        return error;
    }
    let detail = format!("there is a stream `{}` with {}", wanted.name, differences.join(", "));
    Error::new(ErrorKind::Refused)
        .with_detail(detail)
        .with_help("its settings are unchanged: `nats stream edit` changes them")
}

/// The settings of which a stream has another value: those that are given, and bounds that are not. The server sets others by itself.
fn differences(wanted: &Config, given: &[&str], has: &Config) -> Vec<String> {
    let of = |config: &Config| serde_json::to_value(config).unwrap_or_default();
    let (wanted, has) = (of(wanted), of(has));
    let names = ["subjects"].into_iter().chain(VALUES).chain(DURATIONS);
    let is_bound = |name: &str| name.starts_with("max_") && has.get(name).and_then(Value::as_i64) > Some(0);
    let counts = |name: &str| name == "subjects" || given.contains(&name) || is_bound(name);
    let differs = |name: &&str| counts(name) && wanted.get(name) != has.get(name);
    let shown = |name: &str, value: Option<&Value>| match value {
        Some(Value::Number(number)) if DURATIONS.contains(&name) => {
            format!("{:?}", Duration::from_nanos(number.as_u64().unwrap_or_default()))
        }
        Some(value) => value.to_string(),
        None => "nothing".to_owned(),
    };
    let words = |name| match name == "subjects" || given.contains(&name) {
        true => format!("`{name}` {} and not {}", shown(name, has.get(name)), shown(name, wanted.get(name))),
        false => format!("`{name}` {}, which is not named here", shown(name, has.get(name))),
    };
    names.filter(differs).map(words).collect()
}

/// The configuration of the stream.
fn config(endpoint: &Endpoint, subject: &str, settings: &[(String, String)]) -> Result<Config, Error> {
    let Some(name) = endpoint.option("stream").filter(|name| !name.is_empty()) else {
        let error = endpoint.invalid("the option `stream` does not name the stream to create");
        return Err(match endpoint.option("consumer") {
            Some(_) => error.with_help(
                "a consumer is not created here: a receiver with the option `consumer` makes it, as in `ce listen` and `ce bridge`",
            ),
            None => error,
        });
    };
    let subjects: Vec<String> = match settings.iter().rev().find(|(name, _)| name == "subjects") {
        Some((_, subjects)) => subjects.split(',').map(|subject| subject.trim().to_owned()).collect(),
        None => vec![subject.to_owned()],
    };
    if subjects.iter().any(String::is_empty) {
        return Err(endpoint.invalid("the path is not a subject").with_help(
            "name a subject of the stream, such as `orders.*`, or several in the setting `subjects`",
        ));
    }
    let config = Config { name: name.to_owned(), subjects, ..Config::default() };
    let wrong =
        |name: &str| Error::new(ErrorKind::Unsupported).with_detail(format!("the setting `{name}` is wrong"));
    let Ok(Value::Object(mut members)) = serde_json::to_value(&config) else { return Ok(config) };
    for (name, text) in settings.iter().filter(|(name, _)| name != "subjects") {
        let value = match name.as_str() {
            name if DURATIONS.contains(&name) => nanoseconds(endpoint, name, text)?,
            name if VALUES.contains(&name) => serde_json::from_str(text)
                .ok()
                .filter(|value: &Value| name != "description" && (value.is_number() || value.is_boolean()))
                .unwrap_or_else(|| text.as_str().into()),
            _ => {
                let known = VALUES.into_iter().chain(DURATIONS).collect::<Vec<_>>().join("`, `");
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_detail(format!("a stream has no setting `{name}`"))
                    .with_help(format!("the settings are `subjects`, `{known}`")));
            }
        };
        members.insert(name.clone(), value);
        // The one that is wrong is named.
        serde_json::from_value::<Config>(Value::Object(members.clone()))
            .map_err(|error| wrong(name).with_help(error.to_string()))?;
    }
    serde_json::from_value(Value::Object(members))
        .map_err(|error| wrong("subjects").with_help(error.to_string()))
}

fn nanoseconds(endpoint: &Endpoint, name: &str, text: &str) -> Result<Value, Error> {
    let duration = endpoint.clone().or_option(name, text).duration(name)?.unwrap_or_default();
    Ok(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).into())
}

fn refused(error: CreateStreamError) -> Error {
    use CreateStreamErrorKind as Kind;
    match error.kind() {
        Kind::JetStream(error) => failure::jetstream(&error),
        Kind::TimedOut => Error::new(ErrorKind::Timeout).with_detail("JetStream did not answer in time"),
        Kind::JetStreamUnavailable => failure::no_jetstream(&error),
        Kind::EmptyStreamName | Kind::InvalidStreamName => {
            Error::new(ErrorKind::InvalidUrl).with_detail("the option `stream` is not the name of a stream")
        }
        _ => failure::disconnected(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_nats::jetstream::stream::{DiscardPolicy, StorageType};

    fn of(url: &str, settings: &[(&str, &str)]) -> Result<Config, Error> {
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let endpoint = Endpoint::parse(url)?;
        let target = Target::new(&endpoint, NatsConnection::default(), Side::Both)?;
        config(&endpoint, &target.subject, &settings)
    }

    #[test]
    fn settings_have_the_names_of_nats() {
        let settings = [
            ("storage", "memory"),
            ("max_age", "24h"),
            ("max_msgs", "1000"),
            ("num_replicas", "3"),
            ("discard", "new"),
            ("description", "7"),
        ];
        let config = of("nats+jetstream://h/orders.*?stream=ORDERS", &settings).unwrap();
        assert_eq!(
            (config.name.as_str(), config.subjects.as_slice()),
            ("ORDERS", &["orders.*".to_owned()][..])
        );
        assert_eq!((config.storage, config.discard), (StorageType::Memory, DiscardPolicy::New));
        assert_eq!(config.max_age, Duration::from_secs(24 * 3600));
        assert_eq!((config.max_messages, config.num_replicas), (1000, 3));
        assert_eq!(config.description.as_deref(), Some("7"));
        let several = of("nats+jetstream://h/?stream=S", &[("subjects", "a, b.>")]).unwrap();
        assert_eq!(several.subjects, ["a", "b.>"]);
    }

    #[test]
    fn what_differs_is_named() {
        let with = |settings: &[(&str, &str)]| of("nats+jetstream://h/orders?stream=S", settings).unwrap();
        let has =
            with(&[("max_msgs", "9"), ("max_age", "24h"), ("storage", "memory"), ("num_replicas", "1")]);
        let of = |settings: &[(&str, &str)]| {
            let given: Vec<_> = settings.iter().map(|(name, _)| *name).collect();
            differences(&with(settings), &given, &has)
        };
        assert_eq!(differences(&has, &[], &has), [""; 0]);
        assert_eq!(
            of(&[("storage", "file"), ("max_msgs", "9"), ("max_age", "1h")]),
            ["`storage` \"memory\" and not \"file\"", "`max_age` 86400s and not 3600s"]
        );
        // A bound that is not given is none. Others are as the server likes them.
        assert_eq!(of(&[("max_age", "24h")]), ["`max_msgs` 9, which is not named here"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (url, settings, words) in [
            ("nats+jetstream://h/orders", &[][..], "`stream`"),
            ("nats+jetstream://h/?stream=S", &[], "the path is not a subject"),
            ("nats+jetstream://h/s?stream=S", &[("storage", "tape")], "`storage`"),
            ("nats+jetstream://h/s?stream=S", &[("max_msgs", "many")], "`max_msgs`"),
            ("nats+jetstream://h/s?stream=S", &[("max_age", "1")], "`max_age`"),
            ("nats+jetstream://h/s?stream=S", &[("maxage", "1h")], "no setting `maxage`"),
        ] {
            let error = of(url, settings).unwrap_err().to_string();
            assert!(error.contains(words), "{url}: {error}");
        }
        let consumer = of("nats+jetstream://h/s?consumer=billing", &[]).unwrap_err();
        assert!(consumer.help().unwrap().starts_with("a consumer is not created here"), "{consumer:#}");
    }
}
