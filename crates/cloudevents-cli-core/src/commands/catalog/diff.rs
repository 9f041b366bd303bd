//! `ce catalog diff`: which events are not valid any more.

use crate::{
    catalog::{Deviations, Loaded},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    plain::{count, plain},
    report::Report,
};
use clap::Args;
use cloudevents_catalog::{Change, Severity};
use serde_json::json;
use std::path::PathBuf;

/// Compare two versions of a catalog: report changes that make valid events invalid.
///
/// A breaking change, such as an attribute or a property that is required now, is an error. A possible one is a warning: it concerns events
/// with parts that the old version did not describe, or definitions that cannot be compared, such as Avro schemas that differ. Changes that
/// allow more events are not reported. Both catalogs are read leniently: `ce catalog lint` names their mistakes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce catalog diff released.xreg.json shop.xreg.json
  ce catalog diff --strict catalogs/ shop.xreg.json   possible ones count, too

Exit status: 0 no change is breaking, 1 one is, 2 a catalog cannot be read,
3 a registry cannot be reached.")]
pub struct Diff {
    /// The earlier version: a file, a folder, the URL of a registry, or `-` for standard input.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The later version.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Treat possible changes as errors, too.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    deviations: Deviations,
}

pub(super) fn run(command: &Diff, console: &Console) -> Result<Status, Failure> {
    let options = command.deviations.lenient.as_ref();
    let old = Loaded::used(&command.old, options, console)?;
    let new = Loaded::used(&command.new, options, console)?;
    let changes = new.catalog.changes_since(&old.catalog);
    let is_error = |change: &Change| command.strict || change.severity == Severity::Breaking;
    for change in &changes {
        let words = format!("`{}`: {}", plain(&change.place), plain(&change.message));
        let report = match is_error(change) {
            true => Report::new(words),
            false => Report::warning(words),
        };
        let report = report.kind(change.severity.code()).from(change.definition.clone());
        match is_error(change) {
            true => console.error(Status::No, &report),
            false => console.report(&report),
        }
    }
    let breaking = changes.iter().filter(|change| change.severity == Severity::Breaking).count();
    let possible = changes.len().saturating_sub(breaking);
    let mut emit = Emit::new(console);
    let summary = json!({"old": old.name, "new": new.name, "breaking": breaking, "possible": possible});
    emit.value(&summary, |_| {
        let parts = [(breaking, "breaking change"), (possible, "possible change")];
        let parts =
            parts.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| count(number, what));
        match parts.collect::<Vec<_>>().as_slice() {
            [] => "compatible: every event that was valid is valid\n".to_owned(),
            parts => format!("{}\n", parts.join(", ")),
        }
    })?;
    emit.flush()?;
    Ok(Status::Done)
}
