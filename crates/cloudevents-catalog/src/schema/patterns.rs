//! The regular expressions of schemas. Each of them is compiled, and a short one can be large then.

use super::schemas::Schemas;
use crate::finding::Budget;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};

/// The most different patterns of a document, and the most bytes that they have together.
const PATTERNS: usize = 1000;
const PATTERN_TEXTS: usize = 64 << 10;

/// The most bytes that are read of them before they are compiled.
const READ: usize = 4 << 20;

/// How many bytes of a compiled pattern take as long as reading one of its text.
const PER_READ: usize = 8;

/// The most bytes that a pattern, or each part of it that is compiled by itself, takes when it is compiled, about.
pub(super) const PATTERN_BYTES: usize = 256 << 10;

/// What most patterns take.
const SMALL_PATTERN: usize = 8 << 10;

/// Charges what compiling the patterns of a document takes, in bytes, before that is done, and returns those that are large. Each is
/// compiled as often as it is there, each of the schemas counted so many `times`, and no more than `most` times. `fits` says whether one
/// takes no more than so many bytes.
///
/// Errors: there are more than a document may have, or the budget of all schemas is spent.
pub(super) fn charge<'d>(
    schemas: &Schemas<'d>,
    times: impl Fn(&Map<String, Value>) -> usize,
    most: usize,
    budget: &mut Budget,
    fits: impl Fn(&str, usize) -> bool,
) -> Result<HashSet<&'d str>, String> {
    let mut all: BTreeMap<&str, usize> = BTreeMap::new();
    for schema in schemas.objects() {
        for pattern in patterns(schema) {
            let count = all.entry(pattern).or_default();
            *count = count.saturating_add(times(schema)).min(most);
        }
    }
    let sum = |of: fn(&str) -> usize| all.keys().map(|pattern| of(pattern)).fold(0, usize::saturating_add);
    if all.len() > PATTERNS || sum(str::len) > PATTERN_TEXTS || sum(read) > READ {
        return Err(format!(
            "there are more than {PATTERNS} patterns, or they have more than {PATTERN_TEXTS} bytes, or too many escapes"
        ));
    }
    let mut large = HashSet::new();
    for (pattern, times) in all {
        let parts = parts(pattern);
        let mut spend = |bytes: usize| match budget.spend(bytes.saturating_mul(times)) {
            true => Ok(()),
            false => Err("the patterns of the schemas take too much together"),
        };
        let text = read(pattern).saturating_mul(PER_READ);
        spend(text.saturating_add(parts.saturating_mul(SMALL_PATTERN)))?;
        if !fits(pattern, SMALL_PATTERN) {
            spend(parts.saturating_mul(PATTERN_BYTES.saturating_sub(SMALL_PATTERN)))?;
            large.insert(pattern);
        }
    }
    Ok(large)
}

/// How much is read of a pattern before it is compiled: jsonschema replaces one of these escapes at a time by what it means, and then reads
/// all of it again.
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

/// The most parts of a pattern that are compiled by themselves: all of it is one, unless it looks around, or has something else that only
/// an engine with a memory knows.
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
