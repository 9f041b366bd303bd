//! Messages as entries, besides the fields that the codec writes.

use super::received::{ReceivedMessage, is_foreign};
use crate::{
    RedisMessage,
    wire::{CONTENT_TYPE, DATA},
};
use bytes::Bytes;
use cloudevents_core::Error;
use cloudevents_transport::Received;
use redis::Cmd;

/// The command that adds an entry to a stream.
pub(super) fn added(stream: &str, max_length: Option<u64>, entry: &RedisMessage) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(stream);
    if let Some(most) = max_length {
        command.arg("MAXLEN").arg("~").arg(most);
    }
    command.arg("*");
    for (name, value) in &entry.fields {
        command.arg(&name[..]).arg(&value[..]);
    }
    command
}

/// Why a message does not carry a header.
pub(super) fn lost(name: &str, _: &[u8]) -> Option<&'static str> {
    (!is_foreign(name) || name.is_empty()).then_some("in an entry of Redis it would be a part of the event")
}

/// The fields of a message as it was received.
pub(super) fn as_received(received: &Received) -> Result<RedisMessage, Error> {
    if let Some(native) = received.native::<ReceivedMessage>() {
        return Ok(native.message.clone());
    }
    let body = received.whole_body()?.unwrap_or_default();
    let mut entry = RedisMessage::default().with_field(Bytes::from_static(DATA.as_bytes()), body);
    for (name, value) in received.headers() {
        // Names of other protocols may have another letter case.
        let name = if name.eq_ignore_ascii_case(CONTENT_TYPE) { CONTENT_TYPE } else { name };
        if name != DATA {
            let value = Bytes::from(value.unwrap_or_default().into_owned());
            entry.fields.push((Bytes::copy_from_slice(name.as_bytes()), value));
        }
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;
    use cloudevents_transport::Raw;

    #[test]
    fn what_came_over_another_protocol() {
        let mut raw = Raw::default();
        raw.headers.push(("Content-Type".into(), Some("a/b".into())));
        raw.headers.push(("x".into(), None));
        raw.body = Some("body".into());
        let received = |raw: &Raw| Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw.clone());
        let entry = RedisMessage::default().with_field("data", "body").with_field("content-type", "a/b");
        assert_eq!(as_received(&received(&raw)).unwrap(), entry.with_field("x", ""));
        raw.lacks_body = true;
        assert_eq!(as_received(&received(&raw)).unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(lost("data", b"").is_some() && lost("ce-x", b"").is_some() && lost("x", b"").is_none());
    }
}
