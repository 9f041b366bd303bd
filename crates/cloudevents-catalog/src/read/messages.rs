//! Definitions of messages: with their bases merged, ready to judge events.

use super::attributes::{Attribute, is_same_media_type};
use super::entities::{Members, collection, cross_reference, default_version, ids, merge, renamed, text};
use super::envelopes::{is_cloudevent, names};
use super::schemas::{Found, Schemas, compile};
use crate::catalog::Message;
use crate::earlier_names::MESSAGE_NAMES;
use crate::finding::{Notes, Rule, short};
use crate::raw::RawRule;
use crate::reference::{self, NAME, Reference, is_absolute};
use crate::schema::{Family, Format, MESSAGE, Schema};
use crate::verdict::NotJudged;
use crate::{Leniency, LoadError};
use cloudevents_core::MediaType;
use cloudevents_json::codec::{below, kind, token};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Members of a message that belong to it as a resource of a registry. All other members belong to its version.
const OF_RESOURCE: [&str; 9] =
    ["messageid", "self", "shortself", "xid", "metaurl", "meta", "versionsurl", "versionscount", "versions"];

/// A definition as it is written, with the present names.
struct Raw {
    members: Members,
    /// Its member `dataschema`, which is not among the others.
    dataschema: Option<Arc<Value>>,
    /// The place of the message.
    place: String,
    /// The place of its members. It is the place of its version, if the message itself has no members.
    from: String,
    /// The bytes that it adds to a message that has it as a base, without `dataschema`.
    size: usize,
    /// Whether it is the base of another one.
    is_base: bool,
}

impl Raw {
    fn schema_size(&self) -> usize {
        self.dataschema.as_ref().map_or(0, |schema| size("dataschema", schema))
    }
}

/// Schemas that messages have and inherit: by the place of the message that has it, and its format.
type Inline = HashMap<(String, String), Found>;

pub(super) fn read(
    root: &Members,
    schemas: &Schemas,
    notes: &mut Notes<'_>,
) -> Result<Vec<Message>, LoadError> {
    let (mut raws, mut by_place) = (Vec::new(), HashMap::new());
    for (groups, id_name) in [("messagegroups", "messagegroupid"), ("endpoints", "endpointid")] {
        for (group, members, place) in collection(root, groups, "", notes) {
            if groups == "messagegroups" {
                ids(members, id_name, group, &place, notes);
                names(members, &Members::new(), &place, notes);
            }
            for (id, own, place) in collection(members, "messages", &place, notes) {
                ids(own, "messageid", id, &place, notes);
                let (mut own, from) = attributes(own, &place, notes);
                names(&own, members, &from, notes);
                flatten(&mut own, &from, notes);
                if let Some(envelope) = members
                    .get("envelope")
                    .filter(|_| !own.contains_key("envelope") && !own.contains_key("basemessage"))
                {
                    notes.mistake(
                        Rule::EnvelopeMissing,
                        from.clone(),
                        "the group has an envelope, and this message has none",
                    );
                    own.insert("envelope".to_owned(), envelope.clone());
                }
                by_place.insert(place.clone(), raws.len());
                let dataschema = own.remove("dataschema").map(Arc::new);
                let size = own.iter().map(|(name, value)| size(name, value)).sum();
                let raw = Raw { members: own, dataschema, place, from, size, is_base: false };
                raws.push((id.to_owned(), raw));
                if raws.len() > notes.options.limits.definitions {
                    return Err(LoadError::new("there are more messages than Limits::definitions"));
                }
            }
        }
    }
    let base = |raw: &Raw| match Reference::parse(raw.members.get("basemessage")?.as_str()?) {
        Reference::Local { path, .. } => by_place.get(&base_place(&path)).copied(),
        Reference::Elsewhere => None,
    };
    let bases: Vec<usize> = raws.iter().filter_map(|(_, raw)| base(raw)).collect();
    for at in bases {
        raws.get_mut(at).into_iter().for_each(|(_, raw)| raw.is_base = true);
    }
    let (mut messages, mut inline) = (Vec::with_capacity(raws.len()), Inline::new());
    let mut cycles = HashSet::new();
    for (id, raw) in &raws {
        let (chain, is_whole) = chain(raw, &raws, &by_place, &mut cycles, notes);
        let bases = chain.iter().rev().skip(1).map(|base| base.size);
        // One alone is shared.
        let stating = stating(&chain);
        let merged = stating.iter().filter(|_| stating.len() > 1).map(|part| part.schema_size());
        if !notes.inherited.spend(bases.chain(merged).fold(0, usize::saturating_add)) {
            return Err(inherits_too_much());
        }
        // Behind a chain that does not end, anything may be missing.
        notes.is_quiet = !is_whole;
        let message = message(id, raw, &chain, &stating, schemas, &mut inline, notes);
        notes.is_quiet = false;
        messages.push(message?);
    }
    alternatives(&messages, &raws, notes);
    Ok(messages)
}

