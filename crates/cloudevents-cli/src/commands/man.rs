//! `ce man`: manual pages.

use crate::{
    cli::Cli,
    failure::{Failure, Status},
    plain::plain,
};
use clap::{Args, CommandFactory};
use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

/// Print the manual page of a command, or write all pages to a folder.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ce man send | man -l -
  ce man --folder ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Print the page of this command: `send`, `conformance run`.
    #[arg(value_name = "COMMAND", conflicts_with = "folder")]
    command: Vec<String>,
    /// Write the page of every command to this folder.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(command: &Man) -> Result<Status, Failure> {
    let mut all = Cli::command().disable_help_subcommand(true);
    all.build();
    if let Some(folder) = &command.folder {
        let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(all, folder));
        written
            .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", folder.display())))?;
        return Ok(Status::Done);
    }
    let mut page = &all;
    for name in &command.command {
        page = page
            .find_subcommand(name)
            .ok_or_else(|| Failure::usage(format!("there is no command `{}`", plain(name))))?;
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(page.clone()).render(&mut text)?;
    let mut out = io::stdout().lock();
    out.write_all(&text)?;
    out.flush()?;
    Ok(Status::Done)
}
