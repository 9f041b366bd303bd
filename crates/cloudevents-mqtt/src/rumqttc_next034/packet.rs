//! Packets of both versions, as far as a client reads and writes them.
//!
//! The packets are read by the codecs of rumqttc, with two additions. A message that is too large, or that these codecs cannot read, is not
//! an error of the connection. The broker would send it again after each reconnect. And the size of the properties is checked before they
//! are read, because each of them becomes two allocations.

use super::{connection::CHUNK, failure, refusal::MqttRefusal};
use crate::Version;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use cloudevents_core::{Error, ErrorKind};
use rumqttc_v4::mqttbytes::{self as bytes4, v4};
use rumqttc_v5::mqttbytes::{self as bytes5, QoS, v5};

/// The most bytes of properties that are read in one message.
pub(super) const MOST_PROPERTIES: usize = 1 << 20;

/// The first byte of a packet.
const PUBLISH: u8 = 0x30;

/// A packet that a broker sends.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // nearly all packets are messages
pub(super) enum Packet {
    Welcome(Welcome),
    Publish(Arrived),
    PubAck(u16, Taken),
    PubRec(u16, Taken),
    PubRel(u16),
    PubComp(u16),
    /// The QoS that is granted, or why there is none: of the last filter, since each subscription has one.
    SubAck(u16, Option<Result<u8, MqttRefusal>>),
    Pong,
    Goodbye(Error),
    Other,
}

/// The answer of the broker to a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    /// It has no subscriber, as far as the broker says that.
    ByNone,
    Refused(MqttRefusal),
}

impl Taken {
    /// The reason code, from PUBACK or PUBREC.
    fn new(code: u8, reason: Option<String>) -> Self {
        match (MqttRefusal::new(code, reason), code) {
            (Some(refusal), _) => Self::Refused(refusal),
            (None, 0x10) => Self::ByNone,
            (None, _) => Self::Yes,
        }
    }
}

/// An accepted connection, with the limits of the broker.
#[derive(Debug)]
pub(super) struct Welcome {
    pub(super) refused: Option<Error>,
    pub(super) session_present: bool,
    /// How many messages of QoS 1 and 2 may be unconfirmed.
    pub(super) receive_maximum: u16,
    pub(super) max_packet_size: u32,
    pub(super) max_qos: u8,
    /// Whether the broker keeps messages for later subscribers.
    pub(super) retains: bool,
    pub(super) keep_alive: Option<u16>,
    /// How long the broker keeps the session, in seconds, if it states that.
    pub(super) session_expiry: Option<u32>,
}

/// A message, and why it could not be read.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) publish: v5::Publish,
    pub(super) error: Option<Error>,
    /// The bytes of the packet that stay in memory: all bytes, if the payload or the topic is a part of it.
    pub(super) frame: usize,
}

impl Arrived {
    /// The bytes in memory that count.
    pub(super) fn size(&self) -> usize {
        self.frame.saturating_add(copied(&self.publish))
    }
}

/// The bytes in memory of the properties that are copied from the packet.
pub(super) fn copied(publish: &v5::Publish) -> usize {
    let Some(properties) = &publish.properties else { return 0 };
    let texts = [&properties.content_type, &properties.response_topic];
    let texts = texts.into_iter().flatten().map(String::len);
    let user = properties.user_properties.iter().map(|(name, value)| property(name, value));
    let identifiers = properties.subscription_identifiers.len().saturating_mul(size_of::<usize>());
    texts.chain(user).fold(identifiers, usize::saturating_add)
}

/// The bytes of a user property in memory: its text, and two strings in a list, which an empty one has, too.
pub(super) fn property(name: &str, value: &str) -> usize {
    const STRINGS: usize = size_of::<(String, String)>();
    name.len().saturating_add(value.len()).saturating_add(STRINGS)
}

/// Reads packets from bytes.
pub(super) struct Reader {
    version: Version,
    /// The largest packet.
    limit: usize,
    /// Bytes of a message that is too large, to be dropped.
    skip: usize,
}

impl Reader {
    pub(super) fn new(version: Version, limit: usize) -> Self {
        Self { version, limit, skip: 0 }
    }

    /// How much is still to come of a packet of more than a chunk. Such a packet has a buffer of its own, with nothing else in it.
    ///
    /// Any part of a buffer that is kept keeps all of the buffer.
    pub(super) fn missing(&self, buffer: &[u8]) -> Option<usize> {
        let (_, header, length) = fixed_header(buffer).ok()??;
        let frame = header.saturating_add(length);
        (frame > CHUNK && frame <= self.limit).then(|| frame.saturating_sub(buffer.len()))
    }

