//! `ce catalog example`: events that definitions describe.

use crate::{
    catalog::{Deviations, Loaded},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    plain::plain,
    report::Report,
};
use clap::Args;
use cloudevents_catalog::{Judge, Message, Outcome};
use cloudevents_kit::Event;
use std::path::PathBuf;

/// Make an example of an event for each message, or for the named messages.
///
/// Placeholders of templates have their names as values. Payloads follow JSON Schemas, without a search: if a text must have a `pattern`,
/// for example, no payload is found. Events with schemas of other formats, such as Avro, have no payload. Messages for which no valid event
/// is found are reported. The catalog is read leniently.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce catalog example shop.xreg.json
  ce catalog example shop.xreg.json com.example.order > order.json

Exit status: 0 done, 1 a message that is named has no example, or no message has one,
2 the catalog cannot be read, 3 a registry cannot be reached.")]
pub struct Example {
    /// Read this catalog: a file, a folder, the URL of a registry, or `-` for standard input.
    #[arg(value_name = "CATALOG")]
    catalog: PathBuf,
    /// The ids of messages, or their xids.
    #[arg(value_name = "MESSAGE")]
    messages: Vec<String>,
    #[command(flatten)]
    deviations: Deviations,
}

pub(super) fn run(command: &Example, console: &Console) -> Result<Status, Failure> {
    let loaded = Loaded::used(&command.catalog, command.deviations.lenient.as_ref(), console)?;
    let messages: Vec<&Message> = match command.messages.as_slice() {
        [] => loaded.catalog.messages().filter(|message| message.is_event()).collect(),
        names => names.iter().map(|name| loaded.message(name)).collect::<Result<_, _>>()?,
    };
    if messages.is_empty() {
        console.error(Status::No, &Report::new(format!("`{}` defines no events", loaded.name)));
    }
    let mut emit = Emit::new(console);
    let mut is_found = false;
    for message in &messages {
        match example(message) {
            Ok(event) => {
                is_found = true;
                emit.event(&event)?;
            }
            Err(why) => {
                emit.flush()?;
                let words = format!("no example is found for `{}`", plain(message.xid()));
                let is_named = !command.messages.is_empty();
                let report = if is_named { Report::new(words) } else { Report::warning(words) };
                console.report(&report.detail(why).kind("no-example"));
                if is_named {
                    console.remember(Status::No);
                }
            }
        }
    }
    emit.flush()?;
    if !is_found && command.messages.is_empty() && !messages.is_empty() {
        console.error(Status::No, &Report::new("no message has an example"));
    }
    Ok(Status::Done)
}

/// An example that is valid, or why there is none.
fn example(message: &Message) -> Result<Event, String> {
    if !message.is_event() {
        return Err("it is not a CloudEvent".to_owned());
    }
    let event = message.example().map_err(|error| error.to_string())?;
    let verdict = message.judge(&event);
    match verdict.outcome() {
        Outcome::Invalid => Err(verdict.to_string()),
        _ => Ok(event),
    }
}