/// Advises about types with several definitions: a definition that judges no payload admits payloads that the others refuse.
fn alternatives(messages: &[Message], raws: &[(String, Raw)], notes: &mut Notes<'_>) {
    let is_judged =
        |message: &&Message| message.is_event && !matches!(&*message.schema.schema, Schema::Not(_));
    let judged: HashSet<&str> =
        messages.iter().filter(is_judged).filter_map(Message::constant_type).collect();
    for (message, (_, raw)) in messages.iter().zip(raws) {
        #[allow(irrefutable_let_patterns)] // without a feature, no schema can be read
        let Schema::Not(reason) = &*message.schema.schema else { continue };
        if let Some(ty) = message.constant_type().filter(|ty| judged.contains(ty))
            && message.is_event
            && !matches!(reason, NotJudged::NoSchema)
        {
            let ty = short(ty, MESSAGE / 4);
            let words = format!(
                "payloads of the type `{ty}` are judged by another definition; this one, which cannot judge them, admits each of them"
            );
            notes.advice(Rule::NotJudged, raw.from.clone(), words);
        }
    }
}

fn inherits_too_much() -> LoadError {
    LoadError::new("what messages inherit has more than four times Limits::bytes")
}

/// The members of a message with the present names, and their place.
///
/// In documents that registries return, the members are in its version alone (core/spec.md, "Doc Flag"), or in the message that it stands
/// for.
fn attributes(own: &Members, place: &str, notes: &mut Notes<'_>) -> (Members, String) {
    let versions = collection(own, "versions", place, notes);
    for (id, version, place) in &versions {
        ids(version, "versionid", id, place, notes);
    }
    let (mut members, mut from) = (renamed(own, &MESSAGE_NAMES, place, notes), place.to_owned());
    if let Some((_, version, at)) = default_version(own, &versions, place, notes) {
        match own.keys().all(|name| OF_RESOURCE.contains(&name.as_str())) {
            true => from.clone_from(at),
            false => _ = notes.versions.insert(place.to_owned(), at.clone()),
        }
        members.remove("versions");
        let mut all = renamed(version, &MESSAGE_NAMES, at, notes);
        merge(&members, &mut all);
        members = all;
    }
    if let Some(target) = cross_reference(own, place, notes) {
        members.entry("basemessage").or_insert_with(|| target.into());
    }
    (members, from)
}

/// The most rules for attributes of one message: events have no more attributes.
const ATTRIBUTES: usize = 256;

/// The bytes of a member, about, and of the structures that are made of it in each message that inherits it.
fn size(name: &str, value: &Value) -> usize {
    let own = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| size(name, value)).fold(256, usize::saturating_add)
        }
        Value::Array(items) => items.iter().map(|item| size("", item)).sum(),
        Value::String(text) => text.len(),
        _ => 0,
    };
    own.saturating_add(name.len()).saturating_add(16)
}

