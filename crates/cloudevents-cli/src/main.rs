//! `ce`: send, receive, check and convert CloudEvents on the command line.

mod advice;
mod built;
mod clause;
mod cli;
mod commands;
mod connect;
mod console;
mod emit;
mod encoder;
mod failure;
mod http_text;
mod input;
mod interrupt;
mod json_view;
mod plain;
mod progress;
mod report;
mod settings;
mod show;
mod source;
mod wire;
mod yaml;

use console::Console;
use failure::Status;
use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "tls")]
    tls();
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(status) => return status.into(),
    };
    let console = Console::new(&cli.global);
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
