//! Metadata sent beside the event.

use super::message::WireMessage;
use crate::name;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Carries, Outgoing, binding::header_not_carried};
use fe2o3_amqp_types::{
    messaging::{Header, MessageAnnotations, MessageId, Priority, Properties, annotations::OwnedKey},
    primitives::{Binary, SimpleValue, Symbol, Value},
};
use std::collections::HashSet;

/// The metadata that an AMQP message can carry.
pub(super) const CARRIED: Carries = Carries::DESTINATION
    .and(Carries::KEY)
    .and(Carries::HEADERS)
    .and(Carries::EXPIRY)
    .and(Carries::PRIORITY)
    .and(Carries::REPLY_TO)
    .and(Carries::CORRELATION)
    .and(Carries::AS_RECEIVED);

/// The annotation that selects the partition in Azure Event Hubs and Service Bus. Other brokers pass it on.
pub(super) const PARTITION_KEY: &str = "x-opt-partition-key";

const TWICE: &str = "it is there twice, and the application properties of AMQP have each name once";

/// Why a message does not carry a header of this name. Any value can be carried.
fn lost(name: &str) -> Option<&'static str> {
    name::attribute(name).is_some().then_some("over AMQP it would be an attribute of the event")
}

/// The headers that a message does not carry, and the reasons. Of headers with the same name, it carries the first.
pub(super) fn lost_headers(outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
    let mut seen = HashSet::new();
    outgoing.lost_headers(|name, _| lost(name).or_else(|| (!seen.insert(name)).then_some(TWICE)))
}

/// Adds the key, the headers and other metadata. Values that are UTF-8 become strings, all others binary.
pub(super) fn add(message: &mut WireMessage, outgoing: &Outgoing) -> Result<(), Error> {
    if let Some(key) = outgoing.record_key() {
        let key = std::str::from_utf8(key).map_err(|_| {
            Error::new(ErrorKind::Unsupported).with_detail("in AMQP, the partition key has to be text")
        })?;
        let annotations =
            message.message_annotations.get_or_insert_with(|| MessageAnnotations::builder().build());
        annotations.insert(OwnedKey::from(Symbol::from(PARTITION_KEY)), Value::String(key.to_owned()));
    }
    if let Some((index, reason)) = lost_headers(outgoing).first() {
        let name = outgoing.headers().nth(*index).map_or("", |(name, _)| name);
        return Err(header_not_carried(name, reason));
    }
    for (name, value) in outgoing.headers() {
        // It replaces the header of a message that is sent on as it was received: a bridge counts so.
        let properties = message.application_properties.get_or_insert_default();
        properties.0.insert(name.to_owned(), text_or_binary(value));
    }
    if outgoing.expiry().is_some() || outgoing.priority_level().is_some() {
        let header = message.header.get_or_insert_with(Header::default);
        header.ttl = outgoing.expiry().map(|ttl| u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX));
        if let Some(priority) = outgoing.priority_level() {
            header.priority = Priority(priority);
        }
    }
    if outgoing.reply_address().is_some() || outgoing.correlation_data().is_some() {
        let properties = message.properties.get_or_insert_with(Properties::new);
        if let Some(address) = outgoing.reply_address() {
            properties.reply_to = Some(address.to_owned());
        }
        if let Some(data) = outgoing.correlation_data() {
            properties.correlation_id = Some(match std::str::from_utf8(data) {
                Ok(text) => MessageId::String(text.to_owned()),
                Err(_) => MessageId::Binary(Binary::from(&**data)),
            });
        }
    }
    Ok(())
}

/// Returns the annotations that are kept when a message is sent to another address.
///
/// Omits the annotations that the broker set, such as sequence numbers and locks.
pub(super) fn forwarded(annotations: &MessageAnnotations) -> Option<MessageAnnotations> {
    let is_key = |key: &OwnedKey| matches!(key, OwnedKey::Symbol(key) if key.as_str() == PARTITION_KEY);
    let (key, value) = annotations.0.iter().find(|(key, _)| is_key(key))?;
    let mut forwarded = MessageAnnotations::builder().build();
    forwarded.0.insert(key.clone(), value.clone());
    Some(forwarded)
}

pub(super) fn text_or_binary(value: &[u8]) -> SimpleValue {
    match std::str::from_utf8(value) {
        Ok(text) => SimpleValue::String(text.to_owned()),
        Err(_) => SimpleValue::Binary(Binary::from(value)),
    }
}
