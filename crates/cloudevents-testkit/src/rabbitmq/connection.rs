//! Connections.

use super::{
    broker::Shared,
    channel::Channel,
    fault::{Fault, channel_error, command_invalid, frame_error, not_implemented},
};
use amq_protocol::{
    frame::{AMQPFrame, WriteContext, gen_frame, parse_frame},
    protocol::{AMQPClass, channel, connection},
    types::{AMQPValue, ChannelId, FieldTable},
};
use std::{collections::BTreeMap, io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What a client may have sent and the broker not yet read: one frame more than this.
const INPUT: usize = 1 << 20;

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
                closing: false,
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

struct Connection {
    number: u64,
    /// The user name of the login, if there is one.
    user: Option<String>,
    /// Whether the client wants to hear that its consumers were cancelled.
    notices: bool,
    /// Whether it was closed, and the client has not confirmed that.
    closing: bool,
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
            self.stream.write_all(&self.out).await?;
            self.out.clear();
            tokio::select! {
                () = changed => {}
                read = self.stream.read_buf(&mut self.input) => if read? == 0 {
                    return Ok(());
                },
            }
            loop {
                let handled = match self.frame() {
                    Ok(None) => break,
                    Ok(Some(frame)) => self.handle(frame),
                    Err(fault) => Err(fault),
                };
                match handled {
                    Ok(false) => {}
                    Ok(true) => {
                        // What the connection held is free before the client hears that it is closed.
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
            AMQPFrame::Heartbeat => self.write(&AMQPFrame::Heartbeat),
            AMQPFrame::Method(0, _) => return Err(command_invalid("no method that a client sends")),
            AMQPFrame::Method(id, AMQPClass::Channel(channel::AMQPMethod::Open(_))) => {
                if self.channels.contains_key(&id) {
                    return Err(channel_error("second 'channel.open' seen"));
                }
                let key = (self.number, id);
                self.channels.insert(id, Channel::new(key, &self.shared, self.user.clone(), self.notices));
                self.send(id, AMQPClass::Channel(channel::AMQPMethod::OpenOk(channel::OpenOk {})));
            }
            frame => {
                let Some(channel) = self.channels.get_mut(&id) else {
                    return Err(channel_error("expected 'channel.open'"));
                };
                if !channel.handle(frame, &mut self.out)? {
                    self.channels.remove(&id);
                }
            }
        }
        Ok(false)
    }

    /// Closes the connection with an error, once.
    fn close(&mut self, fault: Fault) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        // What cannot be read now cannot be read later.
        self.input.clear();
        self.end();
        let (reply_code, reply_text) = (fault.code, fault.text.into());
        let close = connection::Close { reply_code, reply_text, class_id: 0, method_id: 0 };
        self.send(0, AMQPClass::Connection(connection::AMQPMethod::Close(close)));
    }

    /// Returns what the client holds, and removes what was its own.
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
        self.notices = has_notices(&answer.client_properties);
        if !self.may(answer.mechanism.as_str(), answer.response.as_bytes()) {
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
        let tune = connection::Tune { channel_max: 2047, frame_max, heartbeat: 0 };
        self.ask(connection::AMQPMethod::Tune(tune)).await?;
        let connection::AMQPMethod::TuneOk(_) = self.hear().await? else { return Err(broken("no tune-ok")) };
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
        match parse_frame(self.input.as_slice()) {
            Ok((rest, frame)) => {
                let read = self.input.len().saturating_sub(rest.len());
                let is_sized = self.input.get(7..15).is_some_and(is_prefetch_of_bytes);
                self.input.drain(..read);
                if is_sized {
                    return Err(not_implemented("prefetch_size!=0"));
                }
                Ok(Some(frame))
            }
            Err(error) if error.is_incomplete() && self.input.len() < INPUT => Ok(None),
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

/// Appends a frame.
pub(super) fn write(frame: &AMQPFrame, out: &mut Vec<u8>) {
    let begun = std::mem::take(out);
    if let Ok(written) = gen_frame(frame)(WriteContext::from(begun)) {
        *out = written.into_inner().0;
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Whether these are the numbers of `basic.qos` and a limit in bytes, which amq-protocol does not show.
fn is_prefetch_of_bytes(begin: &[u8]) -> bool {
    begin.strip_prefix(&[0, 60, 0, 10]).is_some_and(|size| *size != [0; 4])
}

/// Whether a client announces `consumer_cancel_notify`.
fn has_notices(properties: &FieldTable) -> bool {
    match properties.inner().get("capabilities") {
        Some(AMQPValue::FieldTable(capabilities)) => {
            capabilities.inner().get("consumer_cancel_notify") == Some(&AMQPValue::Boolean(true))
        }
        _ => false,
    }
}

/// What clients look at before they use an extension of the protocol.
fn properties() -> FieldTable {
    let mut capabilities = FieldTable::default();
    for extension in ["publisher_confirms", "basic.nack", "consumer_cancel_notify"] {
        capabilities.insert(extension.into(), AMQPValue::Boolean(true));
    }
    let mut properties = FieldTable::default();
    properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
    properties
}
