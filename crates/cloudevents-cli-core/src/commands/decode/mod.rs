//! `ce decode`: converts wire messages to events.

mod recognized;

use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    http_text, input,
    report::Report,
    show,
    source::{Place, Source},
    wire,
};
use bytes::Bytes;
use clap::Args;
use cloudevents_testkit::tagged;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Convert wire messages to events.
///
/// Reads what `ce encode` writes: messages as JSON of the testee protocol, or HTTP as text. Also reads raw HTTP requests and responses,
/// the lines of `kcat -J`, messages whose headers are an object, and JSON documents with one event.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce encode order.json | ce decode
  ce decode captured-request.txt                        raw HTTP
  kcat -C -b localhost -t orders -e -J | ce decode      Kafka records
  echo '{\"headers\":{\"ce-id\":\"1\"},\"body\":\"hi\"}' | ce decode
  echo '{\"headers\":[[\"ce-id\",\"1\"]],\"body\":{\"text\":\"hi\"}}' | ce decode --via http")]
pub struct Decode {
    /// Decode the messages of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Binding or format of messages without a member `via`.
    #[arg(long, value_name = "CARRIER", value_parser = wire::carriers(), default_value = "http")]
    via: String,
    /// Repair invalid input where possible, and report each repair.
    #[arg(long)]
    lenient: bool,
    /// Write each attribute with its type.
    #[arg(long)]
    tagged: bool,
}

/// Runs the command, and returns the exit status.
pub fn run(command: &Decode, console: &Console) -> Result<Status, Failure> {
    let mut emit = Emit::new(console);
    for path in input::files(&command.files) {
        let (name, bytes) = input::read(&path)?;
        let bytes = Bytes::from(bytes);
        let whole = Place::of(Source::new(name, bytes.clone(), 1));
        let at = |begin| Place { begin, ..whole.clone() };
        if let Some(messages) = http_text::messages(&bytes) {
            for (begin, message) in messages {
                decode("http", message, &at(begin), command, &mut emit, console)?;
            }
            continue;
        }
        let mut messages = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
        loop {
            let begin = messages.byte_offset();
            let Some(message) = messages.next() else { break };
            let spaces =
                bytes.get(begin..).map_or(0, |rest| rest.len().saturating_sub(rest.trim_ascii_start().len()));
            let place = at(begin.saturating_add(spaces));
            match message {
                Ok(message) => match recognized::message(message, &command.via) {
                    Ok((via, message)) => decode(&via, message, &place, command, &mut emit, console)?,
                    Err(words) => {
                        emit.flush()?;
                        let report = Report::new("not a wire message").kind("invalid-document").detail(words);
                        console.error(Status::No, &report.at(&place));
                    }
                },
                Err(error) => {
                    emit.flush()?;
                    let words = error.to_string();
                    let words = words.split(" at line ").next().unwrap_or(&words);
                    let report = Report::new("not a wire message").kind("invalid-document").detail(words);
                    let offset = offset(&bytes, error.line(), error.column());
                    return Err(Failure::Told(Status::Usage, Box::new(report.at(&place).offset(offset))));
                }
            }
        }
    }
    emit.flush()?;
    Ok(Status::Done)
}

fn decode(
    via: &str,
    message: Value,
    place: &Place,
    command: &Decode,
    emit: &mut Emit,
    console: &Console,
) -> Result<(), Failure> {
    let mut request = Map::new();
    request.insert("via".into(), via.into());
    request.insert("message".into(), message);
    request.insert("strictness".into(), if command.lenient { "lenient" } else { "strict" }.into());
    let result = match wire::run("decode", request) {
        Ok(result) => result,
        Err(refusal) => {
            emit.flush()?;
            console.error(refusal.status, &refusal.report.at(place));
            return Ok(());
        }
    };
    for repair in result.get("repairs").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| repair.get(name).and_then(Value::as_str);
        let what = text("attribute").map_or(String::new(), |name| format!(" attribute `{name}`"));
        let report = Report::warning(format!("repaired:{what}")).kind(text("kind").unwrap_or("repair"));
        console.report(&report.attribute(text("attribute")).at(place));
    }
    for event in result.get("events").and_then(Value::as_array).into_iter().flatten() {
        if command.tagged {
            emit.value(event, |paint| {
                format!("{}\n", crate::json_view::pretty(&event.to_string(), "", paint))
            })?;
        } else {
            let event = tagged::to_event(event)
                .map_err(|error| Failure::Told(Status::No, Box::new(Report::of(&error).at(place))))?;
            emit.event(&show::readable(&event))?;
        }
    }
    Ok(())
}

/// Returns the byte offset of this line and column, both starting at 1.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n').take(line.saturating_sub(1));
    lines.map(<[u8]>::len).fold(0, usize::saturating_add).saturating_add(column.saturating_sub(1))
}
