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
use cloudevents_kit::{
    Error, Event, Message, Peer,
    http::{Encoding, encode, encode_message, reqwest013::Traced},
    transport::{Endpoint, Part, Receipt, Side},
};
use cloudevents_testkit::tagged;
use http::HeaderMap;
use serde_json::{Map, Value, json};
use std::{
    io::{self, Write},
    sync::Arc,
};

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
        if let Some((binding, show)) = carrier::shown(&self.endpoint) {
            let parts = (show.parts)(message).map_err(refused)?;
            let form: Map<String, Value> =
                parts.into_iter().map(|(name, part)| (name.to_owned(), value(&part))).collect();
            let shown = json!({"message": form, "to": to, "via": binding.urls.name});
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

/// A part of a message, as the testee protocol would have it.
fn value(part: &Part) -> Value {
    match part {
        Part::Bytes(bytes) => tagged::from_bytes(bytes),
        Part::Text(text) => text.as_str().into(),
        Part::Texts(texts) => texts.iter().map(String::as_str).collect(),
        Part::Headers(headers) => {
            headers.iter().map(|(name, value)| json!([name, tagged::from_bytes(value)])).collect()
        }
        Part::Fields(fields) => fields
            .iter()
            .map(|(name, value)| json!([tagged::from_bytes(name), tagged::from_bytes(value)]))
            .collect(),
    }
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