/// Attributes that are one level too deep.
fn flatten(members: &mut Members, place: &str, notes: &mut Notes<'_>) {
    let place = format!("{place}/envelopemetadata");
    match members.get_mut("envelopemetadata") {
        Some(Value::Object(metadata)) => {
            // An attribute of this name has a type or a value, which are no objects.
            let is_nested = matches!(metadata.get("attributes"), Some(Value::Object(inner)) if inner.values().all(Value::is_object));
            if is_nested
                && notes.deviation(
                    Leniency::NestedAttributes,
                    format!("{place}/attributes"),
                    "the attributes are one level up",
                )
                && let Some(Value::Object(inner)) = metadata.remove("attributes")
            {
                metadata.extend(inner);
            }
        }
        Some(other) => {
            let message = format!("`envelopemetadata` is an object, and this is {}", kind(other));
            notes.mistake(Rule::MemberType, place, message);
        }
        None => {}
    }
}

/// The place of the message at a path, which may go on.
fn base_place(path: &[String]) -> String {
    path.iter().take(4).map(|name| token(name)).collect()
}

/// The definition and its bases, from the last base to the definition, and whether the chain ends.
///
/// `cycles` are the messages of the cycles that were reported.
fn chain<'r>(
    raw: &'r Raw,
    raws: &'r [(String, Raw)],
    by_place: &HashMap<String, usize>,
    cycles: &mut HashSet<&'r str>,
    notes: &mut Notes<'_>,
) -> (Vec<&'r Raw>, bool) {
    let (mut chain, mut is_whole) = (vec![raw], true);
    let mut last = raw;
    while let Some(base) = text(&last.members, "basemessage", &last.from, notes) {
        let place = below(&last.from, "basemessage");
        let Reference::Local { path, is_pointer, .. } = Reference::parse(base) else {
            notes.advice(
                Rule::BaseMissing,
                place,
                format!("the base message is in another registry: {base}"),
            );
            break;
        };
        if is_pointer
            && !notes.deviation(
                Leniency::PointerReference,
                place.clone(),
                format!("`{base}` is a JSON Pointer, not an XID"),
            )
        {
            break;
        }
        let next = by_place.get(&base_place(&path)).and_then(|index| raws.get(*index));
        let Some((_, next)) = next else {
            notes.advice(Rule::BaseMissing, place, format!("there is no message `{base}`"));
            break;
        };
        if let Some(first) = chain.iter().position(|known| known.place == next.place) {
            let within: Vec<&str> = chain.iter().skip(first).map(|part| part.place.as_str()).collect();
            if !within.iter().any(|place| cycles.contains(place)) {
                let message = "the chain of base messages comes back to a message in it";
                notes.mistake(Rule::BaseCycle, place, message);
            }
            cycles.extend(within);
            is_whole = false;
            break;
        }
        if chain.len() >= notes.options.limits.references {
            notes.mistake(
                Rule::BaseCycle,
                place,
                "the chain of base messages is longer than Limits::references",
            );
            is_whole = false;
            break;
        }
        chain.push(next);
        last = next;
    }
    chain.reverse();
    (chain, is_whole)
}

/// The messages in a chain whose `dataschema` a message has, the last one first. They are several if [`merge`] merges them.
fn stating<'r>(chain: &[&'r Raw]) -> Vec<&'r Raw> {
    let mut parts: Vec<&Raw> = chain.iter().rev().copied().filter(|part| part.dataschema.is_some()).collect();
    let is_object = |part: &&Raw| part.dataschema.as_ref().is_some_and(|schema| schema.is_object());
    let merged = parts.iter().take_while(|part| is_object(part)).count();
    parts.truncate(merged.max(1));
    parts
}

/// The `dataschema` that these state together, and the place of the message that it is in.
fn dataschema(stating: &[&Raw], place: &str) -> Option<(Arc<Value>, String)> {
    let ([last, ..], [.., first]) = (stating, stating) else { return None };
    let schema = match stating {
        [only] => only.dataschema.clone()?,
        _ => {
            let mut all = first.dataschema.as_ref()?.as_object()?.clone();
            for part in stating.iter().rev().skip(1) {
                merge(part.dataschema.as_ref()?.as_object()?, &mut all);
            }
            Arc::new(all.into())
        }
    };
    // A schema that several messages state together has the place of the definition.
    let from = if stating.len() == 1 { &last.from } else { place };
    (!schema.is_null()).then(|| (schema, from.to_owned()))
}

