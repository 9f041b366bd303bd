//! Deliveries of providers as events, by the adapters.

use bytes::Bytes;
use cloudevents_adapters::{Headers, find};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event};

/// The event that the adapter of this name makes of a body, which has to be an object of JSON.
pub(super) fn event(adapter: &str, headers: Headers<'_>, body: &Bytes) -> Result<Event, Error> {
    let wrong = |detail: &'static str| Error::new(ErrorKind::InvalidData).with_detail(detail);
    if !std::str::from_utf8(body).is_ok_and(|text| text.trim_start().starts_with('{')) {
        return Err(wrong("the body is not an object of JSON: the sender has to send application/json"));
    }
    let mut with = DecodeOptions::strict();
    // The receiver has bounded the body.
    with.limits.bytes = with.limits.bytes.max(body.len());
    let events = find(adapter).map(|adapter| adapter.events(headers, body, &with)).unwrap_or_default();
    let event = events.into_iter().next().ok_or_else(|| wrong("the body has no event"))?;
    Ok(event?.value)
}
