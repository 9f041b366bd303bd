//! `ce catalog example`: events that definitions describe.

use crate::{
    catalog::{Deviations, Loaded},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    report::Report,
};
use clap::Args;
use cloudevents_catalog::{Judge, Message, Outcome};
use cloudevents_kit::Event;
use std::path::PathBuf;

/// Make an example of an event for each message, or for those that are named.
///
/// Placeholders of templates have their names as values. Payloads follow JSON Schemas; there are none for schemas of other formats.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce catalog example shop.xreg.json
  ce catalog example shop.xreg.json com.example.order > order.json

Exit status: 0 done, 1 a message has no example that is valid, 2 the catalog cannot be read.")]
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
    for message in messages {
        match example(message) {
            Ok(event) => emit.event(&event)?,
            Err(why) => {
                emit.flush()?;
                let report = Report::new(format!("no example is found for `{}`", message.id())).detail(why);
                console.error(Status::No, &report.kind("no-example").from(message.xid().to_owned()));
            }
        }
    }
    emit.flush()?;
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
