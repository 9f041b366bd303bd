//! Groups of schemas, their versions, and references to them.

use super::entities::{Members, collection, cross_reference, default_version, ids, renamed, text};
use crate::earlier_names::SCHEMA_NAMES;
use crate::finding::{Notes, Rule};
use crate::reference::Reference;
use crate::schema::{Family, Format, Parts, Schema, SchemaFault, parse};
use crate::verdict::NotJudged;
use crate::{Leniency, LoadError};
use cloudevents_core::AttributeType;
use cloudevents_json::codec::below;
use serde_json::Value;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

/// The schemas of a catalog.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    /// By group and id.
    entries: HashMap<(String, String), Entry>,
}

#[derive(Debug)]
struct Entry {
    default: String,
    versions: HashMap<String, Version>,
    /// The group and the id of the schema that it stands for.
    other: Option<(String, String)>,
}

#[derive(Debug)]
struct Version {
    place: String,
    format: Option<Format>,
    document: Option<Arc<Value>>,
    schema: Arc<Schema>,
    /// The title of a JSON Schema in a text.
    title: OnceCell<Option<String>>,
    /// The parts from which types are selected, and the selected types. Each type is compiled once.
    parts: OnceCell<Result<Parts, SchemaFault>>,
    selected: RefCell<HashMap<String, Result<Arc<Schema>, SchemaFault>>>,
}

/// A schema that a reference names.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) schema: Arc<Schema>,
    pub(crate) format: Option<Format>,
    pub(crate) place: String,
    /// The document, and the type that is selected in it.
    pub(crate) document: Option<(Arc<Value>, Option<String>)>,
}

impl Schemas {
    pub(super) fn read(root: &Members, notes: &mut Notes<'_>) -> Result<Self, LoadError> {
        let (mut entries, mut count) = (HashMap::new(), 0_usize);
        for (group, members, place) in collection(root, "schemagroups", "", notes) {
            ids(members, "schemagroupid", group, &place, notes);
            for (id, members, place) in collection(members, "schemas", &place, notes) {
                ids(members, "schemaid", id, &place, notes);
                let versions = members.get("versions").and_then(Value::as_object).map_or(1, |all| all.len());
                count = count.saturating_add(versions.max(1));
                if count > notes.options.limits.definitions {
                    return Err(LoadError::new(
                        "there are more versions of schemas than Limits::definitions",
                    ));
                }
                let entry = entry(members, &place, notes);
                entries.insert((group.to_owned(), id.to_owned()), entry);
            }
        }
        Ok(Self { entries })
    }

    /// The schema at a path in the catalog: `schemagroups/G/schemas/S`, with a version and a selection.
    pub(super) fn find(
        &self,
        path: &[String],
        fragment: Option<&str>,
        place: &str,
        notes: &mut Notes<'_>,
    ) -> Option<Found> {
        let [groups, group, schemas, id, rest @ ..] = path else { return None };
        if groups != "schemagroups" || schemas != "schemas" {
            return None;
        }
        let mut selection = fragment.map(str::to_owned);
        let entry = match self.entry(group, id) {
            Some(entry) => entry,
            None => {
                let (id, name) = id.rsplit_once(':')?;
                selection = Some(
                    std::iter::once(name)
                        .chain(rest.iter().map(String::as_str))
                        .collect::<Vec<_>>()
                        .join("/"),
                );
                self.entry(group, id)?
            }
        };
        let mut id = entry.default.as_str();
        if let ([versions, version, rest @ ..], None) = (rest, &selection)
            && versions == "versions"
        {
            id = version;
            let mut tokens: Vec<&str> = rest.iter().map(String::as_str).collect();
            if !entry.versions.contains_key(id)
                && let Some((version, name)) = version.rsplit_once(':')
            {
                id = version;
                tokens.insert(0, name);
            }
            selection = (!tokens.is_empty()).then(|| tokens.join("/"));
        } else if selection.is_none() && !rest.is_empty() {
            selection = Some(rest.join("/"));
        }
        let version = entry.versions.get(id)?;
        version.select(selection.as_deref(), place, notes)
    }

    /// Whether there is a schema at this path, or at the beginning of this path.
    pub(super) fn has(&self, path: &[String]) -> bool {
        matches!(path, [groups, group, schemas, id, ..]
            if groups == "schemagroups" && schemas == "schemas" && self.entry(group, id).is_some())
    }

    /// A schema, or the schema that it stands for. The other schema cannot stand for another one in turn.
    fn entry(&self, group: &str, id: &str) -> Option<&Entry> {
        let entry = self.entries.get(&(group.to_owned(), id.to_owned()))?;
        match &entry.other {
            Some(other) => self.entries.get(other),
            None => Some(entry),
        }
    }
}

