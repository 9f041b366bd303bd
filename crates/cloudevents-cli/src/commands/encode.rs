//! `ce encode`: converts events to wire messages.

use crate::{
    console::{Console, Paint},
    emit::Emit,
    failure::{Failure, Status},
    input::{self, Reading},
    json_view,
    report::Report,
    wire,
};
use clap::Args;
use cloudevents_testkit::tagged;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Convert events to wire messages.
///
/// Writes messages as JSON of the testee protocol, one per line. `ce decode` reads them.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce encode order.json
  ce encode --mode structured --output pretty order.json
  ce encode --mode batched events.jsonl | ce decode")]
pub(crate) struct Encode {
    /// Encode the events of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
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
}

pub(crate) fn run(command: &Encode, console: &Console) -> Result<Status, Failure> {
    let mut emit = Emit::new(console);
    let batch = command.mode.as_deref() == Some("batched") || command.via.ends_with("-batch");
    let mut held = Vec::new();
    let mut first = true;
    for path in input::files(&command.files) {
        let mut events = input::open(&path, &command.reading)?;
        while let Some(located) = events.next() {
            let located = located?;
            located.tell_repairs(console);
            let event = match &located.event {
                Ok(decoded) => tagged::from_event(&decoded.value),
                Err(error) if batch => {
                    return Err(Failure::Told(Status::No, Box::new(located.report(error))));
                }
                Err(error) => {
                    emit.flush()?;
                    console.error(Status::No, &located.report(error));
                    continue;
                }
            };
            if batch {
                held.push(event);
                continue;
            }
            match message(vec![event], command, console) {
                Ok(value) => show(&value, &mut first, &mut emit)?,
                Err(refusal) => {
                    emit.flush()?;
                    console.error(refusal.status, &refusal.report.at(&located.place));
                }
            }
            if events.may_wait() {
                emit.flush()?;
            }
        }
    }
    if batch {
        let value = message(held, command, console)?;
        show(&value, &mut first, &mut emit)?;
    }
    emit.flush()?;
    Ok(Status::Done)
}

/// Encodes the events as one message, and returns it with its binding or format in `via`.
fn message(events: Vec<Value>, command: &Encode, console: &Console) -> Result<Value, wire::Refusal> {
    let mut request = Map::new();
    request.insert("via".into(), command.via.as_str().into());
    request.insert("events".into(), events.into());
    request.extend(command.mode.as_deref().map(|mode| ("mode".into(), mode.into())));
    request.extend(command.format.as_deref().map(|format| ("format".into(), format.into())));
    let result = wire::run("encode", request)?;
    for loss in result.get("losses").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| loss.get(name).and_then(Value::as_str).unwrap_or_default();
        console.report(&Report::warning(format!("not carried exactly: {}", text("at"))).kind(text("kind")));
    }
    Ok(json!({"via": command.via, "message": result.get("message")}))
}

fn show(value: &Value, first: &mut bool, emit: &mut Emit) -> Result<(), Failure> {
    let break_ = if std::mem::take(first) { "" } else { "\n" };
    emit.value(value, |paint| format!("{break_}{}", pretty(value, paint)))
}

/// Returns the message as it looks on the wire if it is text, else as indented JSON.
fn pretty(value: &Value, paint: Paint) -> String {
    let text = value.get("message").and_then(|message| wire::as_text(message, "", paint));
    text.unwrap_or_else(|| format!("{}\n", json_view::pretty(&value.to_string(), "", paint)))
}
