//! The regular expressions of schemas. Each of them is compiled, and a short one can be large then.

use super::bounds::Schemas;
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