    /// Takes the next packet from the buffer, if it is there. The buffer never needs more than the limit, and some 64 KiB for the topic
    /// of a message that is too large.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Packet>, Error> {
        let dropped = self.skip.min(buffer.len());
        buffer.advance(dropped);
        self.skip = self.skip.saturating_sub(dropped);
        if self.skip > 0 {
            return Ok(None);
        }
        let Some((first, header, length)) = fixed_header(buffer)? else { return Ok(None) };
        let frame = header.saturating_add(length);
        let is_message = first & 0xf0 == PUBLISH;
        if frame > self.limit {
            if !is_message {
                return Err(failure::malformed(format_args!("{frame} bytes, without being a message")));
            }
            let Some(head) =
                Head::read(self.version, first, buffer.get(header..).unwrap_or_default(), length)
            else {
                return Err(failure::malformed("a message without a topic"));
            };
            let Some(head) = head else { return Ok(None) }; // its topic has not arrived
            buffer.advance(header);
            buffer.advance(head.payload_or_properties);
            self.skip = length.saturating_sub(head.payload_or_properties);
            let skipped = self.skip.min(buffer.len());
            buffer.advance(skipped);
            self.skip = self.skip.saturating_sub(skipped);
            begin_anew(buffer, head.payload_or_properties);
            let error = Error::new(ErrorKind::TooLarge).with_detail(format!(
                "the message has {frame} bytes, and {} are read at most; its payload was dropped",
                self.limit
            ));
            let frame = head.publish.topic.len();
            return Ok(Some(Packet::Publish(Arrived { publish: head.publish, error: Some(error), frame })));
        }
        if buffer.len() < frame {
            return Ok(None);
        }
        let mut bytes = buffer.split_to(frame);
        begin_anew(buffer, frame);
        if is_message {
            return self.message(first, header, bytes.freeze()).map(|arrived| Some(Packet::Publish(arrived)));
        }
        match self.version {
            Version::V3 => v4::Packet::read(&mut bytes, usize::MAX).map(of_v3).map_err(failure::malformed),
            Version::V5 => v5::Packet::read(&mut bytes, None).map(of_v5).map_err(failure::malformed),
        }
        .map(Some)
    }

    fn message(&self, first: u8, header: usize, frame: Bytes) -> Result<Arrived, Error> {
        let rest = frame.slice(header.min(frame.len())..);
        let no_topic = || failure::malformed("a message without a topic");
        let head = Head::read(self.version, first, &rest, rest.len()).flatten().ok_or_else(no_topic)?;
        let unreadable = |error: Error, head: Head| {
            let payload = head.payload.map_or_else(Bytes::new, |start| rest.slice(start.min(rest.len())..));
            let frame = if payload.is_empty() { head.publish.topic.len() } else { frame.len() };
            Arrived { publish: v5::Publish { payload, ..head.publish }, error: Some(error), frame }
        };
        let remaining = header.saturating_sub(1);
        let read = match self.version {
            Version::V3 => {
                let header = bytes4::FixedHeader::new(first, remaining, rest.len());
                v4::Publish::read(header, frame.clone()).map(newer).map_err(|error| error.to_string())
            }
            Version::V5 if head.properties.is_none_or(|size| size > MOST_PROPERTIES) => {
                let error = Error::new(ErrorKind::TooLarge).with_detail(format!(
                    "the message has {} bytes of properties, and {MOST_PROPERTIES} are read at most",
                    head.properties.unwrap_or_default()
                ));
                return Ok(unreadable(error, head));
            }
            Version::V5 => {
                let header = bytes5::FixedHeader::new(first, remaining, rest.len());
                v5::Publish::read(header, frame.clone()).map_err(|error| error.to_string())
            }
        };
        Ok(match read {
            // Properties that end in the payload would change both.
            Ok(publish) if head.payload == rest.len().checked_sub(publish.payload.len()) => {
                Arrived { publish, error: None, frame: frame.len() }
            }
            Ok(_) => unreadable(unread("its properties are longer or shorter than announced"), head),
            Err(error) => unreadable(unread(&error), head),
        })
    }
}

