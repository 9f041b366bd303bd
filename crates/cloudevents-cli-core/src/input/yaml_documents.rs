//! Events in YAML: documents with the content of JSON documents.

use super::{Located, MOST, documents::Decoding};
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
    for document in yaml::Documents::new(text) {
        if all.len() >= MOST {
            let limit = format!("the limit for YAML is {} events", thousands(MOST));
            let error =
                Error::new(ErrorKind::TooMany).with_detail(limit).with_help("convert it to JSON Lines");
            all.push(located(Err(error), 0, all_of_it, None));
            break;
        }
        let document = match document {
            Ok(document) => document,
            Err(error) => {
                all.push(located(Err(error), 0, all_of_it, None));
                break;
            }
        };
        let text = Bytes::copy_from_slice(document.json.as_bytes());
        // The problems of a part of the JSON, at their places in the YAML.
        let moved = |event, raw, at| moved(event, &document, |error| decoding.others(error, json, raw, at));
        let first = Decoding { every: false, ..decoding.clone() };
        if text.first() != Some(&b'[') {
            let event = moved(first.single(json, text.clone()), text, 0);
            all.push(located(event, document.begin, document.end, None));
            continue;
        }
        match first.items(json, &text) {
            Ok(items) => all.extend(items.into_iter().enumerate().map(|(index, (at, item))| {
                located(moved(item.event, item.raw, at), document.place(at), document.end, Some(index))
            })),
            Err(error) => {
                all.push(located(Err(moved_error(&error, &document)), document.begin, document.end, None))
            }
        }
    }
    all
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
