//! `ce encode`: converts events to wire messages.

use crate::{
    built::Built,
    console::Console,
    emit::Emit,
    encoder::Encoder,
    failure::{Failure, Status},
    global::Output,
    held::Held,
    input::{self, Form, Located, Piece, Reading},
    json_view,
    plain::plain,
    source::Place,
    style::Paint,
    wire,
};
use clap::Args;
use cloudevents_kit::Event;
use cloudevents_vectors::{BodyForm, Carrier, ContentType};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Convert events to wire messages.
///
/// Writes messages as JSON of the testee protocol, one per line. With --output pretty, HTTP messages are shown as they are on the wire.
/// `ce decode` reads both. A batch may have 256 MiB and 200,000 events.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce encode order.json
  ce encode --mode structured --output pretty order.json
  ce encode --via kafka --source /shop --type order --data '{\"total\":1.10}'
  ce encode --mode batched events.jsonl | ce decode")]
pub struct Encode {
    /// Encode the events of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE", conflicts_with = "attributes")]
    files: Vec<PathBuf>,
    /// Binding or format to encode for.
    #[arg(long, value_name = "CARRIER", value_parser = wire::carriers(), default_value = "http")]
    via: String,
    /// Content mode of the binding.
    #[arg(long, value_name = "MODE", value_parser = ["binary", "structured", "batched"])]
    mode: Option<String>,
    /// Format of structured and batched messages.
    #[arg(long, value_name = "FORMAT", value_parser = input::format_names())]
    format: Option<String>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    built: Built,
}

/// Runs the command, and returns the exit status.
pub fn run(command: &Encode, console: &Console) -> Result<Status, Failure> {
    check(command)?;
    let encoder = Encoder::new(&command.via, command.mode.as_deref(), command.format.as_deref());
    let mut messages = Messages { encoder, emit: Emit::new(console), first: true, console };
    if let Some((event, place)) = command.built.event(None, console)? {
        messages.write(&[event], Some(&place))?;
        messages.emit.flush()?;
        return Ok(Status::Done);
    }
    let batch = messages.encoder.is_batch();
    let lines = !batch && console.output() == Output::Json;
    let mut held = Held::default();
    for path in input::files(&command.files) {
        let encoder = messages.encoder.clone();
        let mut pieces = input::open(&path, &command.reading)?.pieces(move || {
            let mut encoder = encoder.clone();
            move |located: &Located, out: &mut Vec<u8>| lines && line(located, &mut encoder, out)
        });
        while let Some(piece) = pieces.next() {
            let located = match piece? {
                Piece::Event(located) => located,
                Piece::Output(lines, _) => {
                    messages.emit.bytes(&lines)?;
                    if pieces.may_wait() {
                        messages.emit.flush()?;
                    }
                    continue;
                }
            };
            located.tell_repairs(console);
            match located.event {
                Ok(decoded) if batch => held.push(decoded.value)?,
                Ok(decoded) => messages.write(std::slice::from_ref(&decoded.value), Some(&located.place))?,
                Err(ref error) if batch => {
                    return Err(Failure::Told(Status::No, Box::new(located.report(error))));
                }
                Err(ref error) => {
                    messages.emit.flush()?;
                    console.error(Status::No, &located.report(error));
                }
            }
            if pieces.may_wait() {
                messages.emit.flush()?;
            }
        }
    }
    if batch {
        messages.write(held.events(), None)?;
    }
    messages.emit.flush()?;
    Ok(Status::Done)
}

