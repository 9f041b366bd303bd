//! `ce filter`: keeps the events that match.

use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    filters,
    input::{self, Reading},
    plain::{count, thousands},
    progress::Progress,
    selection::Selection,
    trigger,
};
use clap::Args;
use std::path::PathBuf;

/// Keep the events that match subscription filters.
///
/// FILTERS is a file of 1 MiB at most with a JSON array of Subscriptions API filters, or one such filter. It may also be the JSON itself,
/// an expression of CESQL, or data.PLACE=TEXT for a place of a payload in JSON. An event matches if all filters are true.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce filter filters.json orders.jsonl > wanted.jsonl
  echo '{\"prefix\": {\"type\": \"com.example.\"}}' > filter.json
  ce filter filter.json orders.jsonl
  ce listen http://127.0.0.1:8080/ | ce filter filters.json
  ce filter 'priority > 5' orders.jsonl
  ce filter 'data.order.status=paid' orders.jsonl
  ce filter --trigger trigger.yaml orders.jsonl

Exit status: 0 done, 1 no event matched or an event is invalid, 2 the filters cannot be read.")]
pub struct Filter {
    /// Read the filters from this file. If there is no such file: filters in JSON, or an expression or a condition with its operator.
    #[arg(value_name = "FILTERS|EXPRESSION", required_unless_present = "trigger")]
    filters: Option<PathBuf>,
    /// Read the filters of the Trigger of Knative in this file of manifests, of 1 MiB at most. All other arguments are files with events.
    #[arg(long, value_name = "FILE")]
    trigger: Option<PathBuf>,
    /// Filter the events of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command, and returns the exit status.
pub fn run(command: &Filter, console: &Console) -> Result<Status, Failure> {
    let selection = selection(command, console)?;
    let mut emit = Emit::new(console);
    let (mut matched, mut total) = (0_usize, 0_usize);
    for path in input::files(&files(command)) {
        let mut events = input::open(&path, &command.reading)?;
        let mut progress = Progress::new(console, None, "events");
        while let Some(located) = events.next() {
            let located = located?;
            match &located.event {
                Ok(decoded) => {
                    total = total.saturating_add(1);
                    progress.suspend(|| located.tell_repairs(console));
                    let is_kept = selection.matches(&decoded.value);
                    if let Some(failing) = selection.due() {
                        progress.suspend(|| console.report(&failing));
                    }
                    if is_kept {
                        matched = matched.saturating_add(1);
                        progress.suspend(|| emit.event(&decoded.value))?;
                    }
                }
                Err(error) => progress.suspend(|| console.error(Status::No, &located.report(error))),
            }
            if events.may_wait() {
                emit.flush()?;
            }
            progress.step();
        }
        progress.finish();
    }
    emit.flush()?;
    selection.rest().iter().for_each(|report| console.report(report));
    console.say(&format!("{} of {} match", thousands(matched), count(total, "event")));
    Ok(if matched > 0 { Status::Done } else { Status::No })
}

/// With a trigger, the first argument is no filter.
fn files(command: &Filter) -> Vec<PathBuf> {
    let first = command.filters.iter().filter(|_| command.trigger.is_some());
    first.chain(&command.files).cloned().collect()
}

fn selection(command: &Filter, console: &Console) -> Result<Selection, Failure> {
    if let Some(path) = &command.trigger {
        let name = path.display().to_string();
        let text = input::text(path, input::SMALL)?;
        return trigger::filters(&name, &text).map(Selection::of_filters);
    }
    let Some(path) = &command.filters else { return Err(Failure::usage("there is no filter")) };
    let text = path.to_str().unwrap_or_default();
    let is_argument = filters::is_json(text) || text.contains([' ', '<', '>', '=', '(']);
    if is_argument && !path.exists() {
        return Selection::of_argument(text, console);
    }
    let document = input::text(path, input::SMALL)?.into_bytes();
    let is_lenient = command.reading.lenient.is_given();
    filters::read(&path.display().to_string(), &document, is_lenient, console).map(Selection::of_filters)
}
