//! Documents of other systems within each other.

use crate::{Adapters, Headers, beside};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event};
use std::collections::BTreeSet;

/// Documents of other systems within each other that are read.
pub(crate) const DEPTH: u8 = 3;

impl Adapters {
    /// Makes events of a document, or of the document within it, down to this depth.
    pub(crate) fn events_within(
        &self,
        headers: Headers<'_>,
        document: &Bytes,
        with: &DecodeOptions,
        depth: u8,
        is_signed: bool,
    ) -> Option<Vec<Result<Decoded<Event>, Error>>> {
        let adapter = self.recognize_message(headers, document)?;
        let within = || {
            let depth = depth.checked_sub(1)?;
            let (offset, inner) = adapter.inner(headers, document)?;
            with.limits.check_bytes(document.len()).ok()?;
            // A document of a system that has no event stays in its envelope.
            let reader = self.recognize(&inner).filter(|adapter| adapter.reads(&inner))?;
            let events = self.events_within(&[], &inner, with, depth, is_signed)?;
            let parts = match adapter.beside_inner(headers, document, with, is_signed) {
                Ok(parts) => parts.without_implied(|place, text| reader.implies(&inner, place, text)),
                Err(error) => return Some(vec![Err(error)]),
            };
            let mut not_carried = BTreeSet::new();
            let placed = |event: Result<Decoded<Event>, Error>| -> Result<Decoded<Event>, Error> {
                let Decoded { value, repairs, .. } = event.map_err(|error| error.with_offset(offset))?;
                let event = parts.carried(value, &with.limits, &mut not_carried)?;
                Ok(Decoded::new(event, repairs))
            };
            let events: Vec<_> = events.into_iter().map(placed).collect();
            let first = events.iter().flatten().next().map_or("", |decoded| decoded.value.id());
            match beside::told(&not_carried, first, self.exact) {
                Ok(()) => Some(events),
                Err(error) => Some(vec![Err(error)]),
            }
        };
        Some(within().unwrap_or_else(|| adapter.events_of(headers, document, with, self.care(is_signed))))
    }
}
