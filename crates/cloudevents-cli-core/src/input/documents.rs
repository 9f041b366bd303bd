//! Documents in memory.

use super::{Form, Located, Systems, cannot_tell, foreign, part::Parts, yaml_documents::yaml_documents};
use crate::{
    failure::{Failure, Status},
    lenient::suggestion,
    report::Report,
    source::{Place, Source},
    yaml,
};
use bytes::Bytes;
use cloudevents_kit::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Format, FormatId, Leniency, json,
    model::{Item, TextBuffer, codec::scan::Scanner},
};
use std::sync::Arc;

/// How events are decoded.
#[derive(Clone, Debug)]
pub(super) struct Decoding {
    pub(super) options: DecodeOptions,
    /// Whether an error has every problem of its event in [`Error::others`].
    pub(super) every: bool,
    /// Whether an error says which repairs would read the event.
    pub(super) suggests: bool,
    /// The adapters that read documents that are no events.
    pub(super) foreign: Option<Systems>,
}

impl Decoding {
    /// Decodes a JSON document with one event.
    pub(super) fn json(&self, document: Bytes) -> Result<Decoded<Event>, Error> {
        self.single(&json::Json::new(), document)
    }

    /// Decodes a document with one event.
    pub(super) fn single(&self, format: &dyn Format, document: Bytes) -> Result<Decoded<Event>, Error> {
        let decoded = self.as_event(format, document.clone());
        decoded.map_err(|error| match format.id() == FormatId::JSON {
            true => foreign::named(&document).unwrap_or(error),
            false => error,
        })
    }

    fn as_event(&self, format: &dyn Format, document: Bytes) -> Result<Decoded<Event>, Error> {
        if self.suggests {
            let decoded = format.decode(document.clone(), &self.options);
            return decoded.map_err(|error| self.suggest(error, format, &document));
        }
        if !self.every {
            return format.decode(document, &self.options);
        }
        let decoded = format.decode(document.clone(), &self.options);
        decoded.map_err(|error| {
            let others = self.others(&error, format, document, 0);
            error.with_others(others)
        })
    }

    fn suggest(&self, error: Error, format: &dyn Format, document: &Bytes) -> Error {
        let reads =
            |with: &DecodeOptions| format.decode(document.clone(), with).ok().map(|decoded| decoded.value);
        match (suggestion(&self.options, reads), error.help().map(str::to_owned)) {
            (Some(repairs), Some(help)) => error.with_help(format!("{help}; {repairs}")),
            (Some(repairs), None) => error.with_help(repairs),
            (None, _) => error,
        }
    }

    /// Decodes a batch. Returns each event with its offset in the document, which its errors refer to.
    pub(super) fn items(&self, format: &dyn Format, document: &Bytes) -> Result<Vec<(usize, Item)>, Error> {
        let items = format.decode_items(document.clone(), &self.options)?;
        // The event's part of the document shares its memory.
        let begin = |item: &Item| item.raw.as_ptr().addr().saturating_sub(document.as_ptr().addr());
        Ok(items.into_iter().map(|item| (begin(&item).min(document.len()), item)).collect())
    }

    /// Returns the problems of a document besides the error of decoding it, if they were requested. The document begins at `begin`.
    pub(super) fn others(
        &self,
        error: &Error,
        format: &dyn Format,
        document: Bytes,
        begin: usize,
    ) -> Vec<Error> {
        if !self.every {
            return Vec::new();
        }
        let mut all = if format.id() == FormatId::JSON {
            json::problems(document, &self.options)
        } else {
            let lenient = self.options.clone().with_leniency(Leniency::all());
            let repairs =
                format.decode(document, &lenient).map(|decoded| decoded.repairs).unwrap_or_default();
            repairs.iter().filter_map(|repair| repair.cause().cloned()).collect()
        };
        let same = |other: &Error| other.kind() == error.kind() && other.attribute() == error.attribute();
        if let Some(at) = all.iter().position(same) {
            all.remove(at);
        }
        let moved = all.into_iter().map(|other| match other.offset().map(usize::try_from) {
            Some(Ok(at)) if begin > 0 => other.with_offset(begin.saturating_add(at)),
            _ => other,
        });
        moved.collect()
    }
}

