//! Documents in memory.

use super::{decoding::Decoding, foreign, located::Located};
use crate::{
    report::{Report, help_of},
    source::{Place, Source},
};
use bytes::Bytes;
use cloudevents_kit::{
    Error, ErrorKind, Format,
    adapters::Headers,
    json,
    model::{TextBuffer, codec::scan::Scanner},
};
use serde::de::IgnoredAny;
use std::{collections::BTreeMap, sync::Arc};

/// JSON documents one after another, usually one, decoded some at a time.
pub(super) struct JsonDocuments {
    source: Arc<Source>,
    decoding: Decoding,
    /// The text up to the first bytes that are not UTF-8.
    readable: TextBuffer,
    base: usize,
}

/// Each event in JSON has this.
const SPECVERSION: &[u8] = b"\"specversion\"";

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

const WITHOUT_MARK: &str = "it begins with a byte order mark, which JSON does not have: write it without one";

/// The documents that are decoded at once.
const SOME: usize = 1024;

impl JsonDocuments {
    pub(super) fn new(source: Arc<Source>, decoding: Decoding) -> Self {
        // Looked at once for all documents.
        let text = |length| TextBuffer::new(source.text.slice(..length));
        let valid = |error: &Error| error.offset().and_then(|offset| usize::try_from(offset).ok());
        let whole = text(source.text.len());
        let readable = whole.or_else(|error| text(valid(&error).unwrap_or_default().min(source.text.len())));
        Self { readable: readable.unwrap_or_else(|_| "".into()), source, decoding, base: 0 }
    }

    /// Decodes the next ones. Empty at the end.
    pub(super) fn next(&mut self) -> Vec<Located> {
        let json = &json::Json::new();
        let mut some = Vec::new();
        while some.len() < SOME
            && let Some(document) = next_document(&self.source.text, self.readable.as_str(), &mut self.base)
        {
            let at = self.base;
            self.base = self.base.saturating_add(document.len());
            if self.decoding.foreign.is_some() {
                let (source, length) = (Arc::clone(&self.source), document.len());
                let place = Place { source, base: at, begin: 0, length, index: None };
                some.extend(foreign_events(place, &[], document, &self.decoding));
            } else if document.first() == Some(&b'[') {
                some.extend(batch(json, &self.source, document, at, &self.decoding));
            } else {
                some.push(single(json, &self.source, document, at, &self.decoding));
            }
        }
        some
    }
}

pub(super) fn single(
    format: &dyn Format,
    source: &Arc<Source>,
    document: Bytes,
    base: usize,
    decoding: &Decoding,
) -> Located {
    let (source, length) = (Arc::clone(source), document.len());
    let place = Place { source, base, begin: 0, length, index: None };
    Located { event: decoding.single(format, document), place }
}

pub(super) fn batch(
    format: &dyn Format,
    source: &Arc<Source>,
    document: Bytes,
    base: usize,
    decoding: &Decoding,
) -> Vec<Located> {
    let place = |begin, length, index| Place { source: Arc::clone(source), base, begin, length, index };
    match decoding.items(format, &document) {
        Ok(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, (begin, item))| Located {
                place: place(begin, item.raw.len(), Some(index)),
                event: item.event.map_err(|error| {
                    let others = decoding.others(&error, format, item.raw.clone(), begin);
                    // An adapter reads an array of documents, and no array within it.
                    let is_array = item.raw.trim_ascii_start().starts_with(b"[");
                    let named = if is_array { None } else { foreign::named(&item.raw) };
                    named.unwrap_or_else(|| error.with_others(others))
                }),
            })
            .collect(),
        Err(error) => vec![Located { event: Err(error), place: place(0, document.len(), None) }],
    }
}

/// The way out for a document that is of no known system.
const MAP: &str = "a map of your own makes events of it: `--map FILE`, as in docs/adapters.md";

