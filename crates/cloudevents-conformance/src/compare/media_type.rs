//! Media types, as content types compare.

/// Whether two content types are the same media type (RFC 2046, section 4.1.2).
///
/// Essence, names of parameters and the value of `charset` compare in any case. Parameters may come in any order. Values compare without
/// quoting.
///
/// On a media type of CloudEvents, `charset=utf-8` says nothing: its formats are UTF-8 by themselves.
pub(crate) fn same(wanted: &str, got: &str) -> bool {
    match (MediaType::parse(wanted), MediaType::parse(got)) {
        (Some(wanted), Some(got)) => wanted == got,
        _ => wanted == got,
    }
}

/// Whether this is the media type that the JSON format implies. A `charset` has no effect on it (RFC 8259, section 11).
pub(crate) fn is_json(text: &str) -> bool {
    ["application/json", "application/json; charset=utf-8"].iter().any(|json| same(json, text))
}

/// The part before the parameters, in lower case.
pub(crate) fn essence(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim_matches(SPACE).to_ascii_lowercase()
}

const SPACE: [char; 2] = [' ', '\t'];

#[derive(PartialEq, Eq)]
struct MediaType {
    essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    fn parse(text: &str) -> Option<Self> {
        let essence = essence(text);
        let mut parameters = Vec::new();
        let mut rest = text.split_once(';').map(|(_, rest)| rest);
        while let Some(text) = rest {
            let (parameter, after) = parameter(text)?;
            parameters.extend(parameter);
            rest = after;
        }
        for (_, charset) in parameters.iter_mut().filter(|(name, _)| name == "charset") {
            charset.make_ascii_lowercase();
        }
        if essence.starts_with("application/cloudevents") {
            parameters.retain(|(name, value)| name != "charset" || value != "utf-8");
        }
        parameters.sort_unstable();
        Some(MediaType { essence, parameters })
    }
}

/// The first parameter, and the text behind the next semicolon.
///
/// There is no parameter if nothing stands before the semicolon. `None`: the text cannot be read as parameters.
#[expect(clippy::type_complexity, reason = "a pair of two optional things, used once")]
fn parameter(text: &str) -> Option<(Option<(String, String)>, Option<&str>)> {
    let text = text.trim_start_matches(SPACE);
    if let Some(after) = text.strip_prefix(';') {
        return Some((None, Some(after)));
    }
    if text.is_empty() {
        return Some((None, None));
    }
    let (name, text) = text.split_once('=')?;
    let (value, text) = match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted)?,
        None => {
            let end = text.find(';').unwrap_or(text.len());
            let (value, text) = text.split_at_checked(end)?;
            (value.trim_matches(SPACE).to_owned(), text)
        }
    };
    let text = text.trim_start_matches(SPACE);
    let after = match text.strip_prefix(';') {
        Some(after) => Some(after),
        None if text.is_empty() => None,
        None => return None,
    };
    Some((Some((name.to_ascii_lowercase(), value)), after))
}

/// The value of a quoted string whose opening quotation mark is gone, and the text behind the string.
pub(super) fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_order_space_and_quotes_do_not_count() {
        for (one, other) in [
            ("application/json", "Application/JSON"),
            ("text/plain; charset=utf-8", "text/plain;Charset=utf-8"),
            ("text/plain; charset=utf-8", "text/plain; charset=UTF-8"),
            ("text/plain; charset=utf-8", "text/plain ; charset=\"utf-8\" "),
            ("a/b; x=1; y=2", "a/b;y=2;x=1"),
            ("a/b; x=\"1;2\"", "a/b;x=\"1\\;2\""),
            ("a/b;", "a/b"),
            ("application/cloudevents+json", "application/cloudevents+json; charset=UTF-8"),
            ("no media type", "no media type"),
            ("a/b; \"", "a/b; \""),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn essence_parameters_and_values_count() {
        for (one, other) in [
            ("application/json", "application/json; charset=utf-8"),
            ("application/json", "text/json"),
            ("text/plain; charset=utf-8", "text/plain; charset=latin1"),
            ("text/plain; a=b", "text/plain; a=B"),
            ("text/plain; a=b", "text/plain; b=a"),
            ("application/cloudevents+json", "application/cloudevents+json; charset=latin1"),
            ("application/cloudevents+json", "application/cloudevents-batch+json"),
            ("a/b; \"", "a/b"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
