//! `ce validate`: checks events.

use crate::{
    advice,
    cli::Output,
    console::{Console, Paint, style},
    emit::Emit,
    failure::{Failure, Status},
    input::{self, Located, Reading},
    plain::{count, plain, thousands},
    progress::Progress,
    report::Report,
};
use clap::Args;
use cloudevents_kit::Event;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Check events and report every problem.
///
/// Reports each problem with its place and the rule it breaks. Reads a document with one event, a batch, JSON
/// Lines, or several of these one after another.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce validate order.json batch.json
  tail -f events.jsonl | ce validate --explain
  ce validate --error-format json order.json      problems as JSON

Exit status: 0 every event is valid, 1 an event is invalid.")]
pub(crate) struct Validate {
    /// Check these files. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Explain each broken rule, and note recommendations that are not followed.
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: &Validate, console: &Console) -> Result<Status, Failure> {
    let mut emit = Emit::new(console);
    for path in input::files(&command.files) {
        let mut events = input::open(&path, &command.reading)?;
        let name = events.name().to_owned();
        let mut progress = Progress::new(console, None, "events");
        let (mut valid, mut total) = (0_usize, 0_usize);
        while let Some(located) = events.next() {
            let located = located?;
            total = total.saturating_add(1);
            let good = progress.suspend(|| check(&located, command, console));
            valid = valid.saturating_add(usize::from(good));
            if console.output() != Output::Pretty {
                emit.value(&described(&located, &name), |_| String::new())?;
                if events.may_wait() {
                    emit.flush()?;
                }
            }
            progress.step();
        }
        progress.finish();
        if total == 0 && command.reading.from.is_none() {
            console.error(Status::No, &input::no_events(&name));
        }
        if console.output() == Output::Pretty {
            emit.value(&Value::Null, |paint| line(&name, valid, total, paint))?;
            emit.flush()?;
        }
    }
    emit.flush()?;
    Ok(Status::Done)
}

/// Reports the problems of an event. Returns whether it is valid.
fn check(located: &Located, command: &Validate, console: &Console) -> bool {
    match &located.event {
        Err(error) => {
            console.error(Status::No, &located.report(error).explained(command.explain));
            false
        }
        Ok(decoded) => {
            located.tell_repairs(console);
            if command.explain {
                for advice in advice::of(&decoded.value) {
                    console.report(&advice.report().at(&located.place).explained(true));
                }
            }
            true
        }
    }
}

fn described(located: &Located, name: &str) -> Value {
    let mut value = Map::new();
    value.insert("file".into(), name.into());
    value.insert("line".into(), located.place.line().into());
    value.extend(located.place.index.map(|index| ("index".into(), index.into())));
    value.insert("valid".into(), located.event.is_ok().into());
    match &located.event {
        Ok(decoded) => {
            let event: &Event = &decoded.value;
            value.insert("id".into(), event.id().into());
            value.insert("source".into(), event.source().as_str().into());
            value.insert("type".into(), event.ty().into());
            if !decoded.repairs.is_empty() {
                let repairs = decoded.repairs.iter().map(|repair| json!(repair.kind().code())).collect();
                value.insert("repairs".into(), repairs);
            }
        }
        Err(error) => {
            value.insert("error".into(), Report::of(error).at(&located.place).to_value());
        }
    }
    Value::Object(value)
}

fn line(name: &str, valid: usize, total: usize, paint: Paint) -> String {
    let (label, words) = match total.saturating_sub(valid) {
        0 if total > 0 => (paint.text(style::GOOD, "valid  "), count(total, "event")),
        0 => (paint.text(style::ERROR, "invalid"), "no event".to_owned()),
        bad => {
            (paint.text(style::ERROR, "invalid"), format!("{} of {}", thousands(bad), count(total, "event")))
        }
    };
    format!("{label}  {}: {words}\n", plain(name))
}
