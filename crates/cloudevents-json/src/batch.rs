//! Batches: a JSON array of events.

use crate::{
    decode::{close, event, open},
    encode::{append as write, length},
    value::syntax,
};
use bytes::Bytes;
use cloudevents_core::{
    Batch, DecodeOptions, Decoded, Error, ErrorKind, Event, Item, Losses, Repair, RepairKind, TextBuffer,
    codec::{
        check_count, mixed_specversions,
        scan::{Mistake, Scanner},
    },
};

/// All events, or the first error with its index.
pub(crate) fn decode(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Vec<Event>>, Error> {
    let (buffer, start) = open(document, with)?;
    let mut batch = Decoded::clean(Vec::new());
    if start > 0 {
        batch.repairs.push(Repair::new(RepairKind::ByteOrderMark));
    }
    let mut elements = Elements::open(&buffer, start)?;
    while let Some(mut at) = elements.next(&buffer)? {
        let index = batch.value.len();
        check_count(index, at, &with.limits)?;
        let begin = at;
        let decoded = event(&buffer, &mut at, with, 2).map_err(|error| error.with_index(index))?;
        if let Some(first) = batch.value.first() {
            check_version(first, &decoded.value, index)?;
        } else {
            // Events of a batch are alike, so the size of the first one gives an estimate of their number.
            let size = at.saturating_sub(begin).saturating_add(1);
            let left = buffer.as_bytes().len().saturating_sub(begin);
            let room = left.checked_div(size).unwrap_or_default().saturating_add(1);
            batch.value.reserve_exact(room.min(with.limits.batch));
        }
        batch.value.push(decoded.value);
        batch.repairs.extend(decoded.repairs.into_iter().map(|repair| repair.with_index(index)));
        elements.at = at;
    }
    close(&buffer, elements.at)?;
    Ok(batch)
}

/// Returns each element as an event or an error. Fails only for a document that is not an array. A byte order mark is reported with the
/// first valid event, as by [`BatchReader`](crate::BatchReader).
pub(crate) fn decode_items(document: Bytes, with: &DecodeOptions) -> Result<Vec<Item>, Error> {
    let (buffer, start) = open(document, with)?;
    let mut items: Vec<Item> = Vec::new();
    let (mut version, mut mark) = (None, start > 0);
    let mut elements = Elements::open(&buffer, start)?;
    while let Some(at) = elements.next(&buffer)? {
        let index = items.len();
        check_count(index, at, &with.limits)?;
        let mut scanner = Scanner::at(buffer.as_str(), at);
        // One level beyond the limit, so that an element that is too deep fails alone.
        let range = scanner.value(u32::MAX).map_err(syntax)?;
        elements.at = range.end;
        let mut begin = range.start;
        let decoded = event(&buffer, &mut begin, with, 2).and_then(|decoded| {
            let first = *version.get_or_insert(decoded.value.specversion());
            if first != decoded.value.specversion() {
                return Err(mixed_specversions(first));
            }
            let mut decoded = decoded.with_index(index);
            if std::mem::take(&mut mark) {
                decoded.repairs.push(Repair::new(RepairKind::ByteOrderMark));
            }
            Ok(decoded)
        });
        items.push(Item::new(
            decoded.map_err(|error| error.with_index(index)),
            buffer
                .as_bytes()
                .get(range.clone())
                .map_or_else(Bytes::new, |part| buffer.as_bytes().slice_ref(part)),
        ));
    }
    close(&buffer, elements.at)?;
    Ok(items)
}

/// Appends the array.
pub(crate) fn encode(events: Batch<'_>, out: &mut Vec<u8>) -> Result<Losses, Error> {
    events.specversion()?;
    let size =
        events.iter().fold(2_usize, |size, event| size.saturating_add(length(event)).saturating_add(1));
    out.reserve(size);
    let mut losses = Losses::none();
    out.push(b'[');
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        losses.append_event(index, write(event, out));
    }
    out.push(b']');
    Ok(losses)
}

/// Walks the elements of an array without reading them.
struct Elements {
    at: usize,
    first: bool,
}

impl Elements {
    fn open(buffer: &TextBuffer, start: usize) -> Result<Self, Error> {
        let mut scanner = Scanner::at(buffer.as_str(), start);
        scanner.white_space();
        if scanner.peek() == Ok(b'{') {
            return Err(Error::new(ErrorKind::InvalidDocument)
                .with_detail("a batch is a JSON array, and this is an object")
                .with_offset(scanner.position())
                .with_help("a single event has the media type application/cloudevents+json")
                .with_clause("JSON-4.1-a"));
        }
        scanner.expect(b'[', "a batch, which is a JSON array").map_err(syntax)?;
        Ok(Self { at: scanner.position(), first: true })
    }

    /// Returns where the next element begins; `None` after the closing bracket. `at` is after the previous element.
    fn next(&mut self, buffer: &TextBuffer) -> Result<Option<usize>, Error> {
        let mut scanner = Scanner::at(buffer.as_str(), self.at);
        scanner.white_space();
        match (scanner.peek().map_err(syntax)?, self.first) {
            (b']', _) => {
                scanner.expect(b']', "`]`").map_err(syntax)?;
                self.at = scanner.position();
                return Ok(None);
            }
            (b',', false) => scanner.expect(b',', "`,`").map_err(syntax)?,
            (_, true) => {}
            _ => return Err(syntax(scanner.problem(Mistake::Expected("`,` or `]`")))),
        }
        self.first = false;
        scanner.white_space();
        Ok(Some(scanner.position()))
    }
}

fn check_version(first: &Event, event: &Event, index: usize) -> Result<(), Error> {
    if first.specversion() == event.specversion() {
        Ok(())
    } else {
        Err(mixed_specversions(first.specversion()).with_index(index))
    }
}
