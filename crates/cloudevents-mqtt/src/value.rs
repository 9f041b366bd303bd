//! Attribute values as values of user properties: the canonical text, as it stands.

use cloudevents_core::{
    Error, ErrorKind, Event, TextBuffer,
    codec::{Assembler, Given, share},
};
use std::borrow::Cow;

/// The longest string of MQTT, in bytes (MQTT 5.0, section 1.5.4).
const LONGEST: usize = 65_535;

/// Reads a user property as the attribute of this name and gives it to the assembler.
#[inline]
pub(crate) fn read(name: &str, value: &str, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let piece = assembler.push(value)?;
    assembler.named(name, Given::Text(piece))
}

/// A text of this event. It shares the event's buffer if it is in it.
#[inline]
pub(crate) fn write(event: &Event, name: &str, text: Cow<'_, str>) -> Result<TextBuffer, Error> {
    if text.len() > LONGEST {
        return Err(too_long(name, text.len()));
    }
    Ok(match text {
        Cow::Borrowed(text) => {
            share(event, text).and_then(|bytes| TextBuffer::new(bytes).ok()).unwrap_or_else(|| text.into())
        }
        Cow::Owned(text) => text.into(),
    })
}

#[cold]
fn too_long(name: &str, length: usize) -> Error {
    Error::new(ErrorKind::TooLarge)
        .with_attribute(name)
        .with_detail(format!("it has {length} bytes, and a string of MQTT has at most {LONGEST}"))
        .with_help("send the event in structured mode")
}
