//! Events in YAML: documents with the content of JSON documents.

use super::{
    decoding::{Decoding, MOST},
    located::Located,
};
use crate::{
    plain::thousands,
    source::{Place, Source},
    yaml,
};
use bytes::Bytes;
use cloudevents_kit::{Decoded, Error, ErrorKind, Event, Format};
use std::sync::Arc;

/// Decodes YAML documents by converting them to JSON. Errors have their offset in the YAML.
pub(super) fn yaml_documents(json: &dyn Format, source: &Arc<Source>, decoding: &Decoding) -> Vec<Located> {
    let located = |event, begin: usize, end: usize, index| {
        let (source, length) = (Arc::clone(source), end.saturating_sub(begin));
        Located { event, place: Place { source, base: 0, begin, length, index } }
    };
    let all_of_it = source.text.len();
    let text = match str::from_utf8(&source.text) {
        Ok(text) if text.len() <= yaml::LARGEST => text,
        Ok(_) => {
            let limit = format!("the limit for YAML is {} MiB", yaml::LARGEST >> 20);
            let error = Error::new(ErrorKind::TooLarge).with_detail(limit);
            return vec![located(Err(error.with_help("convert it to JSON Lines")), 0, all_of_it, None)];
        }
        Err(error) => {
            let error = Error::new(ErrorKind::InvalidUtf8).with_offset(error.valid_up_to());
            return vec![located(Err(error), 0, all_of_it, None)];
        }
    };
    let mut all = Vec::new();
    // The documents before a mistake are read.
    let mut behind = 0;
    for document in yaml::Documents::new(text) {
        if all.len() >= MOST {
            let limit = format!("the limit for YAML is {} events", thousands(MOST));
            let error =
                Error::new(ErrorKind::TooMany).with_detail(limit).with_help("convert it to JSON Lines");
            all.push(located(Err(error), behind, all_of_it, None));
            break;
        }
        let document = match document {
            Ok(document) => document,
            Err(error) => {
                all.push(located(Err(error), behind, all_of_it, None));
                break;
            }
        };
        behind = document.end;
        let json_text = Bytes::copy_from_slice(document.json.as_bytes());
        // The problems of a part of the JSON, at their places in the YAML.
        let moved = |event, raw, at| moved(event, &document, |error| decoding.others(error, json, raw, at));
        let first = Decoding { every: false, ..decoding.clone() };
        if json_text.first() != Some(&b'[') {
            let event = moved(first.single(json, json_text.clone()), json_text, 0);
            all.push(located(event, document.begin, document.end, None));
            continue;
        }
        match first.items(json, &json_text) {
            Ok(items) => all.extend(items.into_iter().enumerate().map(|(index, (at, item))| {
                let (begin, end) = item_text(text, &document, index, at);
                located(moved(item.event, item.raw, at), begin, end, Some(index))
            })),
            Err(error) => {
                all.push(located(Err(moved_error(&error, &document)), document.begin, document.end, None))
            }
        }
    }
    all
}

/// Where the text of an item begins and ends, by its index and its offset in the JSON. The indicator and the spaces before it belong to it:
/// without them, the lines of a block are no YAML.
fn item_text(text: &str, document: &yaml::Document, index: usize, at: usize) -> (usize, usize) {
    let place = document.place(at);
    let line = text.get(..place).unwrap_or_default().trim_end_matches([' ', '-']);
    let begin = if line.is_empty() || line.ends_with('\n') { line.len() } else { place };
    // A block ends where the next item begins.
    let end = document.items.get(index).copied().unwrap_or(document.end);
    (begin, text.get(..end).map_or(end, |text| text.trim_ascii_end().len()))
}

fn moved(
    event: Result<Decoded<Event>, Error>,
    document: &yaml::Document,
    others: impl FnOnce(&Error) -> Vec<Error>,
) -> Result<Decoded<Event>, Error> {
    let mut decoded = event.map_err(|error| {
        let others = others(&error);
        let others = others.iter().map(|other| moved_error(other, document));
        moved_error(&error, document).with_others(others)
    })?;
    for repair in &mut decoded.repairs {
        if let Some(cause) = repair.cause() {
            let cause = moved_error(cause, document);
            *repair = repair.clone().with_cause(cause);
        }
    }
    Ok(decoded)
}

/// Returns an error of the JSON with its offset in the YAML.
fn moved_error(error: &Error, document: &yaml::Document) -> Error {
    let Some(Ok(at)) = error.offset().map(usize::try_from) else { return error.clone() };
    let is_number = matches!(document.json.as_bytes().get(at), Some(b'-' | b'0'..=b'9'));
    let moved = error.clone().with_offset(document.place(at));
    // Of YAML, a reader of JSON cannot know that quotation marks make text of a number.
    match (is_number, moved.help()) {
        (true, None | Some("write the value as text")) => {
            moved.with_help("if it is text, put it in quotation marks; without them it is a number")
        }
        _ => moved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Reading;

    fn texts(text: &str) -> Vec<String> {
        let source = Arc::new(Source::new("f", text.to_owned(), 1));
        let all = yaml_documents(
            &cloudevents_kit::json::Json::new(),
            &source,
            &Reading::default().decoding().unwrap(),
        );
        all.iter().map(|located| String::from_utf8(located.place.text().to_vec()).unwrap()).collect()
    }

    /// Nothing of the items around it, and YAML again.
    #[test]
    fn the_text_of_an_item_is_that_item() {
        for (text, wanted) in [
            ("- id: a\n  b: [1]\n# c\n- id: b\n\n", ["- id: a\n  b: [1]\n# c", "- id: b"]),
            ("  - id: a\n    b:\n    - 1\n  - id: b", ["  - id: a\n    b:\n    - 1", "  - id: b"]),
            ("-\n id: a\n b: [1]\n-  id: b\n...\n# c", [" id: a\n b: [1]", "-  id: b"]),
            ("--- # c\n[{id: a, 'b': [1]}, {id:\n b}] # e", ["{id: a, 'b': [1]}", "{id:\n b}"]),
            ("--- # é\n- {id: a, b: [1]}\r\n- {id: b}\r\n---\n", ["- {id: a, b: [1]}", "- {id: b}"]),
        ] {
            assert_eq!(texts(text), wanted, "{text}");
            for (text, json) in wanted.iter().zip([r#"{"id":"a","b":[1]}"#, r#"{"id":"b"}"#]) {
                let again: Vec<_> = yaml::Documents::new(text).map(Result::unwrap).collect();
                assert_eq!(again.len(), 1, "{text}");
                assert_eq!(again[0].json.trim_matches(['[', ']']), json.trim_matches(['[', ']']), "{text}");
            }
        }
    }

    /// The documents before are read.
    #[test]
    fn the_text_of_a_mistake_begins_behind_what_was_read() {
        assert_eq!(texts("a: 1\n---\nb: 2\n---\n{oops\n"), ["a: 1\n", "---\nb: 2\n", "---\n{oops\n"]);
    }
}
