//! How events are decoded.

use super::foreign::{self, Systems};
use crate::{lenient::suggestion, report::help_of};
use bytes::Bytes;
use cloudevents_kit::{DecodeOptions, Decoded, Error, Event, Format, FormatId, Leniency, json, model::Item};

/// The most events that are in memory at once: the help states it. The problems of an event take a multiple of the event's memory.
pub(super) const MOST: usize = 200_000;

/// The largest document that is decoded again with repairs.
const TRIED: usize = 64 << 10;

/// How events are decoded.
#[derive(Clone, Debug)]
pub(super) struct Decoding {
    pub(super) options: DecodeOptions,
    /// Whether an error has every problem of its event in [`Error::others`].
    pub(super) every: bool,
    /// Whether an error says which repairs would read the event.
    pub(super) suggests: bool,
    /// Whether a document of another system is refused as a whole if one of its events cannot be made.
    pub(super) whole: bool,
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
        if document.len() > TRIED {
            return error;
        }
        let reads =
            |with: &DecodeOptions| format.decode(document.clone(), with).ok().map(|decoded| decoded.value);
        match (suggestion(&self.options, reads), help_of(&error)) {
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
