//! Packets of both versions, as packets of MQTT 5.

use bytes::{Bytes, BytesMut};
use rumqttc_v4::mqttbytes::v4;
use rumqttc_v5::mqttbytes::v5::{self, Packet};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The largest packet that is read.
const LARGEST: usize = 64 << 20;

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
    pub(super) async fn read(&mut self) -> io::Result<Packet> {
        loop {
            if let Some(packet) = self.parse()? {
                return Ok(packet);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn parse(&mut self) -> io::Result<Option<Packet>> {
        if self.old.is_none() {
            // The protocol level follows the name, behind a remaining length of at most four bytes.
            let Some(at) = self.buffer.windows(6).position(|bytes| bytes == b"\0\x04MQTT") else {
                return if self.buffer.len() > 11 {
                    Err(io::ErrorKind::InvalidData.into())
                } else {
                    Ok(None)
                };
            };
            let Some(level) = at.checked_add(6).and_then(|at| self.buffer.get(at)) else { return Ok(None) };
            self.old = Some(*level == 4);
        }
        if self.is_old() {
            match v4::Packet::read(&mut self.buffer, self.limit) {
                Ok(packet) => newer(packet).map(Some),
                Err(rumqttc_v4::mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(io::Error::other(error)),
            }
        } else {
            match Packet::read(&mut self.buffer, u32::try_from(self.limit).ok()) {
                Ok(packet) => Ok(Some(packet)),
                Err(rumqttc_v5::mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(io::Error::other(error)),
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

    pub(super) async fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }
}

fn newer(packet: v4::Packet) -> io::Result<Packet> {
    Ok(match packet {
        v4::Packet::Connect(connect) => {
            let auth = match connect.auth {
                v4::ConnectAuth::None => v5::ConnectAuth::None,
                v4::ConnectAuth::Username { username } => v5::ConnectAuth::Username { username },
                v4::ConnectAuth::UsernamePassword { username, password } => {
                    v5::ConnectAuth::UsernamePassword { username, password }
                }
            };
            // A session of MQTT 3.1.1 is clean for the connection, or lasts.
            let mut properties = v5::ConnectProperties::new();
            properties.session_expiry_interval = Some(if connect.clean_session { 0 } else { u32::MAX });
            let connect = v5::Connect {
                keep_alive: connect.keep_alive,
                client_id: connect.client_id,
                clean_start: connect.clean_session,
                properties: Some(properties),
            };
            Packet::Connect(connect, None, auth)
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
        _ => return Err(io::ErrorKind::InvalidData.into()),
    })
}

fn older(packet: Packet) -> Option<v4::Packet> {
    Some(match packet {
        Packet::ConnAck(ack) => {
            let code = match ack.code {
                v5::ConnectReturnCode::Success => v4::ConnectReturnCode::Success,
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
