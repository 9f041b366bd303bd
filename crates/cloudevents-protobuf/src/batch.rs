//! Batches: the message `CloudEventBatch`.

use crate::{
    decode::event,
    encode::{Plan, check_version},
    wire::{Content, Reader, bytes_tag, field_length, put_length, wrong_wire_type},
};
use bytes::Bytes;
use cloudevents_core::{Batch, DecodeOptions, Decoded, Error, Event, Item, Losses, codec::check_count};

/// All events, or the first error with its index.
///
/// Every event is of specversion 1.0, or refused; so there are no mixed batches.
pub(crate) fn decode(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Vec<Event>>, Error> {
    let count = count(&document, with)?;
    let mut batch = Decoded::clean(Vec::with_capacity(count));
    let mut elements = Elements::open(&document, with);
    while let Some((part, start)) = elements.next()? {
        let index = batch.value.len();
        let decoded =
            event(document.slice_ref(part), start, with, 2).map_err(|error| error.with_index(index))?;
        batch.value.push(decoded.value);
        batch.repairs.extend(decoded.repairs.into_iter().map(|repair| repair.with_index(index)));
    }
    Ok(batch)
}

/// Returns each element as an event or an error. Fails only for a document that is not a batch.
pub(crate) fn decode_items(document: Bytes, with: &DecodeOptions) -> Result<Vec<Item>, Error> {
    let mut items = Vec::with_capacity(count(&document, with)?);
    let mut elements = Elements::open(&document, with);
    while let Some((part, start)) = elements.next()? {
        let (raw, index) = (document.slice_ref(part), items.len());
        let decoded = event(raw.clone(), start, with, 2);
        items.push(Item::new(
            decoded.map(|decoded| decoded.with_index(index)).map_err(|error| error.with_index(index)),
            raw,
        ));
    }
    Ok(items)
}

/// Appends the message.
pub(crate) fn encode(events: Batch<'_>, out: &mut Vec<u8>) -> Result<Losses, Error> {
    events.specversion()?;
    if let Some(first) = events.first() {
        check_version(first).map_err(|error| error.with_index(0))?;
    }
    let length = |event| field_length(Plan::of(event).length());
    out.reserve(events.iter().fold(0_usize, |size, event| size.saturating_add(length(event))));
    let mut losses = Losses::none();
    for (index, event) in events.iter().enumerate() {
        let plan = Plan::of(event);
        out.push(bytes_tag(1));
        put_length(plan.length(), out);
        losses.append_event(index, plan.append(out));
    }
    Ok(losses)
}

/// Counts the events, within the limit. Scans only the bounds of the events.
fn count(document: &Bytes, with: &DecodeOptions) -> Result<usize, Error> {
    with.limits.check_bytes(document.len())?;
    let mut elements = Elements::open(document, with);
    let mut count = 0_usize;
    while let Some((_, start)) = elements.next()? {
        check_count(count, start, &with.limits)?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// Walks the elements of a batch without reading them.
struct Elements<'a>(Reader<'a>);

impl<'a> Elements<'a> {
    fn open(document: &'a [u8], with: &DecodeOptions) -> Self {
        Self(Reader::new(document, 0, with.limits.depth.saturating_sub(1)))
    }

    /// The next element and where it begins.
    fn next(&mut self) -> Result<Option<(&'a [u8], usize)>, Error> {
        while let Some(field) = self.0.field()? {
            match (field.number, field.content) {
                (1, Content::Bytes(part)) => return Ok(Some((part, field.at))),
                (1, other) => {
                    return Err(wrong_wire_type("events", other, field.at).with_clause("PROTO-5-a"));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}
