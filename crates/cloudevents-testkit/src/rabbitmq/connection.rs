//! Connections.

use super::{
    channel::Channel,
    fault::{Fault, channel_error, command_invalid, frame_error, not_allowed},
    frames::write,
    shared::Shared,
};
use amq_protocol::{
    frame::{AMQPFrame, parse_frame},
    protocol::{AMQPClass, basic, channel, connection},
    types::{AMQPValue, ChannelId, FieldTable},
};
use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep_until,
};

/// The most channels that the broker offers.
const CHANNELS: u16 = 2047;
/// The seconds between heartbeats that it offers.
const HEARTBEAT: u16 = 60;
/// The smallest value of the largest frame (AMQP 0.9.1, `frame-min-size`).
const LEAST_FRAME: u32 = 4096;
/// The bytes of a frame besides its payload.
const FRAMING: u32 = 8;

pub(super) async fn listen(shared: Arc<Shared>, listener: std::net::TcpListener) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let (number, closings) = shared.change(|state| {
                state.connections = state.connections.saturating_add(1);
                (state.number(), state.closings)
            });
            let mut connection = Connection {
                number,
                user: None,
                notices: false,
                hears_alarms: false,
                is_blocked: false,
                closing: false,
                limits: Limits { channels: CHANNELS, frame: shared.options.frame_max, heartbeat: 0 },
                heard: Instant::now(),
                sent: Instant::now(),
                shared,
                stream,
                input: Vec::new(),
                out: Vec::new(),
                channels: BTreeMap::new(),
                closings,
            };
            // A client that breaks the protocol is cut off.
            let _ = connection.serve().await;
        });
    }
}

/// The limits that both sides agreed on.
struct Limits {
    /// The most channels that are open.
    channels: u16,
    /// The largest frame, in bytes.
    frame: u32,
    /// The seconds between heartbeats. 0 is none.
    heartbeat: u16,
}

struct Connection {
    number: u64,
    /// The user name of the login, if there is one.
    user: Option<String>,
    /// Whether the client wants to hear that its consumers were cancelled.
    notices: bool,
    /// Whether the client wants to hear of alarms.
    hears_alarms: bool,
    /// Whether nothing is read, because the client has published in an alarm.
    is_blocked: bool,
    /// Whether it was closed, and the client has not confirmed that.
    closing: bool,
    limits: Limits,
    /// When the client last sent something, and when something was last sent to it.
    heard: Instant,
    sent: Instant,
    shared: Arc<Shared>,
    stream: TcpStream,
    input: Vec<u8>,
    out: Vec<u8>,
    channels: BTreeMap<ChannelId, Channel>,
    /// How often connections had been closed when this one was opened.
    closings: u64,
}

