//! Deliberate faults, which a suite must detect before its verdicts on implementations are trusted.

// The edited answers are answers of a testee that passed every case. Reading a `Value` by a missing name gives null.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod edit;
mod expressions;
mod mutant;
mod reading;
mod suite_check;
mod values;
mod webhook;
mod writing;

pub use mutant::{Mutant, MutantProfile};
pub use suite_check::{Caught, SelfTest, self_test};

pub(crate) use mutant::CRASH;

impl Mutant {
    /// Every mutant.
    pub fn all() -> impl Iterator<Item = &'static Mutant> {
        let own = reading::MUTANTS.iter().chain(writing::MUTANTS).chain(values::MUTANTS);
        own.chain(webhook::MUTANTS).chain(expressions::MUTANTS)
    }
}
