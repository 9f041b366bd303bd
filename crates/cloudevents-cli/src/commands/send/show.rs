//! The messages on the wire, and the responses.

use super::{carrier, mode::ContentMode};
use crate::{
    connect::{self, Sending},
    console::Console,
    emit::Emit,
    encoder::Encoder,
    failure::{Failure, Status},
    global::Output,
    http_text,
    plain::plain,
    report::Report,
    style::Paint,
};
#[cfg(feature = "eventbridge")]
use cloudevents_kit::eventbridge;
#[cfg(feature = "pgmq")]
use cloudevents_kit::pgmq;
#[cfg(feature = "pubsub")]
use cloudevents_kit::pubsub;
#[cfg(feature = "redis")]
use cloudevents_kit::redis;
#[cfg(feature = "sns")]
use cloudevents_kit::sns;
#[cfg(any(feature = "sns", feature = "sqs"))]
use cloudevents_kit::sqs;
use cloudevents_kit::{
    Error, Event, Message, Peer,
    http::{Encoding, encode, encode_message, reqwest013::Traced},
    transport::{Endpoint, Receipt, Side},
};
use cloudevents_testkit::tagged;
use http::HeaderMap;
use serde_json::Value;
use std::{io::Write, sync::Arc};
#[cfg(any(
    feature = "eventbridge",
    feature = "pgmq",
    feature = "pubsub",
    feature = "redis",
    feature = "sns",
    feature = "sqs"
))]
use {serde_json::json, std::io};

/// Prints messages instead of sending them.
pub(super) struct DryRun<'a> {
    endpoint: Endpoint,
    emit: Emit,
    how: How,
    console: &'a Console,
    first: bool,
}

enum How {
    Http(HeaderMap, Option<Peer>),
    Other(Box<Shown>),
}

/// Messages of brokers, as JSON of the testee protocol, with the place where the protocol puts them.
pub(super) struct Shown {
    encoder: Encoder,
    endpoint: Endpoint,
    line: Vec<u8>,
}

impl Shown {
    pub(super) fn new(
        url: &str,
        mode: ContentMode,
        format: Option<&str>,
        peer: Option<Peer>,
    ) -> Result<Self, Failure> {
        let endpoint = Endpoint::parse(url).map_err(connect::failed)?;
        let Some(via) = carrier::binding(&endpoint) else {
            return Err(connect::unknown(&endpoint, Side::Send));
        };
        let mode = (mode != ContentMode::Binary && via != "websockets").then(|| mode.name());
        let mut options = carrier::dialect(&endpoint, peer);
        let format = if via == "websockets" {
            let format = carrier::subformat(&endpoint).unwrap_or_default();
            let subprotocol = format!("cloudevents.{}", if format == "protobuf" { "proto" } else { format });
            options.insert("subprotocol".into(), subprotocol.into());
            None
        } else {
            format
        };
        let encoder = Encoder::new(via, mode, format).with_options(options);
        Ok(Self { encoder, endpoint, line: Vec::new() })
    }

    /// Shows a message on standard error.
    pub(super) fn message(&mut self, message: &Message, events: &[Event], console: &Console) {
        // What cannot be written is reported when it is sent.
        let Ok((line, _)) = self.line(message, events) else { return };
        let text = crate::json_view::pretty(&String::from_utf8_lossy(line), "> ", Paint(false));
        console.say(&text);
    }