impl Version {
    fn select(&self, selection: Option<&str>, place: &str, notes: &mut Notes<'_>) -> Option<Found> {
        let mut found = Found {
            schema: self.schema.clone(),
            format: self.format.clone(),
            place: self.place.clone(),
            document: self.document.clone().map(|document| (document, None)),
        };
        let (Some(selection), Some(format), Some(document)) = (selection, &self.format, &self.document)
        else {
            let whole = self.parts.get().and_then(|parts| parts.as_ref().ok()?.whole());
            if let (None, Some(Err(fault))) = (selection, whole) {
                found.schema = Arc::new(unusable(fault, place, notes));
            }
            return Some(found);
        };
        // Avro and Protobuf select by a name alone. The title of a JSON Schema selects all of it.
        if format.family != Family::JsonSchema || self.title(document) != Some(selection) {
            found.schema = match self.selected(selection, format, document, notes) {
                Ok(schema) => schema,
                Err(fault) => Arc::new(unusable(fault, place, notes)),
            };
            found.document = Some((document.clone(), Some(selection.to_owned())));
        }
        let is_read = !matches!(&*found.schema, Schema::Not(NotJudged::Unusable(_)));
        if is_read && matches!(format.family, Family::JsonSchema) {
            let message = "the type is selected by other means than a JSON Pointer after the path";
            if !notes.deviation(Leniency::SubSelection, place, message) {
                found.schema = Arc::new(Schema::Not(NotJudged::Unusable(message.to_owned())));
            }
        }
        Some(found)
    }

    fn title<'v>(&'v self, document: &'v Value) -> Option<&'v str> {
        match document {
            Value::String(text) => {
                let parsed = || parse(text).ok()?.get("title")?.as_str().map(str::to_owned);
                self.title.get_or_init(parsed).as_deref()
            }
            document => document.get("title")?.as_str(),
        }
    }

    fn selected(
        &self,
        selection: &str,
        format: &Format,
        document: &Arc<Value>,
        notes: &mut Notes<'_>,
    ) -> Result<Arc<Schema>, SchemaFault> {
        if let Some(known) = self.selected.borrow().get(selection) {
            return known.clone();
        }
        let parts = self.parts.get_or_init(|| Parts::read(format, document, &mut notes.compiled));
        let schema = match parts {
            Ok(parts) => parts.select(selection, &mut notes.compiled).map(Arc::new).map_err(SchemaFault::cut),
            Err(fault) => Err(fault.clone().cut()),
        };
        self.selected.borrow_mut().insert(selection.to_owned(), schema.clone());
        schema
    }
}

fn entry(members: &Members, place: &str, notes: &mut Notes<'_>) -> Entry {
    let mut versions = HashMap::new();
    let list = collection(members, "versions", place, notes);
    let other = cross_reference(members, place, notes).and_then(|target| match Reference::parse(target) {
        Reference::Local { path, .. } => Some((path.get(1)?.clone(), path.get(3)?.clone())),
        Reference::Elsewhere => None,
    });
    for (id, own, place) in &list {
        ids(own, "versionid", id, place, notes);
        if let Some(ancestor) = text(own, "ancestorid", place, notes)
            .filter(|name| members.get("versions").is_some_and(|all| all.get(name).is_none()))
        {
            let message = format!("there is no version `{ancestor}`");
            notes.mistake(Rule::SchemaVersion, below(place, "ancestorid"), message);
        }
        versions.insert((*id).to_owned(), version(own, Some(members), place, notes));
    }
    let default = match default_version(members, &list, place, notes) {
        Some((id, ..)) => *id,
        None => {
            let mut names = ["defaultversionid", "versionid"].into_iter();
            names.find_map(|name| text(members, name, place, notes)).unwrap_or_default()
        }
    };
    if list.is_empty() && other.is_none() {
        versions.insert(default.to_owned(), version(members, None, place, notes));
    }
    Entry { default: default.to_owned(), versions, other }
}

