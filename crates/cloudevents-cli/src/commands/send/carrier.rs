//! The parts of a message that the protocol of a URL carries, and where it puts the message. A shown message is the sent message.

use super::mode::ContentMode;
use crate::{connect, failure::Failure, report::Report};
use cloudevents_kit::{
    Error, Message, Peer,
    model::codec::header,
    transport::{Binding, Endpoint, Show, bridge::Template},
};
use serde_json::{Map, Value, json};

/// Returns the binding of the testee protocol for a URL.
pub(super) fn binding(endpoint: &Endpoint) -> Option<&'static str> {
    let name = connect::binding(endpoint)?.urls.name;
    Some(match name {
        "mqtt" if endpoint.option("version") == Some("3.1.1") => "mqtt3",
        "mqtt" => "mqtt5",
        name => name,
    })
}

/// The differences from the specification's default, as options of the testee protocol: the options of the URL, and the peer's.
pub(super) fn dialect(endpoint: &Endpoint, peer: Option<Peer>) -> Map<String, Value> {
    let option = |name: &str| endpoint.option(name);
    let mut options = Map::new();
    let mut put =
        |name: &str, value: Option<Value>| options.extend(value.map(|value| (name.to_owned(), value)));
    let peer = option("peer").or(peer.map(Peer::name)).map(Value::from);
    let flag = |name| option(name).map(|value| matches!(value, "" | "true").into());
    match binding(endpoint) {
        Some("amqp") => {
            put("peer", peer);
            put("separator", option("separator").map(|name| if name == "colon" { ":" } else { "_" }.into()));
            put(
                "strings",
                if option("strings") == Some("times") { Some("times".into()) } else { flag("strings") },
            );
        }
        Some("mqtt3" | "mqtt5") => {
            put("peer", peer);
            put("prefix", option("prefix").map(Value::from));
        }
        Some("nats") => {
            put("peer", peer);
            put("headers", flag("headers"));
            put("raw", flag("raw"));
        }
        _ => {}
    }
    options
}

/// Whether messages have no headers, so that they have to be documents.
fn has_no_headers(endpoint: &Endpoint) -> bool {
    binding(endpoint) == Some("nats") && endpoint.option("headers") == Some("false")
}

/// The mode in which events are sent: the given one, or the one that the protocol has.
pub(super) fn mode(
    given: Option<ContentMode>,
    peer: Option<Peer>,
    endpoint: Option<&Endpoint>,
) -> ContentMode {
    let documents = endpoint.is_some_and(|endpoint| {
        let peer = endpoint.option("peer").and_then(|name| name.parse().ok()).or(peer);
        matches!(binding(endpoint), Some("mqtt3" | "websockets"))
            || connect::family(endpoint).is_some_and(|family| family.is_structured)
            || has_no_headers(endpoint)
            || peer.is_some_and(Peer::takes_documents_only)
    });
    given.unwrap_or(if documents { ContentMode::Structured } else { ContentMode::Binary })
}

/// The messages in flight by default, where an outcome takes a round trip to the broker. `is_alone` is whether more than one would not keep
/// their order, or would mix what is shown or delay what is reported.
pub(super) fn parallel(endpoint: Option<&Endpoint>, is_alone: bool) -> usize {
    let many = match endpoint.and_then(binding) {
        None | Some("http") => 1,
        Some("kafka") => BATCHES,
        Some(_) => PIPELINE,
    };
    if is_alone { 1 } else { many }
}

/// The messages in flight by default. With fewer, a sender waits longer for a broker that confirms in bursts.
const PIPELINE: usize = 1024;

/// The same over Kafka, whose requests have messages of one partition: with hundreds of partitions, fewer would be a few in each request.
const BATCHES: usize = 32_768;

/// The bytes in flight, over any protocol.
pub(super) const BYTES: usize = 32 << 20;

/// Refuses a mode or format that the protocol does not carry, which would be sent as another one.
fn check(mode: Option<ContentMode>, format: Option<&str>, endpoint: &Endpoint) -> Result<(), Failure> {
    let binding = binding(endpoint);
    if mode == Some(ContentMode::Binary) {
        let (protocol, help) = match binding {
            Some("mqtt3") => {
                ("MQTT 3.1.1", "leave --mode out, or use MQTT 5: without `version=3.1.1` in the URL")
            }
            Some("websockets") => ("WebSockets", "leave --mode out: every message is a document"),
            Some("pgmq") => ("pgmq", "leave --mode out: every message is a JSON document"),
            _ if has_no_headers(endpoint) => {
                ("NATS without headers", "leave --mode out, or `headers=false` in the URL")
            }
            _ => ("", ""),
        };
        if !protocol.is_empty() {
            return Err(Failure::usage(format!("{protocol} has no binary mode")).help(help));
        }
    }
    match (binding, format) {
        (Some("mqtt3" | "nats" | "pgmq"), Some(format)) if format != "json" => {
            let protocol = match binding {
                Some("nats") => "NATS",
                Some("pgmq") => "pgmq",
                _ => "MQTT 3.1.1",
            };
            Err(Failure::usage(format!("structured messages of {protocol} are JSON, not {format}"))
                .help("leave --format out"))
        }
        (Some("websockets"), Some(format)) if subformat(endpoint) != Some(format) => {
            let offered = subformat(endpoint).unwrap_or_default();
            Err(Failure::usage(format!("the URL offers the format {offered}, and --format is {format}"))
                .help(format!(
                    "write `?format={format}` in the URL: the format of WebSockets is their subprotocol"
                )))
        }
        _ => Ok(()),
    }
}

