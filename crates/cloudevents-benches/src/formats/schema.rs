//! cloudevents.proto for prost, with a map that is sorted: the oracle.

use cloudevents_core::{Data as Payload, Event, Value};
use prost::{Message, Oneof};
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CloudEvent {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) source: String,
    #[prost(string, tag = "3")]
    pub(crate) spec_version: String,
    #[prost(string, tag = "4")]
    pub(crate) r#type: String,
    #[prost(btree_map = "string, message", tag = "5")]
    pub(crate) attributes: BTreeMap<String, AttributeValue>,
    #[prost(oneof = "Data", tags = "6, 7, 8")]
    pub(crate) data: Option<Data>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Data {
    #[prost(bytes = "vec", tag = "6")]
    Binary(Vec<u8>),
    #[prost(string, tag = "7")]
    Text(String),
    #[prost(message, tag = "8")]
    Proto(Any),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributeValue {
    #[prost(oneof = "Attribute", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(crate) attribute: Option<Attribute>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Attribute {
    #[prost(bool, tag = "1")]
    Boolean(bool),
    #[prost(int32, tag = "2")]
    Integer(i32),
    #[prost(string, tag = "3")]
    String(String),
    #[prost(bytes = "vec", tag = "4")]
    Bytes(Vec<u8>),
    #[prost(string, tag = "5")]
    Uri(String),
    #[prost(string, tag = "6")]
    UriReference(String),
    #[prost(message, tag = "7")]
    Timestamp(ProtoTimestamp),
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct ProtoTimestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CloudEventBatch {
    #[prost(message, repeated, tag = "1")]
    pub(crate) events: Vec<CloudEvent>,
}

/// The message of an event that is in the form of the format.
pub(crate) fn message(event: &Event) -> CloudEvent {
    let attribute = |value: Value<'_>| match value {
        Value::Boolean(boolean) => Attribute::Boolean(boolean),
        Value::Integer(number) => Attribute::Integer(number),
        Value::Binary(bytes) => Attribute::Bytes(bytes.to_vec()),
        Value::Uri(uri) => Attribute::Uri(uri.to_string()),
        Value::UriReference(reference) => Attribute::UriReference(reference.to_string()),
        Value::Timestamp(timestamp) => {
            let instant = timestamp.instant();
            let nanos = i32::try_from(instant.nanosecond()).unwrap();
            Attribute::Timestamp(ProtoTimestamp { seconds: instant.seconds, nanos })
        }
        _ => Attribute::String(value.to_string()),
    };
    CloudEvent {
        id: event.id().into(),
        source: event.source().to_string(),
        spec_version: "1.0".into(),
        r#type: event.ty().into(),
        attributes: event
            .attributes()
            .filter(|(name, _)| !["id", "source", "type"].contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), AttributeValue { attribute: Some(attribute(value)) }))
            .collect(),
        data: event.data().map(|data| match data {
            Payload::Json(_) | Payload::Text(_) => {
                Data::Text(String::from_utf8(data.as_bytes().to_vec()).unwrap())
            }
            Payload::Proto { type_url, value } => {
                Data::Proto(Any { type_url: type_url.into(), value: value.to_vec() })
            }
            _ => Data::Binary(data.as_bytes().to_vec()),
        }),
    }
}
