//! Documents of other systems within each other.

use crate::{
    Adapter, Adapters, Headers,
    adapter::{first, is_array},
    beside::{self, NotCarried},
    mapping::Mapping,
    place,
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Format, codec::check_count};
use cloudevents_json::Json;
use std::cell::LazyCell;

/// Documents of other systems within each other that are read.
pub(crate) const DEPTH: u8 = 3;

type Events = Vec<Result<Decoded<Event>, Error>>;

impl Adapters {
    /// Makes events of a document, or of the document within it, down to this depth.
    pub(crate) fn events_within(
        &self,
        headers: Headers<'_>,
        document: &Bytes,
        with: &DecodeOptions,
        depth: u8,
        is_signed: bool,
    ) -> Option<Events> {
        let adapter = self.recognize_message(headers, document)?;
        let reading = Reading { adapters: self, adapter, headers, with, depth, is_signed };
        Some(match reading.elements(document) {
            Some(elements) => reading.of_elements(&elements).unwrap_or_else(|error| vec![Err(error)]),
            None => reading.of_one(document),
        })
    }
}

/// How an adapter reads a document that may be an envelope.
struct Reading<'a> {
    adapters: &'a Adapters,
    adapter: &'a Adapter,
    headers: Headers<'a>,
    with: &'a DecodeOptions,
    depth: u8,
    is_signed: bool,
}

impl Reading<'_> {
    /// The elements of an array, each with its offset, if one of them has a document of another system. `None` for an array that the
    /// adapter reads alone, or refuses.
    fn elements(&self, document: &Bytes) -> Option<Vec<(usize, Bytes)>> {
        let Self { adapter, with, .. } = self;
        if !adapter.is_envelope() || with.limits.check_bytes(document.len()).is_err() {
            return None;
        }
        let text = std::str::from_utf8(document).ok().filter(|text| is_array(text))?;
        let elements = place::elements(text, with.limits.batch.saturating_add(1))?;
        if elements.len() > with.limits.batch
            || !elements.iter().all(|element| adapter.mapping(element, self.headers).is_some())
            || !elements.iter().any(|element| self.inner(element.as_bytes()).is_some())
        {
            return None;
        }
        let copied =
            |element: &str| (place::begin(text, element), Bytes::copy_from_slice(element.as_bytes()));
        Some(elements.into_iter().map(copied).collect())
    }

    fn of_elements(&self, elements: &[(usize, Bytes)]) -> Result<Events, Error> {
        let mut all = Vec::new();
        for (begin, element) in elements {
            let placed = |error: Error| match error.offset().map(usize::try_from) {
                Some(Ok(offset)) => error.with_offset(begin.saturating_add(offset)),
                _ => error,
            };
            all.extend(self.of_one(element).into_iter().map(|event| event.map_err(placed)));
            check_count(all.len().saturating_sub(1), 0, &self.with.limits)?;
        }
        self.adapter.remark_copies(&all);
        Ok(all)
    }

    /// The events of a document that is no array, or of an array that the adapter reads alone.
    fn of_one(&self, document: &Bytes) -> Events {
        self.within(document).unwrap_or_else(|| {
            let care = self.adapters.care(self.is_signed);
            self.adapter.events_of(self.headers, document, self.with, care)
        })
    }

    /// The events of the document within this one. `None` if there is none that is read.
    fn within(&self, document: &Bytes) -> Option<Events> {
        let Self { adapters, adapter, headers, with, depth, is_signed } = *self;
        let (offset, inner) = self.inner(document)?;
        let events = match self.is_batch(&inner) {
            true => batch(&inner, with),
            false => adapters.events_within(&[], &inner, with, depth.checked_sub(1)?, is_signed)?,
        };
        let parts = match adapter.beside_inner(headers, document, with, is_signed) {
            Ok(parts) => {
                // Most envelopes have no part to ask for.
                let mappings = LazyCell::new(|| self.mappings(inner));
                parts.without_implied(|place, text| {
                    mappings.iter().any(|mapping| mapping.implies(place, text))
                })
            }
            Err(error) => return Some(vec![Err(error)]),
        };
        let mut not_carried = NotCarried::new();
        let placed = |event: Result<Decoded<Event>, Error>| -> Result<Decoded<Event>, Error> {
            let Decoded { value, repairs, .. } = event.map_err(|error| error.with_offset(offset))?;
            let event = parts.carried(value, &with.limits, &mut not_carried)?;
            Ok(Decoded::new(event, repairs))
        };
        let events: Vec<_> = events.into_iter().map(placed).collect();
        let first = events.iter().flatten().next().map_or("", |decoded| decoded.value.id());
        match beside::told(&not_carried, first, adapters.exact) {
            Ok(()) => Some(events),
            Err(error) => Some(vec![Err(error)]),
        }
    }

    /// The document of another system in this one, with the offset of its value. A document of a system that has no event stays in its
    /// envelope.
    fn inner(&self, document: &[u8]) -> Option<(usize, Bytes)> {
        self.depth.checked_sub(1)?;
        self.with.limits.check_bytes(document.len()).ok()?;
        let (offset, inner) = self.adapter.inner(self.headers, document)?;
        (self.is_batch(&inner) || self.reader(&inner).is_some()).then_some((offset, inner))
    }

    /// Whether a document is an array of events. An array of events of an older version has an adapter, so both are read, or neither.
    fn is_batch(&self, document: &[u8]) -> bool {
        let array = std::str::from_utf8(document).ok().filter(|text| self.adapters.known && is_array(text));
        array.and_then(first).is_some_and(place::is_event)
    }

    fn reader(&self, inner: &[u8]) -> Option<&Adapter> {
        self.adapters.recognize(inner).filter(|adapter| adapter.reads(inner))
    }

    /// The mappings that read this document within the envelope, and the documents within it.
    fn mappings(&self, mut inner: Bytes) -> Vec<&Mapping> {
        let mut all = Vec::new();
        for _ in 0..self.depth {
            let Some(adapter) = self.reader(&inner) else { break };
            all.extend(adapter.mapping_of(&inner));
            let Some((_, next)) = adapter.inner(&[], &inner) else { break };
            inner = next;
        }
        all
    }
}

/// The events of an array of events.
fn batch(document: &Bytes, with: &DecodeOptions) -> Events {
    match Json::new().decode_items(document.clone(), with) {
        Ok(items) => items.into_iter().map(|item| item.event).collect(),
        Err(error) => vec![Err(error)],
    }
}
