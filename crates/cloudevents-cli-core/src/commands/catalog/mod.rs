//! `ce catalog`: reads, proposes and compares catalogs, documents of xRegistry.

mod diff;
mod example;
mod infer;
mod lint;
mod list;
mod show;

use crate::{
    console::Console,
    failure::{Failure, Status},
};
use clap::Subcommand;

/// Check, read, propose and compare catalogs of messages: documents of xRegistry, in JSON or YAML.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "documentation of variants would replace that of their commands")]
pub enum CatalogCommand {
    Lint(lint::Lint),
    List(list::List),
    Show(show::Show),
    Example(example::Example),
    Infer(infer::Infer),
    Diff(diff::Diff),
}

/// Runs the command, and returns the exit status.
pub fn run(command: &CatalogCommand, console: &Console) -> Result<Status, Failure> {
    match command {
        CatalogCommand::Lint(command) => lint::run(command, console),
        CatalogCommand::List(command) => list::run(command, console),
        CatalogCommand::Show(command) => show::run(command, console),
        CatalogCommand::Example(command) => example::run(command, console),
        CatalogCommand::Infer(command) => infer::run(command, console),
        CatalogCommand::Diff(command) => diff::run(command, console),
    }
}
