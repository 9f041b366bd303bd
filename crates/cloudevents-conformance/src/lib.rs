#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod balance;
mod capabilities;
mod compare;
mod conversation;
mod draw;
mod echo;
pub mod import;
pub mod infoset;
mod known_failing;
mod mutants;
mod pattern;
mod provenance;
mod report;
mod run;
mod selection;
mod smoke;
mod suite;
mod testee;
mod tree;
mod vary;
mod verdict;

pub use cloudevents_vectors as vectors;

pub use capabilities::{Capabilities, Implementation};
pub use compare::Difference;
pub use echo::{Arrived, Channel, ChannelError, ConsumerTestee, ProducerTestee};
pub use known_failing::{InvalidKnownFailing, KnownFailing, Updated};
pub use mutants::{Caught, Mutant, MutantProfile, SelfTest, self_test};
pub use pattern::{InvalidPattern, Pattern};
pub use provenance::Provenance;
pub use report::{
    AreaRecord, AreaTally, CaseRecord, JunitReport, NdjsonReport, Problem, Reporter, RunRecord, Score, Share,
    Start, Summary, Tally, TerminalReport, badge, html, markdown, site,
};
pub use run::{RunError, run};
pub use selection::Selection;
pub use smoke::{SmokeCheck, smoke};
pub use suite::Suite;
pub use testee::{Breakdown, BreakdownKind, ChildTestee, InProcess, Testee};
pub use verdict::{Attempt, CaseReport, Failure, Finding, Verdict};
