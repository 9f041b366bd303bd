//! `ce catalog lint`: checks catalogs.

use crate::{
    catalog::{Deviations, Loaded},
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
    input,
    plain::{count, plain},
    style::{self, Paint},
};
use clap::Args;
use cloudevents_catalog::{Level, LoadOptions};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Check catalogs, and report each mistake with its place.
///
/// Mistakes are errors, allowed deviations are warnings, and advice is a note. A folder is one catalog: its files that end in .json, .yaml
/// or .yml. The content of a registry at an `http` or `https` URL is one catalog, too. A catalog has 16 MiB and a million JSON values at
/// most.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce catalog lint shop.xreg.json
  ce catalog lint --lenient catalogs/             a folder is one catalog
  ce catalog lint https://registry.example.com/   what a registry has
  ce catalog lint --error-format json shop.xreg.json

Exit status: 0 no catalog has a mistake, 1 one has, 2 a file cannot be read,
3 a registry cannot be reached.")]
pub struct Lint {
    /// Check these files, folders and registries. `-` or no file: standard input.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    deviations: Deviations,
}

pub(super) fn run(command: &Lint, console: &Console) -> Result<Status, Failure> {
    let options = command.deviations.lenient.clone().unwrap_or_else(LoadOptions::strict);
    let mut emit = Emit::new(console);
    for path in input::files(&command.files) {
        let loaded = match Loaded::open(&path, &options) {
            Ok(loaded) => loaded,
            Err(Failure::Told(status, report)) => {
                emit.flush()?;
                console.error(status, &report);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        for report in loaded.reports() {
            if report.is_error() {
                console.remember(Status::No);
            }
            console.report(&report);
        }
        console.separate();
        emit.value(&described(&loaded), |paint| line(&loaded, paint))?;
        emit.flush()?;
    }
    Ok(Status::Done)
}

/// The numbers of messages, schemas and endpoints.
fn parts(loaded: &Loaded) -> [(&'static str, usize); 3] {
    let document = loaded.catalog.document();
    let entries = |value: Option<&Value>| value.and_then(Value::as_object).map_or(0, serde_json::Map::len);
    let groups = document.get("schemagroups").and_then(Value::as_object);
    let schemas = groups.into_iter().flatten().map(|(_, group)| entries(group.get("schemas"))).sum();
    [
        ("message", loaded.catalog.messages().count()),
        ("schema", schemas),
        ("endpoint", entries(document.get("endpoints"))),
    ]
}

fn described(loaded: &Loaded) -> Value {
    let [(_, messages), (_, schemas), (_, endpoints)] = parts(loaded);
    let mistakes = loaded.count(Level::Mistake);
    json!({
        "file": loaded.name, "messages": messages, "schemas": schemas, "endpoints": endpoints,
        "mistakes": mistakes, "deviations": loaded.count(Level::Repaired), "advice": loaded.count(Level::Advice),
        "valid": mistakes == 0,
    })
}

/// `valid    shop.xreg.json: 2 messages, 1 schema, 3 endpoints; 1 deviation`.
fn line(loaded: &Loaded, paint: Paint) -> String {
    let mistakes = loaded.count(Level::Mistake);
    let label = match mistakes {
        0 => paint.text(style::GOOD, "valid  "),
        _ => paint.text(style::ERROR, "invalid"),
    };
    let parts = parts(loaded).map(|(what, number)| count(number, what)).join(", ");
    let mut text = format!("{label}  {}: {parts}", plain(&loaded.name));
    let advice = loaded.count(Level::Advice);
    let found: Vec<_> =
        [(mistakes, "mistake"), (loaded.count(Level::Repaired), "deviation"), (advice, "note")]
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| count(number, what))
            .collect();
    if !found.is_empty() {
        text += &format!("; {}", found.join(", "));
    }
    text + "\n"
}
