//! Batches: a `batch` element with events.

use crate::{
    decode::{event, open, other_root},
    encode::{DECLARATION, NAMESPACES, append as write, length},
    namespaces::Namespace,
    scan::{Scanner, Tag, Token},
};
use bytes::Bytes;
use cloudevents_core::{
    Batch, DecodeOptions, Decoded, Error, Event, Item, Losses, TextBuffer, codec::check_count,
};

/// All events, or the first error with its index.
pub(crate) fn decode(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Vec<Event>>, Error> {
    let buffer = open(document, with)?;
    let mut scanner = Scanner::new(buffer.as_str(), &with.limits)?;
    let mut batch = Decoded::clean(Vec::new());
    let (mut copied, mut begin) = (0, None);
    let mut elements = Elements::open(&mut scanner)?;
    while let Some(tag) = elements.next(&mut scanner)? {
        let index = batch.value.len();
        check_count(index, tag.start, &with.limits)?;
        let decoded =
            event(&buffer, &mut scanner, with, &mut copied).map_err(|error| error.with_index(index))?;
        if index == batch.value.capacity() {
            // Events of a batch are alike, so those read so far give an estimate of their number.
            let begin = *begin.get_or_insert(tag.start);
            let size = scanner.position().saturating_sub(begin).checked_div(index.saturating_add(1));
            let left = buffer.as_bytes().len().saturating_sub(scanner.position());
            let more = left.checked_div(size.unwrap_or(1)).unwrap_or_default().saturating_add(1);
            batch.value.reserve_exact(more.min(with.limits.batch));
        }
        batch.value.push(decoded.value);
        batch.repairs.extend(decoded.repairs.into_iter().map(|repair| repair.with_index(index)));
    }
    scanner.epilog()?;
    Ok(batch)
}

/// Returns each element as an event or an error. Fails only for a document that is not a batch or not well-formed.
pub(crate) fn decode_items(document: Bytes, with: &DecodeOptions) -> Result<Vec<Item>, Error> {
    let buffer = open(document, with)?;
    let mut scanner = Scanner::new(buffer.as_str(), &with.limits)?;
    let mut items: Vec<Item> = Vec::new();
    let mut copied = 0;
    let mut elements = Elements::open(&mut scanner)?;
    while let Some(tag) = elements.next(&mut scanner)? {
        let index = items.len();
        check_count(index, tag.start, &with.limits)?;
        // Without a limit, so that an element that is too deep fails alone.
        let depth = scanner.set_depth(u32::MAX);
        scanner.skip()?;
        scanner.set_depth(depth);
        let (level, end) = (scanner.level(), scanner.position());
        scanner.rewind(tag.start, level);
        let decoded = scanner.start().and_then(|_| event(&buffer, &mut scanner, with, &mut copied));
        scanner.rewind(end, level);
        let decoded =
            decoded.map(|decoded| decoded.with_index(index)).map_err(|error| error.with_index(index));
        items.push(Item::new(decoded, part(&buffer, tag.start, end)));
    }
    scanner.epilog()?;
    Ok(items)
}

/// Appends the document.
pub(crate) fn encode(events: Batch<'_>, out: &mut Vec<u8>) -> Result<Losses, Error> {
    let mut size = DECLARATION.len().saturating_add(NAMESPACES.len()).saturating_add("<batch></batch>".len());
    for (index, event) in events.iter().enumerate() {
        size = size.saturating_add(length(event).map_err(|error| error.with_index(index))?);
    }
    out.reserve(size);
    out.extend_from_slice(DECLARATION.as_bytes());
    out.extend_from_slice(b"<batch");
    out.extend_from_slice(NAMESPACES.as_bytes());
    out.push(b'>');
    let mut losses = Losses::none();
    for (index, event) in events.iter().enumerate() {
        losses.append_event(index, write(event, "", out)?);
    }
    out.extend_from_slice(b"</batch>");
    Ok(losses)
}

/// Walks the events of a batch.
struct Elements {
    done: bool,
}

impl Elements {
    fn open(scanner: &mut Scanner<'_>) -> Result<Self, Error> {
        scanner.prolog()?;
        let tag = scanner.start()?;
        match (tag.namespace, tag.name.local.of(scanner.text())) {
            (Namespace::Ce, "batch") => Ok(Self { done: false }),
            (Namespace::Ce, "event") => Err(scanner
                .problem_at(tag.start, "a batch is expected, and this is an event")
                .with_help("a single event has the media type application/cloudevents+xml")
                .with_clause("XML-5-c")),
            _ => Err(other_root(scanner, tag, "a batch")),
        }
    }

    /// Reads the start tag of the next event; `None` after the batch.
    fn next(&mut self, scanner: &mut Scanner<'_>) -> Result<Option<Tag>, Error> {
        while !self.done {
            match scanner.next()? {
                Token::Start => {
                    let tag = scanner.start()?;
                    match (tag.namespace, tag.name.local.of(scanner.text())) {
                        (Namespace::Ce, "event") => return Ok(Some(tag)),
                        (Namespace::Ce, _) => {
                            return Err(scanner
                                .problem_at(
                                    tag.start,
                                    "a batch has no other elements of the format than events",
                                )
                                .with_clause("XML-5-b"));
                        }
                        _ => scanner.skip()?,
                    }
                }
                Token::End => {
                    scanner.end()?;
                    self.done = true;
                }
                token => scanner.blank(token, "XML-5-a")?,
            }
        }
        Ok(None)
    }
}

fn part(buffer: &TextBuffer, start: usize, end: usize) -> Bytes {
    let bytes = buffer.as_bytes();
    bytes.get(start..end).map_or_else(Bytes::new, |part| bytes.slice_ref(part))
}
