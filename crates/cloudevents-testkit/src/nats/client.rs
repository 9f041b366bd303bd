//! One connection.

use super::{
    protocol::{self, Operation},
    routes::{self, Give, Published, is_literal, is_pattern, matches},
    server::{Shared, lock},
};
use bytes::BytesMut;
use serde_json::Value;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::OwnedWriteHalf},
    select,
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
};

pub(super) async fn serve(shared: Arc<Shared>, number: u64, stream: TcpStream) {
    let (mut reading, writing) = stream.into_split();
    let (out, given) = unbounded_channel();
    let pending = Arc::new(AtomicUsize::new(0));
    let writer = tokio::spawn(write(writing, given, Arc::clone(&pending)));
    let wants = Wants { verbose: true, pedantic: true, echo: true, headers: false, no_responders: false };
    let cut = Arc::new(Notify::new());
    let own = Arc::clone(&cut);
    let mut client =
        Client { shared: Arc::clone(&shared), number, out, pending, cut: own, joined: false, wants };
    client.say(info(&shared, number));
    if shared.options.users.is_empty() && shared.options.tokens.is_empty() {
        client.join();
    }
    let mut buffer = BytesMut::new();
    'open: loop {
        loop {
            match protocol::take(&mut buffer, shared.options.max_payload) {
                Ok(Some(operation)) => match client.handle(operation) {
                    Ok(()) => {}
                    Err(error) => {
                        client.end(error);
                        break 'open;
                    }
                },
                Ok(None) => break,
                Err(error) => {
                    client.end(error);
                    break 'open;
                }
            }
        }
        select! {
            // A slow consumer does not hear why: as with nats-server, there is no room for it.
            () = cut.notified() => {
                writer.abort();
                break;
            }
            read = reading.read_buf(&mut buffer) => if !read.is_ok_and(|read| read > 0) {
                break;
            },
        }
    }
    shared.routes().leave(number);
    shared.changed.notify_waiters();
    drop(client);
    let _ = writer.await; // what was said before the end
}

/// The settings that the client sent in CONNECT.
struct Wants {
    verbose: bool,
    /// Whether subjects of messages are checked.
    pedantic: bool,
    echo: bool,
    headers: bool,
    no_responders: bool,
}

struct Client {
    shared: Arc<Shared>,
    number: u64,
    out: UnboundedSender<Give>,
    pending: Arc<AtomicUsize>,
    cut: Arc<Notify>,
    joined: bool,
    wants: Wants,
}

