//! Packets of both versions, as packets of MQTT 5.

use bytes::{Bytes, BytesMut};
use rumqttc_v4::mqttbytes::v4;
use rumqttc_v5::mqttbytes::v5::{self, DisconnectReasonCode, Packet};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    select,
    time::timeout,
};

/// The largest packet that is read.
const LARGEST: usize = 64 << 20;
/// How much is collected before it is written.
const ENOUGH: usize = 1 << 16;
/// How long a client may take to read the last packets.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum Fault {
    /// The client broke a rule, of which an MQTT 5 client hears.
    Rule(DisconnectReasonCode),
    /// It speaks no version that the broker knows.
    Version,
    Io,
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Self::Io
    }
}

/// A connection that reads and writes packets.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: BytesMut,
    /// Whether the client speaks MQTT 3.1.1. Unknown until its CONNECT was read.
    old: Option<bool>,
    limit: usize,
    /// The bytes to write.
    out: BytesMut,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, limit: Option<u32>) -> Self {
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LARGEST);
        Self { stream, buffer: BytesMut::with_capacity(1 << 16), old: None, limit, out: BytesMut::new() }
    }

    pub(super) fn is_old(&self) -> bool {
        self.old == Some(true)
    }

    /// Whether all is written.
    pub(super) fn is_idle(&self) -> bool {
        self.out.is_empty()
    }

    /// Whether there is enough to write for now.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= ENOUGH
    }

    /// Reads the next packet, and writes the buffer meanwhile. Returns `None` when all is written. With nothing to write, waits for a
    /// packet. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Option<Packet>, Fault> {
        let (mut reading, mut writing) = self.stream.split();
        let mut writes = !self.out.is_empty();
        loop {
            if let Some(packet) = parse(&mut self.buffer, &mut self.old, self.limit)? {
                return Ok(Some(packet));
            }
            if writes && self.out.is_empty() {
                return Ok(None);
            }
            writes = !self.out.is_empty();
            select! {
                read = reading.read_buf(&mut self.buffer) => if read? == 0 {
                    return Err(Fault::Io);
                },
                written = writing.write_buf(&mut self.out), if writes => drop(written?),
            }
        }
    }

    /// Writes a packet in the client's version, later. Omits parts that MQTT 3.1.1 does not have.
    pub(super) fn write(&mut self, packet: Packet) -> io::Result<()> {
        if !self.is_old() {
            return packet.write(&mut self.out, None).map(drop).map_err(io::Error::other);
        }
        let Some(packet) = older(packet) else { return Ok(()) };
        packet.write(&mut self.out, usize::MAX).map(drop).map_err(io::Error::other)
    }

    pub(super) fn write_raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Reports why the connection ends, if the client can hear it. Writes the rest of the buffer, unless the client does not read.
    pub(super) async fn finish(mut self, fault: Option<Fault>) {
        let _ = match fault {
            Some(Fault::Rule(reason)) if self.old == Some(false) => {
                self.write(Packet::Disconnect(v5::Disconnect::new(reason)))
            }
            // CONNACK of MQTT 3.1.1 with "unacceptable protocol version".
            Some(Fault::Version) => {
                self.write_raw(&[0x20, 2, 0, 1]);
                Ok(())
            }
            _ => Ok(()),
        };
        let _ = timeout(PATIENCE, self.stream.write_all_buf(&mut self.out)).await;
    }
}

