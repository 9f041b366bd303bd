//! Whether an input must be accepted, and flags that limit where a case is judged.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether the input of a case must be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Validity {
    /// The input must be accepted.
    Valid,
    /// The input must be refused.
    Invalid,
    /// An implementation may accept the input or refuse it.
    Acceptable,
}

/// A property that limits in which profiles a case is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Flag {
    /// The input breaks a rule that binds producers only, or is not JSON, which a JSON parser may extend. A consumer that accepts it
    /// still conforms.
    ProducerRule,
    /// The input is an attack, such as deep nesting or an entity bomb. The specification does not say what to do with it,
    /// but an implementation must survive it.
    Hostile,
    /// The case needs the exact text of a time, with its offset and all its digits, or of a URI, which native types of many languages
    /// change.
    Verbatim,
    /// The case is about lenient reading: which repairs there are and what they are called is a convention of those who repair, and no
    /// document asks for any.
    Lenient,
}

impl Validity {
    /// The name that vectors and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Validity::Valid => "valid",
            Validity::Invalid => "invalid",
            Validity::Acceptable => "acceptable",
        }
    }
}

impl Flag {
    /// The name that vectors and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Flag::ProducerRule => "producer-rule",
            Flag::Hostile => "hostile",
            Flag::Verbatim => "verbatim",
            Flag::Lenient => "lenient",
        }
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
