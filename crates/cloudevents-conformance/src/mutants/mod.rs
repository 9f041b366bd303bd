//! Deliberate faults, which a suite must detect before its verdicts on implementations are trusted.

// The edited answers are answers of a testee that passed every case. Reading a `Value` by a missing name gives null.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod edit;
mod expressions;
mod reading;
mod suite_check;
mod values;
mod webhook;
mod writing;

use serde_json::Value;

pub use suite_check::{Caught, SelfTest, self_test};

/// An implementation with one fault, made from a correct one.
///
/// The fault changes the request before the implementation gets it, or its answer, or both.
///
/// Implementations have been seen to have each fault, or could have it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Mutant {
    /// The name, in kebab-case.
    pub name: &'static str,
    /// The areas in each of which at least one case must catch the fault.
    pub areas: &'static [&'static str],
    /// The profile that must catch it.
    pub profile: MutantProfile,
    request: fn(&mut Value),
    answer: fn(&Value, &mut Value),
}

/// The profile in which a mutant must be caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MutantProfile {
    /// No conforming implementation shows the fault.
    Base,
    /// A conforming consumer may show it: only the profile `strict` must catch it.
    Strict,
    /// A conforming implementation may show it: the base profile must not fail it, and the profile `verbatim` must catch it.
    Verbatim,
    /// A conforming implementation may show it: the base profile must not fail it, and the profile `lenient` must catch it.
    Lenient,
    /// The fault goes against a recommendation.
    Should,
}

impl Mutant {
    /// Every mutant.
    pub fn all() -> impl Iterator<Item = &'static Mutant> {
        let own = reading::MUTANTS.iter().chain(writing::MUTANTS).chain(values::MUTANTS);
        own.chain(webhook::MUTANTS).chain(expressions::MUTANTS)
    }

    const fn of_request(
        name: &'static str,
        areas: &'static [&'static str],
        profile: MutantProfile,
        request: fn(&mut Value),
    ) -> Self {
        Mutant { name, areas, profile, request, answer: |_, _| () }
    }

    const fn of_answer(
        name: &'static str,
        areas: &'static [&'static str],
        profile: MutantProfile,
        answer: fn(&Value, &mut Value),
    ) -> Self {
        Mutant { name, areas, profile, request: |_| (), answer }
    }
}

impl std::fmt::Debug for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mutant")
            .field("name", &self.name)
            .field("areas", &self.areas)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// The answer that represents a crash.
pub(crate) const CRASH: &str = "crash";
