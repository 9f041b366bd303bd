//! The names of envelopes and protocols.

use super::entities::{Members, text};
use crate::Leniency;
use crate::finding::{Notes, Rule};
use cloudevents_json::codec::below;
use serde_json::Value;

/// Checks the names of an envelope and a protocol against the names of the group.
pub(super) fn names(of: &Members, group: &Members, place: &str, notes: &mut Notes<'_>) {
    let envelope = text(of, "envelope", place, notes);
    if let Some(name) = envelope
        && !is_versioned(name)
    {
        notes.mistake(
            Rule::EnvelopeName,
            below(place, "envelope"),
            format!("an envelope is `NAME/VERSION`, and this is `{name}`"),
        );
    }
    let mut protocol = text(of, "protocol", place, notes);
    if protocol.is_some_and(|name| name.eq_ignore_ascii_case("none")) {
        notes.deviation(
            Leniency::ProtocolNone,
            below(place, "protocol"),
            "the protocol `None` is read as none",
        );
        protocol = None;
    } else if let Some(name) = protocol
        && (name.is_empty()
            || name.starts_with('/')
            || name.ends_with('/')
            || name.contains(char::is_whitespace))
    {
        notes.mistake(
            Rule::ProtocolName,
            below(place, "protocol"),
            format!("a protocol is `NAME` or `NAME/VERSION`, and this is `{name}`"),
        );
    } else if let Some(name) = protocol.filter(|name| !is_known_protocol(name)) {
        let message = format!("`{name}` is not a protocol of the specification: its options are not checked");
        notes.advice_once(Rule::ProtocolName, below(place, "protocol"), message);
    }
    let groups =
        [("envelope", envelope, Rule::EnvelopeMismatch), ("protocol", protocol, Rule::ProtocolMismatch)];
    for (name, own, rule) in groups {
        if let (Some(own), Some(Value::String(group))) = (own, group.get(name))
            && !own.eq_ignore_ascii_case(group)
        {
            notes.mistake(rule, below(place, name), format!("the group has `{group}`, and this is `{own}`"));
        }
    }
}

/// The version of others is not checked: that of AMQP is another protocol.
pub(super) fn is_known_protocol(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    match name.split_once('/').unwrap_or((&name, "")) {
        ("AMQP", version) => ["", "1.0"].contains(&version),
        ("MQTT", version) => ["", "5", "5.0", "3.1.1"].contains(&version),
        (name, _) => ["HTTP", "KAFKA", "NATS"].contains(&name),
    }
}

fn is_versioned(name: &str) -> bool {
    name.split_once('/').is_some_and(|(name, version)| !name.is_empty() && !version.is_empty())
}

pub(super) fn is_cloudevent(envelope: Option<&Value>) -> bool {
    envelope.and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case("CloudEvents/1.0"))
}
