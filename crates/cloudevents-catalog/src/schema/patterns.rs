//! The regular expressions of schemas. Each of them is compiled, and a short one can be large then.

use super::schemas::Schemas;
use super::{SchemaFault, TOGETHER_TOO_MUCH};
use crate::finding::Budget;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The most different patterns of a document, and the most bytes that they have together.
const PATTERNS: usize = 1000;
const PATTERN_TEXTS: usize = 64 << 10;

/// The most bytes that their small ones would take when they are compiled, and reading them before that.
const TRIED: usize = 32 << 20;

/// How many bytes of a compiled pattern take as long as reading a byte of its text.
const PER_READ: usize = 8;

/// The most bytes that a pattern, or each part of it that is compiled by itself, takes when it is compiled, about.
pub(super) const PATTERN_BYTES: usize = 256 << 10;

/// The bytes that most patterns take, and most of the other patterns.
const SMALL_PATTERN: usize = 8 << 10;
const MEDIUM_PATTERN: usize = 64 << 10;

/// Returns the bytes that the patterns of a document take when it is compiled, besides the bytes that are charged here.
///
/// The latter are for finding out which patterns are small, which compiles each once. Each pattern is compiled as often as it is there.
/// Each schema counts so many `times`, and no more than `most` times. `fits` says whether a pattern takes no more than so many bytes.
///
/// Errors: there are more patterns than a document may have, or the budget of all schemas is spent.
pub(super) fn charge(
    schemas: &Schemas<'_>,
    times: impl Fn(&Map<String, Value>) -> usize,
    most: usize,
    budget: &mut Budget,
    fits: impl Fn(&str, usize) -> bool,
) -> Result<usize, SchemaFault> {
    let mut all: BTreeMap<&str, usize> = BTreeMap::new();
    for schema in schemas.objects() {
        for pattern in patterns(schema) {
            let count = all.entry(pattern).or_default();
            *count = count.saturating_add(times(schema)).min(most);
        }
    }
    let sum =
        |of: &dyn Fn(&str) -> usize| all.keys().map(|pattern| of(pattern)).fold(0, usize::saturating_add);
    let small = |pattern: &str| {
        let parts = parts(pattern).saturating_mul(SMALL_PATTERN);
        read(pattern).saturating_mul(PER_READ).saturating_add(parts)
    };
    let mut tried = sum(&small);
    if all.len() > PATTERNS || sum(&str::len) > PATTERN_TEXTS || tried > TRIED {
        return Err(SchemaFault::Beyond(format!(
            "there are more than {PATTERNS} patterns, or they have more than {PATTERN_TEXTS} bytes, or too many parts or escapes"
        )));
    }
    let mut spend = |bytes: usize| match budget.spend(bytes) {
        true => Ok(()),
        false => Err(SchemaFault::Beyond(TOGETHER_TOO_MUCH.to_owned())),
    };
    spend(tried)?;
    let mut bytes = 0_usize;
    for (pattern, times) in all {
        let parts = parts(pattern);
        let mut size = SMALL_PATTERN;
        if !fits(pattern, size) {
            size = PATTERN_BYTES;
            // Trying the parts of a pattern by themselves could take as much as the limit that is tried.
            if parts == 1 {
                tried = tried.saturating_add(MEDIUM_PATTERN);
                spend(MEDIUM_PATTERN)?;
                size = if fits(pattern, MEDIUM_PATTERN) { MEDIUM_PATTERN } else { size };
            }
        }
        let text = read(pattern).saturating_mul(PER_READ);
        bytes = bytes.saturating_add(text.saturating_add(parts.saturating_mul(size)).saturating_mul(times));
    }
    Ok(bytes.saturating_sub(tried))
}

/// How much is read of a pattern before it is compiled.
///
/// jsonschema replaces one of these escapes at a time by its meaning, and then reads all of the pattern again.
fn read(pattern: &str) -> usize {
    // With the bytes that each of them becomes, at most.
    let escapes = [(r"\c", 1), (r"\d", 8), (r"\D", 8), (r"\w", 16), (r"\W", 16), (r"\s", 160), (r"\S", 160)];
    let (mut times, mut length) = (1_usize, pattern.len());
    for (escape, bytes) in escapes {
        let count = pattern.matches(escape).count();
        times = times.saturating_add(count);
        length = length.saturating_add(count.saturating_mul(bytes));
    }
    times.saturating_mul(length)
}

/// The most parts of a pattern that are compiled by themselves.
///
/// A pattern is one part, unless it looks around, or has another construct that only an engine with a memory knows.
fn parts(pattern: &str) -> usize {
    let mut groups = pattern.split("(?").skip(1);
    let is_one = groups.all(|group| group.starts_with(':'))
        && pattern.split('\\').skip(1).all(|escape| {
            let of_a_memory =
                |character: char| character.is_ascii_digit() || "kgGKAZzhHRXNeE<>".contains(character);
            !escape.starts_with(of_a_memory)
        });
    if is_one {
        1
    } else {
        pattern.matches(['(', '|', '*', '+', '?', '{', '[', '\\']).count().saturating_add(1)
    }
}

/// The regular expressions of a schema.
pub(super) fn patterns(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let named = schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let own = schema.get("pattern").and_then(Value::as_str);
    own.into_iter().chain(named.map(String::as_str))
}

/// Whether a pattern looks around at its beginning only, once, as in `^(?=.*[0-9])(?!admin).{8,}$`.
///
/// Also if it does not look around, which `is_plain` says. Other patterns may look at all of a text from each of its characters.
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

/// The text before the end of a group, and the text behind it. `None` also for texts that engines read in several ways.
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
    fn what_compiling_takes() {
        assert_eq!((read("^a+$"), read(r"\d{4}-\d{2}")), (4, 3 * (11 + 16)));
        for (pattern, wanted) in [
            (r"^(?:[a-z]|\d+\.\w)*\\$", 1),
            ("^(?=[a-z]{9})(?=[0-9]{9})x", 9),
            (r"(a)\1", 3),
            // Flags may be those of another engine.
            ("(?i)[a-z]", 4),
        ] {
            assert_eq!(parts(pattern), wanted, "{pattern}");
        }
    }

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
