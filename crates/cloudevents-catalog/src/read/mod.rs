//! Reading documents: schemas first, then messages and endpoints, which refer to them.

mod attributes;
mod combine;
mod endpoints;
mod messages;
mod protocols;
mod schemas;

pub(crate) use attributes::Attribute;
pub(crate) use schemas::Found;
use schemas::Schemas;

use combine::combine;

use crate::finding::{Notes, Rule};
use crate::reference;
use crate::size::values_in;
use crate::{Catalog, Leniency, LoadError, LoadOptions, Report};
use cloudevents_json::codec::{self, below, kind};
use serde_json::{Map, Value};

pub(crate) type Members = Map<String, Value>;

/// An entity of a collection: its id, its members and its place.
type Entity<'v> = (&'v str, &'v Members, String);

/// The longest id, and the longest name of an attribute, in bytes: the parts of an entity have these in their paths.
///
/// Ids have 128 characters at most (core/spec.md, "`<SINGULAR>id`").
pub(crate) const NAME: usize = 256;

/// Members of messages, and the names that they have now.
const MESSAGE_NAMES: [(&str, &str); 9] = [
    ("basemessageuri", "basemessage"),
    ("basemessageurl", "basemessage"),
    ("dataschemaurl", "dataschemauri"),
    ("schemaurl", "dataschemauri"),
    ("schema", "dataschema"),
    ("schemaformat", "dataschemaformat"),
    ("metadata", "envelopemetadata"),
    ("format", "envelope"),
    ("protocolmetadata", "protocoloptions"),
];

/// Members of schemas, and of endpoints, likewise.
const SCHEMA_NAMES: [(&str, &str); 1] = [("schemaformat", "format")];
const ENDPOINT_NAMES: [(&str, &str); 1] = [("format", "envelope")];

/// Parses a document that has no more values than are left, and takes these.
pub(crate) fn parse(text: &[u8], left: &mut usize) -> Result<Value, LoadError> {
    spend_values(text, left)?;
    codec::parse(text).map_err(LoadError::of)
}

/// Takes the values of a text in JSON from the values that remain.
pub(crate) fn spend_values(text: &[u8], left: &mut usize) -> Result<(), LoadError> {
    let rest = left.checked_sub(values_in(text));
    *left = rest.ok_or_else(|| LoadError::new("there are more JSON values than Limits::values"))?;
    Ok(())
}

pub(crate) fn document(document: Value, options: &LoadOptions) -> Result<Report, LoadError> {
    let Value::Object(root) = &document else {
        return Err(LoadError::no_object(&document));
    };
    let mut notes = Notes::new(options, &document);
    let schemas = Schemas::read(root, &mut notes)?;
    let messages = messages::read(root, &schemas, &mut notes)?;
    endpoints::read(root, &mut notes);
    let findings = notes.into_findings();
    Ok(Report { catalog: Catalog::new(messages, document), findings })
}

/// Several documents as one.
pub(crate) fn documents(
    documents: impl Iterator<Item = Result<Value, LoadError>>,
    options: &LoadOptions,
) -> Result<Report, LoadError> {
    let mut all = Members::new();
    for read in documents {
        match read? {
            Value::Object(members) => combine(members, &mut all)?,
            other => return Err(LoadError::no_object(&other)),
        }
    }
    document(all.into(), options)
}

/// The members of a collection, each an object at its place.
fn collection<'v>(of: &'v Members, name: &str, place: &str, notes: &mut Notes<'_>) -> Vec<Entity<'v>> {
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
fn ids(of: &Members, id: &str, key: &str, place: &str, notes: &mut Notes<'_>) {
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
fn cross_reference<'v>(of: &'v Members, place: &str, notes: &mut Notes<'_>) -> Option<&'v str> {
    text(of.get("meta")?.as_object()?, "xref", &below(place, "meta"), notes)
}

/// Returns the default version of a resource.
///
/// The resource may name it, or the version says that it is the default. Otherwise it is the version with the greatest id.
fn default_version<'l, 'v>(
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
fn text<'v>(of: &'v Members, name: &str, place: &str, notes: &mut Notes<'_>) -> Option<&'v str> {
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
fn renamed(of: &Members, names: &[(&str, &str)], place: &str, notes: &mut Notes<'_>) -> Members {
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

/// Returns a place as it is in the document, and whether it is there.
///
/// In the document, members may have earlier names, and attributes may be a level deeper.
pub(crate) fn written(document: &Value, place: &str) -> (String, bool) {
    let (mut written, mut at) = (String::with_capacity(place.len()), Some(document));
    for token in place.split('/').skip(1) {
        let names = MESSAGE_NAMES.iter().chain(&SCHEMA_NAMES);
        let earlier = names.filter(|(_, now)| *now == token).map(|(earlier, _)| format!("/{earlier}"));
        let deeper = written.ends_with("metadata").then(|| format!("/attributes/{token}"));
        let mut ways = std::iter::once(format!("/{token}")).chain(earlier).chain(deeper);
        let found = ways.find_map(|way| Some((at?.pointer(&way)?, way)));
        at = found.as_ref().map(|(value, _)| *value);
        // Missing members have the present name.
        written.push_str(&found.map_or_else(|| format!("/{token}"), |(_, way)| way));
    }
    (written, at.is_some())
}

/// Puts members over others: objects are merged at every level, anything else is replaced.
fn merge(over: &Members, base: &mut Members) {
    for (name, value) in over {
        match (value, base.get_mut(name)) {
            (Value::Object(over), Some(Value::Object(base))) => merge(over, base),
            _ => {
                base.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Checks the names of an envelope and a protocol against the names of the group.
fn names(of: &Members, group: &Members, place: &str, notes: &mut Notes<'_>) {
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
fn is_known_protocol(name: &str) -> bool {
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

fn is_cloudevent(envelope: Option<&Value>) -> bool {
    envelope.and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case("CloudEvents/1.0"))
}
