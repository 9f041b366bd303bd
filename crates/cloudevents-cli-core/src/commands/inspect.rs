//! `ce inspect`: shows events in a readable layout.

use crate::{
    advice,
    commands::each_event,
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    input::Reading,
    plain::{plain, size},
    show, style,
};
use clap::Args;
use cloudevents_kit::Data;
use cloudevents_testkit::tagged;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Show events in a readable layout.
///
/// Shows attributes with their types, the payload indented, and notes about recommendations that the event
/// does not follow.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce inspect order.json
  ce listen http://127.0.0.1:8080/ | ce inspect --output pretty
  ce inspect --output json order.json | jq .event.attributes")]
pub struct Inspect {
    /// Show the events of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show entire payloads.
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command, and returns the exit status.
pub fn run(command: &Inspect, console: &Console) -> Result<Status, Failure> {
    let mut emit = Emit::new(console);
    let reading = Reading { suggests: true, ..command.reading.clone() };
    let mut first = true;
    each_event(&command.files, &reading, &mut emit, console, |event, located, name, emit| {
        let mut notes = advice::of(event);
        notes.extend(advice::of_extensions(event));
        let line = located.place.line();
        let document = show::document_size(event);
        let value = json!({
            "file": name,
            "line": line,
            "index": located.place.index,
            "event": tagged::from_event(event),
            "bytes": {"json": document, "data": event.data_bytes().map(|data| data.len())},
            "notes": notes.iter().map(advice::Advice::to_value).collect::<Value>(),
        });
        let most = if command.full { usize::MAX } else { 2 * show::SHORT };
        emit.value(&value, |paint| {
            let place = match located.place.index {
                Some(index) => format!("{}:{line} (event {index} of the batch)", plain(name)),
                None => format!("{}:{line}", plain(name)),
            };
            let break_ = if std::mem::take(&mut first) { "" } else { "\n" };
            let mut text = format!("{break_}{}\n", paint.text(style::STRONG, &place));
            text += &show::event(event, paint, most);
            let data = event.data().map_or(0, |data: Data<'_>| data.as_bytes().len());
            let facts = format!("{} as a JSON document, {} of payload", size(document), size(data));
            text += &format!("{} {facts}\n", paint.text(style::FAINT, "size:"));
            for note in notes {
                let clause = note.clause.map(|clause| format!(" ({clause})")).unwrap_or_default();
                text += &format!("{} {}{clause}\n", paint.text(style::NOTE, "note:"), plain(&note.message));
            }
            text
        })
    })
}
