//! How binding a clause or a case is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How binding a case is. The order is that of strength: `May < Should < Must`.
///
/// ```
/// use cloudevents_vectors::Level;
///
/// assert!(Level::Must > Level::Should);
/// assert_eq!(Level::Should.to_string(), "SHOULD");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Implementations are free to do otherwise.
    May,
    /// Implementations may do otherwise for a good reason.
    Should,
    /// Implementations that do otherwise do not conform.
    Must,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::May => "MAY",
            Level::Should => "SHOULD",
            Level::Must => "MUST",
        })
    }
}

/// The keyword of a normative clause, in the sense of RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Keyword {
    /// `MUST`, `REQUIRED` or `SHALL`.
    Must,
    /// `MUST NOT` or `SHALL NOT`.
    #[serde(rename = "MUST NOT")]
    MustNot,
    /// `SHOULD` or `RECOMMENDED`.
    Should,
    /// `SHOULD NOT` or `NOT RECOMMENDED`.
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    /// `MAY` or `OPTIONAL`.
    May,
}

impl Keyword {
    /// How binding the keyword makes its clause.
    ///
    /// ```
    /// use cloudevents_vectors::{Keyword, Level};
    ///
    /// assert_eq!(Keyword::MustNot.level(), Level::Must);
    /// ```
    pub fn level(self) -> Level {
        match self {
            Keyword::Must | Keyword::MustNot => Level::Must,
            Keyword::Should | Keyword::ShouldNot => Level::Should,
            Keyword::May => Level::May,
        }
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Keyword::Must => "MUST",
            Keyword::MustNot => "MUST NOT",
            Keyword::Should => "SHOULD",
            Keyword::ShouldNot => "SHOULD NOT",
            Keyword::May => "MAY",
        })
    }
}
