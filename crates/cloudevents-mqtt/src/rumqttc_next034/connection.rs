//! Connections: logging in, reading, writing, and staying alive.

use super::{
    failure::{self, disconnected},
    login::Login,
    options::{Qos, Target},
    packet::{self, Packet, Reader, Welcome},
    refusal::MqttRefusal,
    unwritten::{Chunk, Unwritten},
};
use crate::Version;
use bytes::{BufMut, Bytes, BytesMut};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Host;
use futures_util::{
    FutureExt,
    future::{Either, select},
};
use rumqttc_v4::mqttbytes::v4;
use rumqttc_v5::mqttbytes::v5;
use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split},
    runtime::Handle,
    task::coop::unconstrained,
    time::{sleep, timeout},
};

/// How long the broker may take to close a connection that was ended.
pub(super) const FAREWELL: Duration = Duration::from_secs(10);

/// How long to read data that a broker still sends after the connection was ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many bytes are read at once.
pub(super) const CHUNK: usize = 32 << 10;

/// How many bytes of messages are kept until a subscription is confirmed.
///
/// When more come, they are messages of a session that is resumed, and the confirmation is behind them.
const EARLY: usize = 8 << 20;

/// The packet identifier of the subscription of a connection. Messages have others.
pub(super) const SUBSCRIPTION: u16 = u16::MAX;

/// Returns the current runtime, on which tasks are spawned and the connection lives.
pub(super) fn runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))
}

/// The parameters of CONNECT.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Whether to begin without the session of before.
    pub(super) clean: bool,
    /// How long the session outlives the connection, in seconds.
    pub(super) session_expiry: u32,
    /// How many messages of QoS 1 and 2 the broker may send before one is acknowledged.
    pub(super) receive_maximum: u16,
    /// The largest packet to receive.
    pub(super) max_packet_size: u32,
}

/// A connection that is accepted. Dropping it closes it.
pub(super) struct Connection {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    packets: Reader,
    buffer: BytesMut,
    /// Packets that came before the subscription was confirmed.
    early: Vec<Packet>,
    keep_alive: Duration,
    pub(super) host: Host,
    pub(super) welcome: Welcome,
}

/// The user of a connection: it takes the packets of the broker.
pub(super) trait Side: Send {
    /// Takes a packet. An error ends the connection.
    fn take(&mut self, packet: Packet) -> Result<(), Error>;

    /// Whether another packet can be taken now.
    fn is_ready(&self) -> bool {
        true
    }

    /// Waits until another packet can be taken.
    fn ready(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Called when all packets that have arrived were taken.
    fn taken(&mut self) {}
}

impl Connection {
    /// Connects to this host and logs in.
    pub(super) async fn open(target: &Target, host: &Host, terms: &Terms) -> Result<Self, Error> {
        let (connection, connect) = Self::reach(target, host, terms).await?;
        connection.log_in(target, &connect, || ()).await
    }

    /// Connects to this host. Returns CONNECT, too, which is not written yet.
    pub(super) async fn reach(
        target: &Target,
        host: &Host,
        terms: &Terms,
    ) -> Result<(Self, BytesMut), Error> {
        let login = match &target.options.logins {
            Some(logins) => logins.login().await?,
            None => Login::default(),
        };
        let (reader, writer) = split(stream(target, host, &login).await?);
        let limit = usize::try_from(terms.max_packet_size).unwrap_or(usize::MAX);
        let connect = connect(target, &login, terms)?;
        let connection = Self {
            reader,
            writer,
            packets: Reader::new(target.options.version, limit),
            buffer: BytesMut::with_capacity(CHUNK),
            early: Vec::new(),
            keep_alive: target.options.keep_alive,
            host: host.clone(),
            welcome: Welcome {
                refused: None,
                session_present: false,
                receive_maximum: u16::MAX,
                max_packet_size: u32::MAX,
                max_qos: 2,
                retains: true,
                keep_alive: None,
                session_expiry: None,
            },
        };
        Ok((connection, connect))
    }

