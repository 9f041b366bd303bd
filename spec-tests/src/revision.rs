//! Which text of the specification a case holds for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A revision of the specification. Events of both have the specversion `1.0`.
///
/// ```
/// use cloudevents_vectors::Revision;
///
/// assert_eq!(Revision::from_name("1.0.2"), Some(Revision::V1_0_2));
/// assert_eq!(Revision::Main.to_string(), "main");
/// assert_eq!(Revision::from_name("2.0"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Revision {
    /// The last release.
    #[serde(rename = "1.0.2")]
    V1_0_2,
    /// The main branch, on its way to the next release.
    #[serde(rename = "main")]
    Main,
}

impl Revision {
    /// The revision of this name, as vectors and capabilities write it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "1.0.2" => Some(Revision::V1_0_2),
            "main" => Some(Revision::Main),
            _ => None,
        }
    }

    /// The name that vectors and capabilities use.
    pub fn as_str(self) -> &'static str {
        match self {
            Revision::V1_0_2 => "1.0.2",
            Revision::Main => "main",
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
