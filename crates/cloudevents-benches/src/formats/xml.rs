//! quick-xml: its events, names and texts borrowed from the document; and its writer, given the same events.

use super::{Input, Side, Sides};
use crate::rows::{Failure, run};
use quick_xml::{Reader, Writer, events::Event};
use std::hint::black_box;

pub(super) fn sides(input: &Input) -> Result<Sides, Failure> {
    let document: &'static str = Box::leak(str::from_utf8(&input.document)?.to_owned().into_boxed_str());
    let mut events = Vec::new();
    let mut reader = Reader::from_str(document);
    loop {
        match reader.read_event()? {
            Event::Eof => break,
            event => events.push(event),
        }
    }
    Ok(Sides {
        decode: run(move || scan(black_box(document))),
        encode: Side {
            run: run(move || {
                let mut writer = Writer::new(Vec::with_capacity(document.len()));
                for event in black_box(&events) {
                    let _ = writer.write_event(event.borrow());
                }
                writer.into_inner()
            }),
            extra: None,
        },
    })
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
