//! The subcommands, one file each.

mod bridge;
mod completions;
mod conformance;
mod create;
mod dropped;
mod handshakes;
mod hangup;
mod http_server;
mod idle;
mod listen;
mod look;
mod man;
mod outage;
mod probes;
mod refusals;
mod send;
mod suggested;
mod systems;
mod testee;
mod tour;
mod urls;
mod webhook;

use crate::{
    console::Console,
    failure::{Failure, Status},
    logs,
};
use clap::Subcommand;
use cloudevents_cli_core::commands::{catalog, convert, decode, encode, filter, inspect, sql, validate};

/// The subcommands of `ce`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Tour(tour::Tour),
    Send(Box<send::Send>),
    Listen(Box<listen::Listen>),
    Look(look::Look),
    Create(create::Create),
    Bridge(Box<bridge::Bridge>),
    Convert(convert::Convert),
    Validate(validate::Validate),
    Inspect(inspect::Inspect),
    Sql(sql::Sql),
    Filter(filter::Filter),
    #[command(subcommand)]
    Catalog(catalog::CatalogCommand),
    Encode(Box<encode::Encode>),
    Decode(decode::Decode),
    #[command(subcommand)]
    Conformance(Box<conformance::Conformance>),
    #[command(subcommand)]
    Webhook(Box<webhook::Webhook>),
    Testee(testee::Testee),
    Urls(urls::Urls),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    /// The targets of the log that it has words of its own for.
    pub(crate) fn said(&self) -> logs::Said {
        match self {
            Self::Bridge(_) => logs::OF_A_BRIDGE,
            Self::Webhook(_) => logs::OF_A_GATE,
            _ => logs::OF_NONE,
        }
    }
}

/// Runs a command.
pub(crate) fn run(command: Command, console: &Console) -> Result<Status, Failure> {
    match command {
        Command::Tour(command) => tour::run(&command, console),
        Command::Send(mut command) => {
            command.resolve()?;
            send::run(&command, console)
        }
        Command::Listen(mut command) => {
            command.resolve()?;
            listen::run(&command, console)
        }
        Command::Look(command) => look::run(&command, console),
        Command::Create(command) => create::run(command, console),
        Command::Bridge(command) => bridge::run(&command, console),
        Command::Convert(command) => convert::run(&command, console),
        Command::Validate(command) => validate::run(&command, console),
        Command::Inspect(command) => inspect::run(&command, console),
        Command::Sql(command) => sql::run(&command, console),
        Command::Filter(command) => filter::run(&command, console),
        Command::Catalog(command) => catalog::run(&command, console),
        Command::Encode(command) => encode::run(&command, console),
        Command::Decode(command) => decode::run(&command, console),
        Command::Conformance(command) => conformance::run(&command, console),
        Command::Webhook(command) => webhook::run(&command, console),
        Command::Testee(command) => testee::run(&command, console),
        Command::Urls(command) => urls::run(&command),
        Command::Completions(command) => completions::run(&command),
        Command::Man(command) => man::run(&command),
    }
}