/// Behind so many bytes of a packet, the next packets do not keep a buffer that has grown for it.
fn begin_anew(buffer: &mut BytesMut, taken: usize) {
    if taken > CHUNK {
        let rest = std::mem::replace(buffer, BytesMut::with_capacity(CHUNK));
        buffer.extend_from_slice(&rest);
    }
}

#[cold]
fn unread(why: &str) -> Error {
    Error::new(ErrorKind::InvalidDocument)
        .with_detail(format!("the packet of the message cannot be read: {why}"))
}

/// The parts that are needed to acknowledge a message. The rest may be malformed.
struct Head {
    publish: v5::Publish,
    /// The offset of properties or payload, behind the fixed header.
    payload_or_properties: usize,
    /// The size of the properties, if it can be read.
    properties: Option<usize>,
    /// The offset of the payload, if it can be known.
    payload: Option<usize>,
}

impl Head {
    /// Reads the bytes behind the fixed header, in a packet of this length.
    ///
    /// `None` if it is not a message. `Some(None)` if more bytes are needed.
    #[allow(clippy::option_option)]
    fn read(version: Version, first: u8, rest: &[u8], length: usize) -> Option<Option<Self>> {
        let qos = match (first >> 1) & 3 {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            2 => QoS::ExactlyOnce,
            _ => return None,
        };
        let number = |at: usize| {
            let bytes = rest.get(at..)?.first_chunk::<2>()?;
            Some(u16::from_be_bytes(*bytes))
        };
        let Some(topic) = number(0).map(usize::from) else { return (length >= 2).then_some(None) };
        let after_topic = topic.checked_add(2)?;
        let id_size = if qos == QoS::AtMostOnce { 0 } else { 2 };
        let head = after_topic.checked_add(id_size)?;
        if head > length {
            return None;
        }
        if rest.len() < head {
            return Some(None);
        }
        let pkid = if id_size == 0 { 0 } else { number(after_topic)? };
        if id_size > 0 && pkid == 0 {
            return None;
        }
        let topic = Bytes::copy_from_slice(rest.get(2..after_topic)?);
        // Without a topic there would be an alias, and none was allowed.
        if topic.is_empty() || std::str::from_utf8(&topic).is_err() {
            return None;
        }
        let publish = v5::Publish {
            dup: first & 8 != 0,
            qos,
            retain: first & 1 != 0,
            topic,
            pkid,
            payload: Bytes::new(),
            properties: None,
        };
        let (properties, payload) = match version {
            Version::V3 => (Some(0), Some(head)),
            Version::V5 => match variable(rest.get(head..)?) {
                Ok(Some((size, value))) => {
                    let start = head.checked_add(size).and_then(|start| start.checked_add(value));
                    (Some(value), start.filter(|start| *start <= length))
                }
                _ => (None, None),
            },
        };
        Some(Some(Self { publish, payload_or_properties: head, properties, payload }))
    }
}

/// The first byte, the length of the fixed header, and the length of the rest.
fn fixed_header(buffer: &[u8]) -> Result<Option<(u8, usize, usize)>, Error> {
    let Some((first, rest)) = buffer.split_first() else { return Ok(None) };
    Ok(variable(rest)?.map(|(size, length)| (*first, size.saturating_add(1), length)))
}

