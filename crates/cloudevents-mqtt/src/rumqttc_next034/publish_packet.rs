//! Writes PUBLISH packets, without copying text or payload more than once.

use super::{Qos, received::ReceivedPublish, text};
use crate::{MqttMessage, Version, name};
use bytes::{BufMut, BytesMut};
use cloudevents_core::{Error, ErrorKind, Message};
use cloudevents_transport::{Carries, Content, Outgoing, binding::header_not_carried};
use std::time::Duration;

/// The metadata that a message of MQTT 5 can carry.
pub(super) const CARRIED: Carries = Carries::DESTINATION
    .and(Carries::HEADERS)
    .and(Carries::EXPIRY)
    .and(Carries::REPLY_TO)
    .and(Carries::CORRELATION);

/// The longest string of MQTT, in bytes (MQTT 5.0, section 1.5.4).
const LONGEST: usize = 65_535;

/// The largest rest of a packet (MQTT 5.0, section 2.1.4).
const LARGEST: usize = 268_435_455;

/// A message that is ready to be written, except for its packet identifier.
pub(super) struct Prepared<'a> {
    pub(super) message: &'a MqttMessage,
    pub(super) topic: &'a str,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    /// Whether this broker has delivered the text of the message, and so takes it again, even if the text is unusual.
    pub(super) returns: bool,
    pub(super) extras: Extras<'a>,
}

/// Metadata sent beside the event.
#[derive(Clone, Default)]
pub(super) struct Extras<'a> {
    headers: Vec<(&'a str, &'a str)>,
    pub(super) expiry: Option<u32>,
    reply_to: Option<&'a str>,
    correlation: Option<&'a [u8]>,
}

impl<'a> Extras<'a> {
    /// Reads the properties that are sent with the message. `expiry` is the default of the sender.
    pub(super) fn of(
        outgoing: &'a Outgoing,
        message: &MqttMessage,
        expiry: Option<Duration>,
    ) -> Result<Self, Error> {
        // A message that is sent as it was received keeps these.
        let kept = match outgoing.content() {
            Content::AsReceived(received) => received.native().and_then(ReceivedPublish::properties),
            _ => None,
        };
        let own = outgoing.expiry().map(seconds).or_else(|| kept?.message_expiry_interval);
        let mut extras = Self {
            headers: Vec::new(),
            expiry: own.or_else(|| expiry.map(seconds)),
            reply_to: outgoing.reply_address().or_else(|| kept?.response_topic.as_deref()),
            correlation: outgoing
                .correlation_data()
                .or_else(|| kept?.correlation_data.as_ref())
                .map(|data| &**data),
        };
        let attribute = match message.user_properties.first() {
            None => |_: &str| false,
            Some((name, _)) if name::prefixed(name.as_str()).is_some() => {
                |name: &str| name::prefixed(name).is_some()
            }
            Some(_) => |name: &str| name::attribute(name).is_some(),
        };
        for (header, value) in outgoing.headers() {
            if attribute(header) {
                return Err(header_not_carried(header, ATTRIBUTE).with_clause("MQTT-3.1.3.1-a"));
            }
            match std::str::from_utf8(value) {
                Ok(text) => extras.headers.push((header, text)),
                Err(_) => return Err(header_not_carried(header, TEXT)),
            }
        }
        Ok(extras)
    }
}

const ATTRIBUTE: &str = "over MQTT it would be an attribute of the event";
const TEXT: &str = "a user property of MQTT is UTF-8 text without control characters";

/// The headers that a message does not carry, and why.
pub(super) fn lost_headers(
    outgoing: &Outgoing,
    writes_binary: bool,
    prefixed: bool,
) -> Vec<(usize, &'static str)> {
    let is_binary = writes_binary && matches!(outgoing.content(), Content::Message(Message::Binary(_)));
    outgoing.lost_headers(|name, value| {
        let attribute = if prefixed { name::prefixed(name) } else { name::attribute(name) };
        if is_binary && attribute.is_some() {
            return Some(ATTRIBUTE);
        }
        if name.len().max(value.len()) > LONGEST {
            return Some("a user property of MQTT has a name and a value of at most 65,535 bytes");
        }
        let is_text = |text: &str| text::check(text).is_ok();
        let is_carried = is_text(name) && std::str::from_utf8(value).is_ok_and(is_text);
        (!is_carried).then_some(TEXT)
    })
}

