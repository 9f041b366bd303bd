//! `ce catalog list`: the messages of a catalog.

use crate::{
    catalog::{Deviations, Loaded},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    plain::{count, plain},
    report::Report,
    style,
};
use clap::Args;
use cloudevents_catalog::Message;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// List the messages of a catalog.
///
/// The catalog is read leniently: `ce catalog lint` names its mistakes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce catalog list shop.xreg.json
  ce catalog list --output json shop.xreg.json | jq -r .id

Exit status: 0 done, 1 the catalog has no messages, 2 it cannot be read,
3 a registry cannot be reached.")]
pub struct List {
    /// Read this catalog: a file, a folder, the URL of a registry, or `-` for standard input.
    #[arg(value_name = "CATALOG")]
    catalog: PathBuf,
    #[command(flatten)]
    deviations: Deviations,
}

/// The members of a definition that a list has.
const LISTED: [&str; 5] = ["name", "envelope", "protocol", "dataschemaformat", "description"];

pub(super) fn run(command: &List, console: &Console) -> Result<Status, Failure> {
    let loaded = Loaded::used(&command.catalog, command.deviations.lenient.as_ref(), console)?;
    let mut emit = Emit::new(console);
    let widest =
        loaded.catalog.messages().map(|message| message.id().chars().count()).max().unwrap_or_default();
    let width = widest.min(60);
    for message in loaded.catalog.messages() {
        emit.value(&described(message), |paint| {
            let id = paint.text(style::NAME, &format!("{:<width$}", plain(message.id())));
            let about = LISTED.iter().filter_map(|name| message.members().get(*name)?.as_str());
            let about: Vec<_> = about.filter(|text| *text != message.id()).map(first_line).collect();
            format!("{}\n", format!("{id}  {}", about.join(", ")).trim_end())
        })?;
    }
    emit.flush()?;
    match loaded.catalog.messages().count() {
        0 => console.error(Status::No, &Report::new(format!("`{}` has no messages", loaded.name))),
        messages => console.say(&count(messages, "message")),
    }
    Ok(Status::Done)
}

fn first_line(text: &str) -> String {
    plain(text.lines().next().unwrap_or_default())
}

fn described(message: &Message) -> Value {
    let mut members = Map::new();
    members.insert("id".into(), message.id().into());
    members.insert("xid".into(), message.xid().into());
    for name in LISTED {
        if let Some(value) = message.members().get(name) {
            members.insert(name.into(), value.clone());
        }
    }
    members.into()
}
