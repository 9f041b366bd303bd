//! The options and addresses of endpoints, by protocol (endpoint/spec.md, "Protocol Options").

use super::entities::Members;
use crate::Template;
use crate::finding::{Notes, Rule};
use crate::reference::is_absolute;
use cloudevents_json::codec::{below, kind};
use serde_json::Value;

/// An option of a protocol: its name, a description of its values, and a function that checks a value.
type Kind = (&'static str, &'static str, &'static str, fn(&Value) -> bool);

/// Some are in texts, too: `qos` and `retain`, as [`Endpoint`](crate::Endpoint) takes them.
const KINDS: &[Kind] = &[
    ("HTTP", "method", TEXT, is_text),
    ("HTTP", "headers", "a list", Value::is_array),
    ("HTTP", "query", "a map", Value::is_object),
    ("HTTP", "apikeyin", "`header` or `query`", |value| is_any(value, &["header", "query"])),
    ("HTTP", "plainscheme", "`basic`, `form` or `query`", |value| is_any(value, &["basic", "form", "query"])),
    ("AMQP", "node", TEXT, is_text),
    ("AMQP", "durable", BOOLEAN, Value::is_boolean),
    ("AMQP", "dynamic", BOOLEAN, Value::is_boolean),
    ("AMQP", "distribution-mode", "`move` or `copy`", |value| is_any(value, &["move", "copy"])),
    ("AMQP", "terminus-durability", "`none`, `configuration` or `unsettled-state`", |value| {
        is_any(value, &["none", "configuration", "unsettled-state"])
    }),
    ("AMQP", "expiry-policy", "`link-detach`, `session-end`, `connection-close` or `never`", |value| {
        is_any(value, &["link-detach", "session-end", "connection-close", "never"])
    }),
    ("AMQP", "timeout", NUMBER, Value::is_u64),
    ("AMQP", "sender-settle-mode", "`unsettled`, `settled` or `mixed`", |value| {
        is_any(value, &["unsettled", "settled", "mixed"])
    }),
    ("AMQP", "receiver-settle-mode", "`first` or `second`", |value| is_any(value, &["first", "second"])),
    ("MQTT", "topic", TEXT, is_text),
    ("MQTT", "topicfilter", TEXT, is_text),
    ("MQTT", "qos", "0, 1 or 2", |value| {
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        number.is_some_and(|number| number <= 2)
    }),
    ("MQTT", "retain", BOOLEAN, |value| value.is_boolean() || is_any(value, &["true", "false"])),
    ("MQTT", "willtopic", TEXT, is_text),
    ("MQTT", "cleansession", BOOLEAN, Value::is_boolean),
    ("MQTT", "cleanstart", BOOLEAN, Value::is_boolean),
    ("MQTT", "sessionexpiryinterval", "a number from 0 to 4294967295", |value| {
        value.as_u64().is_some_and(|number| u32::try_from(number).is_ok())
    }),
    ("MQTT", "sharedsubscriptiongroup", TEXT, is_text),
    ("MQTT", "nolocal", BOOLEAN, Value::is_boolean),
    ("MQTT", "retainaspublished", BOOLEAN, Value::is_boolean),
    ("MQTT", "retainhandling", "0, 1 or 2", |value| value.as_u64().is_some_and(|number| number <= 2)),
    ("KAFKA", "topic", TEXT, is_text),
    ("KAFKA", "acks", "-1, 0 or 1", |value| value.as_i64().is_some_and(|number| (-1..=1).contains(&number))),
    ("KAFKA", "key", TEXT, is_text),
    ("KAFKA", "partition", NUMBER, Value::is_u64),
    ("KAFKA", "consumergroup", TEXT, is_text),
    ("KAFKA", "headers", "a map", Value::is_object),
    ("KAFKA", "autooffsetreset", "`earliest`, `latest` or `none`", |value| {
        is_any(value, &["earliest", "latest", "none"])
    }),
    ("KAFKA", "enableautocommit", BOOLEAN, Value::is_boolean),
    ("NATS", "subject", TEXT, is_text),
    ("NATS", "subjectfilter", TEXT, is_text),
    ("NATS", "queuegroup", TEXT, is_text),
];

const TEXT: &str = "a text that is not empty";
const BOOLEAN: &str = "true or false";
const NUMBER: &str = "a number from 0 on";

/// Checks the values of options at this place, and the addresses among them. The protocol is without its version, in capitals.
pub(super) fn check(protocol: &str, options: &Members, place: &str, notes: &mut Notes<'_>) {
    for (_, name, words, is_one) in KINDS.iter().filter(|(of, ..)| *of == protocol) {
        let Some(value) = options.get(*name).filter(|value| !value.is_null()) else { continue };
        let at = below(place, name);
        // The value of a placeholder is not known.
        if !has_placeholder(value, &at, notes) && !is_one(value) {
            notes.mistake(Rule::ProtocolOption, at, format!("`{name}` is {words}"));
        }
    }
    addresses(protocol, options, &below(place, "endpoints"), notes);
}

fn addresses(protocol: &str, options: &Members, place: &str, notes: &mut Notes<'_>) {
    let list = match options.get("endpoints") {
        None | Some(Value::Null) => return,
        Some(Value::Array(list)) => list,
        Some(other) => {
            let message = format!("`endpoints` is an array of objects, and this is {}", kind(other));
            notes.mistake(Rule::MemberType, place, message);
            return;
        }
    };
    if list.is_empty() {
        notes.advice(Rule::ProtocolOption, place, "there is no address, so that nothing is opened");
    }
    for (index, item) in list.iter().enumerate() {
        let place = format!("{place}/{index}");
        let Value::Object(address) = item else {
            let message = format!("an address is an object, and this is {}", kind(item));
            notes.mistake(Rule::MemberType, place, message);
            continue;
        };
        match protocol {
            "HTTP" | "AMQP" | "MQTT" | "NATS" => uri(address, &place, notes),
            "KAFKA" => servers(address, &place, notes),
            _ => {}
        }
    }
}

fn uri(address: &Members, place: &str, notes: &mut Notes<'_>) {
    let at = below(place, "uri");
    match address.get("uri") {
        Some(uri @ Value::String(text)) => {
            // All of these protocols have a host: `h:1883` has no scheme.
            let is_uri = is_absolute(text) && text.contains("://");
            if !has_placeholder(uri, &at, notes) && !is_uri {
                notes.mistake(Rule::ProtocolOption, at, format!("`{text}` is not an absolute URI"));
            }
        }
        Some(other) => {
            let message = format!("`uri` is a string, and this is {}", kind(other));
            notes.mistake(Rule::MemberType, at, message);
        }
        None => {
            let other = if address.contains_key("url") { ", and this has a `url`" } else { "" };
            notes.mistake(Rule::ProtocolOption, place, format!("an address has a `uri`{other}"));
        }
    }
}

fn servers(address: &Members, place: &str, notes: &mut Notes<'_>) {
    let at = below(place, "bootstrap.servers");
    match address.get("bootstrap.servers") {
        Some(Value::Array(list)) if !list.is_empty() && list.iter().all(Value::is_string) => {
            for (index, server) in list.iter().enumerate() {
                has_placeholder(server, &format!("{at}/{index}"), notes);
            }
        }
        Some(_) => {
            let message = "`bootstrap.servers` is an array of texts that is not empty";
            notes.mistake(Rule::ProtocolOption, at, message);
        }
        // Existing catalogs have it, such as the samples of the specification.
        None if address.contains_key("uri") => {
            let message = "an address of Kafka has `bootstrap.servers`: by a `uri`, nothing is opened";
            notes.advice(Rule::ProtocolOption, below(place, "uri"), message);
        }
        None => notes.mistake(Rule::ProtocolOption, place, "an address of Kafka has `bootstrap.servers`"),
    }
}

/// Whether a value has placeholders, or is not a proper template, which is a mistake.
fn has_placeholder(value: &Value, place: &str, notes: &mut Notes<'_>) -> bool {
    let Some(text) = value.as_str().filter(|text| text.contains(['{', '}'])) else { return false };
    if let Err(error) = text.parse::<Template>() {
        notes.mistake(Rule::Template, place, error.to_string());
    }
    true
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn is_any(value: &Value, known: &[&str]) -> bool {
    value.as_str().is_some_and(|text| known.contains(&text))
}
