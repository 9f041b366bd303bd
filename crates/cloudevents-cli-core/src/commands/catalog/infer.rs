//! `ce catalog infer`: proposes a catalog from events.

use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    input::{self, Reading},
    json_view,
    plain::{count, thousands},
    progress::Progress,
    report::Report,
};
use clap::Args;
use cloudevents_catalog::Inference;
use std::path::PathBuf;

/// Propose a catalog from events: their types, the attributes that they have, and a JSON Schema of their payloads.
///
/// Every event that it reads is valid by the proposal. A constant value or a template is proposed for `source` and `subject`, after ten
/// events of a type. Other attributes have a type, and are required if all events of the type have them. Read the result before you use it:
/// the events may have more in common than the contract requires.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce catalog infer orders.jsonl > proposed.json
  ce catalog infer --group shop --output yaml orders.jsonl > proposed.yaml
  ce listen kafka://localhost:9092/orders --idle 5 | ce catalog infer

Exit status: 0 done, 1 there is no event, or one is invalid and left out, 2 a file cannot be read.")]
pub struct Infer {
    /// Read the events of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The name of the message group.
    #[arg(long, value_name = "NAME", default_value = "events")]
    group: String,
    #[command(flatten)]
    reading: Reading,
}

pub(super) fn run(command: &Infer, console: &Console) -> Result<Status, Failure> {
    let mut inference = Inference::new();
    let mut total = 0_usize;
    for path in input::files(&command.files) {
        let events = input::open(&path, &command.reading)?;
        let mut progress = Progress::new(console, None, "events");
        for located in events {
            let located = located?;
            match &located.event {
                Ok(decoded) => {
                    total = total.saturating_add(1);
                    inference.add(&decoded.value);
                }
                Err(error) => progress.suspend(|| console.error(Status::No, &located.report(error))),
            }
            progress.step();
        }
        progress.finish();
    }
    if total == 0 {
        console.error(Status::No, &Report::new("there are no events to propose a catalog from"));
        return Ok(Status::No);
    }
    if inference.left_out() > 0 {
        let words = format!(
            "{} events have types that are left out",
            thousands(usize::try_from(inference.left_out()).unwrap_or(usize::MAX))
        );
        console.report(&Report::warning(words).kind("left-out"));
    }
    let document = inference.document(&command.group);
    let mut emit = Emit::new(console);
    emit.value(&document, |paint| format!("{}\n", json_view::pretty(&document.to_string(), "", paint)))?;
    emit.flush()?;
    console.say(&format!("{} of {}", count(inference.types(), "message"), count(total, "event")));
    Ok(Status::Done)
}