/// The events of a document of another system. With `auto`, the adapter that fits the document is used.
///
/// A document of no known system is an event. `headers` are the headers of the request that the document came with, if there is one.
pub(super) fn foreign_events(
    place: Place,
    headers: Headers<'_>,
    document: Bytes,
    decoding: &Decoding,
) -> Vec<Located> {
    let json = &json::Json::new();
    let systems = decoding.foreign.as_ref();
    let events = systems.and_then(|systems| {
        // What adapters log of a document has its place.
        let span = tracing::warn_span!("document", at = %place.words());
        span.in_scope(|| systems.events(headers, &document, &decoding.options))
    });
    let Some(events) = events else {
        return match document.first() {
            Some(b'[') => batch(json, &place.source, document, place.base, decoding),
            _ => {
                let event = decoding.single(json, document.clone()).map_err(|error| {
                    let is_marked = document.starts_with(BYTE_ORDER_MARK);
                    let error = match claims(&document) {
                        true => {
                            let help = help_of(&error).map(|help| format!("{help}; ")).unwrap_or_default();
                            error.with_help(format!("{help}no adapter fits the document, either"))
                        }
                        false => {
                            let error = Error::new(ErrorKind::NotACloudEvent).with_detail(
                                "no adapter fits the document, and it is no event: it has no `specversion`",
                            );
                            match systems.and_then(|systems| systems.unfit(headers, &document)) {
                                Some(why) => error.with_help(why),
                                None => error.with_help(MAP),
                            }
                        }
                    };
                    if is_marked { error.with_help(WITHOUT_MARK) } else { error }
                });
                vec![Located { event, place }]
            }
        };
    };
    let is_one = events.len() == 1;
    let located = |(index, event)| {
        let place = Place { source: Arc::clone(&place.source), index: (!is_one).then_some(index), ..place };
        Located { event, place }
    };
    let failed = events.iter().position(Result::is_err).filter(|_| decoding.whole);
    let has_events = !events.iter().all(|event| event.as_ref().is_err_and(is_of_none));
    let numbered = events.into_iter().map(|event| match decoding.whole && has_events {
        true => event.map_err(Error::beside_events),
        false => event,
    });
    let numbered = numbered.enumerate();
    numbered.filter(|(index, _)| failed.is_none_or(|failed| failed == *index)).map(located).collect()
}

fn is_of_none(error: &Error) -> bool {
    error.kind() == ErrorKind::NotACloudEvent
}

/// Whether a document is an event, or would be one without its mistakes.
fn claims(document: &[u8]) -> bool {
    match serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(document) {
        Ok(members) => members.contains_key("specversion"),
        Err(_) => document.windows(SPECVERSION.len()).any(|window| window == SPECVERSION),
    }
}

/// Returns the JSON value at `base`, or all the rest if it is not valid JSON, and moves `base` to its start.
///
/// `readable` is the beginning of the text, up to the first bytes that are not UTF-8. `None` at the end of the text.
fn next_document(text: &Bytes, readable: &str, base: &mut usize) -> Option<Bytes> {
    let rest = text.get(*base..)?;
    let document = rest.trim_ascii_start();
    if document.is_empty() {
        return None;
    }
    *base = base.saturating_add(rest.len().saturating_sub(document.len()));
    let document = text.slice(*base..);
    let Some(readable) = readable.get(*base..) else { return Some(document) };
    let mut scanner = Scanner::new(readable);
    let Ok(range) = scanner.value(u32::MAX) else { return Some(document) };
    scanner.white_space();
    // If another document does not follow, the decoder reports the trailing garbage.
    if scanner.is_at_end() && readable.len() == document.len() || matches!(scanner.peek(), Ok(b'{' | b'[')) {
        Some(document.slice(range))
    } else {
        Some(document)
    }
}

