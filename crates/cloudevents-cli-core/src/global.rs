//! The options of every command.

use crate::logs::Levels;
use clap::{Args, ValueEnum};

/// Options of every command.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Write data as JSON Lines, in a readable layout, or as YAML
    /// [default: pretty on a terminal, json elsewhere].
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
    /// When to use colours. NO_COLOR and CLICOLOR_FORCE are respected.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
    /// Report errors as text, or as one JSON object per line.
    #[arg(long, global = true, value_enum, value_name = "FORM", default_value_t)]
    pub error_format: ErrorFormat,
    /// Write the logs of the library to standard error: `off`, `error`, `warn`, `info`, `debug` or `trace`; TARGET=LEVEL for others, such
    /// as warn,lapin=debug [default: the value of RUST_LOG, else warn].
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<Levels>,
    /// Report errors only: no warnings, notes or progress.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// How data is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "documentation of values becomes part of the help")]
pub enum Output {
    // JSON Lines.
    Json,
    // A readable layout.
    Pretty,
    // One YAML document per event.
    Yaml,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "documentation of values becomes part of the help")]
pub enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

/// How errors are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "documentation of values becomes part of the help")]
pub enum ErrorFormat {
    #[default]
    Text,
    // One JSON object per line.
    Json,
}
