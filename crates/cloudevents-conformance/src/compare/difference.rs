//! A difference and its place.

use std::fmt;

/// How much of a value a difference shows.
const SHOWN: usize = 300;

/// One respect in which an answer is not what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Where, such as `events[0].attributes.subject.value`.
    pub path: String,
    /// What was wanted there, for people to read.
    pub wanted: String,
    /// What was there, for people to read.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: wanted {}, got {}", self.path, self.wanted, self.got)
    }
}

/// A place in an answer.
#[derive(Clone, Debug)]
pub(crate) struct Path(String);

impl Path {
    pub(crate) fn new(name: &str) -> Self {
        Path(name.to_owned())
    }

    /// A member of the object at this place. A name that would not read as one is quoted.
    pub(crate) fn member(&self, name: &str) -> Self {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !name.is_empty() && name.bytes().all(plain) {
            Path(format!("{}.{name}", self.0))
        } else {
            Path(format!("{}[{name:?}]", self.0))
        }
    }

    /// An item of the array at this place.
    pub(crate) fn item(&self, index: usize) -> Self {
        Path(format!("{}[{index}]", self.0))
    }

    pub(crate) fn differs(&self, wanted: impl fmt::Display, got: impl fmt::Display) -> Difference {
        Difference { path: self.0.clone(), wanted: shortened(&wanted), got: shortened(&got) }
    }
}

fn shortened(value: &dyn fmt::Display) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => {
            format!("{}... ({} bytes)", text.get(..end).unwrap_or_default(), text.len())
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_like_code() {
        let path = Path::new("events").item(0).member("attributes").member("subject");
        assert_eq!(path.differs("\"a\"", 1).to_string(), "events[0].attributes.subject: wanted \"a\", got 1");
        assert_eq!(Path::new("x").member("a b").0, "x[\"a b\"]");
        assert_eq!(Path::new("x").member("").0, "x[\"\"]");
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let difference = Path::new("x").differs("é".repeat(SHOWN + 1), "é".repeat(SHOWN));
        assert_eq!(difference.wanted, format!("{}... (602 bytes)", "é".repeat(SHOWN)));
        assert_eq!(difference.got, "é".repeat(SHOWN));
    }
}