    /// Returns the message as a line of JSON, with reports of values that it cannot hold.
    fn line(&mut self, message: &Message, events: &[Event]) -> Result<(&[u8], Vec<Report>), Failure> {
        let to = carrier::destination(&self.endpoint, message).map_err(refused)?;
        self.line.clear();
        #[cfg(any(
            feature = "eventbridge",
            feature = "pgmq",
            feature = "pubsub",
            feature = "redis",
            feature = "sns",
            feature = "sqs"
        ))]
        if let Some((via, form)) = own_form(&self.endpoint, message) {
            let shown = json!({"message": form.map_err(refused)?, "to": to, "via": via});
            serde_json::to_writer(&mut self.line, &shown).map_err(io::Error::from)?;
            self.line.push(b'\n');
            return Ok((&self.line, Vec::new()));
        }
        let (line, losses) = self.encoder.line(events)?;
        match to.get("key").and_then(Value::as_str) {
            Some(key) => {
                let mut value: Value = serde_json::from_slice(line).unwrap_or_default();
                if let Some(shown) = value.pointer_mut("/message/key") {
                    *shown = tagged::from_bytes(key.as_bytes());
                }
                let text = value.to_string();
                self.line.extend_from_slice(text.strip_suffix('}').unwrap_or(&text).as_bytes());
            }
            None => self.line.extend_from_slice(line.strip_suffix(b"}\n").unwrap_or(line)),
        }
        self.line.extend_from_slice(format!(",\"to\":{}}}\n", Value::Object(to)).as_bytes());
        Ok((&self.line, losses))
    }
}

/// The message of a protocol that the testee protocol does not have.
#[cfg(any(
    feature = "eventbridge",
    feature = "pgmq",
    feature = "pubsub",
    feature = "redis",
    feature = "sns",
    feature = "sqs"
))]
fn own_form(endpoint: &Endpoint, message: &Message) -> Option<(&'static str, Result<Value, Error>)> {
    match carrier::binding(endpoint)? {
        #[cfg(feature = "redis")]
        "redis" => Some(("redis", entry(message))),
        #[cfg(feature = "sqs")]
        "sqs" => Some(("sqs", sqs::encode_message(message).map(|message| attributes_and_body(&message)))),
        #[cfg(feature = "sns")]
        "sns" => Some(("sns", sns::encode_message(message).map(|message| attributes_and_body(&message)))),
        #[cfg(feature = "eventbridge")]
        "eventbridge" => Some(("eventbridge", entry_of_bus(message))),
        #[cfg(feature = "pubsub")]
        "pubsub" => Some(("pubsub", attributes_and_data(message))),
        #[cfg(feature = "pgmq")]
        "pgmq" => Some(("pgmq", headers_and_document(message))),
        _ => None,
    }
}

/// An entry of EventBridge: the document, and what rules see beside it.
#[cfg(feature = "eventbridge")]
fn entry_of_bus(message: &Message) -> Result<Value, Error> {
    let entry = eventbridge::encode_message(message)?;
    Ok(json!({
        "detail": tagged::from_bytes(&entry.detail),
        "detail-type": entry.detail_type,
        "source": entry.source,
        "resources": entry.resources,
    }))
}

/// A message of SQS or SNS: its attributes, in their order, and its body.
#[cfg(any(feature = "sns", feature = "sqs"))]
fn attributes_and_body(message: &sqs::SqsMessage) -> Value {
    let shown =
        message.attributes.iter().map(|(name, value)| json!([name, tagged::from_bytes(&value.value)]));
    json!({"attributes": shown.collect::<Vec<_>>(), "body": tagged::from_bytes(&message.body)})
}

/// A message of Pub/Sub: its attributes, in their order, and its data.
#[cfg(feature = "pubsub")]
fn attributes_and_data(message: &Message) -> Result<Value, Error> {
    let message = pubsub::GOOGLE_PUBSUB.encode_message(message)?;
    let shown = message.headers.iter().map(|(name, value)| json!([name.as_str(), tagged::from_bytes(value)]));
    Ok(json!({"attributes": shown.collect::<Vec<_>>(), "data": tagged::from_bytes(&message.body)}))
}

/// A message of pgmq: its headers, in their order, and its document.
#[cfg(feature = "pgmq")]
fn headers_and_document(message: &Message) -> Result<Value, Error> {
    let message = pgmq::encode_message(message)?;
    let shown =
        message.headers.iter().map(|(name, value)| json!([name, tagged::from_bytes(value.as_bytes())]));
    Ok(json!({"headers": shown.collect::<Vec<_>>(), "message": tagged::from_bytes(&message.message)}))
}

/// The fields of an entry of Redis Streams, in their order.
#[cfg(feature = "redis")]
fn entry(message: &Message) -> Result<Value, Error> {
    let entry = redis::encode_message(message)?;
    let shown = |(name, value): &redis::Field| json!([tagged::from_bytes(name), tagged::from_bytes(value)]);
    Ok(json!({"fields": entry.fields.iter().map(shown).collect::<Vec<_>>()}))
}