impl Connection {
    async fn serve(&mut self) -> io::Result<()> {
        if !self.log_in().await? {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        loop {
            // Created before looking, so that a change in between is not missed.
            let changed = shared.changed.notified();
            if shared.with(|state| state.closings) > self.closings {
                self.close(Fault { code: 320, text: "CONNECTION_FORCED - closed by the test".into() });
            }
            for channel in self.channels.values_mut().filter(|_| !self.closing) {
                channel.flush(&mut self.out);
            }
            let half = Duration::from_millis(u64::from(self.limits.heartbeat).saturating_mul(500));
            if !half.is_zero() && self.out.is_empty() && self.sent.elapsed() >= half {
                self.write(&AMQPFrame::Heartbeat);
            }
            if !self.out.is_empty() {
                self.stream.write_all(&self.out).await?;
                self.out.clear();
                self.sent = Instant::now();
            }
            let (silent, beat) = (self.heard + half * 4, self.sent + half);
            tokio::select! {
                biased;
                read = self.stream.read_buf(&mut self.input), if !self.is_blocked => {
                    if read? == 0 {
                        return Ok(());
                    }
                    self.heard = Instant::now();
                }
                () = changed => {}
                // A client that is silent for two heartbeats is cut off.
                () = sleep_until(silent.into()), if !half.is_zero() && !self.is_blocked => return Ok(()),
                () = sleep_until(beat.into()), if !half.is_zero() => {}
            }
            if self.is_blocked {
                self.heed_alarm();
            }
            while !self.is_blocked {
                let handled = match self.frame() {
                    Ok(None) => break,
                    Ok(Some(frame)) => self.handle(frame),
                    Err(fault) => Err(fault),
                };
                match handled {
                    Ok(false) => {}
                    Ok(true) => {
                        // Messages and queues of the connection are free before the client hears that it is closed.
                        self.end();
                        self.stream.write_all(&self.out).await?;
                        return Ok(());
                    }
                    Err(fault) => {
                        self.close(fault);
                        break;
                    }
                }
            }
        }
    }

    /// Handles a frame. Returns whether the connection is closed.
    fn handle(&mut self, frame: AMQPFrame) -> Result<bool, Fault> {
        let id = frame.channel_id();
        match frame {
            AMQPFrame::Method(0, AMQPClass::Connection(connection::AMQPMethod::Close(_))) => {
                self.send(0, AMQPClass::Connection(connection::AMQPMethod::CloseOk(connection::CloseOk {})));
                return Ok(true);
            }
            AMQPFrame::Method(0, AMQPClass::Connection(connection::AMQPMethod::CloseOk(_))) => {
                return Ok(true);
            }
            _ if self.closing => {}
            AMQPFrame::Heartbeat => {}
            AMQPFrame::Method(0, _) => return Err(command_invalid("no method that a client sends")),
            AMQPFrame::Method(id, AMQPClass::Channel(channel::AMQPMethod::Open(_))) => {
                if self.channels.contains_key(&id) {
                    return Err(channel_error("second 'channel.open' seen"));
                }
                let most = self.limits.channels;
                if self.channels.len() >= usize::from(most) {
                    return Err(not_allowed(format!("the negotiated channel_max is {most}")));
                }
                let (key, frame) = ((self.number, id), self.limits.frame.saturating_sub(FRAMING));
                let channel = Channel::new(key, &self.shared, self.user.clone(), self.notices, frame);
                self.channels.insert(id, channel);
                self.send(id, AMQPClass::Channel(channel::AMQPMethod::OpenOk(channel::OpenOk {})));
            }
            frame => {
                let publishes =
                    matches!(frame, AMQPFrame::Method(_, AMQPClass::Basic(basic::AMQPMethod::Publish(_))));
                let Some(channel) = self.channels.get_mut(&id) else {
                    return Err(channel_error("expected 'channel.open'"));
                };
                if !channel.handle(frame, &mut self.out)? {
                    self.channels.remove(&id);
                }
                if publishes {
                    self.heed_alarm();
                }
            }
        }
        Ok(false)
    }

    /// In an alarm, reads nothing more, and goes on when the alarm ends. It is called for a client that publishes, and for one that is
    /// blocked.
    fn heed_alarm(&mut self) {
        let alarm = self.shared.with(|state| state.alarm.clone());
        if alarm.is_some() == self.is_blocked {
            return;
        }
        (self.is_blocked, self.heard) = (alarm.is_some(), Instant::now());
        if self.hears_alarms {
            let method = match alarm {
                Some(reason) => {
                    connection::AMQPMethod::Blocked(connection::Blocked { reason: reason.into() })
                }
                None => connection::AMQPMethod::Unblocked(connection::Unblocked {}),
            };
            self.send(0, AMQPClass::Connection(method));
        }
    }

    /// Closes the connection with an error, once.
    fn close(&mut self, fault: Fault) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        // Input that cannot be read now cannot be read later. The confirmation of the client is read, also in an alarm.
        self.input.clear();
        self.is_blocked = false;
        self.end();
        let (reply_code, reply_text) = (fault.code, fault.text.into());
        let close = connection::Close { reply_code, reply_text, class_id: 0, method_id: 0 };
        self.send(0, AMQPClass::Connection(connection::AMQPMethod::Close(close)));
    }

    /// Returns the messages that the client holds, and removes its exclusive queues.
    fn end(&mut self) {
        self.channels.clear();
        self.shared.change(|state| state.disown(self.number));
    }

