//! Metadata sent beside the event.

use super::{
    message::{Parts, header_name, text_or_bytes},
    options::short,
    received::is_the_brokers,
};
use crate::name;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Carries, Outgoing, binding::header_not_carried};
use lapin::types::FieldTable;
use std::collections::HashSet;

/// The metadata that a message can carry.
pub(super) const CARRIED: Carries = Carries::DESTINATION
    .and(Carries::HEADERS)
    .and(Carries::EXPIRY)
    .and(Carries::PRIORITY)
    .and(Carries::REPLY_TO)
    .and(Carries::CORRELATION);

/// Adds the headers and other metadata.
pub(super) fn add(message: &mut Parts, outgoing: &Outgoing) -> Result<(), Error> {
    for (name, value) in outgoing.headers() {
        add_header(&mut message.headers, name, value)?;
    }
    let mut properties = std::mem::take(&mut message.properties);
    if let Some(expiry) = outgoing.expiry() {
        properties = properties.with_expiration(short("the expiry", &expiry.as_millis().to_string())?);
    }
    if let Some(priority) = outgoing.priority_level() {
        properties = properties.with_priority(priority);
    }
    if let Some(address) = outgoing.reply_address() {
        properties = properties.with_reply_to(short("the reply address", address)?);
    }
    if let Some(correlation) = outgoing.correlation_data() {
        let text = std::str::from_utf8(correlation).map_err(|_| {
            Error::new(ErrorKind::Unsupported).with_detail("in AMQP 0.9.1, correlation data has to be text")
        })?;
        properties = properties.with_correlation_id(short("the correlation data", text)?);
    }
    message.properties = properties;
    Ok(())
}

const TWICE: &str = "it is there twice, and a table of RabbitMQ has each name once";

/// Why a message does not carry a header of this name. Any value can be carried.
fn lost(name: &str) -> Option<&'static str> {
    if name::prefixed(name).is_some() {
        return Some("over RabbitMQ it would be an attribute of the event");
    }
    if is_the_brokers(name) {
        return Some("RabbitMQ and its clients read it themselves");
    }
    (name.len() > LONGEST).then_some("a name of RabbitMQ has at most 255 bytes")
}

/// The longest name of a header, in bytes.
const LONGEST: usize = 255;

/// The headers that a message does not carry, and the reasons. Of headers with the same name, it carries the first.
pub(super) fn lost_headers(outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
    let mut seen = HashSet::new();
    outgoing.lost_headers(|name, _| lost(name).or_else(|| (!seen.insert(name)).then_some(TWICE)))
}

fn add_header(headers: &mut FieldTable, name: &str, value: &[u8]) -> Result<(), Error> {
    let is_there = headers.contains_key(name);
    if let Some(reason) = lost(name).or(is_there.then_some(TWICE)) {
        return Err(header_not_carried(name, reason));
    }
    headers.insert(header_name(name)?, text_or_bytes(value));
    Ok(())
}
