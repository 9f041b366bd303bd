//! Endpoints: their usages, and the groups of messages that they have.

use super::entities::{Members, collection, ids, renamed};
use super::envelopes::{is_known_protocol, names};
use super::protocols;
use crate::Leniency;
use crate::earlier_names::ENDPOINT_NAMES;
use crate::finding::{Notes, Rule};
use crate::reference::Reference;
use cloudevents_json::codec::{below, kind};
use serde_json::Value;

pub(super) fn read(root: &Members, notes: &mut Notes<'_>) {
    for (id, members, place) in collection(root, "endpoints", "", notes) {
        ids(members, "endpointid", id, &place, notes);
        let members = renamed(members, &ENDPOINT_NAMES, &place, notes);
        names(&members, &Members::new(), &place, notes);
        usage(&members, &place, notes);
        if let Some(Value::String(mode)) =
            members.get("envelopeoptions").and_then(|options| options.get("mode"))
            && !["binary", "structured"].contains(&mode.as_str())
        {
            let message = format!("the mode is `binary` or `structured`, and this is `{mode}`");
            notes.mistake(Rule::EnvelopeMode, format!("{place}/envelopeoptions/mode"), message);
        }
        if let Some(options) = members.get("envelopeoptions")
            && options.get("mode").is_some_and(|mode| mode == "binary")
            && options.get("format").is_some()
        {
            let message = "binary mode has no format";
            notes.mistake(Rule::EnvelopeMode, format!("{place}/envelopeoptions/format"), message);
        }
        options(&members, &place, notes);
        groups(root, &members, &place, notes);
    }
}

fn usage(members: &Members, place: &str, notes: &mut Notes<'_>) {
    let place = below(place, "usage");
    let list = match members.get("usage") {
        Some(Value::Array(list)) if !list.is_empty() => list.as_slice(),
        Some(one @ Value::String(_)) => {
            notes.deviation(Leniency::SingleUsage, place.clone(), "`usage` is an array");
            std::slice::from_ref(one)
        }
        _ => {
            notes.mistake(
                Rule::Usage,
                place,
                "`usage` is an array of `subscriber`, `consumer` or `producer`",
            );
            return;
        }
    };
    for (index, usage) in list.iter().enumerate() {
        if !["subscriber", "consumer", "producer"].iter().any(|known| usage == known) {
            notes.mistake(
                Rule::Usage,
                format!("{place}/{index}"),
                format!("{usage} is not `subscriber`, `consumer` or `producer`"),
            );
        }
    }
}

/// Checks usages and options against the requirements of the specification for protocols.
fn options(members: &Members, place: &str, notes: &mut Notes<'_>) {
    let protocol = members.get("protocol").and_then(Value::as_str).unwrap_or_default().to_ascii_uppercase();
    let usages: Vec<&str> = match members.get("usage") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        other => other.and_then(Value::as_str).into_iter().collect(),
    };
    let (is_for, empty) = (|usage: &str| usages.contains(&usage), Members::new());
    let options = match members.get("protocoloptions") {
        Some(Value::Object(options)) => options,
        None | Some(Value::Null) => &empty,
        Some(other) => {
            let message = format!("`protocoloptions` is an object, and this is {}", kind(other));
            notes.mistake(Rule::MemberType, below(place, "protocoloptions"), message);
            &empty
        }
    };
    let name = protocol.split('/').next().filter(|_| is_known_protocol(&protocol)).unwrap_or_default();
    protocols::check(name, options, &below(place, "protocoloptions"), notes);
    let text = |name: &str| options.get(name).and_then(Value::as_str);
    let at = |name: &str| below(&format!("{place}/protocoloptions"), name);
    let mut both = |first: &str, second: &str| {
        if options.contains_key(first) && options.contains_key(second) {
            let message = format!("`{first}` and `{second}` exclude each other");
            notes.mistake(Rule::ProtocolOption, at(second), message);
        }
    };
    match name {
        "HTTP" if usages.len() > 1 => {
            notes.mistake(Rule::Usage, below(place, "usage"), "an endpoint of HTTP has one usage");
        }
        "MQTT" => {
            both("topic", "topicfilter");
            if text("topic").is_some_and(|topic| topic.contains(['+', '#'])) {
                notes.mistake(Rule::ProtocolOption, at("topic"), "a topic to publish to has no wildcards");
            }
            if let Some(group) = options.get("sharedsubscriptiongroup")
                && (!options.contains_key("topicfilter")
                    || group.as_str().is_some_and(|group| group.contains('/')))
            {
                let message =
                    "the group of a shared subscription is a name without `/`, beside a `topicfilter`";
                notes.mistake(Rule::ProtocolOption, at("sharedsubscriptiongroup"), message);
            }
        }
        "NATS" => {
            both("subject", "subjectfilter");
            if text("subject")
                .is_some_and(|subject| subject.split('.').any(|token| token == "*" || token == ">"))
            {
                notes.mistake(
                    Rule::ProtocolOption,
                    at("subject"),
                    "a subject to publish to has no wildcards",
                );
            }
            if options.contains_key("queuegroup") && !options.contains_key("subjectfilter") {
                notes.mistake(
                    Rule::ProtocolOption,
                    at("queuegroup"),
                    "a queue group is beside a `subjectfilter`",
                );
            }
        }
        "KAFKA" => {
            if is_for("subscriber") && is_for("consumer") {
                let message = "of Kafka, subscribers and consumers are different endpoints";
                notes.mistake(Rule::Usage, below(place, "usage"), message);
            } else if is_for("subscriber") && options.contains_key("consumergroup") {
                let message = "a subscriber makes its group, and does not state it";
                notes.mistake(Rule::ProtocolOption, at("consumergroup"), message);
            } else if is_for("consumer")
                && !options.contains_key("consumergroup")
                && options.contains_key("endpoints")
            {
                let message = "a consumer of Kafka states its `consumergroup`";
                notes.mistake(Rule::ProtocolOption, below(place, "protocoloptions"), message);
            }
            let of_consumers = ["autooffsetreset", "enableautocommit"];
            for name in of_consumers.into_iter().filter(|name| options.contains_key(*name)) {
                if !is_for("consumer") {
                    let message = format!("`{name}` is an option of consumers");
                    notes.mistake(Rule::ProtocolOption, at(name), message);
                }
            }
        }
        _ => {}
    }
}

fn groups(root: &Members, members: &Members, place: &str, notes: &mut Notes<'_>) {
    let place = below(place, "messagegroups");
    let list = match members.get("messagegroups") {
        None | Some(Value::Null) => return,
        Some(Value::Array(list)) => list,
        Some(other) => {
            notes.mistake(
                Rule::MemberType,
                place,
                format!("`messagegroups` is an array, and this is {}", kind(other)),
            );
            return;
        }
    };
    for (index, item) in list.iter().enumerate() {
        let place = format!("{place}/{index}");
        let Value::String(text) = item else {
            notes.mistake(
                Rule::MemberType,
                place,
                format!("a reference is a string, and this is {}", kind(item)),
            );
            continue;
        };
        let Reference::Local { path, is_pointer, .. } = Reference::parse(text) else { continue };
        let found = match path.as_slice() {
            [groups, id] => {
                (groups == "messagegroups" || groups == "endpoints")
                    && root.get(groups).is_some_and(|all| all.get(id).is_some())
            }
            _ => false,
        };
        if !found {
            notes.mistake(Rule::Dangling, place, format!("there is no group `{text}`"));
        } else if is_pointer {
            let message = format!("`{text}` is a JSON Pointer, not an XID");
            notes.deviation(Leniency::PointerReference, place, message);
        }
    }
}