/// Whole seconds, at least one: zero would be expired (MQTT 5.0, section 3.3.2.3.3).
fn seconds(expiry: Duration) -> u32 {
    let seconds = expiry.as_secs().saturating_add(u64::from(expiry.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

impl Prepared<'_> {
    /// Checks the parts that do not depend on the connection.
    ///
    /// Returns the size of the properties, and of the bytes behind the fixed header.
    fn sizes(&self) -> Result<(usize, usize), Error> {
        let id = if self.qos == Qos::AtMostOnce { 0 } else { 2 };
        let string = |text: &str, what: &str| self.string(text, what);
        let head = string(self.topic, "the topic")?.saturating_add(id);
        let payload = self.message.payload.len();
        if self.message.version == Version::V3 {
            return Ok((0, head.saturating_add(payload)));
        }
        let mut properties = 0_usize;
        let mut add = |size: usize| properties = properties.saturating_add(size).saturating_add(1);
        if self.message.payload_is_text {
            add(1);
        }
        if self.extras.expiry.is_some() {
            add(4);
        }
        if let Some(content_type) = &self.message.content_type {
            add(string(content_type.as_str(), "the content type")?);
        }
        if let Some(topic) = self.extras.reply_to {
            add(string(topic, "the response topic")?);
        }
        if let Some(data) = self.extras.correlation {
            if data.len() > LONGEST {
                return Err(too_long("the correlation data", data.len()));
            }
            add(data.len().saturating_add(2));
        }
        for (name, value) in &self.message.user_properties {
            add(string(name.as_str(), "a user property")?
                .saturating_add(string(value.as_str(), "a user property")?));
        }
        for (name, value) in &self.extras.headers {
            add(string(name, "a user property")?.saturating_add(string(value, "a user property")?));
        }
        let all =
            head.saturating_add(variable_size(properties)).saturating_add(properties).saturating_add(payload);
        Ok((properties, all))
    }

    /// The size of a string with its length.
    fn string(&self, text: &str, what: &str) -> Result<usize, Error> {
        if text.len() > LONGEST {
            return Err(too_long(what, text.len()));
        }
        if !self.returns {
            text::check(text).map_err(|error| in_text(what, &error))?;
        }
        Ok(text.len().saturating_add(2))
    }

    /// Writes the packet, or nothing and an error. `limit` is the largest packet that the broker takes.
    pub(super) fn write(&self, buffer: &mut BytesMut, id: u16, limit: u32) -> Result<(), Error> {
        let (properties, rest) = self.sizes()?;
        let size = rest.saturating_add(variable_size(rest)).saturating_add(1);
        if rest > LARGEST || size > usize::try_from(limit).unwrap_or(usize::MAX) {
            return Err(Error::new(ErrorKind::TooLarge).with_detail(format!(
                "a message of {size} bytes, and the broker takes no more than {limit}"
            )));
        }
        buffer.reserve(size);
        buffer.put_u8(0x30 | ((self.qos as u8) << 1) | u8::from(self.retain));
        put_variable(buffer, rest);
        put_string(buffer, self.topic);
        if self.qos != Qos::AtMostOnce {
            buffer.put_u16(id);
        }
        if self.message.version == Version::V5 {
            put_variable(buffer, properties);
            self.write_properties(buffer);
        }
        buffer.put_slice(&self.message.payload);
        Ok(())
    }

    fn write_properties(&self, buffer: &mut BytesMut) {
        if self.message.payload_is_text {
            buffer.put_slice(&[0x01, 1]);
        }
        if let Some(expiry) = self.extras.expiry {
            buffer.put_u8(0x02);
            buffer.put_u32(expiry);
        }
        if let Some(content_type) = &self.message.content_type {
            buffer.put_u8(0x03);
            put_string(buffer, content_type.as_str());
        }
        if let Some(topic) = self.extras.reply_to {
            buffer.put_u8(0x08);
            put_string(buffer, topic);
        }
        if let Some(data) = self.extras.correlation {
            buffer.put_u8(0x09);
            put_bytes(buffer, data);
        }
        let own = self.message.user_properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(self.extras.headers.iter().copied()) {
            buffer.put_u8(0x26);
            put_string(buffer, name);
            put_string(buffer, value);
        }
    }
}

#[cold]
fn in_text(what: &str, error: &Error) -> Error {
    error.clone().with_detail(format!("{what}: {}", error.detail()))
}

#[cold]
fn too_long(what: &str, length: usize) -> Error {
    Error::new(ErrorKind::TooLarge)
        .with_detail(format!("{what} has {length} bytes, and a string of MQTT has at most {LONGEST}"))
}

fn put_string(buffer: &mut BytesMut, text: &str) {
    put_bytes(buffer, text.as_bytes());
}

/// `sizes` has checked the length.
fn put_bytes(buffer: &mut BytesMut, bytes: &[u8]) {
    buffer.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
    buffer.put_slice(bytes);
}

fn variable_size(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x001f_ffff => 3,
        _ => 4,
    }
}

fn put_variable(buffer: &mut BytesMut, value: usize) {
    let mut rest = value;
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or(0x7f);
        rest >>= 7;
        if rest == 0 {
            return buffer.put_u8(low);
        }
        buffer.put_u8(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use cloudevents_core::{Event, TextBuffer};
    use proptest::prelude::*;
    use rumqttc_v4::mqttbytes::v4;
    use rumqttc_v5::mqttbytes::v5;

    fn outgoing() -> Outgoing {
        Outgoing::from(Event::builder().id("1").source("/s").ty("t").build().unwrap())
    }

    proptest! {
        /// The codec of the client library reads the packets that are written here, and writes the same bytes.
        #[test]
        fn as_the_codec_writes_it(properties in prop::collection::vec(("[a-z-]{0,9}", "\\PC{0,200}"), 0..5), content_type in prop::option::of("[a-z/]{1,20}"), payload in prop::collection::vec(any::<u8>(), 0..300), topic in "[a-z/é]{1,150}", flags: [bool; 3], qos in 0_u8..3, expiry in prop::option::of(1_u32..)) {
            let [retain, is_text, replies] = flags;
            let qos = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][usize::from(qos)];
            let mut message = MqttMessage::new(payload);
            message.content_type = content_type.map(Into::into);
            message.payload_is_text = is_text;
            message.user_properties = properties.iter().map(|(name, value)| (TextBuffer::from(name.as_str()), TextBuffer::from(value.as_str()))).collect();
            let extras = Extras { expiry, reply_to: replies.then_some("answers"), correlation: replies.then_some(b"c"), headers: vec![("x-more", "1")] };
            let mut bytes = BytesMut::new();
            let prepared = Prepared { message: &message, topic: &topic, qos, retain, returns: false, extras };
            prepared.write(&mut bytes, 9, u32::MAX).unwrap();
            let written = bytes.clone();
            let v5::Packet::Publish(read) = v5::Packet::read(&mut bytes, None).unwrap() else { panic!() };
            prop_assert!(bytes.is_empty());
            let mut again = BytesMut::new();
            // The codec orders some properties in another way, so that it has to read its own bytes, too.
            read.write(&mut again).unwrap();
            prop_assert_eq!(again.len(), written.len());
            prop_assert_eq!(read.pkid, if qos == Qos::AtMostOnce { 0 } else { 9 });
            prop_assert_eq!((read.retain, read.dup, Qos::from(read.qos)), (retain, false, qos));
            prop_assert_eq!(&read.topic[..], topic.as_bytes());
            prop_assert_eq!(&read.payload, &message.payload);
            let found = read.properties.unwrap();
            let mut expected = properties;
            expected.push(("x-more".into(), "1".into()));
            prop_assert_eq!(found.user_properties, expected);
            prop_assert_eq!(found.content_type.as_deref(), message.content_type.as_ref().map(TextBuffer::as_str));
            prop_assert_eq!(found.message_expiry_interval, expiry);
            prop_assert_eq!(found.response_topic.is_some(), replies);
            prop_assert_eq!(found.correlation_data, replies.then(|| Bytes::from_static(b"c")));
            prop_assert_eq!(found.payload_format_indicator, is_text.then_some(1));
        }
    }

    #[test]
    fn mqtt_3_has_no_properties() {
        let message = MqttMessage::new("{}").with_version(Version::V3);
        let mut bytes = BytesMut::new();
        let prepared = Prepared {
            message: &message,
            topic: "t",
            qos: Qos::AtLeastOnce,
            retain: false,
            returns: false,
            extras: Extras::default(),
        };
        prepared.write(&mut bytes, 3, u32::MAX).unwrap();
        let v4::Packet::Publish(read) = v4::Packet::read(&mut bytes, 1000).unwrap() else { panic!() };
        assert_eq!((read.pkid, &read.payload[..]), (3, &b"{}"[..]));
    }

    #[test]
    fn what_cannot_be_sent_writes_nothing() {
        let message = MqttMessage::new("x").with_user_property("id", "1");
        let long = "x".repeat(LONGEST + 1);
        let mut bytes = BytesMut::new();
        let mut write = |topic: &str, correlation: Option<&[u8]>, limit| {
            let extras = Extras { correlation, ..Extras::default() };
            let qos = Qos::AtLeastOnce;
            let prepared = Prepared { message: &message, topic, qos, retain: false, returns: false, extras };
            let result = prepared.write(&mut bytes, 1, limit).map_err(|error| error.kind());
            (result, bytes.len())
        };
        assert_eq!(write(&long, None, u32::MAX), (Err(ErrorKind::TooLarge), 0));
        assert_eq!(write("t", Some(long.as_bytes()), u32::MAX), (Err(ErrorKind::TooLarge), 0));
        // 1 of the type, 1 of the length, 3 of the topic, 2 of the id, 1 of the length of 8 of properties, 1 of payload
        assert_eq!(write("t", None, 16), (Err(ErrorKind::TooLarge), 0));
        assert_eq!(write("t", None, 17), (Ok(()), 17));
    }

    #[test]
    fn what_brokers_may_call_malformed_is_not_written() {
        let write = |message: &MqttMessage, topic: &str, extras: Extras<'_>, returns| {
            let (qos, mut bytes) = (Qos::AtLeastOnce, BytesMut::new());
            let prepared = Prepared { message, topic, qos, retain: false, returns, extras };
            let result = prepared.write(&mut bytes, 1, u32::MAX).map_err(|error| error.kind());
            assert_eq!(result.is_err(), bytes.is_empty());
            result
        };
        let (refused, plain) = (Err(ErrorKind::Unsupported), || MqttMessage::new("a\tb\0"));
        assert_eq!(write(&plain(), "t", Extras::default(), false), Ok(()));
        for bad in ["\0", "a\tb", "\u{9f}", "\u{ffff}"] {
            let own = [
                plain().with_content_type(bad),
                plain().with_user_property("a", bad),
                plain().with_user_property(bad, "a"),
            ];
            for message in own {
                assert_eq!(write(&message, "t", Extras::default(), false), refused, "{bad:?}");
                assert_eq!(write(&message, "t", Extras::default(), true), Ok(()), "{bad:?}");
            }
            let more = [
                Extras { headers: vec![("x-a", bad)], ..Extras::default() },
                Extras { headers: vec![(bad, "1")], ..Extras::default() },
                Extras { reply_to: Some(bad), ..Extras::default() },
            ];
            for extras in more {
                assert_eq!(write(&plain(), "t", extras, false), refused, "{bad:?}");
            }
            assert_eq!(write(&plain(), bad, Extras::default(), false), refused, "{bad:?}");
            assert_eq!(write(&plain().with_version(Version::V3), bad, Extras::default(), false), refused);
        }
    }

    #[test]
    fn extras() {
        let message = MqttMessage::new("x").with_user_property("id", "1");
        let with = |outgoing: &Outgoing| {
            Extras::of(outgoing, &message, None).map(|_| ()).map_err(|error| error.kind())
        };
        // The sender has left out the headers that are lost.
        assert_eq!(with(&outgoing().header("traceparent", "1")), Err(ErrorKind::Inexact));
        assert_eq!(with(&outgoing().header("x-a", [0xff])), Err(ErrorKind::Inexact));
        assert_eq!(with(&outgoing().header("x-a", "1")), Ok(()));
        // In structured mode, user properties are no attributes.
        let structured = MqttMessage::new("{}");
        assert!(Extras::of(&outgoing().header("traceparent", "1"), &structured, None).is_ok());
        assert_eq!(
            [0, 1, 999, 1000, 1001].map(|millis| seconds(Duration::from_millis(millis))),
            [1, 1, 1, 1, 2]
        );
    }
}
