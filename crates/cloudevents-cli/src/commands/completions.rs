//! `ce completions`: completion scripts for shells.

use crate::{
    cli::Cli,
    failure::{Failure, Status},
};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::{self, Write};

/// Print a completion script for a shell.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce completions bash > ~/.local/share/bash-completion/completions/ce
  ce completions zsh > ~/.zfunc/_ce
  ce completions fish > ~/.config/fish/completions/ce.fish")]
pub(crate) struct Completions {
    /// The shell to write the script for.
    shell: Shell,
}

pub(crate) fn run(command: &Completions) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Cli::command(), "ce", &mut script);
    let mut out = io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Status::Done)
}
