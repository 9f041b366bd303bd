//! quick-xml: its events, names and texts borrowed from the document. Its writer gets the same tags, and the texts as they are before
//! escaping.

use super::{Input, Side, Sides};
use crate::row::{Failure, run};
use quick_xml::{
    Reader, Writer,
    escape::resolve_predefined_entity,
    events::{BytesText, Event},
};
use std::hint::black_box;

pub(super) fn sides(input: &Input) -> Result<Sides, Failure> {
    let document: &'static str = Box::leak(str::from_utf8(&input.document)?.to_owned().into_boxed_str());
    let pieces = pieces(document)?;
    Ok(Sides {
        decode: run(move || scan(black_box(document))),
        encode: Side {
            run: run(move || {
                let mut writer = Writer::new(Vec::with_capacity(document.len()));
                for piece in black_box(&pieces) {
                    let _ = match piece {
                        Piece::Text(text) => writer.write_event(Event::Text(BytesText::new(text))),
                        Piece::Tag(event) => writer.write_event(event.borrow()),
                    };
                }
                writer.into_inner()
            }),
            extra: None,
        },
    })
}

/// A piece to write.
enum Piece {
    Text(String),
    Tag(Event<'static>),
}

fn pieces(document: &'static str) -> Result<Vec<Piece>, Failure> {
    let mut pieces = Vec::new();
    let mut reader = Reader::from_str(document);
    loop {
        let event = reader.read_event()?;
        let text = match &event {
            Event::Eof => return Ok(pieces),
            Event::Text(text) => text.to_string(),
            Event::GeneralRef(name) => match name.resolve_char_ref()? {
                Some(character) => character.to_string(),
                None => resolve_predefined_entity(name).ok_or("an entity")?.to_owned(),
            },
            _ => {
                pieces.push(Piece::Tag(event));
                continue;
            }
        };
        match pieces.last_mut() {
            Some(Piece::Text(before)) => before.push_str(&text),
            _ => pieces.push(Piece::Text(text)),
        }
    }
}

/// Looks at everything, attributes too, and keeps where the texts are.
fn scan(document: &str) -> Result<usize, quick_xml::Error> {
    let mut reader = Reader::from_str(document);
    let mut found = 0;
    loop {
        match reader.read_event()? {
            Event::Start(start) | Event::Empty(start) => {
                for attribute in start.attributes() {
                    found += attribute?.value.len();
                }
                found += black_box(start.name()).as_ref().len();
            }
            Event::Text(text) => found += black_box(&*text).len(),
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}
