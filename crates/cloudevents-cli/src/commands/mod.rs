//! The subcommands, one file each.

mod completions;
mod conformance;
mod convert;
mod decode;
mod encode;
mod inspect;
mod listen;
mod send;
mod testee;
mod tour;
mod validate;

use crate::{
    console::Console,
    failure::{Failure, Status},
};
use clap::Subcommand;

/// What `ce` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Tour(tour::Tour),
    Send(Box<send::Send>),
    Listen(listen::Listen),
    Convert(convert::Convert),
    Validate(validate::Validate),
    Inspect(inspect::Inspect),
    Encode(encode::Encode),
    Decode(decode::Decode),
    #[command(subcommand)]
    Conformance(conformance::Conformance),
    Testee(testee::Testee),
    Completions(completions::Completions),
}

/// Runs a command.
pub(crate) fn run(command: Command, console: &Console) -> Result<Status, Failure> {
    match command {
        Command::Tour(command) => tour::run(&command, console),
        Command::Send(command) => send::run(&command, console),
        Command::Listen(command) => listen::run(&command, console),
        Command::Convert(command) => convert::run(&command, console),
        Command::Validate(command) => validate::run(&command, console),
        Command::Inspect(command) => inspect::run(&command, console),
        Command::Encode(command) => encode::run(&command, console),
        Command::Decode(command) => decode::run(&command, console),
        Command::Conformance(command) => conformance::run(&command, console),
        Command::Testee(command) => testee::run(&command, console),
        Command::Completions(command) => completions::run(&command),
    }
}
