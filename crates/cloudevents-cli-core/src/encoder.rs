//! Events as wire messages: JSON of the testee protocol.

use crate::{
    failure::Status,
    report::Report,
    wire::{self, Refusal},
};
use ::http::HeaderMap;
use bytes::Bytes;
use cloudevents_kit::{
    Error, Event, Format, Formats, LossClass, Losses, Mode, http, model::codec::scan::needs_escape,
};
use cloudevents_testkit::tagged;
use serde_json::{Map, Value};
use std::{fmt, sync::LazyLock};

/// Encodes events for a binding or a format.
///
/// HTTP messages and documents are written at once; other messages are made by the testee.
#[derive(Clone)]
pub struct Encoder {
    via: String,
    mode: Option<String>,
    format: Option<String>,
    /// Options of the binding, as in the testee protocol.
    options: Map<String, Value>,
    carrier: Carrier,
    headers: HeaderMap,
    line: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Carrier {
    Binary,
    Structured(&'static dyn Format),
    Batched(&'static dyn Format),
    Document(&'static dyn Format),
    Batch(&'static dyn Format),
    Testee,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("via", &self.via)
            .field("mode", &self.mode)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// Encodes for `via`, the name of a binding or a format.
    pub fn new(via: &str, mode: Option<&str>, format: Option<&str>) -> Self {
        static FORMATS: LazyLock<Formats> = LazyLock::new(cloudevents_kit::formats);
        let named = |name: &str| FORMATS.iter().find(|known| known.id().as_str() == name);
        let wanted = named(format.unwrap_or("json"));
        let alone = mode.is_none() && format.is_none();
        let carrier = match (via, mode, wanted) {
            ("http", None | Some("binary"), _) => Carrier::Binary,
            ("http", Some("structured"), Some(format)) => Carrier::Structured(format),
            ("http", Some("batched"), Some(format)) => Carrier::Batched(format),
            (via, ..) if alone => match (named(via), via.strip_suffix("-batch").and_then(named)) {
                (Some(format), _) => Carrier::Document(format),
                (_, Some(format)) => Carrier::Batch(format),
                _ => Carrier::Testee,
            },
            _ => Carrier::Testee,
        };
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self {
            via: via.to_owned(),
            mode: text(mode),
            format: text(format),
            options: Map::new(),
            carrier,
            headers: HeaderMap::new(),
            line: Vec::new(),
        }
    }

    /// Sets options of the binding, as the testee protocol has them: `separator`, `subprotocol`.
    pub fn with_options(mut self, options: Map<String, Value>) -> Self {
        if !options.is_empty() {
            self.carrier = Carrier::Testee;
        }
        self.options = options;
        self
    }

    /// Whether a message has all events.
    pub(crate) fn is_batch(&self) -> bool {
        self.mode.as_deref() == Some("batched") || self.via.ends_with("-batch")
    }

    /// Returns the events as one message, a line of JSON with the binding or format in `via`.
    ///
    /// Also returns reports of the parts that the message cannot hold.
    pub fn line(&mut self, events: &[Event]) -> Result<(&[u8], Vec<Report>), Refusal> {
        self.line.clear();
        self.headers.clear();
        let (body, losses) = match self.written(events) {
            None => return self.by_testee(events),
            Some(written) => written
                .map_err(|error| Refusal { report: Box::new(Report::of(&error)), status: Status::No })?,
        };
        let line = &mut self.line;
        line.extend_from_slice(b"{\"message\":{\"body\":");
        put_bytes(&body, line);
        if matches!(self.carrier, Carrier::Binary | Carrier::Structured(_) | Carrier::Batched(_)) {
            line.extend_from_slice(b",\"headers\":[");
            for (number, (name, value)) in self.headers.iter().enumerate() {
                line.extend_from_slice(if number > 0 { b",[" } else { b"[" });
                put_text(name.as_str(), line);
                line.push(b',');
                // Values are printable ASCII.
                put_text(value.to_str().unwrap_or_default(), line);
                line.push(b']');
            }
            line.push(b']');
        }
        line.extend_from_slice(b"},\"via\":");
        put_text(&self.via, line);
        line.extend_from_slice(b"}\n");
        // That headers are text, and a body bytes, is the nature of a message.
        let of_meaning = losses.iter().filter(|loss| loss.class() == LossClass::Meaning);
        Ok((line, of_meaning.map(Report::loss).collect()))
    }

    /// Writes headers and body; `None` if the testee does it.
    fn written(&mut self, events: &[Event]) -> Option<Result<(Bytes, Losses), Error>> {
        let headers = &mut self.headers;
        let document = |(document, losses): (Vec<u8>, Losses)| (Bytes::from(document), losses);
        Some(match (&self.carrier, events) {
            (Carrier::Binary, [event]) => http::encode(event, Mode::Binary, headers),
            (Carrier::Structured(format), [event]) => http::encode(event, Mode::Structured(*format), headers),
            (Carrier::Batched(format), events) => http::encode_batch(events, *format, headers),
            (Carrier::Document(format), [event]) => format.to_vec(event).map(document),
            (Carrier::Batch(format), events) => format.batch_to_vec(events.into()).map(document),
            _ => return None,
        })
    }

    fn by_testee(&mut self, events: &[Event]) -> Result<(&[u8], Vec<Report>), Refusal> {
        let mut request = Map::new();
        request.insert("via".into(), self.via.as_str().into());
        request.insert("events".into(), events.iter().map(tagged::from_event).collect());
        request.extend(self.mode.as_deref().map(|mode| ("mode".into(), mode.into())));
        request.extend(self.format.as_deref().map(|format| ("format".into(), format.into())));
        if !self.options.is_empty() {
            request.insert("options".into(), Value::Object(self.options.clone()));
        }
        let mut result = wire::run(&wire::request("encode", request))?;
        let losses = result.get("losses").and_then(Value::as_array).into_iter().flatten();
        let of_meaning = losses.filter(|loss| loss.get("class").is_some_and(|class| class == "meaning"));
        let losses = of_meaning.map(|loss| {
            let text = |name: &str| loss.get(name).and_then(Value::as_str).unwrap_or_default();
            Report::warning(format!("not carried exactly: {}", text("at"))).kind(text("kind"))
        });
        let losses = losses.collect();
        let message = result.get_mut("message").map(Value::take);
        let value = serde_json::json!({"via": self.via, "message": message});
        self.line.extend_from_slice(value.to_string().as_bytes());
        self.line.push(b'\n');
        Ok((&self.line, losses))
    }
}

/// Appends a JSON string.
pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    if !needs_escape(text) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    // A string is always JSON, and writing to a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Appends bytes as the testee protocol has them: [`tagged::from_bytes`].
fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let acts = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\r' | b'\n') || *byte >= 0x7f;
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.iter().any(acts) => {
            out.extend_from_slice(b"{\"text\":");
            put_text(text, out);
            out.push(b'}');
        }
        _ => out.extend_from_slice(tagged::from_bytes(bytes).to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_at_once_as_by_the_testee() {
        let events = [
            Event::builder().id("1").source("/s").ty("t").build().unwrap(),
            Event::builder()
                .id("é \"2\"")
                .source("/s")
                .ty("t")
                .extension("n", 3)
                .text("a\u{85}\n")
                .build()
                .unwrap(),
            Event::builder()
                .id("3")
                .source("/s")
                .ty("t")
                .binary("image/png", &b"\x89PNG"[..])
                .build()
                .unwrap(),
        ];
        let modes = [None, Some("binary"), Some("structured"), Some("batched")];
        for (via, modes) in
            [("http", &modes[..]), ("json", &modes[..1]), ("cbor", &modes[..1]), ("xml-batch", &modes[..1])]
        {
            for mode in modes {
                let mut encoder = Encoder::new(via, *mode, None);
                for event in &events {
                    let event = std::slice::from_ref(event);
                    let written = encoder.line(event).unwrap().0.to_vec();
                    encoder.line.clear();
                    let wanted = encoder.by_testee(event).unwrap().0;
                    let value = |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap();
                    assert_eq!(value(&written), value(wanted), "{via} {mode:?}");
                }
            }
        }
    }
}
