//! Metadata sent beside the event.

use super::{
    message::{append, subject},
    received::{ReceivedMessage, is_foreign},
};
use crate::{MessageView, name};
use async_nats::{HeaderMap, HeaderName, HeaderValue, Subject};
use bytes::Bytes;
use cloudevents_core::Error;
use cloudevents_transport::{Carries, Outgoing, Received, binding::header_not_carried};

/// The metadata that a message of core NATS can carry.
pub(super) const CARRIED: Carries =
    Carries::DESTINATION.and(Carries::HEADERS).and(Carries::REPLY_TO).and(Carries::AS_RECEIVED);

/// The same for JetStream, which has confirmations instead of replies.
pub(super) const CARRIED_BY_JETSTREAM: Carries = CARRIED.without(Carries::REPLY_TO);

/// Why a message does not carry a header.
pub(super) fn lost(name: &str, value: &[u8]) -> Option<&'static str> {
    if name::attribute(name).is_some() || name.eq_ignore_ascii_case(name::CONTENT_TYPE) {
        return Some("over NATS it would be an attribute of the event");
    }
    if !is_foreign(name) {
        return Some("it would steer the server of NATS");
    }
    if name.is_empty() || name.parse::<HeaderName>().is_err() {
        return Some("a name of NATS is one or more visible characters of ASCII without a colon");
    }
    let is_value = |text: &str| text.parse::<HeaderValue>().is_ok();
    let is_carried = std::str::from_utf8(value).is_ok_and(is_value);
    (!is_carried).then_some("a value of NATS is UTF-8 text without line breaks")
}

/// Adds the headers.
pub(super) fn add(headers: &mut Option<HeaderMap>, outgoing: &Outgoing) -> Result<(), Error> {
    for (name, value) in outgoing.headers() {
        if let Some(reason) = lost(name, value) {
            return Err(header_not_carried(name, reason));
        }
        append(headers.get_or_insert_default(), name, value)?;
    }
    Ok(())
}

/// The reply subject, if there is one.
pub(super) fn reply(outgoing: &Outgoing) -> Result<Option<Subject>, Error> {
    outgoing.reply_address().map(subject).transpose()
}

/// Headers and payload of a message as it was received. Headers that NATS itself reads are left out: they
/// were about the original message.
pub(super) fn as_received(received: &Received) -> Result<(Option<HeaderMap>, Bytes), Error> {
    let mut headers = HeaderMap::new();
    let is_kept = |name: &str| {
        is_foreign(name) || name::attribute(name).is_some() || name.eq_ignore_ascii_case(name::CONTENT_TYPE)
    };
    match received.native::<ReceivedMessage>() {
        Some(message) => {
            for (name, value) in message.headers().filter(|(name, _)| is_kept(name)) {
                append(&mut headers, name, value)?;
            }
        }
        None => {
            for (name, value) in received.headers().iter().filter(|(name, _)| is_kept(name)) {
                append(&mut headers, name, value.as_deref().unwrap_or_default())?;
            }
        }
    }
    Ok(((!headers.is_empty()).then_some(headers), received.whole_body()?.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;
    use cloudevents_transport::Raw;

    #[test]
    fn a_body_that_is_not_bytes_is_no_empty_payload() {
        let parts = |raw: Raw| as_received(&Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw));
        let mut raw = Raw::default();
        assert!(parts(raw.clone()).is_ok());
        raw.lacks_body = true;
        assert_eq!(parts(raw).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