    /// Logs in with this CONNECT. The function is called when the broker has answered, also with a refusal.
    pub(super) async fn log_in(
        mut self,
        target: &Target,
        connect: &[u8],
        answered: impl FnOnce(),
    ) -> Result<Self, Error> {
        self.write(connect).await?;
        let welcomed = self.welcomed(target.options.version).await?;
        answered();
        self.welcome = welcomed?;
        self.keep_alive = agreed(self.keep_alive, self.welcome.keep_alive);
        Ok(self)
    }

    /// Subscribes to the filter of a receiver.
    pub(super) async fn subscribe(&mut self, target: &Target, qos: Qos) -> Result<(), Error> {
        let filter = &target.topic;
        self.write(&subscribe(target.options.version, filter, qos)?).await?;
        let mut patience = target.options.connect_timeout.mul_f64(0.3);
        if !self.keep_alive.is_zero() {
            // Nothing is sent meanwhile, and a broker ends a connection that is silent for one and a half of it.
            patience = patience.min(self.keep_alive.mul_f64(0.5));
        }
        self.subscribed(filter, qos, patience).await
    }

    /// Ends the connection. The rest of the session is as agreed.
    pub(super) async fn leave(mut self, version: Version) -> Result<(), Error> {
        let mut bytes = BytesMut::new();
        packet::disconnect(&mut bytes, version, None);
        self.write(&bytes).await?;
        self.writer.shutdown().await.map_err(lost)
    }

    /// Returns the answer of the broker.
    async fn welcomed(&mut self, version: Version) -> Result<Result<Welcome, Error>, Error> {
        loop {
            // A broker of MQTT 3.1.1 answers in its own version.
            if version == Version::V5 && self.buffer.starts_with(&[0x20, 2, 0, 1]) {
                return Ok(Err(failure::refused_connection(0x84, None)));
            }
            return Ok(match self.packets.next(&mut self.buffer) {
                Ok(Some(Packet::Welcome(mut welcome))) => match welcome.refused.take() {
                    Some(error) => Err(error),
                    None => Ok(welcome),
                },
                Ok(Some(Packet::Goodbye(error))) => Err(error),
                Ok(Some(_)) => Err(disconnected("the broker did not begin with CONNACK")),
                Ok(None) => {
                    self.read().await?;
                    continue;
                }
                Err(error) => Err(error),
            });
        }
    }

