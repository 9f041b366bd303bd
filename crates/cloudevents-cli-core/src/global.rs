//! The options of every command.

use clap::{Args, ValueEnum};
use std::str::FromStr;
use tracing_subscriber::filter::LevelFilter;

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

/// The value of `--log`: a level of the library, and levels by target.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    pub(crate) library: Option<LevelFilter>,
    pub(crate) named: Vec<(String, LevelFilter)>,
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut levels = Self::default();
        for part in text.split(',') {
            match part.split_once('=') {
                None => levels.library = Some(level(part)?),
                Some((target, named)) => levels.named.push((target.to_owned(), level(named)?)),
            }
        }
        Ok(levels)
    }
}

fn level(text: &str) -> Result<LevelFilter, String> {
    // It also reads numbers, and takes nothing for `error`.
    let is_word = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
    text.parse().ok().filter(|_| is_word).ok_or_else(|| {
        "expected off, error, warn, info, debug or trace; for others than the library TARGET=LEVEL".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_level_is_refused() {
        for wrong in ["", "loud", "1", "warn,", "lapin", "lapin=", "lapin=loud"] {
            assert!(wrong.parse::<Levels>().is_err(), "{wrong}");
        }
    }
}
