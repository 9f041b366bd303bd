//! The command line.

use crate::{
    commands::Command,
    console::Console,
    failure::Status,
    global::{ErrorFormat, Global},
    settings::defaults,
    timestamp,
};
use clap::{CommandFactory, FromArgMatches, Parser};
use std::io::Write;

/// Send, receive, check and convert CloudEvents.
#[derive(Debug, Parser)]
#[command(name = "ce", version, propagate_version = true, max_term_width = 140, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

const EXAMPLES: &str = "\
Examples:
  ce tour                                         see an event in every protocol
  ce listen http://127.0.0.1:8080/                print what arrives
  ce send -v http://127.0.0.1:8080/ order.json    send a file, and show the wire
  ce validate --explain orders.json               check events, explain rules
  ce conformance run -- node adapter.js           test another implementation
  ce urls                                         URLs and their options

Defaults: the variable CE_OUTPUT sets --output, CE_SEND_TIMEOUT sets
--timeout of `ce send`, and so on. A configuration file of 1 MiB at most (CE_CONFIG,
else ~/.config/ce/config.yaml) sets defaults and names connections, such as @orders.

Exit status: 0 done, 1 a check failed, 2 wrong usage or unreadable input,
3 the network or a peer failed, or messages were lost.";

/// Parses the command line, with the defaults of the environment and the configuration file. Otherwise reports why it was
/// refused, or prints the requested help, and returns the exit status.
pub(crate) fn parse() -> Result<Cli, Status> {
    let command = defaults::set(Cli::command()).map_err(|failure| {
        let error_format = if wants_json() { ErrorFormat::Json } else { ErrorFormat::Text };
        failure.tell(&Console::new(&Global { error_format, ..Global::default() }))
    })?;
    let matches = command.try_get_matches().map_err(|error| refused(&error))?;
    Cli::from_arg_matches(&matches).map_err(|error| refused(&error))
}

fn refused(error: &clap::Error) -> Status {
    if !error.use_stderr() {
        // A pipe that breaks while help is printed is not a failure.
        let _ = error.print();
        return Status::Done;
    }
    if wants_json() {
        let text = error.to_string();
        let message = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
        let line = serde_json::json!({"severity": "error", "kind": "usage", "message": message, "timestamp": timestamp::now()});
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    } else {
        let _ = error.print();
    }
    Status::Usage
}

/// Whether errors of the command line are requested as JSON.
fn wants_json() -> bool {
    let arguments: Vec<_> = std::env::args_os().collect();
    arguments.iter().any(|argument| argument == "--error-format=json")
        || arguments
            .windows(2)
            .any(|pair| matches!(pair, [name, value] if name == "--error-format" && value == "json"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