fn refused(error: Error) -> Failure {
    Failure::Told(Status::No, Box::new(Report::of(&error)))
}

/// Returns where a broker put a message.
pub(super) fn receipt(receipt: &Receipt) -> String {
    let mut words = "< accepted".to_owned();
    let mut add = |name: &str, value: Option<String>| {
        words.extend(value.map(|value| format!(", {name} {}", plain(&value))));
    };
    add("at", receipt.place().map(str::to_owned));
    add("partition", receipt.partition().map(|partition| partition.to_string()));
    add("offset", receipt.offset().map(|offset| offset.to_string()));
    if receipt.is_duplicate() == Some(true) {
        words += ", a duplicate";
    }
    if receipt.has_subscribers() == Some(false) {
        words += ", without a subscriber: nothing gets it";
    }
    words
}

impl<'a> DryRun<'a> {
    pub(super) fn new(
        url: &str,
        mode: ContentMode,
        format: Option<&str>,
        sending: &Sending,
        console: &'a Console,
    ) -> Result<Self, Failure> {
        let endpoint = Endpoint::parse(url).map_err(connect::failed)?;
        let how = match carrier::binding(&endpoint) {
            Some("http") => How::Http(connect::http::headers(&endpoint, sending)?, sending.peer),
            _ => {
                connect::check_broker(&endpoint, sending)?;
                How::Other(Box::new(Shown::new(url, mode, format, sending.peer)?))
            }
        };
        Ok(Self { endpoint, emit: Emit::new(console), how, console, first: true })
    }

    /// Prints a message with these events.
    pub(super) fn show(&mut self, message: &Message, events: &[Event]) -> Result<(), Failure> {
        match &mut self.how {
            How::Http(headers, peer) => {
                let mut headers = headers.clone();
                let body = match (message, *peer) {
                    (Message::Binary(event), Some(peer)) => {
                        encode(event, Encoding::binary().for_peer(peer), &mut headers).map(|(body, _)| body)
                    }
                    _ => encode_message(message, &mut headers),
                };
                let body = body.map_err(refused)?;
                let break_ = if std::mem::take(&mut self.first) { "" } else { "\n" };
                let text = http_text::request(
                    "POST",
                    &host(&self.endpoint),
                    &path(&self.endpoint),
                    &headers,
                    &body,
                    "",
                );
                self.emit.bytes(format!("{break_}{text}").as_bytes())
            }
            How::Other(shown) => {
                let (line, losses) = shown.line(message, events)?;
                losses.iter().for_each(|loss| self.console.report(loss));
                match self.console.output() {
                    Output::Json => self.emit.bytes(line),
                    _ => {
                        let value: Value = serde_json::from_slice(line).unwrap_or_default();
                        self.emit.value(&value, |paint| {
                            format!("{}\n", crate::json_view::pretty(&value.to_string(), "", paint))
                        })
                    }
                }
            }
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.emit.flush()
    }
}

/// Returns a function that shows both sides of an HTTP exchange on standard error, as curl does.
pub(super) fn trace() -> cloudevents_kit::http::reqwest013::Trace {
    Arc::new(|traced| {
        let text = match traced {
            Traced::Request(message) => {
                let (host, path) = message.target().unwrap_or_default();
                let method = message.method().map_or("POST", |method| method.as_str());
                http_text::request(method, &host, &path, message.headers(), &message.body(), "> ")
            }
            Traced::Response(status, version, message) => {
                http_text::response(status, version, message.headers(), &message.body(), "< ")
            }
            _ => return,
        };
        // If standard error is closed, nothing can be shown.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    })
}

fn host(endpoint: &Endpoint) -> String {
    endpoint.hosts().first().map(ToString::to_string).unwrap_or_default()
}

/// The path with the query, as in the URL.
fn path(endpoint: &Endpoint) -> String {
    let url = endpoint.expose_url();
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let path = after.find(['/', '?']).and_then(|at| after.get(at..)).unwrap_or("/");
    let path = path.split('#').next().unwrap_or(path);
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}