    /// The handshake. Returns whether the client is let in.
    async fn log_in(&mut self) -> io::Result<bool> {
        let mut header = [0; 8];
        self.stream.read_exact(&mut header).await?;
        if header != *b"AMQP\0\0\x09\x01" {
            self.stream.write_all(b"AMQP\0\0\x09\x01").await?;
            return Ok(false);
        }
        let start = connection::Start {
            version_major: 0,
            version_minor: 9,
            server_properties: properties(),
            mechanisms: "PLAIN EXTERNAL".into(),
            locales: "en_US".into(),
        };
        self.ask(connection::AMQPMethod::Start(start)).await?;
        let connection::AMQPMethod::StartOk(answer) = self.hear().await? else {
            return Err(broken("no start-ok"));
        };
        if answer.mechanism.as_str() == "PLAIN" {
            let response = String::from_utf8_lossy(answer.response.as_bytes()).into_owned();
            self.user = response.split('\0').nth(1).map(str::to_owned);
        }
        self.notices = has(&answer.client_properties, "consumer_cancel_notify");
        self.hears_alarms = has(&answer.client_properties, "connection.blocked");
        if !self.may(answer.mechanism.as_str(), answer.response.as_bytes()) {
            if !has(&answer.client_properties, "authentication_failure_close") {
                return Ok(false);
            }
            let close = connection::Close {
                reply_code: 403,
                reply_text: "ACCESS_REFUSED - Login was refused".into(),
                class_id: 0,
                method_id: 0,
            };
            self.ask(connection::AMQPMethod::Close(close)).await?;
            let _ = self.hear().await;
            return Ok(false);
        }
        let frame_max = self.shared.options.frame_max;
        let tune = connection::Tune { channel_max: CHANNELS, frame_max, heartbeat: HEARTBEAT };
        self.ask(connection::AMQPMethod::Tune(tune)).await?;
        let connection::AMQPMethod::TuneOk(tuned) = self.hear().await? else {
            return Err(broken("no tune-ok"));
        };
        // RabbitMQ does not explain this either.
        if !(1..=CHANNELS).contains(&tuned.channel_max)
            || !(LEAST_FRAME..=frame_max).contains(&tuned.frame_max)
        {
            return Err(broken("limits that were not offered"));
        }
        let (channels, frame, heartbeat) = (tuned.channel_max, tuned.frame_max, tuned.heartbeat);
        self.limits = Limits { channels, frame, heartbeat };
        self.heard = Instant::now();
        let connection::AMQPMethod::Open(_) = self.hear().await? else { return Err(broken("no open")) };
        self.ask(connection::AMQPMethod::OpenOk(connection::OpenOk {})).await?;
        Ok(true)
    }

    fn may(&self, mechanism: &str, response: &[u8]) -> bool {
        let users = &self.shared.options.users;
        let given = |(user, password): &(String, String)| format!("\0{user}\0{password}").into_bytes();
        let known = || users.is_empty() || users.iter().any(|user| given(user) == response);
        if mechanism == "EXTERNAL" { self.shared.options.external } else { known() }
    }

    async fn ask(&mut self, method: connection::AMQPMethod) -> io::Result<()> {
        self.send(0, AMQPClass::Connection(method));
        self.stream.write_all(&self.out).await?;
        self.out.clear();
        Ok(())
    }

    async fn hear(&mut self) -> io::Result<connection::AMQPMethod> {
        loop {
            match self.frame().map_err(|_| broken("not a frame"))? {
                Some(AMQPFrame::Method(0, AMQPClass::Connection(method))) => return Ok(method),
                Some(AMQPFrame::Heartbeat) => {}
                Some(_) => return Err(broken("not a method of the connection")),
                None => {
                    if self.stream.read_buf(&mut self.input).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
    }

    /// The next frame that has arrived.
    fn frame(&mut self) -> Result<Option<AMQPFrame>, Fault> {
        if let [_, _, _, a, b, c, d, ..] = *self.input
            && u32::from_be_bytes([a, b, c, d]) > self.limits.frame
        {
            return Err(frame_error("a frame is larger than frame_max"));
        }
        match parse_frame(self.input.as_slice()) {
            Ok((rest, frame)) => {
                let read = self.input.len().saturating_sub(rest.len());
                self.input.drain(..read);
                Ok(Some(frame))
            }
            Err(error) if error.is_incomplete() => Ok(None),
            Err(_) => Err(frame_error("not a frame")),
        }
    }

    fn send(&mut self, channel: ChannelId, method: AMQPClass) {
        self.write(&AMQPFrame::Method(channel, method));
    }

    fn write(&mut self, frame: &AMQPFrame) {
        write(frame, &mut self.out);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
        self.shared.change(|state| state.connections = state.connections.saturating_sub(1));
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Whether a client announces this capability.
fn has(properties: &FieldTable, capability: &str) -> bool {
    match properties.inner().get("capabilities") {
        Some(AMQPValue::FieldTable(capabilities)) => {
            capabilities.inner().get(capability) == Some(&AMQPValue::Boolean(true))
        }
        _ => false,
    }
}

/// The capabilities that clients look at before they use an extension of the protocol.
fn properties() -> FieldTable {
    let mut capabilities = FieldTable::default();
    for extension in [
        "authentication_failure_close",
        "basic.nack",
        "connection.blocked",
        "consumer_cancel_notify",
        "per_consumer_qos",
        "publisher_confirms",
    ] {
        capabilities.insert(extension.into(), AMQPValue::Boolean(true));
    }
    let mut properties = FieldTable::default();
    properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
    properties
}
