//! One case: a request and its allowed outcomes.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Expected, Flag, Level, Outcome, Revision, Validity};

/// One case: a request and its allowed outcomes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Case {
    /// The stable id, `<area>/<topic>/<name>`.
    pub id: String,
    /// The rule in one sentence, as seen from the wire.
    pub title: String,
    /// The ids of the requirements the case proves.
    pub clauses: Vec<String>,
    /// The strongest level among what the case proves.
    pub level: Level,
    /// The revisions of the specification the case holds for.
    pub revisions: Vec<Revision>,
    /// Whether the case follows a working draft.
    #[serde(default)]
    pub draft: bool,
    /// Whether the input must be accepted. [`Case::validity`] derives it if it is not stated.
    #[serde(default, rename = "validity")]
    pub stated_validity: Option<Validity>,
    /// Properties that limit in which profiles the case is judged.
    #[serde(default)]
    pub flags: Vec<Flag>,
    /// Names of known interoperability traps the case covers.
    #[serde(default)]
    pub traps: Vec<String>,
    /// Whether the specification is silent, so that implementations may differ.
    #[serde(default)]
    pub policy: bool,
    /// Why the case is disputed, and where that is discussed. Until it is settled, no run fails for it.
    #[serde(default)]
    pub disputed: Option<String>,
    /// The members of a `run` request of the testee protocol.
    pub request: Map<String, Value>,
    /// Every allowed outcome; the first is what this project does.
    pub expect: Vec<Outcome>,
    /// How answers are compared, if not by the default rules.
    #[serde(default)]
    pub compare: Compare,
    /// An explanation, if the clauses do not make the rule obvious.
    #[serde(default)]
    pub note: Option<String>,
}

impl Case {
    /// Returns whether the input must be accepted: as stated, or derived from the outcomes.
    pub fn validity(&self) -> Validity {
        let refusals =
            self.expect.iter().filter(|outcome| matches!(outcome.expected, Expected::Error(_))).count();
        self.stated_validity.unwrap_or(match refusals {
            0 => Validity::Valid,
            all if all == self.expect.len() => Validity::Invalid,
            _ => Validity::Acceptable,
        })
    }

    /// Whether the case has this flag.
    pub fn has_flag(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// The operation that the request names.
    pub fn op(&self) -> Option<&str> {
        self.request.get("op").and_then(Value::as_str)
    }
}

/// How the answers to a case are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Compare {
    /// How `json` payloads are compared.
    #[serde(default)]
    pub json: JsonComparison,
    /// Whether a `json` payload may be presented as another kind.
    #[serde(default)]
    pub payload: PayloadComparison,
    /// How timestamps are compared.
    #[serde(default)]
    pub timestamp: TimestampComparison,
}

/// How `json` payloads are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum JsonComparison {
    /// As JSON: the order of members and white space are free, numbers compare by their text.
    #[default]
    Value,
    /// As JSON, in which numbers are doubles: two that the same double comes closest to are the same.
    Double,
    /// Character for character.
    Text,
}

/// Whether a `json` payload may be presented as another kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PayloadComparison {
    /// No: a payload has the kind that the outcome states.
    #[default]
    Kind,
    /// As `text` or `binary`, too, in any spelling: the carrier holds the JSON value in types of its own, and has no text of it.
    Json,
}

/// How timestamps are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TimestampComparison {
    /// By the instant they name, to the last digit, whatever the offset they name it in.
    #[default]
    Instant,
    /// Character for character.
    Text,
}
