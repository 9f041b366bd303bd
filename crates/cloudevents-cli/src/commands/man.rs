//! `ce man`: manual pages.

use crate::{
    cli::Cli,
    emit::print,
    failure::{Failure, Status},
    plain::plain,
};
use clap::{Args, Command, CommandFactory};
use std::{
    fs, io,
    path::{Path, PathBuf},
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
        let written = fs::create_dir_all(folder).and_then(|()| write(&all, folder));
        return written.map(|()| Status::Done).map_err(|error| Failure::unwritable(folder, &error));
    }
    let mut page = &all;
    for name in &command.command {
        page = page
            .find_subcommand(name)
            .ok_or_else(|| Failure::usage(format!("there is no command `{}`", plain(name))))?;
    }
    let mut text = Vec::new();
    named(page).render(&mut text)?;
    print(&text)
}

/// The page of a command. Its foot has the program and its version, as every page of it.
fn named(command: &Command) -> clap_mangen::Man {
    clap_mangen::Man::new(command.clone()).source(concat!("ce ", env!("CARGO_PKG_VERSION")))
}

/// Writes the pages of a command and of its subcommands.
fn write(command: &Command, folder: &Path) -> io::Result<()> {
    let page = named(command);
    let mut text = Vec::new();
    page.render(&mut text)?;
    fs::write(folder.join(page.get_filename()), text)?;
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| write(command, folder))
}
