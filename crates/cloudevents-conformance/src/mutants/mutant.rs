//! A deliberate fault.

use serde_json::Value;

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
    pub(super) request: fn(&mut Value),
    pub(super) answer: fn(&Value, &mut Value),
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
    pub(super) const fn of_request(
        name: &'static str,
        areas: &'static [&'static str],
        profile: MutantProfile,
        request: fn(&mut Value),
    ) -> Self {
        Mutant { name, areas, profile, request, answer: |_, _| () }
    }

    pub(super) const fn of_answer(
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
