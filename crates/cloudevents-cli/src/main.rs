//! `ce`: send, receive, check and convert CloudEvents on the command line.

mod cli;
mod commands;
mod connect;
mod interrupt;
mod settings;

use cloudevents_cli_core::{
    built, catalog, clause, console, contract, emit, encoder, failure, global, held, http_text, input,
    json_view, lenient, logs, plain, progress, report, rules, selection, show, source, style, timestamp,
    wire, yaml,
};
use console::Console;
use failure::Status;
use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "tls")]
    tls();
    cloudevents_cli_core::catalog::fetch_with(connect::registry::fetch);
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(status) => return status.into(),
    };
    let console = Console::new(&cli.global);
    logs::begin(&cli.global, cli.command.said(), &console);
    let status = match commands::run(cli.command, &console) {
        Ok(status) => status,
        Err(failure) => failure.tell(&console),
    };
    Status::max(status, console.remembered()).into()
}

/// Installs the cryptographic provider.
#[cfg(feature = "tls")]
fn tls() {
    // Fails only if a provider is already installed, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
