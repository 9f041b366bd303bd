//! `ce conformance`: the conformance suite.

mod coverage;
mod list;
mod run;
mod select;
mod show;

use crate::{
    console::Console,
    failure::{Failure, Status},
};
use clap::Subcommand;
use cloudevents_conformance::Suite;

/// Test any implementation against the published vectors.
#[derive(Debug, Subcommand)]
pub(crate) enum Conformance {
    Run(run::Run),
    List(list::List),
    Show(show::Show),
    Coverage(coverage::Coverage),
}

pub(crate) fn run(command: &Conformance, console: &Console) -> Result<Status, Failure> {
    match command {
        Conformance::Run(command) => run::run(command, console),
        Conformance::List(command) => list::run(command, console),
        Conformance::Show(command) => show::run(command, console),
        Conformance::Coverage(command) => coverage::run(command, console),
    }
}

fn suite() -> Result<Suite, Failure> {
    Suite::published().map_err(|error| Failure::usage(format!("the test vectors cannot be read: {error}")))
}