fn version(members: &Members, resource: Option<&Members>, place: &str, notes: &mut Notes<'_>) -> Version {
    let members = renamed(members, &SCHEMA_NAMES, place, notes);
    let of = |members: &Members, place: &str, notes: &mut Notes<'_>| {
        text(members, "format", place, notes)
            .map(str::to_owned)
            .and_then(|text| Format::read(&text, &below(place, "format"), notes))
    };
    let own = of(&members, place, notes);
    let whole = resource.and_then(|resource| {
        // The place of the resource is two levels up.
        let place = place.rsplitn(3, '/').last().unwrap_or_default();
        of(resource, place, notes)
    });
    if let (Some(own), Some(whole)) = (&own, &whole)
        && !own.agrees(whole)
    {
        let message =
            format!("the format of the schema is `{}`, and that of its version `{}`", whole.text, own.text);
        notes.mistake(Rule::FormatMismatch, below(place, "format"), message);
    }
    let format = own.or(whole);
    let forms: Vec<&str> = ["schema", "schemabase64", "schemaurl"]
        .into_iter()
        .filter(|name| members.contains_key(*name))
        .collect();
    if forms.len() > 1 {
        notes.mistake(
            Rule::SchemaDocument,
            place,
            format!("the schema is there more than once: {}", forms.join(", ")),
        );
    }
    let not = |reason| Version {
        place: place.to_owned(),
        format: format.clone(),
        document: None,
        schema: Arc::new(Schema::Not(reason)),
        title: OnceCell::new(),
        parts: OnceCell::new(),
        selected: RefCell::default(),
    };
    let document = match forms.first() {
        Some(&"schema") => members.get("schema").cloned(),
        Some(&"schemabase64") => {
            text(&members, "schemabase64", place, notes).map(str::to_owned).and_then(|text| {
                let mut scratch = Vec::new();
                let decoded = AttributeType::Binary.parse(&text, &mut scratch).is_ok();
                let text = String::from_utf8(scratch).ok().filter(|_| decoded);
                if text.is_none() {
                    notes.mistake(
                        Rule::SchemaDocument,
                        below(place, "schemabase64"),
                        "this is not the base64 of a text",
                    );
                }
                text.map(Value::String)
            })
        }
        Some(_) => {
            let url = text(&members, "schemaurl", place, notes).unwrap_or_default();
            return not(NotJudged::Elsewhere(url.trim().to_owned()));
        }
        None => {
            notes.advice(Rule::SchemaDocument, place, "there is no document of the schema");
            return not(NotJudged::NoSchema);
        }
    };
    let states = |members: &Members| members.contains_key("format");
    if document.is_some() && !states(&members) && !resource.is_some_and(states) {
        notes.advice(Rule::NotJudged, place, "payloads are not judged: the schema has no `format`");
    }
    let (Some(document), Some(format)) = (document, &format) else {
        return not(NotJudged::Unusable("its format or its document is not known".to_owned()));
    };
    let name = forms.first().copied().unwrap_or_default();
    // A document of Protobuf is compiled once, for all of it and for its parts.
    let parts = OnceCell::new();
    let whole = (cfg!(feature = "protox09") && format.family == Family::Protobuf)
        .then(|| parts.get_or_init(|| Parts::read(format, &document, &mut notes.compiled)))
        .and_then(|parts| parts.as_ref().ok()?.whole());
    let schema = Arc::new(match whole {
        Some(Ok(schema)) => schema,
        // References may select a type. References without a selection get advice.
        Some(Err(fault)) => Schema::Not(NotJudged::Unusable(fault.words().into_owned())),
        None => compile(format, &document, &below(place, name), notes),
    });
    Version { document: Some(Arc::new(document)), schema, parts, ..not(NotJudged::NoSchema) }
}

/// Compiles a schema, and reports its faults.
pub(super) fn compile(format: &Format, document: &Value, place: &str, notes: &mut Notes<'_>) -> Schema {
    let schema = Schema::compile(format, document, &mut notes.compiled);
    schema.unwrap_or_else(|fault| unusable(fault, place, notes))
}

/// Reports the fault of a schema.
fn unusable(fault: SchemaFault, place: &str, notes: &mut Notes<'_>) -> Schema {
    let fault = fault.cut();
    let words = fault.words().into_owned();
    match fault {
        SchemaFault::InvalidAt(pointer, message) => {
            // A schema in a text, or of several messages together, is not in the document as such.
            let inner = format!("{}{pointer}", notes.written(place));
            match notes.document.pointer(&inner) {
                Some(_) => notes.mistake(Rule::SchemaInvalid, inner, message),
                None => notes.mistake(Rule::SchemaInvalid, place, words.clone()),
            }
            Schema::Not(NotJudged::Unusable(words))
        }
        SchemaFault::Invalid(message) => {
            notes.mistake(Rule::SchemaInvalid, place, message.clone());
            Schema::Not(NotJudged::Unusable(message))
        }
        SchemaFault::Beyond(message) => {
            notes.advice(Rule::SchemaInvalid, place, format!("payloads are not judged: {message}"));
            Schema::Not(NotJudged::Unusable(message))
        }
        SchemaFault::Elsewhere(message) => {
            notes.advice(
                Rule::SchemaInvalid,
                place,
                format!("payloads are not judged: the schema refers to another document: {message}"),
            );
            Schema::Not(NotJudged::Elsewhere(message))
        }
        SchemaFault::Unselected(message) => {
            notes.advice(Rule::NotJudged, place, format!("payloads are not judged: {message}"));
            Schema::Not(NotJudged::Unusable(message))
        }
    }
}