/// Returns the error for input without an event.
pub(crate) fn no_events(name: &str) -> Report {
    Report::of(&Error::new(ErrorKind::InvalidDocument).with_detail("it contains no event"))
        .at(&Place::of(Source::new(name.to_owned(), Bytes::new(), 0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{
        Reading,
        part::{Part, Parts},
    };

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

    #[test]
    fn a_document_that_no_adapter_fits_has_a_reason() {
        let error = |document: &str| {
            let reading = Reading { from: Some("auto".to_owned()), ..Reading::default() };
            let source = Arc::new(Source::new("f", document.to_owned(), 1));
            let place = Place { source, base: 0, begin: 0, length: document.len(), index: None };
            let mut located =
                foreign_events(place, &[], document.to_owned().into(), &reading.decoding().unwrap());
            located.remove(0).event.unwrap_err()
        };
        for document in ["{}", r#"{"scheme":null,"payload":EVENT}"#] {
            let error = error(&document.replace("EVENT", EVENT));
            assert!(error.detail().contains("it has no `specversion`"), "{error:#}");
            assert_eq!(help_of(&error).as_deref(), Some(MAP));
        }
        let other = error(&EVENT.replace("1.0", "7"));
        assert_eq!(other.kind(), ErrorKind::UnsupportedSpecversion, "{other:#}");
        for document in [EVENT, r#"{"Records":[]}"#] {
            let error = error(&format!("\u{feff}{document}"));
            assert!(error.help().unwrap().contains("byte order mark"), "{error:#}");
        }
    }

    /// Words behind a help of the library would be left out with those that name its API.
    #[test]
    fn a_help_of_the_library_hides_no_words() {
        let reading = Reading { from: Some("auto".to_owned()), ..Reading::default() };
        let mut decoding = reading.decoding().unwrap();
        decoding.options.limits.bytes = 10;
        let source = Arc::new(Source::new("f", EVENT, 1));
        let place = Place { source, base: 0, begin: 0, length: EVENT.len(), index: None };
        let error = foreign_events(place, &[], EVENT.into(), &decoding).remove(0).event.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:#}");
        assert_eq!(help_of(&error).as_deref(), Some("no adapter fits the document, either"), "{error:#}");
    }

    /// A part of the events would come again when the document is sent again.
    #[test]
    fn a_document_may_be_refused_as_a_whole() {
        let document = r#"{"Records":[{"eventSource":"aws:s3","awsRegion":"eu","eventName":"ObjectCreated:Put",
            "responseElements":{"x-amz-request-id":"C3","x-amz-id-2":"a"},"s3":{"bucket":{"name":"b"},"object":{"key":"k"}}},{}]}"#;
        let read = |whole: bool| {
            let reading = Reading { from: Some("auto".to_owned()), whole, ..Reading::default() };
            let source = Arc::new(Source::new("f", document, 1));
            let place = Place { source, base: 0, begin: 0, length: document.len(), index: None };
            let located = foreign_events(place, &[], document.into(), &reading.decoding().unwrap());
            located.iter().map(|one| (one.event.is_ok(), one.place.index)).collect::<Vec<_>>()
        };
        assert_eq!(read(false), [(true, Some(0)), (false, Some(1))]);
        assert_eq!(read(true), [(false, Some(1))]);
    }

    /// A bridge may skip documents of the kind `NotACloudEvent`.
    #[test]
    fn a_document_with_an_event_is_no_document_without_one() {
        let event = EVENT.replace('"', "\\\"");
        let record = |body: &str| format!(r#"{{"eventSource":"aws:sqs","messageId":"1","body":"{body}"}}"#);
        for (bodies, whole, kind) in [
            ([event.as_str(), "hello"], true, ErrorKind::InvalidData),
            (["hello", event.as_str()], true, ErrorKind::InvalidData),
            (["hello", event.as_str()], false, ErrorKind::NotACloudEvent),
            (["hello", "hello"], true, ErrorKind::NotACloudEvent),
        ] {
            let document = format!(r#"{{"Records":[{}]}}"#, bodies.map(record).join(","));
            let reading = Reading { from: Some("auto".to_owned()), whole, ..Reading::default() };
            let source = Arc::new(Source::new("f", document.clone(), 1));
            let place = Place { source, base: 0, begin: 0, length: document.len(), index: None };
            let located = foreign_events(place, &[], document.into(), &reading.decoding().unwrap());
            let error = located.iter().find_map(|one| one.event.as_ref().err()).unwrap();
            assert_eq!(error.kind(), kind, "{error:#}");
            assert!(error.help().unwrap().contains("`--map`"), "{error:#}");
        }
    }

    #[test]
    fn documents_one_after_another() {
        let text = format!(" {EVENT}\n[{EVENT}, {EVENT}]\n{EVENT} x");
        let source = Arc::new(Source::new("f", text, 1));
        let mut parts = Parts::of(&source, None, None, &Reading::default().decoding().unwrap()).unwrap();
        let Some(Part::Ready(all)) = parts.next().unwrap() else { panic!("no documents") };
        let all = all.as_slice();
        let found: Vec<_> = all
            .iter()
            .map(|located| (located.event.is_ok(), located.place.line(), located.place.index))
            .collect();
        assert_eq!(found, [(true, 1, None), (true, 2, Some(0)), (true, 2, Some(1)), (false, 3, None)]);
        let error = all[3].event.as_ref().unwrap_err();
        assert_eq!(all[3].place.position(error.offset().unwrap() as usize).column, EVENT.len() + 2);
    }
}
