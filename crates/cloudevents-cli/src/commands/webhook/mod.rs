//! `ce webhook`: tools for targets and senders of webhooks.

mod check;
#[cfg(feature = "outbox")]
mod deliveries;
mod delivery;
mod gate;
mod grid;
mod inherited;
pub(crate) mod keys;
mod new_secret;
mod probe;
mod provided;
#[cfg(feature = "outbox")]
mod remember;
#[cfg(feature = "outbox")]
mod replay;
mod rotation;
mod rules;
mod scheme;
#[cfg(feature = "outbox")]
mod selection;
mod serve;
mod service_url;
mod sign;
mod sns;
mod verdict;
mod verify;

use crate::{
    console::Console,
    failure::{Failure, Status},
};
use clap::Subcommand;

/// Develop, check and operate webhooks: targets, handshake, signatures, deliveries.
#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    Serve(Box<serve::Serve>),
    Check(Box<check::Check>),
    Secret(new_secret::Secret),
    Sign(Box<sign::Sign>),
    Verify(Box<verify::Verify>),
    #[cfg(feature = "outbox")]
    Deliveries(deliveries::Deliveries),
    #[cfg(feature = "outbox")]
    Replay(replay::Replay),
}

pub(crate) fn run(command: &Webhook, console: &Console) -> Result<Status, Failure> {
    match command {
        Webhook::Serve(command) => serve::run(command, console),
        Webhook::Check(command) => check::run(command, console),
        Webhook::Secret(command) => new_secret::run(command, console),
        Webhook::Sign(command) => sign::sign(command, console),
        Webhook::Verify(command) => verify::verify(command, console),
        #[cfg(feature = "outbox")]
        Webhook::Deliveries(command) => deliveries::run(command, console),
        #[cfg(feature = "outbox")]
        Webhook::Replay(command) => replay::run(command, console),
    }
}