/// A variable byte integer (MQTT 5.0, section 1.5.5): its size and its value. `None` if more bytes are needed.
fn variable(bytes: &[u8]) -> Result<Option<(usize, usize)>, Error> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        let bits = usize::from(byte & 0x7f);
        value |= bits << index.saturating_mul(7).min(21);
        if byte & 0x80 == 0 {
            return Ok(Some((index.saturating_add(1), value)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(failure::malformed("a length of more than four bytes")) }
}

fn newer(publish: v4::Publish) -> v5::Publish {
    v5::Publish {
        dup: publish.dup,
        qos: publish.qos,
        retain: publish.retain,
        topic: publish.topic,
        pkid: publish.pkid,
        payload: publish.payload,
        properties: None,
    }
}

fn of_v3(packet: v4::Packet) -> Packet {
    match packet {
        v4::Packet::ConnAck(ack) => {
            let refused = match ack.code {
                v4::ConnectReturnCode::Success => None,
                v4::ConnectReturnCode::RefusedProtocolVersion => Some(
                    Error::new(ErrorKind::Unsupported).with_detail("the broker does not speak MQTT 3.1.1"),
                ),
                v4::ConnectReturnCode::BadClientId => Some(failure::refused_connection_v3(2)),
                v4::ConnectReturnCode::ServiceUnavailable => Some(failure::refused_connection_v3(3)),
                v4::ConnectReturnCode::BadUserNamePassword => Some(failure::refused_connection_v3(4)),
                v4::ConnectReturnCode::NotAuthorized => Some(failure::refused_connection_v3(5)),
            };
            Packet::Welcome(Welcome {
                refused,
                session_present: ack.session_present,
                receive_maximum: u16::MAX,
                max_packet_size: u32::MAX,
                max_qos: 2,
                retains: true,
                keep_alive: None,
                session_expiry: None,
            })
        }
        v4::Packet::PubAck(ack) => Packet::PubAck(ack.pkid, Taken::Yes),
        v4::Packet::PubRec(ack) => Packet::PubRec(ack.pkid, Taken::Yes),
        v4::Packet::PubRel(ack) => Packet::PubRel(ack.pkid),
        v4::Packet::PubComp(ack) => Packet::PubComp(ack.pkid),
        v4::Packet::SubAck(ack) => {
            let granted = ack.return_codes.last().map(|code| match code {
                v4::SubscribeReasonCode::Success(qos) => Ok(*qos as u8),
                v4::SubscribeReasonCode::Failure => Err(MqttRefusal { code: 0x80, reason: None }),
            });
            Packet::SubAck(ack.pkid, granted)
        }
        v4::Packet::PingResp => Packet::Pong,
        _ => Packet::Other,
    }
}

fn of_v5(packet: v5::Packet) -> Packet {
    match packet {
        v5::Packet::ConnAck(ack) => {
            let properties = ack.properties.as_ref();
            let code = connect_code(ack.code);
            let refused = (code != 0).then(|| {
                let reason = properties.and_then(|properties| properties.reason_string.as_deref());
                failure::refused_connection(code, reason)
            });
            Packet::Welcome(Welcome {
                refused,
                session_present: ack.session_present,
                receive_maximum: properties.and_then(|properties| properties.receive_max).unwrap_or(u16::MAX),
                max_packet_size: properties
                    .and_then(|properties| properties.max_packet_size)
                    .unwrap_or(u32::MAX),
                max_qos: properties.and_then(|properties| properties.max_qos).unwrap_or(2),
                retains: properties.and_then(|properties| properties.retain_available) != Some(0),
                keep_alive: properties.and_then(|properties| properties.server_keep_alive),
                session_expiry: properties.and_then(|properties| properties.session_expiry_interval),
            })
        }
        v5::Packet::PubAck(ack) => {
            let reason = ack.properties.and_then(|properties| properties.reason_string);
            Packet::PubAck(ack.pkid, Taken::new(ack.reason as u8, reason))
        }
        v5::Packet::PubRec(ack) => {
            let reason = ack.properties.and_then(|properties| properties.reason_string);
            Packet::PubRec(ack.pkid, Taken::new(ack.reason as u8, reason))
        }
        v5::Packet::PubRel(ack) => Packet::PubRel(ack.pkid),
        v5::Packet::PubComp(ack) => Packet::PubComp(ack.pkid),
        v5::Packet::SubAck(ack) => {
            let reason = ack.properties.and_then(|properties| properties.reason_string);
            let granted = ack.return_codes.last().map(|code| {
                let code = subscribe_code(*code);
                MqttRefusal::new(code, reason).map_or(Ok(code), Err)
            });
            Packet::SubAck(ack.pkid, granted)
        }
        v5::Packet::PingResp => Packet::Pong,
        v5::Packet::Disconnect(disconnect) => {
            let reason = disconnect.properties.and_then(|properties| properties.reason_string);
            let words = failure::words(disconnect.reason_code as u8, reason.as_deref());
            let words = format_args!("the broker closed the connection: {words}");
            Packet::Goodbye(match disconnect.reason_code {
                v5::DisconnectReasonCode::SessionTakenOver => failure::refused(words)
                    .with_help("another client has the same client identifier: give each its own"),
                _ => failure::disconnected(words),
            })
        }
        _ => Packet::Other,
    }
}

fn connect_code(code: v5::ConnectReturnCode) -> u8 {
    use v5::ConnectReturnCode as Code;
    match code {
        Code::Success => 0,
        Code::MalformedPacket => 0x81,
        Code::ProtocolError => 0x82,
        Code::ImplementationSpecificError => 0x83,
        Code::UnsupportedProtocolVersion | Code::RefusedProtocolVersion => 0x84,
        Code::ClientIdentifierNotValid | Code::BadClientId => 0x85,
        Code::BadUserNamePassword => 0x86,
        Code::NotAuthorized => 0x87,
        Code::ServerUnavailable | Code::ServiceUnavailable => 0x88,
        Code::ServerBusy => 0x89,
        Code::Banned => 0x8a,
        Code::BadAuthenticationMethod => 0x8c,
        Code::TopicNameInvalid => 0x90,
        Code::PacketTooLarge => 0x95,
        Code::QuotaExceeded => 0x97,
        Code::PayloadFormatInvalid => 0x99,
        Code::RetainNotSupported => 0x9a,
        Code::QoSNotSupported => 0x9b,
        Code::UseAnotherServer => 0x9c,
        Code::ServerMoved => 0x9d,
        Code::ConnectionRateExceeded => 0x9f,
        Code::UnspecifiedError => 0x80,
    }
}

fn subscribe_code(code: v5::SubscribeReasonCode) -> u8 {
    use v5::SubscribeReasonCode as Code;
    match code {
        Code::Success(qos) => qos as u8,
        Code::Failure | Code::Unspecified => 0x80,
        Code::ImplementationSpecific => 0x83,
        Code::NotAuthorized => 0x87,
        Code::TopicFilterInvalid => 0x8f,
        Code::PkidInUse => 0x91,
        Code::QuotaExceeded => 0x97,
        Code::SharedSubscriptionsNotSupported => 0x9e,
        Code::SubscriptionIdNotSupported => 0xa1,
        Code::WildcardSubscriptionsNotSupported => 0xa2,
    }
}

/// Packets that consist of a type and a packet identifier, in both versions.
pub(super) const PUBACK: u8 = 0x40;
pub(super) const PUBREC: u8 = 0x50;
pub(super) const PUBREL: u8 = 0x62;
pub(super) const PUBCOMP: u8 = 0x70;

pub(super) fn acknowledgement(buffer: &mut BytesMut, kind: u8, id: u16) {
    let [high, low] = id.to_be_bytes();
    buffer.put_slice(&[kind, 2, high, low]);
}

pub(super) fn ping(buffer: &mut BytesMut) {
    buffer.put_slice(&[0xc0, 0]);
}

/// DISCONNECT, with another Session Expiry Interval if one is given.
pub(super) fn disconnect(buffer: &mut BytesMut, version: Version, session_expiry: Option<u32>) {
    match session_expiry.filter(|_| version == Version::V5) {
        None => buffer.put_slice(&[0xe0, 0]),
        Some(expiry) => {
            buffer.put_slice(&[0xe0, 7, 0, 5, 0x11]);
            buffer.put_u32(expiry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(publish: &v5::Publish) -> BytesMut {
        let mut bytes = BytesMut::new();
        publish.write(&mut bytes).unwrap();
        bytes
    }

    fn publish(payload: &[u8], properties: usize) -> v5::Publish {
        let properties = v5::PublishProperties {
            user_properties: vec![(String::new(), String::new()); properties],
            ..v5::PublishProperties::default()
        };
        let mut publish = v5::Publish::new("t", QoS::AtLeastOnce, payload.to_vec(), Some(properties));
        publish.pkid = 7;
        publish
    }

    fn arrived(packet: Packet) -> Arrived {
        match packet {
            Packet::Publish(arrived) => arrived,
            other => panic!("{other:?}"),
        }
    }

    /// Feeds one byte at a time, as a network may.
    fn feed(reader: &mut Reader, bytes: &[u8]) -> Vec<Packet> {
        let mut buffer = BytesMut::new();
        let mut packets = Vec::new();
        let mut most = 0;
        for byte in bytes {
            buffer.put_u8(*byte);
            most = most.max(buffer.len());
            while let Some(packet) = reader.next(&mut buffer).unwrap() {
                packets.push(packet);
            }
        }
        assert!(buffer.is_empty(), "{buffer:?}");
        assert!(most <= reader.limit.max(16), "{most}");
        packets
    }

    #[test]
    fn packets_in_pieces() {
        let mut bytes = written(&publish(b"one", 3));
        acknowledgement(&mut bytes, PUBACK, 258);
        bytes.extend_from_slice(&[0xd0, 0]);
        let packets = feed(&mut Reader::new(Version::V5, 1024), &bytes);
        let [Packet::Publish(first), Packet::PubAck(258, Taken::Yes), Packet::Pong] = &packets[..] else {
            panic!("{packets:?}");
        };
        assert_eq!(first.publish, publish(b"one", 3));
        assert!(first.error.is_none());
    }

    #[test]
    fn a_message_that_is_too_large_is_told_and_skipped() {
        let mut bytes = written(&publish(&[b'x'; 5000], 0));
        bytes.extend_from_slice(&[0xd0, 0]);
        let mut packets = feed(&mut Reader::new(Version::V5, 1000), &bytes).into_iter();
        let first = arrived(packets.next().unwrap());
        assert_eq!((first.publish.pkid, &first.publish.topic[..]), (7, &b"t"[..]));
        assert_eq!(first.error.unwrap().kind(), ErrorKind::TooLarge);
        assert!(matches!(packets.next(), Some(Packet::Pong)));
    }

    #[test]
    fn a_flood_of_properties_is_not_read() {
        let flood = publish(b"x", MOST_PROPERTIES / 5 + 1);
        let mut bytes = written(&flood);
        let packet = Reader::new(Version::V5, 8 << 20).next(&mut bytes).unwrap().unwrap();
        let first = arrived(packet);
        assert_eq!(first.error.unwrap().kind(), ErrorKind::TooLarge);
        assert_eq!((first.publish.pkid, &first.publish.payload[..]), (7, &b"x"[..]));
        assert!(first.publish.properties.is_none());
    }

    /// Properties that end in the payload, or in the middle of one.
    #[test]
    fn properties_that_do_not_end_where_they_say() {
        let mut bytes = BytesMut::from(&b"\x32\x0e\0\x01t\0\x07\x02\x03\0\x05a/b\0\0"[..]);
        let first = arrived(Reader::new(Version::V5, 1000).next(&mut bytes).unwrap().unwrap());
        assert_eq!(first.error.unwrap().kind(), ErrorKind::InvalidDocument);
        assert_eq!(first.publish.pkid, 7);
    }

    #[test]
    fn what_is_no_packet() {
        for bytes in [
            &b"\x32\xff\xff\xff\xff\x01"[..], // a length of five bytes
            b"\x36\x05\0\x01t\0\x01",         // QoS 3
            b"\x32\x05\0\x01t\0\0",           // no packet identifier
            b"\x30\x03\0\0\0",                // no topic
            b"\x30\x03\0\x05t",               // a topic beyond the packet
            b"\x00\x00",
            b"\x40\x01\0",
        ] {
            let read = Reader::new(Version::V5, 1000).next(&mut BytesMut::from(bytes));
            assert_eq!(read.unwrap_err().kind(), ErrorKind::Disconnected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_by_the_codec() {
        let mut bytes = BytesMut::new();
        for kind in [PUBACK, PUBREC, PUBREL, PUBCOMP] {
            acknowledgement(&mut bytes, kind, 513);
        }
        ping(&mut bytes);
        disconnect(&mut bytes, Version::V5, Some(0));
        let mut read = || v5::Packet::read(&mut bytes, None).unwrap();
        assert_eq!(read(), v5::Packet::PubAck(v5::PubAck::new(513, None)));
        assert_eq!(read(), v5::Packet::PubRec(v5::PubRec::new(513, None)));
        assert_eq!(read(), v5::Packet::PubRel(v5::PubRel::new(513, None)));
        assert_eq!(read(), v5::Packet::PubComp(v5::PubComp::new(513, None)));
        assert_eq!(read(), v5::Packet::PingReq);
        let v5::Packet::Disconnect(disconnect) = read() else { panic!() };
        assert_eq!(disconnect.properties.unwrap().session_expiry_interval, Some(0));
    }

    /// MQTT 3.1.1, table 3.1.
    #[test]
    fn a_refusal_of_mqtt_3_has_its_own_code() {
        for (code, words) in [
            (2, "identifier rejected (0x02)"),
            (3, "server unavailable (0x03)"),
            (4, "bad user name or password (0x04)"),
            (5, "not authorized (0x05)"),
        ] {
            let mut bytes = BytesMut::from(&[0x20, 2, 0, code][..]);
            let packet = Reader::new(Version::V3, 1000).next(&mut bytes).unwrap().unwrap();
            let Packet::Welcome(welcome) = packet else { panic!("{code}: no CONNACK") };
            assert_eq!(welcome.refused.unwrap().detail(), words);
        }
    }
}
