//! Packets of both versions, as packets of MQTT 5.

use bytes::{Bytes, BytesMut};
use rumqttc_v4::mqttbytes::v4;
use rumqttc_v5::mqttbytes::v5::{self, DisconnectReasonCode, Packet};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The largest packet that is read.
const LARGEST: usize = 64 << 20;

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
}

impl Wire {
    pub(super) fn new(stream: TcpStream, limit: Option<u32>) -> Self {
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LARGEST);
        Self { stream, buffer: BytesMut::with_capacity(1 << 16), old: None, limit }
    }

    pub(super) fn is_old(&self) -> bool {
        self.old == Some(true)
    }

    /// Reads the next packet. Cancel-safe.
    pub(super) async fn read(&mut self) -> Result<Packet, Fault> {
        loop {
            if let Some(packet) = self.parse()? {
                return Ok(packet);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(Fault::Io);
            }
        }
    }

    fn parse(&mut self) -> Result<Option<Packet>, Fault> {
        if self.old.is_none() {
            let Some(level) = level(&self.buffer)? else { return Ok(None) };
            self.old = Some(level == 4);
        }
        if self.is_old() {
            match v4::Packet::read(&mut self.buffer, self.limit) {
                Ok(packet) => newer(packet).map(Some),
                Err(rumqttc_v4::mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
                Err(_) => Err(Fault::Rule(DisconnectReasonCode::MalformedPacket)),
            }
        } else {
            use rumqttc_v5::mqttbytes::Error;
            match Packet::read(&mut self.buffer, u32::try_from(self.limit).ok()) {
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

    /// Writes a packet in the client's version. Omits parts that MQTT 3.1.1 does not have.
    pub(super) async fn write(&mut self, packet: Packet) -> io::Result<()> {
        let mut bytes = BytesMut::new();
        if self.is_old() {
            let Some(packet) = older(packet) else { return Ok(()) };
            packet.write(&mut bytes, usize::MAX).map_err(io::Error::other)?;
        } else {
            packet.write(&mut bytes, None).map_err(io::Error::other)?;
        }
        self.stream.write_all(&bytes).await
    }

    /// Reports why the connection ends, where the client can hear it.
    pub(super) async fn write_fault(&mut self, fault: Fault) {
        let _ = match fault {
            Fault::Rule(reason) if self.old == Some(false) => {
                self.write(Packet::Disconnect(v5::Disconnect::new(reason))).await
            }
            // CONNACK of MQTT 3.1.1 with "unacceptable protocol version".
            Fault::Version => self.write_raw(&[0x20, 2, 0, 1]).await,
            _ => Ok(()),
        };
    }

    pub(super) async fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }
}

/// The protocol level of CONNECT, the first packet; `None` if it has not arrived.
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
