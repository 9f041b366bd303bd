//! `ce webhook`: tools for targets and senders of webhooks.

mod check;
mod fault;
mod keys;
mod probe;
mod rules;
mod serve;
mod sign;
mod verdict;

use crate::{
    console::Console,
    failure::{Failure, Status},
};
use clap::Subcommand;

/// Develop and check webhooks: targets, handshake, signatures.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    Serve(Box<serve::Serve>),
    Check(Box<check::Check>),
    Sign(sign::Sign),
    Verify(sign::Verify),
}

pub(crate) fn run(command: &Webhook, console: &Console) -> Result<Status, Failure> {
    match command {
        Webhook::Serve(command) => serve::run(command, console),
        Webhook::Check(command) => check::run(command, console),
        Webhook::Sign(command) => sign::sign(command, console),
        Webhook::Verify(command) => sign::verify(command, console),
    }
}
