//! What an event looks like from outside, whichever crate it is of.

use crate::tree::Tree;
use cloudevents::{AttributesReader, event::ExtensionValue};
use cloudevents_core::{Data, Event, Value};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `specversion` too.
    pub(crate) attributes: BTreeMap<String, SeenValue>,
    pub(crate) data: Option<SeenData>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SeenValue {
    Boolean(bool),
    Integer(i64),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SeenData {
    Json(Tree),
    Text(String),
    Bytes(Vec<u8>),
    Native(&'static str, Vec<u8>),
}

impl Seen {
    pub(crate) fn ours(event: &Event) -> Self {
        let mut attributes: BTreeMap<_, _> = event
            .attributes()
            .map(|(name, value)| {
                let value = match value {
                    Value::Boolean(boolean) => SeenValue::Boolean(boolean),
                    Value::Integer(number) => SeenValue::Integer(number.into()),
                    other => text(&other.to_canonical()),
                };
                (name.as_str().to_owned(), value)
            })
            .collect();
        attributes.insert("specversion".into(), text(event.specversion().as_str()));
        let data = event.data().map(|data| match data {
            Data::Json(json) => SeenData::Json(Tree::parse(json.as_str())),
            Data::Text(text) => SeenData::Text(text.into()),
            Data::Binary(bytes) => SeenData::Bytes(bytes.into()),
            Data::Xml(text) => SeenData::Native("xml", text.into()),
            Data::Cbor(bytes) => SeenData::Native("cbor", bytes.into()),
            Data::Proto { value, .. } => SeenData::Native("proto", value.into()),
            other => panic!("{other:?}"),
        });
        Self { attributes, data }
    }

    pub(crate) fn theirs(event: &cloudevents::Event) -> Self {
        let mut attributes = BTreeMap::new();
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                attributes.insert(name.to_owned(), text(value));
            }
        };
        put("specversion", Some(event.specversion().as_str()));
        put("id", Some(event.id()));
        put("source", Some(event.source()));
        put("type", Some(event.ty()));
        put("subject", event.subject());
        put("datacontenttype", event.datacontenttype());
        let schema = if event.specversion().as_str() == "0.3" { "schemaurl" } else { "dataschema" };
        put(schema, event.dataschema().map(|url| url.as_str()));
        let time = event.time().map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
        put("time", time.as_deref());
        for (name, value) in event.iter_extensions() {
            let value = match value {
                ExtensionValue::String(value) => text(value),
                ExtensionValue::Boolean(boolean) => SeenValue::Boolean(*boolean),
                ExtensionValue::Integer(number) => SeenValue::Integer(*number),
            };
            attributes.insert(name.to_owned(), value);
        }
        let data = event.data().map(|data| match data {
            cloudevents::Data::Binary(bytes) => SeenData::Bytes(bytes.clone()),
            cloudevents::Data::String(text) => SeenData::Text(text.clone()),
            cloudevents::Data::Json(value) => SeenData::Json(Tree::parse(&value.to_string())),
        });
        Self { attributes, data }
    }
}

fn text(text: &str) -> SeenValue {
    SeenValue::Text(text.into())
}