/// The place of the message in a chain that states this member, or this member of a member.
///
/// It is the last message that states it, otherwise the message itself.
fn from_of<'r>(chain: &[&'r Raw], names: &[&str]) -> &'r str {
    let states = |part: &&&Raw| match names {
        [name, rest @ ..] => {
            let member = part.members.get(*name);
            member.and_then(|value| rest.iter().try_fold(value, |value, name| value.get(name))).is_some()
        }
        [] => true,
    };
    chain.iter().rev().find(states).or(chain.last()).map_or("", |part| &part.from)
}

fn message(
    id: &str,
    raw: &Raw,
    chain: &[&Raw],
    stating: &[&Raw],
    schemas: &Schemas,
    inline: &mut Inline,
    notes: &mut Notes<'_>,
) -> Result<Message, LoadError> {
    let place = &raw.from;
    let mut members = Members::new();
    for part in chain {
        merge(&part.members, &mut members);
    }
    let is_event = is_cloudevent(members.get("envelope"));
    if !members.contains_key("envelope") && members.contains_key("envelopemetadata") {
        notes.mistake(Rule::EnvelopeMissing, place.clone(), "there is `envelopemetadata`, and no `envelope`");
    }
    options(&members, chain, notes);
    let mut attributes = Vec::new();
    if is_event && let Some(Value::Object(metadata)) = members.get("envelopemetadata") {
        if metadata.len() > ATTRIBUTES {
            let place = format!("{place}/envelopemetadata");
            notes.mistake(Rule::MemberType, place, format!("there are more than {ATTRIBUTES} attributes"));
        }
        for (name, rule) in metadata.iter().take(ATTRIBUTES) {
            if name.len() > NAME {
                let place = format!("{place}/envelopemetadata");
                let words = format!("the name of an attribute has more than {NAME} bytes");
                notes.mistake(Rule::MemberType, place, words);
                continue;
            }
            let place = |member: &[&str]| {
                let names = [&["envelopemetadata", name], member].concat();
                below(&format!("{}/envelopemetadata", from_of(chain, &names)), name)
            };
            match rule {
                Value::Object(rule) => {
                    let own = notes.written(&place(&[]));
                    attributes.push(Attribute::read(name, rule, own, &|member| place(&[member]), notes));
                }
                other => notes.mistake(
                    Rule::MemberType,
                    place(&[]),
                    format!("the rule for an attribute is an object, and this is {}", kind(other)),
                ),
            }
        }
    }
    let constant = |name: &str| {
        attributes.iter().find(|attribute: &&Attribute| attribute.name == name).and_then(Attribute::constant)
    };
    if is_event && let Some(ty) = constant("type").filter(|ty| *ty != id) {
        notes.advice(
            Rule::IdIsType,
            place.clone(),
            format!("the id should be the type of the event, which is `{ty}`"),
        );
    }
    if let (Some(own), Some(other)) =
        (constant("dataschema"), members.get("dataschemauri").and_then(Value::as_str))
        && own != other
    {
        notes.mistake(
            Rule::DataschemaMismatch,
            format!(
                "{}/envelopemetadata/dataschema/value",
                from_of(chain, &["envelopemetadata", "dataschema", "value"])
            ),
            format!("`dataschemauri` is `{other}`"),
        );
    }
    let from = from_of(chain, &["datacontenttype"]);
    if let Some(own) = text(&members, "datacontenttype", from, notes) {
        let at = below(from, "datacontenttype");
        match (MediaType::parse(own), constant("datacontenttype")) {
            (Err(_), _) => notes.mistake(Rule::ContentType, at, format!("`{own}` is not a media type")),
            (Ok(_), Some(other)) => {
                if !is_same_media_type(own, other) {
                    let message = format!("the attribute has `{other}`, and this is `{own}`");
                    notes.mistake(Rule::ContentTypeMismatch, at, message);
                }
            }
            // Of a structured message, it is the type of the envelope.
            (Ok(_), None) if !is_event => {}
            (Ok(own), None) if own.essence().to_ascii_lowercase().starts_with("application/cloudevents") => {}
            (Ok(own), None) => Attribute::state_content_type(&mut attributes, own.as_str(), at),
        }
    }
    let dataschema = dataschema(stating, place);
    let schema = schema(&members, chain, dataschema.as_ref(), schemas, inline, notes)?;
    let dataschema = dataschema.map(|(schema, _)| schema);
    if let Some(rule) = attributes.iter().find(|rule| rule.name == "datacontenttype")
        && let Some(reason) = rule.constant().and_then(|own| schema.schema.never_judges(own))
    {
        notes.advice(Rule::NotJudged, rule.place.clone(), reason.to_string());
    }
    if let (Schema::Not(NotJudged::Format(_)), Some(format)) = (&*schema.schema, &schema.format) {
        let text = &format.text;
        let words = match format.family {
            Family::Other(_) => {
                format!("payloads are not judged: `{text}` is not a format of the specification")
            }
            _ => format!("payloads are not judged by schemas of the format `{text}`"),
        };
        let stated = below(from_of(chain, &["dataschemaformat"]), "dataschemaformat");
        let is_stated = members.contains_key("dataschemaformat");
        let place = if is_stated { stated } else { schema.place.clone() };
        notes.advice_once(Rule::NotJudged, place, words);
    }
    let rules = RawRule::read(&members, notes.options.allows(Leniency::WidePlaceholder));
    let xid = Arc::from(reference::xid(&raw.place));
    Ok(Message { id: id.to_owned(), xid, is_event, members, dataschema, attributes, schema, raw: rules })
}

