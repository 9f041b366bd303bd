//! Metadata sent beside the event.

use super::{
    message::{Parts, header_name, text_or_bytes},
    options::short,
    returns::NUMBER,
};
use crate::name;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Carries, Outgoing};
use lapin::types::FieldTable;

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

fn add_header(headers: &mut FieldTable, name: &str, value: &[u8]) -> Result<(), Error> {
    let wrong = |detail: String| Error::new(ErrorKind::InvalidName).with_detail(detail);
    if name::prefixed(name).is_some() {
        return Err(wrong(format!("the header `{}` would be an attribute", name.escape_debug()))
            .with_help("set the attribute of the event"));
    }
    if name == NUMBER {
        return Err(
            wrong(format!("the header `{NUMBER}` is the sender's own")).with_help("name it otherwise")
        );
    }
    if headers.contains_key(name) {
        return Err(wrong(format!("the header `{}` is there twice", name.escape_debug()))
            .with_help("a table of AMQP 0.9.1 has each name once"));
    }
    headers.insert(header_name(name)?, text_or_bytes(value));
    Ok(())
}
