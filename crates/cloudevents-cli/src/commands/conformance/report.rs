//! `ce conformance report` and `ce conformance diff`: runs that were written as NDJSON.

use super::suite;
use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status},
};
use clap::Args;
use cloudevents_conformance::{RunRecord, html, markdown};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Show one or more runs side by side, as Markdown or as one HTML file.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce conformance run --ndjson ours.ndjson -- ./adapter
  ce conformance report ours.ndjson theirs.ndjson
  ce conformance report ours.ndjson theirs.ndjson --html matrix.html")]
pub(crate) struct Report {
    /// Files that `ce conformance run --ndjson FILE` wrote.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Write one HTML file instead, readable without a network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(crate) fn run(command: &Report, console: &Console) -> Result<Status, Failure> {
    let runs = command.runs.iter().map(|path| record(path)).collect::<Result<Vec<_>, _>>()?;
    match &command.html {
        Some(path) => fs::write(path, html(&runs, &suite(None)?))
            .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))?,
        None => {
            let mut emit = Emit::new(console);
            let text = markdown(&runs);
            emit.value(&json!({"markdown": text}), |_| text.clone())?;
            emit.flush()?;
        }
    }
    Ok(Status::Done)
}

/// Show the cases whose verdicts differ between two runs.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  ce conformance diff before.ndjson after.ndjson

Exit status: 0 nothing differs, 1 something does.")]
pub(crate) struct Diff {
    /// The run before, as `ce conformance run --ndjson FILE` wrote it.
    before: PathBuf,
    /// The run after.
    after: PathBuf,
}

pub(crate) fn diff(command: &Diff, console: &Console) -> Result<Status, Failure> {
    let (before, after) = (record(&command.before)?, record(&command.after)?);
    let changes = before.changes(&after);
    let mut emit = Emit::new(console);
    for (id, before, after) in &changes {
        emit.value(&json!({"id": id, "before": before, "after": after}), |_| {
            format!("{:<14} {:<14} {id}\n", before.unwrap_or("-"), after.unwrap_or("-"))
        })?;
    }
    emit.flush()?;
    Ok(if changes.is_empty() { Status::Done } else { Status::No })
}

fn record(path: &Path) -> Result<RunRecord, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", path.display())))?;
    RunRecord::parse(&text).map_err(|error| {
        Failure::usage(format!("`{}` is not a run: {error}", path.display()))
            .help("`ce conformance run --ndjson FILE` writes one")
    })
}
