//! Parts of an event that an implementation may add.

use cloudevents_vectors::{Case, Expected};

use super::instant::Instant;
use crate::tree::node::Node;

/// Whether the request has a time that is left out, because it is none. Then no other time is made up.
pub(super) fn leaves_out_time(case: &Case) -> bool {
    let repairs = case.expect.iter().filter_map(|outcome| match &outcome.expected {
        Expected::Result(result) => result.get("repairs")?.as_array(),
        Expected::Error(_) => None,
    });
    repairs.flatten().any(|repair| repair.get("attribute").is_some_and(|name| name == TIME))
}

/// Leaves out the `time` of an event that the wanted event does not have, in binary notations.
///
/// A batch has its events, and Avro and Protobuf have the attributes of an event, in a member. Avro compact has a null for a missing
/// `time`.
pub(super) fn leave_out_time(wanted: &Node, got: &mut Node) {
    if let (Some(Node::List(wanted)), Some(Node::List(got))) = (wanted.get("events"), got.get_mut("events")) {
        wanted.iter().zip(got).for_each(|(wanted, got)| leave_out_time(wanted, got));
    }
    for name in ["attribute", "attributes"] {
        if let Some(attributes @ Node::Map(_)) = got.get_mut(name) {
            leave_out_time(wanted.get(name).unwrap_or(&Node::Null), attributes);
            // Protobuf has no field for a map without entries.
            if wanted.get(name).is_none() && attributes.members_mut().next().is_none() {
                got.remove(name);
            }
        }
    }
    if !got.get(TIME).is_some_and(is_time) {
        return;
    }
    match (wanted.get(TIME), got.get_mut(TIME)) {
        (None, _) => got.remove(TIME),
        (Some(Node::Tagged(branch, none)), Some(time)) if **none == Node::Null => {
            *time = Node::Tagged(branch.clone(), none.clone());
        }
        _ => (),
    }
}

/// Leaves out a `binary_data` of no bytes, if the wanted event has no payload.
///
/// No sentence of the Protobuf format says that an event without a payload has none of the three fields.
pub(super) fn leave_out_no_bytes(wanted: &Node, got: &mut Node) {
    let has_none = PAYLOADS.iter().all(|field| wanted.get(field).is_none());
    if has_none && got.get("binary_data") == Some(&Node::Bytes(Vec::new())) {
        got.remove("binary_data");
    }
}

/// Whether text is a timestamp.
pub(super) fn is_timestamp(text: &str) -> bool {
    Instant::parse(text).is_some()
}

/// The attribute that a producer may set.
pub(super) const TIME: &str = "time";

/// The fields of a payload in Protobuf.
const PAYLOADS: [&str; 3] = ["binary_data", "text_data", "proto_data"];

/// Whether a value is a timestamp, as text or as one of the types that formats have for it.
fn is_time(value: &Node) -> bool {
    match value {
        Node::Text(text) => is_timestamp(text),
        Node::Tagged(branch, value) if branch == "long" => matches!(**value, Node::Integer(_)),
        Node::Tagged(_, value) => is_time(value),
        value => value.get("ce_timestamp").is_some(),
    }
}
