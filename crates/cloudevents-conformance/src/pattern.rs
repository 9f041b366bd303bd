//! Patterns on the ids of cases.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// A glob pattern for the ids of cases, which are paths.
///
/// `*` matches any characters within a component. `**` as a component matches any number of components, including
/// none. All other text matches literally.
///
/// ```
/// use cloudevents_conformance::Pattern;
///
/// let pattern: Pattern = "http/*-decode/**".parse()?;
/// assert!(pattern.matches("http/binary-decode/percent-decoded-once"));
/// assert!(!pattern.matches("http/batched/one-event"));
/// # Ok::<(), cloudevents_conformance::InvalidPattern>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern(String);

impl Pattern {
    /// Whether the pattern matches the id.
    pub fn matches(&self, id: &str) -> bool {
        let pattern: Vec<_> = self.0.split('/').collect();
        let id: Vec<_> = id.split('/').collect();
        wildcard(
            &pattern,
            &id,
            |part| *part == "**",
            |part, component| {
                let part: Vec<_> = part.chars().collect();
                let component: Vec<_> = component.chars().collect();
                wildcard(&part, &component, |character| *character == '*', |one, other| one == other)
            },
        )
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = if text.is_empty() {
            Some("it is empty")
        } else if text.split('/').any(str::is_empty) {
            Some("a component is empty")
        } else if text.contains(char::is_whitespace) {
            Some("there is white space in it")
        } else {
            None
        };
        match fault {
            Some(fault) => Err(InvalidPattern { pattern: text.to_owned(), fault }),
            None => Ok(Pattern(text.to_owned())),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The error for a text that is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPattern {
    pattern: String,
    fault: &'static str,
}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a pattern of case ids: {}", self.pattern, self.fault)
    }
}

impl Error for InvalidPattern {}

/// Whether `pattern` matches all of `items`. Elements of the pattern that are `wild` match any number of items.
///
/// It backtracks to the last wild element only, so the number of steps is at most the product of both lengths.
fn wildcard<P, I>(pattern: &[P], items: &[I], wild: fn(&P) -> bool, same: fn(&P, &I) -> bool) -> bool {
    let (mut p, mut i) = (0, 0);
    let mut retry = None;
    loop {
        match (pattern.get(p), items.get(i)) {
            (None, None) => return true,
            (Some(element), _) if wild(element) => {
                retry = Some((p, i));
                p += 1;
            }
            (Some(element), Some(item)) if same(element, item) => {
                p += 1;
                i += 1;
            }
            (_, item) => {
                // No item is left for the elements after the wild element to match.
                let (Some((wild_p, wild_i)), Some(_)) = (retry, item) else { return false };
                retry = Some((wild_p, wild_i + 1));
                p = wild_p + 1;
                i = wild_i + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, id: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(id)
    }

    #[test]
    fn patterns_that_match() {
        for (pattern, id) in [
            ("a/b/c", "a/b/c"),
            ("a/*/c", "a/b/c"),
            ("a/b*/c", "a/b/c"),
            ("a/*b*/c", "a/xxbyy/c"),
            ("*/*/*", "a/b/c"),
            ("**", "a/b/c"),
            ("a/**", "a/b/c"),
            ("a/**", "a"),
            ("**/c", "a/b/c"),
            ("**/c", "c"),
            ("a/**/c", "a/c"),
            ("a/**/c", "a/c/b/c"),
            ("**/b/**", "a/b/c"),
            ("a/b/x**y", "a/b/x1y"),
            ("a/*-decode/*-once", "a/binary-decode/percent-decoded-once"),
        ] {
            assert!(matches(pattern, id), "{pattern} {id}");
        }
    }

    #[test]
    fn patterns_that_do_not() {
        for (pattern, id) in [
            ("a/b", "a/b/c"),
            ("a/*", "a/b/c"),
            ("a/b/c", "a/b"),
            ("*", "a/b"),
            ("a/**/d", "a/b/c"),
            ("a/b*", "a/xb"),
            ("a/B", "a/b"),
            ("**/b", "a/b/c"),
            ("a/x**y", "a/x/y"),
        ] {
            assert!(!matches(pattern, id), "{pattern} {id}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern = format!("{}b", "*a".repeat(1000));
        assert!(!matches(&pattern, &"a".repeat(10_000)));
        let pattern = format!("{}b", "**/a/".repeat(1000));
        assert!(!matches(&pattern, &vec!["a"; 5_000].join("/")));
    }

    #[test]
    fn texts_that_are_no_pattern() {
        for text in ["", "/", "a//b", "/a", "a/", "a b"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
        assert_eq!(
            "a//b".parse::<Pattern>().unwrap_err().to_string(),
            "\"a//b\" is not a pattern of case ids: a component is empty"
        );
    }
}