/// Refuses options that mean nothing together.
fn check(command: &Encode) -> Result<(), Failure> {
    let binary = match command.mode.as_deref() {
        // Documents are the only messages of some bindings.
        None => Carrier::of(&command.via).is_some_and(|carrier| carrier.has_mode("binary")),
        Some(mode) => mode == "binary",
    };
    if Form::of(&command.via, &cloudevents_kit::formats()).is_some() {
        let given = command.mode.as_ref().map(|_| "--mode").or(command.format.as_ref().map(|_| "--format"));
        let refused = |name| Failure::usage(format!("{name} has no effect: `{}` is a format", command.via));
        return given.map_or(Ok(()), |name| Err(refused(name).help("name a binding with --via")));
    }
    if binary && command.format.is_some() {
        return Err(Failure::usage("--format has no effect in binary mode").help("add --mode structured"));
    }
    Ok(())
}

/// Writes the message of an event, unless something has to be reported.
fn line(located: &Located, encoder: &mut Encoder, out: &mut Vec<u8>) -> bool {
    let Ok(decoded) = &located.event else { return false };
    let written = encoder.line(std::slice::from_ref(&decoded.value));
    match written {
        Ok((line, losses)) if losses.is_empty() && decoded.repairs.is_empty() => {
            out.extend_from_slice(line);
            true
        }
        _ => false,
    }
}

/// The messages on standard output.
struct Messages<'a> {
    encoder: Encoder,
    emit: Emit,
    first: bool,
    console: &'a Console,
}

impl Messages<'_> {
    /// Writes the events as one message. A refusal is reported, and is a failure if the events have no place: a batch.
    fn write(&mut self, events: &[Event], place: Option<&Place>) -> Result<(), Failure> {
        let (line, losses) = match (self.encoder.line(events), place) {
            (Ok(written), _) => written,
            (Err(refusal), Some(place)) => {
                self.emit.flush()?;
                self.console.error(refusal.status, &refusal.report.at(place));
                return Ok(());
            }
            (Err(refusal), None) => return Err(refusal.into()),
        };
        losses.iter().for_each(|loss| self.console.report(loss));
        if self.console.output() == Output::Json {
            return self.emit.bytes(line);
        }
        let value: Value = serde_json::from_slice(line).unwrap_or_default();
        let break_ = if std::mem::take(&mut self.first) { "" } else { "\n" };
        self.emit.value(&value, |paint| format!("{break_}{}", pretty(&value, paint)))
    }
}

/// Returns the message as it looks on the wire if `ce decode` reads the same message from it, else as indented JSON.
///
/// The length of a body makes clear where it ends.
fn pretty(value: &Value, paint: Paint) -> String {
    let mut message = value.get("message").cloned().unwrap_or_default();
    let body = message.pointer("/body/text").and_then(Value::as_str).unwrap_or_default();
    let length = body.len();
    // A carriage return at the end of a line is not shown, and characters that act on a terminal are shown escaped.
    let is_shown = |text: &str| text.split('\t').all(|part| plain(part) == part);
    let mut texts = message.pointer("/headers").and_then(Value::as_array).into_iter().flatten();
    let headers_shown = texts.all(|header| {
        let mut parts = header.as_array().into_iter().flatten().filter_map(Value::as_str);
        parts.all(|part| plain(part) == part && part.trim_ascii() == part)
    });
    let is_read = value.get("via").and_then(Value::as_str).is_some_and(is_read_as_text);
    let faithful = is_read && headers_shown && body.split('\n').all(is_shown);
    if let Some(headers) = message.get_mut("headers").and_then(Value::as_array_mut).filter(|_| length > 0) {
        headers.push(json!(["content-length", length.to_string()]));
    }
    let text = if faithful { wire::as_text(&message, "", paint) } else { None };
    text.unwrap_or_else(|| format!("{}\n", json_view::pretty(&value.to_string(), "", paint)))
}

/// Whether `ce decode` reads the text of messages of this carrier: HTTP, and documents as they are.
fn is_read_as_text(via: &str) -> bool {
    let is_document = |carrier: &Carrier| {
        matches!(carrier.content_type, ContentType::Always(_)) && carrier.body.form == BodyForm::Bytes
    };
    via == "http" || Carrier::of(via).is_some_and(is_document)
}
