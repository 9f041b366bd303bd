//! The regular expressions of schemas. Each of them is compiled, and a short one can be large then.

use super::schemas::Schemas;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The most different patterns of a document, and the most bytes that they have together.
const PATTERNS: usize = 1000;
const PATTERN_TEXTS: usize = 64 << 10;

/// The most bytes that a pattern takes when it is compiled, about.
pub(super) const PATTERN_BYTES: usize = 256 << 10;

/// What most patterns take.
pub(super) const SMALL_PATTERN: usize = 8 << 10;

/// The bytes that the patterns of a document take when they are compiled, about. `is_small` says of one whether it takes no more than
/// [`SMALL_PATTERN`].
///
/// Errors: there are more than a document may have.
pub(super) fn pattern_bytes(schemas: &Schemas<'_>, is_small: impl Fn(&str) -> bool) -> Result<usize, String> {
    let all: HashSet<&str> = schemas.objects().flat_map(patterns).collect();
    let texts = all.iter().map(|pattern| pattern.len()).fold(0, usize::saturating_add);
    if all.len() > PATTERNS || texts > PATTERN_TEXTS {
        return Err(format!(
            "there are more than {PATTERNS} patterns, or they have more than {PATTERN_TEXTS} bytes"
        ));
    }
    let sizes = all.iter().map(|pattern| if is_small(pattern) { SMALL_PATTERN } else { PATTERN_BYTES });
    Ok(sizes.fold(0, usize::saturating_add))
}

/// The regular expressions of a schema.
pub(super) fn patterns(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let named =
        ["patternProperties", "patternKeys"].into_iter().filter_map(|name| schema.get(name)?.as_object());
    let own = schema.get("pattern").and_then(Value::as_str);
    own.into_iter().chain(named.flat_map(Map::keys).map(String::as_str))
}

/// Whether a pattern looks around at its beginning only, once, as in `^(?=.*[0-9])(?!admin).{8,}$`; or not at all, which `is_plain` says.
/// Others may look at all of a text from each of its characters.
pub(super) fn looks_once(pattern: &str, is_plain: impl Fn(&str) -> bool) -> bool {
    if is_plain(pattern) {
        return true;
    }
    let Some(mut rest) = pattern.strip_prefix('^') else { return false };
    while let Some(inner) = rest.strip_prefix("(?=").or_else(|| rest.strip_prefix("(?!")) {
        let Some((inner, after)) = group(inner) else { return false };
        if inner.replace("(?:", "").contains("(?") || !is_plain(inner) {
            return false;
        }
        rest = after;
    }
    // Another alternative could begin anywhere.
    !rest.contains('|') && !rest.replace("(?:", "").contains("(?") && is_plain(rest)
}

/// What is before the end of a group, and behind it. `None` also for what engines read in several ways.
fn group(text: &str) -> Option<(&str, &str)> {
    let (mut open, mut is_class, mut is_escaped) = (0_usize, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' if is_class || text.get(at..)?.starts_with("[]") || text.get(at..)?.starts_with("[^]") => {
                return None;
            }
            '[' => is_class = true,
            ']' => is_class = false,
            _ if is_class => {}
            '(' => open = open.checked_add(1)?,
            ')' if open == 0 => return Some((text.get(..at)?, text.get(at..)?.strip_prefix(')')?)),
            ')' => open = open.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_around_once() {
        // Stands for an engine that does not look around.
        let is_plain = |pattern: &str| !["(?=", "(?!", "(?<"].iter().any(|part| pattern.contains(part));
        for (pattern, wanted) in [
            ("^[a-z]+$", true),
            ("[a-z]|b", true),
            ("^(?=.*[0-9])(?!admin).{8,}$", true),
            (r"^(?=\(a[)]\))(?:b){2}", true),
            ("(?=.*[0-9]).{8,}", false),
            ("^(?=a)b|c", false),
            ("^(?:(?=[^b]*b)a)*", false),
            ("^(?=a(?=b))c", false),
            ("^(?=a", false),
            ("^(?=[])b])c", false),
            ("^(?=[a[b])c", false),
        ] {
            assert_eq!(looks_once(pattern, is_plain), wanted, "{pattern}");
        }
    }
}
