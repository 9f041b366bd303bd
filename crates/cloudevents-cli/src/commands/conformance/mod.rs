//! `ce conformance`: the conformance suite.

mod broker;
mod command_line;
mod consumer;
mod coverage;
mod list;
mod listen;
mod report;
mod reports;
mod requests;
mod run;
mod select;
mod selftest;
mod show;
mod suite;

use crate::{
    console::Console,
    failure::{Failure, Status},
};
use clap::Subcommand;
use suite::suite;

/// Test any implementation against the published vectors.
#[derive(Debug, Subcommand)]
pub(crate) enum Conformance {
    Run(Box<run::Run>),
    Listen(Box<listen::Listen>),
    List(list::List),
    Show(show::Show),
    Coverage(coverage::Coverage),
    Report(report::Report),
    Diff(report::Diff),
    Selftest(selftest::Selftest),
}

pub(crate) fn run(command: &Conformance, console: &Console) -> Result<Status, Failure> {
    match command {
        Conformance::Run(command) => run::run(command, console),
        Conformance::Listen(command) => listen::run(command, console),
        Conformance::List(command) => list::run(command, console),
        Conformance::Show(command) => show::run(command, console),
        Conformance::Coverage(command) => coverage::run(command, console),
        Conformance::Report(command) => report::run(command, console),
        Conformance::Diff(command) => report::diff(command, console),
        Conformance::Selftest(command) => selftest::run(command, console),
    }
}
