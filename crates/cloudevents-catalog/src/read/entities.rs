//! Entities of a document: their members, ids and versions.

use crate::Leniency;
use crate::finding::{Notes, Rule};
use crate::reference::{self, NAME};
use cloudevents_json::codec::{below, kind};
use serde_json::{Map, Value};

pub(crate) type Members = Map<String, Value>;

/// An entity of a collection: its id, its members and its place.
type Entity<'v> = (&'v str, &'v Members, String);

/// The members of a collection, each an object at its place.
pub(super) fn collection<'v>(
    of: &'v Members,
    name: &str,
    place: &str,
    notes: &mut Notes<'_>,
) -> Vec<Entity<'v>> {
    let place = below(place, name);
    let members = match of.get(name) {
        None => return Vec::new(),
        Some(Value::Object(members)) => members,
        Some(other) => {
            notes.mistake(
                Rule::MemberType,
                place,
                format!("a collection is an object, and this is {}", kind(other)),
            );
            return Vec::new();
        }
    };
    let mut list = Vec::with_capacity(members.len());
    for (key, value) in members {
        if key.len() > NAME {
            notes.mistake(Rule::MemberType, place.clone(), format!("an id has more than {NAME} bytes"));
            continue;
        }
        let place = below(&place, key);
        match value {
            Value::Object(value) => list.push((key.as_str(), value, place)),
            _ => notes.mistake(
                Rule::MemberType,
                place,
                format!("an entity is an object, and this is {}", kind(value)),
            ),
        }
    }
    list
}

/// Checks the ids of an entity.
pub(super) fn ids(of: &Members, id: &str, key: &str, place: &str, notes: &mut Notes<'_>) {
    if let Some(own) = text(of, id, place, notes).filter(|own| *own != key) {
        notes.mistake(
            Rule::IdMismatch,
            below(place, id),
            format!("the id is `{own}`, and the key is `{key}`"),
        );
    }
    let path = reference::xid(place);
    if let Some(xid) = text(of, "xid", place, notes).filter(|xid| *xid != path) {
        notes.mistake(
            Rule::XidMismatch,
            below(place, "xid"),
            format!("the xid is `{xid}`, and the path is `{path}`"),
        );
    }
}

/// The resource that this one stands for: `meta.xref` (core/spec.md, "Cross Referencing Resources").
pub(super) fn cross_reference<'v>(of: &'v Members, place: &str, notes: &mut Notes<'_>) -> Option<&'v str> {
    text(of.get("meta")?.as_object()?, "xref", &below(place, "meta"), notes)
}

/// Returns the default version of a resource.
///
/// The resource may name it, or the version says that it is the default. Otherwise it is the version with the greatest id.
pub(super) fn default_version<'l, 'v>(
    of: &Members,
    versions: &'l [Entity<'v>],
    place: &str,
    notes: &mut Notes<'_>,
) -> Option<&'l Entity<'v>> {
    let meta = (of.get("meta").and_then(Value::as_object), below(place, "meta"));
    let own = (Some(of), place.to_owned());
    for ((members, place), name) in
        [(&meta, "defaultversionid"), (&own, "defaultversionid"), (&own, "versionid")]
    {
        let Some(id) = members.and_then(|members| text(members, name, place, notes)) else { continue };
        match versions.iter().find(|(known, ..)| *known == id) {
            None if versions.is_empty() => return None,
            None => {
                notes.mistake(Rule::SchemaVersion, below(place, name), format!("there is no version `{id}`"));
                break;
            }
            found => return found,
        }
    }
    let says = |(_, members, _): &&Entity<'_>| members.get("isdefault") == Some(&Value::Bool(true));
    if let Some(default) = versions.iter().find(says) {
        return Some(default);
    }
    let greatest = versions.iter().max_by_key(|(id, ..)| (id.len(), *id))?;
    let are_numbers = versions.iter().all(|(id, ..)| id.bytes().all(|byte| byte.is_ascii_digit()));
    if versions.len() > 1 && !are_numbers {
        let message = format!("nothing says which version is the default one; `{}` is taken", greatest.0);
        notes.advice(Rule::SchemaVersion, below(place, "versions"), message);
    }
    Some(greatest)
}

/// A member that is a string.
pub(super) fn text<'v>(of: &'v Members, name: &str, place: &str, notes: &mut Notes<'_>) -> Option<&'v str> {
    match of.get(name)? {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => {
            notes.mistake(
                Rule::MemberType,
                below(place, name),
                format!("`{name}` is a string, and this is {}", kind(other)),
            );
            None
        }
    }
}

/// The members, with the names that they have now.
pub(super) fn renamed(of: &Members, names: &[(&str, &str)], place: &str, notes: &mut Notes<'_>) -> Members {
    let mut members = of.clone();
    for (earlier, now) in names {
        let is_free = !members.contains_key(*now);
        if !members.contains_key(*earlier) || !is_free {
            continue;
        }
        if notes.deviation(Leniency::EarlierName, below(place, earlier), format!("read as `{now}`"))
            && let Some(value) = members.remove(*earlier)
        {
            members.insert((*now).to_owned(), value);
        }
    }
    members
}

/// Puts members over others: objects are merged at every level, anything else is replaced.
pub(super) fn merge(over: &Members, base: &mut Members) {
    for (name, value) in over {
        match (value, base.get_mut(name)) {
            (Value::Object(over), Some(Value::Object(base))) => merge(over, base),
            _ => {
                base.insert(name.clone(), value.clone());
            }
        }
    }
}
