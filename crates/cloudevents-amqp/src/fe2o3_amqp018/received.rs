//! A message as it came: decoded without being converted, and then kept as it is.

use super::message::{Fe2o3Message, body, simple};
use crate::{
    AmqpValue, Body,
    sections::{Property, Sections},
};
use bytes::Bytes;
use cloudevents_transport::Raw;
use fe2o3_amqp_types::{
    messaging::{ApplicationProperties, Properties},
    primitives::{SimpleValue, Symbol},
};
use std::sync::Arc;

/// A message of fe2o3-amqp. Only its body is converted, which costs nothing.
pub(super) struct ReceivedMessage {
    properties: Option<Properties>,
    application_properties: Option<ApplicationProperties>,
    body: Body,
}

impl From<Fe2o3Message> for ReceivedMessage {
    fn from(message: Fe2o3Message) -> Self {
        Self {
            properties: message.properties,
            application_properties: message.application_properties,
            body: body(message.body),
        }
    }
}

impl Sections for ReceivedMessage {
    fn content_type(&self) -> Option<&str> {
        self.properties.as_ref()?.content_type.as_ref().map(Symbol::as_str)
    }

    fn content_encoding(&self) -> Option<&str> {
        self.properties.as_ref()?.content_encoding.as_ref().map(Symbol::as_str)
    }

    #[inline]
    fn application_properties(&self) -> impl Iterator<Item = (&str, Property<'_>)> {
        let properties =
            self.application_properties.as_ref().into_iter().flat_map(|properties| properties.0.iter());
        properties.map(|(name, value)| (name.as_str(), property(value)))
    }

    fn body(&self) -> &Body {
        &self.body
    }
}

impl ReceivedMessage {
    /// Names and values move into it.
    pub(super) fn into_raw(self, topic: &Arc<str>) -> Raw {
        let mut raw = Raw::default();
        raw.topic = Some(Arc::clone(topic));
        let properties = self.application_properties.map(|properties| properties.0);
        raw.headers.reserve(properties.as_ref().map_or(0, |properties| properties.len()).saturating_add(1));
        if let Some(content_type) = self.properties.and_then(|properties| properties.content_type) {
            raw.headers.push(("content-type".into(), Some(content_type.0.into())));
        }
        for (name, value) in properties.into_iter().flatten() {
            raw.headers.push((name.into(), text(value)));
        }
        raw.body = match self.body {
            Body::Data(bytes) => Some(bytes),
            Body::DataSections(sections) => Some(sections.concat().into()),
            Body::Value(value) => written(&value),
            Body::Absent | Body::Sequence => None,
        };
        raw
    }
}

#[inline]
fn property(value: &SimpleValue) -> Property<'_> {
    match value {
        SimpleValue::String(text) => Property::Text(text),
        SimpleValue::Symbol(text) => Property::Text(text.as_str()),
        SimpleValue::Timestamp(time) => Property::Timestamp(time.milliseconds()),
        SimpleValue::Bool(boolean) => Property::Boolean(*boolean),
        SimpleValue::Binary(bytes) => Property::Binary(bytes),
        SimpleValue::Ubyte(number) => Property::Integer((*number).into()),
        SimpleValue::Ushort(number) => Property::Integer((*number).into()),
        SimpleValue::Uint(number) => Property::Integer((*number).into()),
        SimpleValue::Ulong(number) => Property::Integer((*number).into()),
        SimpleValue::Byte(number) => Property::Integer((*number).into()),
        SimpleValue::Short(number) => Property::Integer((*number).into()),
        SimpleValue::Int(number) => Property::Integer((*number).into()),
        SimpleValue::Long(number) => Property::Integer((*number).into()),
        SimpleValue::Null => Property::Null,
        other => Property::Other(simple(other.clone()).type_name()),
    }
}

/// As [`written`]; texts and bytes move.
fn text(value: SimpleValue) -> Option<Bytes> {
    match value {
        SimpleValue::String(text) => Some(text.into()),
        SimpleValue::Symbol(text) => Some(text.0.into()),
        SimpleValue::Binary(bytes) => Some(bytes.into_vec().into()),
        other => written(&simple(other)),
    }
}

/// A value for people and for forwarding: text as it is, the others as they would be written.
fn written(value: &AmqpValue) -> Option<Bytes> {
    Some(match value {
        AmqpValue::Null | AmqpValue::Other => return None,
        AmqpValue::Binary(bytes) => bytes.clone(),
        AmqpValue::String(text) | AmqpValue::Symbol(text) => text.as_bytes().clone(),
        AmqpValue::Boolean(value) => value.to_string().into(),
        AmqpValue::Ubyte(value) => value.to_string().into(),
        AmqpValue::Ushort(value) => value.to_string().into(),
        AmqpValue::Uint(value) => value.to_string().into(),
        AmqpValue::Ulong(value) => value.to_string().into(),
        AmqpValue::Byte(value) => value.to_string().into(),
        AmqpValue::Short(value) => value.to_string().into(),
        AmqpValue::Int(value) => value.to_string().into(),
        AmqpValue::Long(value) | AmqpValue::Timestamp(value) => value.to_string().into(),
        AmqpValue::Float(value) => value.to_string().into(),
        AmqpValue::Double(value) => value.to_string().into(),
        AmqpValue::Char(value) => value.to_string().into(),
        AmqpValue::Uuid(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AmqpMessage, fe2o3_amqp018::from_sections};

    fn received(message: AmqpMessage) -> ReceivedMessage {
        from_sections(message).unwrap().into()
    }

    #[test]
    fn a_raw_message_has_everything() {
        let mut message = AmqpMessage::new(Body::DataSections(vec!["a".into(), "b".into()]))
            .with_property("n", AmqpValue::Int(-5))
            .with_property("text", AmqpValue::String("t".into()))
            .with_property("symbol", AmqpValue::Symbol("s".into()))
            .with_property("bytes", AmqpValue::Binary("b".into()))
            .with_property("absent", AmqpValue::Null);
        message.properties.content_type = Some("text/plain".into());
        let raw = received(message).into_raw(&"orders".into());
        let headers: Vec<_> = raw.headers.iter().map(|(name, value)| (&**name, value.as_deref())).collect();
        let expected: [(&str, Option<&[u8]>); 6] = [
            ("content-type", Some(b"text/plain")),
            ("n", Some(b"-5")),
            ("text", Some(b"t")),
            ("symbol", Some(b"s")),
            ("bytes", Some(b"b")),
            ("absent", None),
        ];
        assert_eq!(headers, expected);
        assert_eq!((raw.body.unwrap(), raw.topic.as_deref()), ("ab".into(), Some("orders")));
    }

    /// Every type of the wire is what it is in the sections.
    #[test]
    fn properties_are_those_of_the_sections() {
        let mut message = AmqpMessage::new(Body::Data(Bytes::from_static(b"x")));
        for (number, value) in crate::wire::tests::every_value().into_iter().enumerate() {
            message = message.with_property(number.to_string(), value);
        }
        message.properties.content_type = Some("text/plain".into());
        message.properties.content_encoding = Some("gzip".into());
        let expected: Vec<_> =
            message.application_properties().map(|property| format!("{property:?}")).collect();
        let received = received(message.clone());
        let found: Vec<_> =
            received.application_properties().map(|property| format!("{property:?}")).collect();
        assert_eq!(found, expected);
        assert_eq!(received.content_type(), message.content_type());
        assert_eq!(received.content_encoding(), message.content_encoding());
    }
}