/// Returns the events of a source whose form is known, or of text whose form is detected.
pub(super) fn documents(
    source: &Arc<Source>,
    form: Option<&Form>,
    by_name: Option<&Form>,
    decoding: &Decoding,
) -> Result<Parts, Failure> {
    let require = |id: &FormatId| {
        let found = decoding.options.formats.require(id);
        found.map_err(|error| Failure::Told(Status::Usage, Box::new(Report::of(&error))))
    };
    let text = &source.text;
    let begin = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start().first();
    Ok(Parts::Ready(match (form, begin, by_name) {
        (Some(Form::Single(id)), ..) => vec![single(require(id)?, source, text.clone(), 0, decoding)],
        (Some(Form::Batch(id)), ..) => batch(require(id)?, source, text.clone(), 0, decoding),
        (Some(Form::Yaml), ..) => yaml_documents(require(&FormatId::JSON)?, source, decoding),
        (_, None | Some(b'{' | b'['), _) => {
            let documents = JsonDocuments::new(Arc::clone(source), decoding.clone());
            return Ok(Parts::Documents(Box::new(documents)));
        }
        _ if yaml::is_likely(text) => yaml_documents(require(&FormatId::JSON)?, source, decoding),
        (.., Some(by_name)) => return documents(source, Some(by_name), None, decoding),
        _ => return Err(cannot_tell(&source.name)),
    }))
}

/// JSON documents one after another, usually one, decoded some at a time.
pub(super) struct JsonDocuments {
    source: Arc<Source>,
    decoding: Decoding,
    /// The text up to the first bytes that are not UTF-8.
    readable: TextBuffer,
    base: usize,
}

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
                some.extend(foreign_events(place, document, &self.decoding));
            } else if document.first() == Some(&b'[') {
                some.extend(batch(json, &self.source, document, at, &self.decoding));
            } else {
                some.push(single(json, &self.source, document, at, &self.decoding));
            }
        }
        some
    }
}

fn single(
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
                    foreign::named(&item.raw).unwrap_or_else(|| error.with_others(others))
                }),
            })
            .collect(),
        Err(error) => vec![Located { event: Err(error), place: place(0, document.len(), None) }],
    }
}

/// The events of a document of another system. With `auto`, the adapter that fits the document is used.
///
/// A document of no known system is an event.
pub(super) fn foreign_events(place: Place, document: Bytes, decoding: &Decoding) -> Vec<Located> {
    let json = &json::Json::new();
    let adapter = decoding.foreign.as_ref().and_then(|systems| systems.adapter(&document));
    let Some(adapter) = adapter else {
        return match document.first() {
            Some(b'[') => batch(json, &place.source, document, place.base, decoding),
            _ => {
                let event = decoding.single(json, document);
                vec![Located {
                    event: event.map_err(|error| error.with_help("no adapter fits the document, either")),
                    place,
                }]
            }
        };
    };
    let events = adapter.events(&[], &document, &decoding.options);
    let is_one = events.len() == 1;
    let located = |(index, event)| {
        let place = Place { source: Arc::clone(&place.source), index: (!is_one).then_some(index), ..place };
        Located { event, place }
    };
    events.into_iter().enumerate().map(located).collect()
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
    use crate::input::{Reading, part::Part};

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

    #[test]
    fn documents_one_after_another() {
        let text = format!(" {EVENT}\n[{EVENT}, {EVENT}]\n{EVENT} x");
        let source = Arc::new(Source::new("f", text, 1));
        let mut parts = documents(&source, None, None, &Reading::default().decoding().unwrap()).unwrap();
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