impl Client {
    fn handle(&mut self, operation: Operation) -> Result<(), &'static str> {
        match operation {
            Operation::Connect(options) => self.connect(&options)?,
            Operation::Ping => {
                self.say(b"PONG\r\n".to_vec());
                return Ok(());
            }
            Operation::Pong => return Ok(()),
            _ if !self.joined => return Err("Authorization Violation"),
            Operation::Sub { subject, .. } if !is_pattern(&subject) => {
                self.say(b"-ERR 'Invalid Subject'\r\n".to_vec());
                return Ok(());
            }
            Operation::Sub { subject, group, sid } => match self.is_denied(&subject) {
                true => self.refuse("Subscription", &subject),
                false => {
                    self.shared.routes().subscribe(self.number, sid, subject, group);
                    self.shared.changed.notify_waiters();
                }
            },
            Operation::Unsub { sid, max } => {
                self.shared.routes().unsubscribe(self.number, &sid, max);
                self.shared.changed.notify_waiters();
            }
            Operation::Publish { subject, .. } if self.is_denied(&subject) => {
                self.refuse("Publish", &subject);
            }
            Operation::Publish { headers, .. } if !headers.is_empty() && !self.wants.headers => {
                return Err("message headers not supported");
            }
            Operation::Publish { subject, .. } if self.wants.pedantic && !is_literal(&subject) => {
                self.say(b"-ERR 'Invalid Publish Subject'\r\n".to_vec());
                return Ok(());
            }
            Operation::Publish { subject, reply, headers, payload } => {
                self.publish(&subject, reply.as_deref(), &headers, &payload);
            }
        }
        if self.wants.verbose {
            self.say(b"+OK\r\n".to_vec());
        }
        Ok(())
    }

    fn connect(&mut self, options: &[u8]) -> Result<(), &'static str> {
        let options: Value = serde_json::from_slice(options).map_err(|_| protocol::UNKNOWN)?;
        let text = |name: &str| options.get(name).and_then(Value::as_str).unwrap_or_default();
        let flag = |name: &str, unless| options.get(name).and_then(Value::as_bool).unwrap_or(unless);
        let known = &self.shared.options;
        let open = known.users.is_empty() && known.tokens.is_empty();
        let is_user =
            known.users.iter().any(|(user, password)| text("user") == user && text("pass") == password);
        if !open && !is_user && !known.tokens.iter().any(|token| text("auth_token") == token) {
            return Err("Authorization Violation");
        }
        self.wants = Wants {
            verbose: flag("verbose", true),
            pedantic: flag("pedantic", true),
            echo: flag("echo", true),
            headers: flag("headers", false) && known.headers,
            no_responders: flag("no_responders", false),
        };
        // A server before NATS 2.2 knows neither.
        if known.headers && self.wants.no_responders && !self.wants.headers {
            return Err("no responders requires headers support");
        }
        self.join();
        Ok(())
    }

    /// Gets published messages from now on, as its CONNECT requested.
    fn join(&mut self) {
        let client = routes::Client {
            out: self.out.clone(),
            headers: self.wants.headers,
            pending: Arc::clone(&self.pending),
            max_pending: self.shared.options.max_pending,
            cut: Arc::clone(&self.cut),
        };
        self.shared.routes().join(self.number, client);
        self.joined = true;
    }

    fn publish(&self, subject: &str, reply: Option<&str>, headers: &[u8], payload: &[u8]) {
        let except = (!self.wants.echo).then_some(self.number);
        let mut routes = self.shared.routes();
        let count = routes.publish(&Published { subject, reply, headers, payload, except });
        // A request that no subscription got is answered at once.
        if let (0, Some(reply), true) = (count, reply, self.wants.no_responders && self.wants.headers) {
            let headers = b"NATS/1.0 503\r\n\r\n";
            routes.publish(&Published { subject: reply, reply: None, headers, payload: b"", except: None });
        }
    }

    fn is_denied(&self, subject: &str) -> bool {
        self.shared.options.denied.iter().any(|denied| matches(denied, subject))
    }

    fn refuse(&self, what: &str, subject: &str) {
        self.say(format!("-ERR 'Permissions Violation for {what} to \"{subject}\"'\r\n").into_bytes());
    }

    fn say(&self, bytes: Vec<u8>) {
        let _ = self.out.send(Give::Bytes(bytes.into()));
    }

    fn end(&self, error: &'static str) {
        let _ = self.out.send(Give::End(error));
    }
}

fn info(shared: &Shared, number: u64) -> Vec<u8> {
    let options = &shared.options;
    let info = serde_json::json!({
        "server_id": "TESTKIT",
        "server_name": "testkit",
        "version": if options.headers { "2.10.0" } else { "2.1.9" },
        "go": "",
        "host": "127.0.0.1",
        "port": *lock(&shared.port),
        "headers": options.headers,
        "max_payload": options.max_payload,
        "proto": 1,
        "client_id": number,
        "auth_required": !options.users.is_empty() || !options.tokens.is_empty(),
    });
    format!("INFO {info}\r\n").into_bytes()
}

/// Writes to the client, and ends when the client is gone.
async fn write(mut stream: OwnedWriteHalf, mut given: UnboundedReceiver<Give>, pending: Arc<AtomicUsize>) {
    while let Some(give) = given.recv().await {
        let written = match give {
            Give::Bytes(bytes) => {
                let written = stream.write_all(&bytes).await;
                // Bytes that are no message of a subscription were not counted.
                let _ = pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |pending| {
                    Some(pending.saturating_sub(bytes.len()))
                });
                written
            }
            Give::End(error) => {
                let _ = stream.write_all(format!("-ERR '{error}'\r\n").as_bytes()).await;
                let _ = stream.shutdown().await;
                return;
            }
        };
        if written.is_err() {
            return;
        }
    }
}
