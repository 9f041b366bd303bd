//! `ce conformance report` and `ce conformance diff`: runs that were written as NDJSON.

use super::{reports::Shown, suite};
use crate::{
    console::Console,
    emit::Emit,
    failure::{Failure, Status, unread},
    input,
};
use clap::Args;
use cloudevents_conformance::{RunRecord, html, markdown, site};
use serde_json::json;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Show one or more runs side by side, as Markdown or as one HTML file, or as a site with their history.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce conformance run --ndjson ours.ndjson -- ./adapter
  ce conformance report ours.ndjson theirs.ndjson > matrix.md
  ce conformance report ours.ndjson theirs.ndjson --html matrix.html
  ce conformance report runs --site public")]
pub(crate) struct Report {
    /// Files that `ce conformance run --ndjson FILE` wrote, of 256 MiB at most each. A folder stands for its files.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Write one HTML file instead, readable without a network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a static site into this folder instead: the matrix and the causes of the latest run of each implementation, and the history of
    /// all runs.
    #[arg(long, value_name = "FOLDER", conflicts_with = "html")]
    site: Option<PathBuf>,
}

pub(crate) fn run(command: &Report, console: &Console) -> Result<Status, Failure> {
    let mut runs = Vec::new();
    for path in &command.runs {
        for file in files(path)? {
            runs.push(record(&file)?);
        }
    }
    match (&command.html, &command.site) {
        (Some(path), _) => write(path, &html(&runs, &suite(None)?))?,
        (None, Some(folder)) => {
            fs::create_dir_all(folder).map_err(|error| Failure::unwritable(folder, &error))?;
            write(&folder.join("index.html"), &site(&runs, &suite(None)?))?;
        }
        (None, None) => {
            let text = markdown(&runs);
            if console.requested().is_none() {
                // A document, not data: a user who writes it to a file has Markdown there.
                let mut out = Shown(console.out());
                out.write_all(text.as_bytes())?;
                out.flush()?;
            } else {
                let mut emit = Emit::new(console);
                emit.value(&json!({"markdown": text}), |_| text.clone())?;
                emit.flush()?;
            }
        }
    }
    Ok(Status::Done)
}

/// The file, or the files of runs in the folder, by their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable =
        |error: &io::Error| Failure::usage(format!("`{}` cannot be read: {error}", path.display()));
    let entries = fs::read_dir(path).map_err(|error| unreadable(&error))?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| unreadable(&error))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "ndjson"));
    files.sort();
    if files.is_empty() {
        return Err(Failure::usage(format!("`{}` has no file whose name ends in .ndjson", path.display())));
    }
    Ok(files)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::unwritable(path, &error))
}

/// Show the cases whose verdicts differ between two runs.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  ce conformance diff before.ndjson after.ndjson

Exit status: 0 nothing differs, 1 something does.")]
pub(crate) struct Diff {
    /// The run before, as `ce conformance run --ndjson FILE` wrote it, of 256 MiB at most.
    before: PathBuf,
    /// The run after.
    after: PathBuf,
}

pub(crate) fn diff(command: &Diff, console: &Console) -> Result<Status, Failure> {
    let (before, after) = (record(&command.before)?, record(&command.after)?);
    let changes = before.changes(&after);
    let mut emit = Emit::new(console);
    for (id, before, after) in &changes {
        unread(emit.value(&json!({"id": id, "before": before, "after": after}), |_| {
            format!("{:<14} {:<14} {id}\n", before.unwrap_or("-"), after.unwrap_or("-"))
        }))?;
    }
    unread(emit.flush())?;
    Ok(if changes.is_empty() { Status::Done } else { Status::No })
}

fn record(path: &Path) -> Result<RunRecord, Failure> {
    let text = input::text(path, input::LARGEST)?;
    RunRecord::parse(&text).map_err(|error| {
        Failure::usage(format!("`{}` is not a run: {error}", path.display()))
            .help("`ce conformance run --ndjson FILE` writes one")
    })
}
