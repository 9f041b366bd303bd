//! Endpoints: who uses them, and the groups of messages that they have.

use super::{Members, collection, ids, names, renamed};
use crate::Leniency;
use crate::finding::{Notes, Rule};
use crate::reference::Reference;
use cloudevents_json::codec::{below, kind};
use serde_json::Value;

pub(super) fn read(root: &Members, notes: &mut Notes<'_>) {
    for (id, members, place) in collection(root, "endpoints", "", notes) {
        ids(members, "endpointid", id, &place, notes);
        let members = renamed(members, &[("format", "envelope")], &place, notes);
        names(&members, &Members::new(), &place, notes);
        usage(&members, &place, notes);
        if let Some(Value::String(mode)) =
            members.get("envelopeoptions").and_then(|options| options.get("mode"))
            && !["binary", "structured"].contains(&mode.as_str())
        {
            let message = format!("the mode is `binary` or `structured`, and this is `{mode}`");
            notes.mistake(Rule::EnvelopeMode, format!("{place}/envelopeoptions/mode"), message);
        }
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