/// The format that a URL of WebSockets offers first. `None` for other protocols.
pub(super) fn subformat(endpoint: &Endpoint) -> Option<&str> {
    let names =
        (binding(endpoint) == Some("websockets")).then(|| endpoint.option("format").unwrap_or("json"));
    names.and_then(|names| names.split(',').next())
}

/// Where the protocol puts a message, and the other properties that it gives it.
pub(super) fn destination(endpoint: &Endpoint, message: &Message) -> Result<Map<String, Value>, Error> {
    let option = |name: &str| endpoint.option(name);
    let with = cloudevents_kit::decoding();
    let path = endpoint.segments().collect::<Vec<_>>().join("/");
    let filled = |template: &str| match template.contains('{') {
        true => template.parse::<Template>()?.fill(message, &with),
        false => Ok(template.to_owned()),
    };
    let read = |name| message.attribute(name, &with).map(|value| value.map(|value| value.to_string()));
    let mut to = Map::new();
    let mut put = |name: &str, value: Value| drop(to.insert(name.to_owned(), value));
    match binding(endpoint) {
        Some("mqtt3" | "mqtt5") => {
            put("topic", filled(&path)?.into());
            put("qos", option("qos").and_then(|qos| qos.parse().ok()).unwrap_or(1).into());
            put("retain", matches!(option("retain"), Some("" | "true")).into());
            if let Some(expiry) = option("expiry") {
                put("expiry", expiry.into());
            }
        }
        Some("nats") => {
            put("subject", filled(&path)?.into());
            if matches!(option("deduplicate"), Some("" | "true"))
                && let (Some(source), Some(id)) = (read("source")?, read("id")?)
            {
                let escaped = header::encode(&format!("{source} {id}"));
                put("Nats-Msg-Id", String::from_utf8_lossy(&escaped).into());
            }
            if let Some(stream) = option("stream") {
                put("Nats-Expected-Stream", stream.into());
            }
        }
        Some("kafka") => {
            put("topic", path.into());
            let key = option("key").map(read).transpose()?.flatten();
            put("key", key.map_or(Value::Null, Value::from));
        }
        Some("amqp") => put("address", path.into()),
        Some("rabbitmq") => {
            let (exchange, key) = match option("queue") {
                Some(queue) => ("", queue.to_owned()),
                None => (
                    option("exchange").unwrap_or_default(),
                    filled(option("routing-key").unwrap_or_default())?,
                ),
            };
            put("exchange", exchange.into());
            put("routing-key", key.into());
            put("mandatory", json!(option("mandatory") != Some("false")));
        }
        _ => {
            if let Some((binding, show)) = shown(endpoint) {
                put(show.kind, show.place(binding.urls, endpoint).into());
            }
        }
    }
    Ok(to)
}

/// The binding of a URL whose messages the testee protocol does not have, and how it shows them.
pub(super) fn shown(endpoint: &Endpoint) -> Option<(&'static Binding, Show)> {
    let binding = connect::binding(endpoint)?;
    binding.show.map(|show| (binding, show))
}

/// Names the messages that the broker drops without an error.
pub(super) fn may_lose(endpoint: &Endpoint) -> Option<Report> {
    let may = binding(endpoint) == Some("rabbitmq") && endpoint.option("mandatory") == Some("false");
    let words = "with `mandatory=false`, what no queue gets is lost, and the broker confirms it";
    may.then(|| Report::note(words).kind("may-be-lost"))
}

/// Checks the URL, if it is one, before anything is read.
pub(super) fn endpoint(
    url: &str,
    mode: Option<ContentMode>,
    format: Option<&str>,
) -> Result<Option<Endpoint>, Failure> {
    let endpoint = connect::endpoint(url)?;
    endpoint.as_ref().map_or(Ok(()), |endpoint| check(mode, format, endpoint))?;
    Ok(endpoint)
}
