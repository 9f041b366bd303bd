#![doc = include_str!("../README.md")]

mod answer;
mod capabilities;
mod compare;
mod conversation;
pub mod infoset;
mod known_failing;
mod pattern;
mod report;
mod run;
mod selection;
mod smoke;
mod suite;
mod testee;
mod tree;
mod verdict;

pub use cloudevents_vectors as vectors;

pub use capabilities::{Capabilities, Implementation};
pub use compare::Difference;
pub use known_failing::{InvalidKnownFailing, KnownFailing};
pub use pattern::{InvalidPattern, Pattern};
pub use report::{JunitReport, NdjsonReport, Problem, Reporter, Summary, TerminalReport};
pub use run::{CaseReport, RunError, Start, run};
pub use selection::Selection;
pub use smoke::{SmokeCheck, smoke};
pub use suite::Suite;
pub use testee::{Breakdown, BreakdownKind, ChildTestee, InProcess, Testee};
pub use verdict::{Attempt, Failure, Finding, Verdict};
