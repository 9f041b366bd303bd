//! Which cases: the arguments that `run` and `list` share.

use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use cloudevents_conformance::{
    Pattern, Selection,
    vectors::{Level, Pack, Revision},
};
use std::path::PathBuf;

/// Which cases of the suite.
#[derive(Args, Debug)]
#[command(next_help_heading = "Selecting")]
pub(crate) struct Select {
    /// Select the cases with these ids: `http/**`, `json/batch-*/*`, or in full.
    #[arg(value_name = "PATTERN")]
    pub(crate) patterns: Vec<Pattern>,
    /// Leave out the cases with these ids.
    #[arg(long, value_name = "PATTERN")]
    skip: Vec<Pattern>,
    /// Select the cases that cite this clause, such as `HTTP-3.1.3.2-f`.
    #[arg(long, value_name = "ID")]
    clause: Vec<String>,
    /// Select one part of the cases, such as `2/4` for the second of four.
    #[arg(long, value_name = "PART/PARTS", value_parser = shard)]
    shard: Option<(usize, usize)>,
    /// Judge more than the base profile: several are separated by commas. Failures outside the profile are warnings.
    #[arg(long, value_enum, value_name = "PROFILE", value_delimiter = ',', default_value = "base")]
    profile: Vec<Profile>,
    /// Judge by this revision of the specification instead of the revisions that the testee claims.
    #[arg(long, value_name = "REVISION", value_parser = ["1.0.2", "main"])]
    revision: Vec<String>,
    /// Select the cases of these packs: release 1.0.2 requires `core` of every implementation.
    #[arg(long, value_name = "PACK", value_delimiter = ',', value_parser = PossibleValuesParser::new(Pack::all().map(Pack::as_str)))]
    pack: Vec<String>,
    /// Select cases of working drafts as well.
    #[arg(long)]
    drafts: bool,
    /// Also run the official tests in this folder, as `official/**`: the CESQL test kit (`cesql_tck`) or a checkout of the conformance
    /// repository.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) official: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// The requirements of the specification.
    #[value(alias = "must")]
    Base,
    /// Its recommendations, too.
    Should,
    /// Its permissions, too.
    May,
    /// Input that breaks a rule for producers, and hostile input, is refused.
    Strict,
    /// Times keep their text: the offset and every digit.
    Verbatim,
    /// Lenient reading repairs and reports faults as its cases state.
    Lenient,
}

/// `2/4` as the second of four parts.
fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts =
        text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
    match parts {
        Some((part, parts)) if (1..=parts).contains(&part) => Ok((part, parts)),
        _ => Err("expected two numbers such as 2/4, from 1/4 to 4/4".to_owned()),
    }
}

impl Select {
    pub(crate) fn selection(&self) -> Selection {
        let has = |profile| self.profile.contains(&profile);
        let level = match (has(Profile::May), has(Profile::Should)) {
            (true, _) => Level::May,
            (_, true) => Level::Should,
            _ => Level::Must,
        };
        let mut selection = Selection::default()
            .profile(level)
            .strict(has(Profile::Strict))
            .verbatim(has(Profile::Verbatim))
            .lenient(has(Profile::Lenient))
            .drafts(self.drafts);
        for clause in &self.clause {
            selection = selection.clause(clause);
        }
        if let Some((part, parts)) = self.shard {
            selection = selection.shard(part, parts);
        }
        for pack in self.pack.iter().filter_map(|name| Pack::from_name(name)) {
            selection = selection.pack(pack);
        }
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
