//! Which cases: the arguments that `run` and `list` share.

use clap::{Args, ValueEnum};
use cloudevents_conformance::{
    Pattern, Selection,
    vectors::{Level, Revision},
};

/// Which cases of the suite.
#[derive(Args, Debug)]
#[command(next_help_heading = "Selecting")]
pub(crate) struct Select {
    /// Take the cases of these ids: `http/**`, `json/batch-*/*`, or in full.
    #[arg(value_name = "PATTERN")]
    pub(crate) patterns: Vec<Pattern>,
    /// Leave out the cases of these ids.
    #[arg(long, value_name = "PATTERN")]
    skip: Vec<Pattern>,
    /// Fail on cases of this level and stronger ones; weaker ones are warnings.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t)]
    profile: Profile,
    /// Judge by this revision of the specification, whatever the testee claims.
    #[arg(long, value_name = "REVISION", value_parser = ["1.0.2", "main"])]
    revision: Vec<String>,
    /// Take cases of working drafts as well.
    #[arg(long)]
    drafts: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Profile {
    /// What the specification requires.
    #[default]
    Must,
    /// And what it recommends.
    Should,
    /// And what it leaves free.
    May,
}

impl Select {
    pub(crate) fn selection(&self) -> Selection {
        let level = match self.profile {
            Profile::Must => Level::Must,
            Profile::Should => Level::Should,
            Profile::May => Level::May,
        };
        let mut selection = Selection::default().profile(level).drafts(self.drafts);
        for pattern in &self.patterns {
            selection = selection.run(pattern.clone());
        }
        for pattern in &self.skip {
            selection = selection.skip(pattern.clone());
        }
        for revision in self.revision.iter().filter_map(|name| Revision::from_name(name)) {
            selection = selection.revision(revision);
        }
        selection
    }
}