fn parse(buffer: &mut BytesMut, old: &mut Option<bool>, limit: usize) -> Result<Option<Packet>, Fault> {
    let is_old = match *old {
        Some(is_old) => is_old,
        None => {
            let Some(level) = level(buffer)? else { return Ok(None) };
            *old.insert(level == 4)
        }
    };
    if is_old {
        match v4::Packet::read(buffer, limit) {
            Ok(packet) => newer(packet).map(Some),
            Err(rumqttc_v4::mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
            Err(_) => Err(Fault::Rule(DisconnectReasonCode::MalformedPacket)),
        }
    } else {
        use rumqttc_v5::mqttbytes::Error;
        match Packet::read(buffer, u32::try_from(limit).ok()) {
            Ok(packet) => Ok(Some(packet)),
            Err(Error::InsufficientBytes(_)) => Ok(None),
            Err(Error::PayloadSizeLimitExceeded { .. }) => {
                Err(Fault::Rule(DisconnectReasonCode::PacketTooLarge))
            }
            Err(Error::ProtocolViolation(reason)) => Err(Fault::Rule(reason)),
            Err(Error::PacketIdZero | Error::ProtocolError | Error::EmptySubscription) => {
                Err(Fault::Rule(DisconnectReasonCode::ProtocolError))
            }
            Err(_) => Err(Fault::Rule(DisconnectReasonCode::MalformedPacket)),
        }
    }
}

/// The protocol level of CONNECT, the first packet. `None` if it has not arrived.
fn level(buffer: &[u8]) -> Result<Option<u8>, Fault> {
    let Some((first, rest)) = buffer.split_first() else { return Ok(None) };
    if *first != 0x10 {
        return Err(Fault::Io);
    }
    // The remaining length ends with a byte below 0x80, and has at most four.
    let length = rest.iter().take(4).position(|byte| *byte < 0x80);
    let Some(rest) = length.and_then(|last| rest.get(last.saturating_add(1)..)) else {
        return if rest.len() < 4 { Ok(None) } else { Err(Fault::Io) };
    };
    match rest {
        [0, 4, b'M', b'Q', b'T', b'T', level @ (4 | 5), ..] => Ok(Some(*level)),
        [0, 4, b'M', b'Q', b'T', b'T', _, ..] | [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', ..] => {
            Err(Fault::Version)
        }
        rest if rest.len() < 8 => Ok(None),
        _ => Err(Fault::Io),
    }
}

fn newer(packet: v4::Packet) -> Result<Packet, Fault> {
    Ok(match packet {
        v4::Packet::Connect(connect) => {
            let auth = match connect.auth {
                v4::ConnectAuth::None => v5::ConnectAuth::None,
                v4::ConnectAuth::Username { username } => v5::ConnectAuth::Username { username },
                v4::ConnectAuth::UsernamePassword { username, password } => {
                    v5::ConnectAuth::UsernamePassword { username, password }
                }
            };
            let will = connect.last_will.map(|will| v5::LastWill {
                topic: will.topic.into(),
                message: will.message,
                qos: will.qos,
                retain: will.retain,
                properties: None,
            });
            // A session of MQTT 3.1.1 is clean for the connection, or lasts.
            let mut properties = v5::ConnectProperties::new();
            properties.session_expiry_interval = Some(if connect.clean_session { 0 } else { u32::MAX });
            let connect = v5::Connect {
                keep_alive: connect.keep_alive,
                client_id: connect.client_id,
                clean_start: connect.clean_session,
                properties: Some(properties),
            };
            Packet::Connect(connect, will, auth)
        }
        v4::Packet::Publish(publish) => Packet::Publish(v5::Publish {
            dup: publish.dup,
            qos: publish.qos,
            retain: publish.retain,
            topic: publish.topic,
            pkid: publish.pkid,
            payload: publish.payload,
            properties: None,
        }),
        v4::Packet::PubAck(ack) => Packet::PubAck(v5::PubAck::new(ack.pkid, None)),
        v4::Packet::PubRec(ack) => Packet::PubRec(v5::PubRec::new(ack.pkid, None)),
        v4::Packet::PubRel(ack) => Packet::PubRel(v5::PubRel::new(ack.pkid, None)),
        v4::Packet::PubComp(ack) => Packet::PubComp(v5::PubComp::new(ack.pkid, None)),
        v4::Packet::Subscribe(subscribe) => {
            let filters =
                subscribe.filters.into_iter().map(|filter| v5::SubscribeFilter::new(filter.path, filter.qos));
            let mut newer = v5::Subscribe::new_many(filters, None);
            newer.pkid = subscribe.pkid;
            Packet::Subscribe(newer)
        }
        v4::Packet::Unsubscribe(unsubscribe) => Packet::Unsubscribe(v5::Unsubscribe {
            pkid: unsubscribe.pkid,
            filters: unsubscribe.topics,
            properties: None,
        }),
        v4::Packet::PingReq => Packet::PingReq,
        v4::Packet::Disconnect => {
            Packet::Disconnect(v5::Disconnect::new(v5::DisconnectReasonCode::NormalDisconnection))
        }
        _ => return Err(Fault::Rule(DisconnectReasonCode::ProtocolError)),
    })
}

fn older(packet: Packet) -> Option<v4::Packet> {
    Some(match packet {
        Packet::ConnAck(ack) => {
            let code = match ack.code {
                v5::ConnectReturnCode::Success => v4::ConnectReturnCode::Success,
                v5::ConnectReturnCode::ClientIdentifierNotValid => v4::ConnectReturnCode::BadClientId,
                v5::ConnectReturnCode::BadUserNamePassword => v4::ConnectReturnCode::BadUserNamePassword,
                _ => v4::ConnectReturnCode::NotAuthorized,
            };
            v4::Packet::ConnAck(v4::ConnAck::new(code, ack.session_present))
        }
        Packet::Publish(publish) => v4::Packet::Publish(v4::Publish {
            dup: publish.dup,
            qos: publish.qos,
            retain: publish.retain,
            topic: publish.topic,
            pkid: publish.pkid,
            payload: Bytes::clone(&publish.payload),
        }),
        Packet::PubAck(ack) => v4::Packet::PubAck(v4::PubAck::new(ack.pkid)),
        Packet::PubRec(ack) => v4::Packet::PubRec(v4::PubRec::new(ack.pkid)),
        Packet::PubRel(ack) => v4::Packet::PubRel(v4::PubRel::new(ack.pkid)),
        Packet::PubComp(ack) => v4::Packet::PubComp(v4::PubComp::new(ack.pkid)),
        Packet::SubAck(ack) => {
            let codes = ack.return_codes.into_iter().map(|code| match code {
                v5::SubscribeReasonCode::Success(qos) => v4::SubscribeReasonCode::Success(qos),
                _ => v4::SubscribeReasonCode::Failure,
            });
            v4::Packet::SubAck(v4::SubAck::new(ack.pkid, codes.collect()))
        }
        Packet::UnsubAck(ack) => v4::Packet::UnsubAck(v4::UnsubAck::new(ack.pkid)),
        Packet::PingResp => v4::Packet::PingResp,
        _ => return None,
    })
}
