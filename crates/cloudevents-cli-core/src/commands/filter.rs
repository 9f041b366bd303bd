//! `ce filter`: keeps the events that match.

mod knative;

use super::sql;
use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    input::{self, Reading},
    plain::{count, thousands},
    progress::Progress,
    report::Report,
    selection::Selection,
    yaml,
};
use clap::Args;
use cloudevents_kit::subscriptions::{FilterOptions, Filters, Invalid, Leniency, Parsed};
use cloudevents_kit::{Error, Event};
use std::path::{Path, PathBuf};

/// Keep the events that match subscription filters.
///
/// FILTERS is a file of 1 MiB at most with a JSON array of Subscriptions API filters, or one such filter, or a Trigger of Knative, also as
/// YAML. Or it is an expression of CESQL. An event matches if all filters are true.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce filter filters.json orders.jsonl > wanted.jsonl
  echo '{\"prefix\": {\"type\": \"com.example.\"}}' > filter.json
  ce filter filter.json orders.jsonl
  ce listen http://127.0.0.1:8080/ | ce filter filters.json
  ce filter 'priority > 5' orders.jsonl
  ce filter trigger.yaml orders.jsonl                  the filters of a Trigger of Knative

Exit status: 0 done, 1 no event matched or an event is invalid, 2 the filters cannot be read.")]
pub struct Filter {
    /// Read the filters from this file, or use this expression, if there is no such file and it has an operator.
    #[arg(value_name = "FILTERS|EXPRESSION")]
    filters: PathBuf,
    /// Filter the events of these files. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command, and returns the exit status.
pub fn run(command: &Filter, console: &Console) -> Result<Status, Failure> {
    let keep = Keep::of(command, console)?;
    let mut emit = Emit::new(console);
    let (mut matched, mut total) = (0_usize, 0_usize);
    for path in input::files(&command.files) {
        let mut events = input::open(&path, &command.reading)?;
        let mut progress = Progress::new(console, None, "events");
        while let Some(located) = events.next() {
            let located = located?;
            match &located.event {
                Ok(decoded) => {
                    total = total.saturating_add(1);
                    progress.suspend(|| located.tell_repairs(console));
                    let is_kept = keep.matches(&decoded.value);
                    if let Some(failing) = keep.failing() {
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
    if let Keep::Expression(selection) = &keep {
        selection.rest().iter().for_each(|report| console.report(report));
    }
    console.say(&format!("{} of {} match", thousands(matched), count(total, "event")));
    Ok(if matched > 0 { Status::Done } else { Status::No })
}

/// Which events are kept.
enum Keep {
    Filters(Filters),
    Expression(Selection),
}

impl Keep {
    fn of(command: &Filter, console: &Console) -> Result<Self, Failure> {
        let text = command.filters.to_str().unwrap_or_default();
        let is_expression = text.contains([' ', '<', '>', '=', '(']) && !command.filters.exists();
        Ok(match is_expression {
            true => Self::Expression(Selection::new(sql::expression(text, console)?)),
            false => Self::Filters(filters(&command.filters, &command.reading, console)?),
        })
    }

    fn matches(&self, event: &Event) -> bool {
        match self {
            Self::Filters(filters) => filters.matches(event),
            Self::Expression(selection) => selection.matches(event),
        }
    }

    /// A warning about events for which the expression fails, when it is due.
    fn failing(&self) -> Option<Report> {
        match self {
            Self::Filters(_) => None,
            Self::Expression(selection) => selection.due(),
        }
    }
}

fn filters(path: &Path, reading: &Reading, console: &Console) -> Result<Filters, Failure> {
    let name = path.display().to_string();
    let text = input::text(path, input::SMALL)?;
    let text = if yaml::is_likely(text.as_bytes()) { json(&name, &text)? } else { text };
    let of_trigger = knative::filters(&text);
    let is_trigger = of_trigger.is_some();
    let text = of_trigger.unwrap_or(text).into_bytes();
    let options = match reading.lenient.is_given() || is_trigger {
        true => FilterOptions::strict().allow(Leniency::CesqlDialect),
        false => FilterOptions::strict(),
    };
    let refused = |error: Invalid| Failure::usage(format!("{name}: invalid filters: {error}"));
    // An object is one filter, an array is several.
    let parsed = if text.trim_ascii_start().starts_with(b"{") {
        let one = cloudevents_kit::subscriptions::Filter::parse_with(&text, &options).map_err(refused)?;
        Parsed { value: Filters::from(one.value), repairs: one.repairs }
    } else {
        Filters::parse_with(&text, &options).map_err(refused)?
    };
    for repair in &parsed.repairs {
        let words = format!("{}: the dialect is named sql, and cesql by Knative", repair.path);
        console.report(&Report::warning(words).kind(repair.kind.code()));
    }
    Ok(parsed.value)
}

/// Filters in YAML as JSON.
fn json(name: &str, text: &str) -> Result<String, Failure> {
    let invalid = |error: Error| Failure::usage(format!("{name}: invalid filters: {}", error.detail()));
    yaml::one(text).map(|document| document.json).map_err(invalid)
}
