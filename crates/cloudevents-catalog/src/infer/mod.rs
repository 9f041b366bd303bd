//! Catalogs that are proposed from events.

mod segments;
mod shape;

use crate::reference::NAME;
use cloudevents_core::{AttributeType, Event};
use segments::Segments;
use serde_json::{Map, Value, json};
use shape::{Places, Shape};
use std::collections::BTreeMap;

/// How many events of a type have to have the same value before it is proposed as the value that all have.
const ENOUGH: u64 = 10;

/// The most types of events that are described.
const TYPES: usize = 10_000;

/// The most attributes of a type that are described. Events with more have names that are data.
const ATTRIBUTES: usize = 256;

/// Proposes a catalog from the events that it sees: their types, the attributes that they have, and a JSON Schema of their payloads.
///
/// Every event that was added is valid by the proposal, unless it was [left out](Self::left_out). A value, or a template of segments
/// between slashes, is proposed for `source` and `subject` after ten events of a type. A schema is proposed if all events of a type have a
/// payload in JSON. At most 10,000 types are described, with 256 attributes each, and 1,000,000 places of their payloads.
///
/// ```
/// use cloudevents_catalog::{Catalog, Inference, Judge};
/// use cloudevents_core::{Event, Payload};
///
/// let order = |json| Event::builder().id("1").source("/shops/7").ty("com.example.order").payload("application/json", Payload::body(json)).build();
/// let mut inference = Inference::new();
/// inference.add(&order(r#"{"number": 42}"#)?);
/// let document = inference.document("shop");
/// let definition = &document["messagegroups"]["shop"]["messages"]["com.example.order"];
/// assert_eq!(definition["dataschema"]["properties"]["number"]["type"], "integer");
///
/// let catalog = Catalog::parse(document.to_string())?;
/// assert!(catalog.admit(&order(r#"{"number": 7}"#)?).is_ok());
/// # #[cfg(feature = "jsonschema060")]
/// assert!(catalog.admit(&order(r#"{"number": "7"}"#)?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Inference {
    types: BTreeMap<String, Observed>,
    left_out: u64,
    places: Places,
}

/// The properties that events of one type have in common.
#[derive(Debug, Default)]
struct Observed {
    count: u64,
    attributes: BTreeMap<String, Values>,
    /// `None` if a payload is missing or is not JSON.
    payload: Option<Shape>,
    /// The content type, if all have the same.
    content_type: Option<String>,
}

/// The values of an attribute.
#[derive(Debug)]
struct Values {
    count: u64,
    /// `None` if they have several.
    ty: Option<AttributeType>,
    segments: Segments,
}

impl Inference {
    /// Without any event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event.
    pub fn add(&mut self, event: &Event) {
        if let Some(observed) = self.types.get_mut(event.ty()) {
            observed.add(event, &mut self.places);
        } else if self.types.len() < TYPES && event.ty().len() <= NAME {
            let payload = Some(Shape::default());
            let content_type = event.content_type().map(|media_type| media_type.as_str().to_owned());
            let mut observed = Observed { payload, content_type, ..Observed::default() };
            observed.add(event, &mut self.places);
            self.types.insert(event.ty().to_owned(), observed);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// The number of types that were seen.
    pub fn types(&self) -> usize {
        self.types.len()
    }

    /// The number of events that were left out, because there are too many types, or the type has more than 256 bytes. No id has more
    /// bytes.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The proposal: a document of xRegistry with one message group of this name.
    pub fn document(&self, group: &str) -> Value {
        let messages: Map<String, Value> =
            self.types.iter().map(|(ty, observed)| (ty.clone(), observed.definition(ty))).collect();
        json!({"specversion": "1.0-rc4", "messagegroups": {group: {
            "messagegroupid": group, "envelope": "CloudEvents/1.0", "messages": messages,
        }}})
    }
}

impl Observed {
    fn add(&mut self, event: &Event, places: &mut Places) {
        self.count = self.count.saturating_add(1);
        for (name, value) in event.attributes() {
            let (name, ty) = (name.as_str(), value.attribute_type());
            let text = value.to_canonical();
            let is_full = self.attributes.len() >= ATTRIBUTES || name.len() > NAME;
            match self.attributes.get_mut(name) {
                Some(values) => values.add(ty, &text),
                None if is_full => {}
                None => {
                    let values = Values { count: 1, ty: Some(ty), segments: Segments::new(&text) };
                    self.attributes.insert(name.to_owned(), values);
                }
            }
        }
        let content_type = event.content_type();
        if content_type.map(|media_type| media_type.as_str()) != self.content_type.as_deref() {
            self.content_type = None;
        }
        match (&mut self.payload, json(event)) {
            (Some(shape), Some(value)) => shape.add(&value, places),
            (payload, _) => *payload = None,
        }
    }

    fn definition(&self, ty: &str) -> Value {
        let attributes: Map<String, Value> = self
            .attributes
            .iter()
            .filter(|(name, _)| name.as_str() != "specversion")
            .map(|(name, values)| (name.clone(), values.rule(name, self.count)))
            .collect();
        let mut definition = Map::new();
        definition.insert("messageid".to_owned(), ty.into());
        definition.insert("envelope".to_owned(), "CloudEvents/1.0".into());
        definition.insert("envelopemetadata".to_owned(), attributes.into());
        if let Some(content_type) = &self.content_type {
            definition.insert("datacontenttype".to_owned(), content_type.as_str().into());
        }
        if let Some(shape) = &self.payload {
            definition.insert("dataschemaformat".to_owned(), "JsonSchema/draft/2020-12".into());
            definition.insert("dataschema".to_owned(), shape.schema());
        }
        definition.into()
    }
}

impl Values {
    fn add(&mut self, ty: AttributeType, text: &str) {
        self.count = self.count.saturating_add(1);
        self.ty = self.ty.filter(|known| *known == ty);
        self.segments.add(text);
    }

    /// The rule for an attribute of this name, for this many events.
    fn rule(&self, name: &str, events: u64) -> Value {
        let mut rule = Map::new();
        let is_core = ["id", "type", "source"].contains(&name);
        if !is_core && name != "time" {
            let ty = match self.ty {
                Some(AttributeType::Boolean) => "boolean",
                Some(AttributeType::Integer) => "integer",
                Some(AttributeType::Binary) => "binary",
                Some(AttributeType::Timestamp) => "timestamp",
                Some(AttributeType::Uri | AttributeType::UriReference) => "uri",
                Some(AttributeType::String) => "string",
                _ => "any",
            };
            rule.insert("type".to_owned(), ty.into());
        }
        if !is_core && self.count == events {
            rule.insert("required".to_owned(), true.into());
        }
        let is_stated = match name {
            "type" => true,
            "source" | "subject" => self.count >= ENOUGH,
            // Each event has its own values for these.
            _ => false,
        };
        if is_stated && let Some(value) = self.segments.value(name) {
            if value.contains('{') {
                rule.insert("type".to_owned(), "uritemplate".into());
            }
            rule.insert("value".to_owned(), value.into());
        }
        rule.into()
    }
}

/// The payload, if it is JSON.
fn json(event: &Event) -> Option<Value> {
    let data = event.data()?;
    event.content_type().filter(|media_type| media_type.is_json())?;
    serde_json::from_slice(data.as_bytes()).ok()
}
