//! Options for messages that are documents of other systems.

use crate::{
    failure::Failure,
    input::{Systems, system_names},
};
use clap::Args;
use std::path::PathBuf;

/// Which documents of other systems become events.
#[derive(Args, Clone, Debug)]
pub(crate) struct SystemOptions {
    /// Make events of messages that are documents of another system, such as aws-s3. With `auto`, the adapter that fits each document is
    /// used. NAME can also be a name in --map. Other messages are treated as without it. docs/adapters.md has all systems.
    #[arg(long = "from", value_name = "NAME", value_parser = system_names(), hide_possible_values = true)]
    pub(crate) adapter: Option<String>,
    /// Make events of messages of a system of your own with the adapters in this file of JSON: one, or a list. `--from NAME` chooses one.
    /// Otherwise the first adapter that fits each document is used, and these adapters come first. docs/adapters.md has their form and an
    /// example.
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
}

impl SystemOptions {
    /// The adapters that make events of messages, if an option names one.
    pub(crate) fn systems(&self) -> Result<Option<Systems>, Failure> {
        let is_given = self.adapter.is_some() || self.map.is_some();
        is_given.then(|| Systems::of(self.adapter.as_deref(), self.map.as_deref())).transpose()
    }
}
