//! Messages, and how they are confirmed.

use amq_protocol::{protocol::BasicProperties, types::AMQPValue};
use bytes::Bytes;
use std::sync::Arc;

/// How messages to a queue are confirmed.
///
/// ```
/// use cloudevents_testkit::rabbitmq::Answer;
///
/// assert_eq!(Answer::default(), Answer::Ack);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The message is in the queue: `basic.ack`.
    #[default]
    Ack,
    /// The message is not in the queue: `basic.nack`.
    Nack,
    /// The message is not confirmed until another answer is set, which then applies to it, too.
    Withhold,
    /// The channel is closed with the error 406.
    CloseChannel,
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub struct Message {
    pub(super) exchange: String,
    pub(super) routing_key: String,
    pub(super) properties: Properties,
    pub(super) body: Bytes,
}

#[derive(Clone, Debug)]
pub(super) enum Properties {
    Read(Arc<BasicProperties>),
    /// As they are on the wire, with their flags.
    Raw(Bytes),
}

impl Message {
    /// The exchange that it was published to.
    pub fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The key that it was published with.
    pub fn routing_key(&self) -> &str {
        &self.routing_key
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The property `content-type`.
    pub fn content_type(&self) -> Option<&str> {
        self.properties()?.content_type().as_ref().map(amq_protocol::types::ShortString::as_str)
    }

    /// The property `expiration`, in milliseconds.
    pub fn expiration(&self) -> Option<&str> {
        self.properties()?.expiration().as_ref().map(amq_protocol::types::ShortString::as_str)
    }

    /// The property `priority`.
    pub fn priority(&self) -> Option<u8> {
        *self.properties()?.priority()
    }

    /// Whether the message is persistent: the property `delivery-mode`.
    pub fn is_persistent(&self) -> bool {
        self.properties().and_then(|properties| *properties.delivery_mode()) == Some(2)
    }

    /// The names of the headers.
    pub fn header_names(&self) -> Vec<String> {
        let headers = self.properties().and_then(|properties| properties.headers().as_ref());
        headers.map(|headers| headers.inner().keys().map(ToString::to_string).collect()).unwrap_or_default()
    }

    /// Returns the value of a header: strings and bytes unchanged, numbers and booleans as text.
    pub fn header(&self, name: &str) -> Option<Bytes> {
        Some(match self.properties()?.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => Bytes::copy_from_slice(text.as_bytes()),
            AMQPValue::ByteArray(bytes) => Bytes::copy_from_slice(bytes.as_slice()),
            AMQPValue::Boolean(value) => value.to_string().into(),
            AMQPValue::LongInt(value) => value.to_string().into(),
            AMQPValue::LongUInt(value) => value.to_string().into(),
            AMQPValue::LongLongInt(value) => value.to_string().into(),
            AMQPValue::Timestamp(value) => value.to_string().into(),
            other => format!("{other:?}").into(),
        })
    }

    pub(super) fn properties(&self) -> Option<&BasicProperties> {
        match &self.properties {
            Properties::Read(properties) => Some(properties),
            Properties::Raw(_) => None,
        }
    }
}