    /// Waits until the broker has confirmed the subscription, or has sent as many bytes as are kept until then.
    ///
    /// For a session that is resumed, the confirmation is behind the messages that have waited. These may take long: no longer than
    /// `patience` while they come.
    async fn subscribed(&mut self, filter: &str, qos: Qos, patience: Duration) -> Result<(), Error> {
        let mut bytes = 0_usize;
        let mut enough = pin!(sleep(patience));
        loop {
            match self.packets.next(&mut self.buffer)? {
                Some(Packet::SubAck(SUBSCRIPTION, code)) => return granted(filter, qos, code),
                Some(Packet::Goodbye(error)) => return Err(error),
                Some(packet @ (Packet::Publish(_) | Packet::PubRel(_))) => {
                    let size = if let Packet::Publish(arrived) = &packet { arrived.size() } else { 0 };
                    bytes = bytes.saturating_add(size).saturating_add(CHUNK / 64);
                    self.early.push(packet);
                    if bytes > EARLY {
                        return Ok(());
                    }
                }
                Some(_) => {} // nothing was sent that others could answer
                None => {
                    let comes = !self.early.is_empty() || !self.buffer.is_empty();
                    let is_resumed = self.welcome.session_present && comes;
                    tokio::select! {
                        read = self.read() => read?,
                        () = &mut enough, if is_resumed => return Ok(()),
                    }
                }
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.writer.write_all(bytes).await.map_err(lost)?;
        self.writer.flush().await.map_err(lost)
    }

    async fn read(&mut self) -> Result<(), Error> {
        read(&mut self.reader, &self.packets, &mut self.buffer).await
    }

    /// Reads and writes until the connection is lost, or until `Unwritten` is closed and everything is written. Returns why it ended: an
    /// error of kind [`Closed`](ErrorKind::Closed) if it was closed.
    pub(super) async fn drive(mut self, unwritten: &Unwritten, side: &mut impl Side) -> Error {
        let early = std::mem::take(&mut self.early);
        let Self { mut reader, mut writer, mut packets, mut buffer, keep_alive, .. } = self;
        let pulse = Pulse::default();
        let ended = {
            let reading = pin!(async {
                for packet in early {
                    if let Err(error) = side.take(packet) {
                        return error;
                    }
                }
                side.taken();
                loop {
                    if let Err(error) = take_all(&mut packets, &mut buffer, unwritten, side, &pulse).await {
                        return error;
                    }
                    unwritten.room().await;
                    if let Err(error) = read(&mut reader, &packets, &mut buffer).await {
                        return error;
                    }
                    pulse.heard.store(true, Ordering::Relaxed);
                }
            });
            let writing = pin!(write_all(&mut writer, unwritten, &pulse));
            let beating = pin!(pulse.beat(keep_alive, unwritten));
            match select(writing, select(reading, beating)).await {
                Either::Left((written, _)) => written.err().map(|error| (error, true)),
                Either::Right((Either::Left((error, _)) | Either::Right((error, _)), _)) => {
                    Some((error, false))
                }
            }
        };
        unwritten.end();
        match ended {
            Some((error, false)) => error,
            // The broker may have said why before it closed the connection.
            Some((error, true)) => {
                let reason = goodbye(&mut reader, &mut packets, &mut buffer);
                timeout(PATIENCE, reason).await.ok().flatten().unwrap_or(error)
            }
            None => {
                // If the socket were closed with unread bytes, the broker might not get the written bytes.
                let _ = timeout(PATIENCE, async {
                    let mut rest = BytesMut::with_capacity(CHUNK);
                    while reader.read_buf(&mut rest).await.is_ok_and(|read| read > 0) {
                        rest.clear();
                    }
                })
                .await;
                Error::new(ErrorKind::Closed)
            }
        }
    }
}

/// Hands all packets over that have arrived.
async fn take_all(
    packets: &mut Reader,
    buffer: &mut BytesMut,
    unwritten: &Unwritten,
    side: &mut impl Side,
    pulse: &Pulse,
) -> Result<(), Error> {
    loop {
        if !side.is_ready() {
            side.taken();
            pulse.paused.store(true, Ordering::Relaxed);
            side.ready().await;
            pulse.paused.store(false, Ordering::Relaxed);
        }
        match packets.next(buffer)? {
            Some(Packet::Pong) => unwritten.pong(),
            Some(Packet::Goodbye(error)) => return Err(error),
            Some(packet) => side.take(packet)?,
            None => {
                side.taken();
                return Ok(());
            }
        }
    }
}

async fn read(
    reader: &mut ReadHalf<Box<dyn Stream>>,
    packets: &Reader,
    buffer: &mut BytesMut,
) -> Result<(), Error> {
    if buffer.capacity().saturating_sub(buffer.len()) < CHUNK / 4 {
        buffer.reserve(CHUNK);
    }
    let most = packets.missing(buffer).unwrap_or(usize::MAX);
    match reader.read_buf(&mut buffer.limit(most)).await {
        Ok(0) => Err(disconnected("the broker closed the connection")),
        Ok(_) => Ok(()),
        Err(error) => Err(lost(error)),
    }
}

/// Reads data that has arrived, without taking it. Returns why the broker has ended the connection, if it has said so.
async fn goodbye(
    reader: &mut ReadHalf<Box<dyn Stream>>,
    packets: &mut Reader,
    buffer: &mut BytesMut,
) -> Option<Error> {
    loop {
        match packets.next(buffer).ok()? {
            Some(Packet::Goodbye(error)) => return Some(error),
            Some(_) => {}
            None => read(reader, packets, buffer).await.ok()?,
        }
    }
}

async fn write_all(
    writer: &mut WriteHalf<Box<dyn Stream>>,
    unwritten: &Unwritten,
    pulse: &Pulse,
) -> Result<(), Error> {
    let mut chunk = Chunk::default();
    while unwritten.next(&mut chunk).await {
        let mut rest = &chunk.bytes[..];
        while !rest.is_empty() {
            let mut writing = pin!(writer.write_buf(&mut rest));
            let written = match unconstrained(writing.as_mut()).now_or_never() {
                Some(written) => written,
                // The system takes more when the peer has taken its bytes. Behind that, a PINGREQ waits, too.
                None => {
                    let written = writing.await;
                    pulse.heard.store(true, Ordering::Relaxed);
                    written
                }
            };
            if written.map_err(lost)? == 0 {
                return Err(lost(std::io::ErrorKind::WriteZero.into()));
            }
        }
        writer.flush().await.map_err(lost)?;
    }
    // All is written, so failing to shut down is not an error.
    let _ = timeout(FAREWELL, writer.shutdown()).await;
    Ok(())
}

/// Whether the broker is alive.
#[derive(Default)]
struct Pulse {
    /// Whether something was read, or written after a wait, since the last beat.
    heard: AtomicBool,
    /// Whether nothing is read, because nothing can be taken.
    paused: AtomicBool,
}

impl Pulse {
    /// Sends PINGREQ twice within each Keep Alive. Returns an error when the broker was silent for one Keep Alive, or up to a half more.
    ///
    /// A single half without an answer may be a broker, or a client, that stood still for a moment.
    async fn beat(&self, keep_alive: Duration, unwritten: &Unwritten) -> Error {
        if keep_alive.is_zero() {
            return std::future::pending().await;
        }
        let mut was_silent = false;
        loop {
            sleep(keep_alive.mul_f64(0.5)).await;
            let paused = self.paused.load(Ordering::Relaxed);
            let heard = self.heard.swap(false, Ordering::Relaxed);
            let is_silent = !heard && !paused;
            if was_silent && is_silent {
                return disconnected(format_args!("the broker was silent for {keep_alive:?}"));
            }
            unwritten.ping();
            was_silent = is_silent;
        }
    }
}

/// The Keep Alive that applies: the shorter of the client's and the broker's.
///
/// The broker's is the longest time that it permits, and 0 is none (MQTT 5.0, sections 3.1.2.10 and 3.2.2.3.14). The client also checks the
/// connection for itself.
fn agreed(own: Duration, broker: Option<u16>) -> Duration {
    let broker = broker.map(|seconds| Duration::from_secs(seconds.into())).filter(|broker| !broker.is_zero());
    match broker {
        Some(broker) if own.is_zero() => broker,
        Some(broker) => own.min(broker),
        None => own,
    }
}

async fn stream(target: &Target, host: &Host, login: &Login) -> Result<Box<dyn Stream>, Error> {
    let no_host = |error: std::io::Error| disconnected(format_args!("{host}: {error}")).with_source(error);
    let limit = target.options.connect_timeout;
    let stream = target.addresses.connect(host, 1883, limit).await.map_err(no_host)?;
    #[cfg(feature = "tls")]
    if target.tls {
        let tls = login.tls.as_ref().unwrap_or(&target.options.tls);
        return Ok(Box::new(tls.connect(host.name(), stream).await?));
    }
    let _ = (target, login);
    Ok(Box::new(stream))
}

fn connect(target: &Target, login: &Login, terms: &Terms) -> Result<BytesMut, Error> {
    let user = login.user.as_ref().or(target.user.as_ref()).map(|user| user.expose().to_owned());
    let password = login.password.as_ref().or(target.password.as_ref());
    let password = password.map(|password| Bytes::copy_from_slice(password.expose().as_bytes()));
    let keep_alive = u16::try_from(target.options.keep_alive.as_secs()).unwrap_or(u16::MAX);
    let client_id = target.client.clone();
    let mut bytes = BytesMut::new();
    let written = match target.options.version {
        Version::V3 => {
            let auth = match (user, password) {
                (None, _) => v4::ConnectAuth::None,
                (Some(username), None) => v4::ConnectAuth::Username { username },
                (Some(username), Some(password)) => v4::ConnectAuth::UsernamePassword { username, password },
            };
            let connect =
                v4::Connect { keep_alive, client_id, clean_session: terms.clean, last_will: None, auth };
            v4::Packet::Connect(connect).write(&mut bytes, usize::MAX).map_err(|error| error.to_string())
        }
        Version::V5 => {
            let auth = match (user, password) {
                (None, None) => v5::ConnectAuth::None,
                (None, Some(password)) => v5::ConnectAuth::Password { password },
                (Some(username), None) => v5::ConnectAuth::Username { username },
                (Some(username), Some(password)) => v5::ConnectAuth::UsernamePassword { username, password },
            };
            let properties = v5::ConnectProperties {
                session_expiry_interval: (terms.session_expiry > 0).then_some(terms.session_expiry),
                receive_maximum: Some(terms.receive_maximum),
                max_packet_size: Some(terms.max_packet_size),
                ..v5::ConnectProperties::new()
            };
            let connect =
                v5::Connect { keep_alive, client_id, clean_start: terms.clean, properties: Some(properties) };
            v5::Packet::Connect(connect, None, auth)
                .write(&mut bytes, None)
                .map_err(|error| error.to_string())
        }
    };
    // User, password and client identifier may have 65,535 bytes each.
    written.map_err(|error| Error::new(ErrorKind::InvalidUrl).with_detail(error))?;
    Ok(bytes)
}

/// SUBSCRIBE for this filter.
pub(super) fn subscribe(version: Version, filter: &str, qos: Qos) -> Result<BytesMut, Error> {
    let mut bytes = BytesMut::new();
    let written = match version {
        Version::V3 => {
            let mut subscribe = v4::Subscribe::new(filter, qos.into());
            subscribe.pkid = SUBSCRIPTION;
            v4::Packet::Subscribe(subscribe).write(&mut bytes, usize::MAX).map_err(|error| error.to_string())
        }
        Version::V5 => {
            let mut filter = v5::SubscribeFilter::new(filter, qos.into());
            // A session that is resumed has had the retained messages (MQTT 5.0, section 3.8.3.1).
            filter.retain_forward_rule = v5::RetainForwardRule::OnNewSubscribe;
            let mut subscribe = v5::Subscribe::new(filter, None);
            subscribe.pkid = SUBSCRIPTION;
            v5::Packet::Subscribe(subscribe).write(&mut bytes, None).map_err(|error| error.to_string())
        }
    };
    written.map_err(|error| Error::new(ErrorKind::InvalidUrl).with_detail(error))?;
    Ok(bytes)
}

/// Checks the grant of the broker for the subscription of a receiver.
pub(super) fn granted(filter: &str, qos: Qos, code: Option<Result<u8, MqttRefusal>>) -> Result<(), Error> {
    match code {
        // Nothing would come again after a loss. With QoS 1 for QoS 2, it would.
        Some(Ok(0)) if qos != Qos::AtMostOnce => Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!("the broker grants QoS 0 at most for the subscription to `{filter}`"))
            .with_help("add `qos=0` to the URL if messages may be lost")),
        Some(Ok(_)) => Ok(()),
        Some(Err(refusal)) => {
            Err(failure::refused(format_args!("the subscription to `{filter}`: {refusal}"))
                .with_help(
                    "the broker does not let this user subscribe to this filter, or does not support it",
                )
                .with_source(refusal))
        }
        None => Err(failure::malformed("SUBACK without a code")),
    }
}

fn lost(error: std::io::Error) -> Error {
    disconnected(&error).with_source(error)
}

/// With or without TLS: one type, so that the client is compiled once.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    /// Whenever the broker was heard last.
    #[tokio::test(start_paused = true)]
    async fn a_broker_is_lost_after_a_silence_of_one_to_one_and_a_half_keep_alives() {
        let keep_alive = Duration::from_secs(30);
        for seconds in 0..=60 {
            let heard = Duration::from_secs(seconds).mul_f64(0.99);
            let (pulse, unwritten, begin) = (Pulse::default(), Unwritten::new(None), Instant::now());
            let hearing = async {
                while begin.elapsed() < heard {
                    sleep(Duration::from_millis(100).min(heard.saturating_sub(begin.elapsed()))).await;
                    pulse.heard.store(true, Ordering::Relaxed);
                }
            };
            let _ = tokio::join!(pulse.beat(keep_alive, &unwritten), hearing);
            let silent = begin.elapsed().saturating_sub(heard);
            assert!(silent >= keep_alive && silent <= keep_alive.mul_f64(1.5), "{silent:?} after {heard:?}");
        }
    }
}
