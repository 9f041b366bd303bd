//! A difference and its place.

use std::fmt;

/// How much of a value a difference shows.
const SHOWN: usize = 300;

/// How many differences are noted of an answer and an outcome. A testee gone wrong may answer with a million headers.
pub(crate) const MOST: usize = 100;

/// One difference between an answer and the expected answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Where, such as `events[0].attributes.subject.value`.
    pub path: String,
    /// The expected value, for people to read.
    pub wanted: String,
    /// The value of the answer, for people to read.
    pub got: String,
}

/// The text in place of a missing value.
pub(crate) const NOTHING: &str = "nothing";

impl Difference {
    /// The cause, in words that are the same for differences of the same sort.
    pub(crate) fn cause(&self) -> String {
        let place = self.general_path();
        match (self.wanted.as_str(), self.got.as_str()) {
            ("a result", got) => {
                let kind = got.split("\"kind\":\"").nth(1).and_then(|rest| rest.split('"').next());
                format!("refused, but must be accepted ({})", kind.unwrap_or("no kind"))
            }
            ("an error", _) => "accepted, but must be refused".to_owned(),
            (NOTHING | "no payload", _) => format!("{place}: unexpected"),
            (_, NOTHING | "no payload") => format!("{place}: missing"),
            _ => format!("{place}: differs"),
        }
    }

    /// The place without the numbers of items.
    fn general_path(&self) -> String {
        let mut path = String::new();
        let mut inside = false;
        for character in self.path.chars() {
            match character {
                '[' => (path, inside) = (path + "[]", true),
                ']' => inside = false,
                _ if inside => (),
                _ => path.push(character),
            }
        }
        path
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.wanted.as_str(), self.got.as_str()) {
            (NOTHING, got) => write!(f, "{}: unexpected: {got}", self.path),
            (wanted, NOTHING) => write!(f, "{}: missing: {wanted}", self.path),
            (wanted, got) => write!(f, "{}: expected {wanted}, got {got}", self.path),
        }
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
        let name = shortened(&name);
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

/// The beginning of a text that may be the testee's, and how long it is.
pub(crate) fn shortened(value: &dyn fmt::Display) -> String {
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
        assert_eq!(
            path.differs("\"a\"", 1).to_string(),
            "events[0].attributes.subject: expected \"a\", got 1"
        );
        assert_eq!(Path::new("x").member("a b").0, "x[\"a b\"]");
        assert_eq!(Path::new("x").member("").0, "x[\"\"]");
        assert!(Path::new("x").member(&"a".repeat(1000)).0.len() < 2 * SHOWN);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let difference = Path::new("x").differs("é".repeat(SHOWN + 1), "é".repeat(SHOWN));
        assert_eq!(difference.wanted, format!("{}... (602 bytes)", "é".repeat(SHOWN)));
        assert_eq!(difference.got, "é".repeat(SHOWN));
    }
}