/// Options of protocols that exclude each other, or have few values.
fn options(members: &Members, chain: &[&Raw], notes: &mut Notes<'_>) {
    let Some(Value::Object(options)) = members.get("protocoloptions") else { return };
    let protocol = members.get("protocol").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let place = |name: &str| format!("{}/protocoloptions", from_of(chain, &["protocoloptions", name]));
    for (name, first, second) in [("http", "method", "status"), ("kafka", "key", "key_base64")] {
        if protocol.starts_with(name) && options.contains_key(first) && options.contains_key(second) {
            notes.mistake(
                Rule::ProtocolOption,
                place(second),
                format!("`{first}` and `{second}` exclude each other"),
            );
        }
    }
    let qos = options.get("qos").filter(|qos| qos.is_number());
    if protocol.starts_with("mqtt") && qos.is_some_and(|qos| qos.as_u64().is_none_or(|qos| qos > 2)) {
        notes.mistake(Rule::ProtocolOption, format!("{}/qos", place("qos")), "`qos` is 0, 1 or 2");
    }
}

fn schema(
    members: &Members,
    chain: &[&Raw],
    inline: Option<&(Arc<Value>, String)>,
    schemas: &Schemas,
    compiled: &mut Inline,
    notes: &mut Notes<'_>,
) -> Result<Found, LoadError> {
    let place = from_of(chain, &[]);
    let at = |name: &str, notes: &Notes<'_>| notes.written(&below(from_of(chain, &[name]), name));
    let mut text = |name: &str| text(members, name, from_of(chain, &[name]), notes);
    let [uri, xid, stated] = ["dataschemauri", "dataschemaxid", "dataschemaformat"].map(&mut text);
    let format = stated.and_then(|text| Format::read(text, &at("dataschemaformat", notes), notes));
    let not = |reason, at: String| Found {
        schema: Arc::new(Schema::Not(reason)),
        format: None,
        place: at,
        document: None,
    };
    if let (Some((_, from)), Some(_)) = (inline, uri) {
        let message = "`dataschema` and `dataschemauri` exclude each other";
        notes.mistake(Rule::SchemaConflict, below(from, "dataschema"), message);
    }
    if stated.is_none() && (inline.is_some() || uri.is_some()) {
        notes.mistake(Rule::FormatMissing, place, "there is a schema, and no `dataschemaformat`");
    }
    if let Some((inline, from)) = inline {
        let at = notes.written(&below(from, "dataschema"));
        let Some(format) = format else {
            return Ok(not(NotJudged::Unusable("its format is not known".to_owned()), at));
        };
        // Compiled once for all messages that inherit it, unless they state other formats.
        let key = (from.clone(), format.text.clone());
        if let Some(known) = compiled.get(&key) {
            return Ok(known.clone());
        }
        if from != place && !notes.inherited.spend(size("dataschema", inline)) {
            return Err(inherits_too_much());
        }
        let schema = Arc::new(compile(&format, inline, &at, notes));
        let document = Some((inline.clone(), None));
        let found = Found { schema, format: Some(format), place: at, document };
        compiled.insert(key, found.clone());
        return Ok(found);
    }
    let mut result = None;
    for (name, reference) in [("dataschemaxid", xid), ("dataschemauri", uri)] {
        let Some(reference) = reference else { continue };
        match Reference::parse(reference) {
            Reference::Elsewhere if name == "dataschemaxid" => {
                notes.mistake(Rule::Reference, at(name, notes), format!("`{reference}` is not an XID"))
            }
            Reference::Elsewhere if result.is_none() => {
                elsewhere(reference, at(name, notes), schemas, notes);
                result = Some(not(NotJudged::Elsewhere(reference.to_owned()), at(name, notes)));
            }
            Reference::Elsewhere => {}
            Reference::Local { path, fragment, .. } => {
                match schemas.find(&path, fragment, &at(name, notes), notes) {
                    Some(found) => {
                        // A schema with a document has its own advice.
                        if let (Schema::Not(NotJudged::Elsewhere(uri)), None) =
                            (&*found.schema, &found.document)
                        {
                            elsewhere(uri, at(name, notes), schemas, notes);
                        }
                        result = Some(found);
                    }
                    None => {
                        notes.mistake(
                            Rule::Dangling,
                            at(name, notes),
                            format!("there is no schema `{reference}`"),
                        );
                        result = result.or_else(|| {
                            Some(not(NotJudged::Elsewhere(reference.to_owned()), at(name, notes)))
                        });
                    }
                }
            }
        }
    }
    let Some(found) = result else {
        // A base may leave the schema to messages that have it as a base.
        if stated.is_some() && chain.last().is_some_and(|raw| !raw.is_base) {
            let words = "payloads are not judged: there is a format, and no `dataschema` or `dataschemauri`";
            notes.advice(Rule::NotJudged, at("dataschemaformat", notes), words);
        }
        return Ok(not(NotJudged::NoSchema, place.to_owned()));
    };
    if let (Some(own), Some(other)) = (&format, &found.format)
        && !own.agrees(other)
    {
        let message =
            format!("the format of the message is `{}`, and that of the schema `{}`", own.text, other.text);
        notes.mistake(Rule::FormatMismatch, at("dataschemaformat", notes), message);
    }
    Ok(found)
}

/// Reports a reference to a schema that is not in the catalog: nothing is fetched.
fn elsewhere(reference: &str, place: String, schemas: &Schemas, notes: &mut Notes<'_>) {
    if is_absolute(reference) {
        let reason = NotJudged::Elsewhere(short(reference, MESSAGE).into_owned());
        notes.advice(Rule::NotJudged, place, format!("payloads are not judged: {reason}"));
        return;
    }
    let reference = short(reference, MESSAGE);
    let mut words = format!(
        "payloads are not judged: `{reference}` is neither an XID, a JSON Pointer nor an absolute URI"
    );
    if let Reference::Local { path, .. } = Reference::parse(&format!("/{reference}"))
        && schemas.has(&path)
    {
        words.push_str(&format!("; there is a schema `/{reference}`: is a slash missing?"));
    }
    notes.advice(Rule::Reference, place, words);
}
