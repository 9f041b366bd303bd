//! Frames to messages and events.

use crate::{Frame, Subprotocol};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Message};
use cloudevents_json::{find, recognize};

/// Reads the event of a message of this subprotocol, with its format among `with`'s. JSON is always there.
///
/// A frame of the wrong kind is an error of kind [`InvalidDocument`](ErrorKind::InvalidDocument) (WS-1.5-a). An endpoint then closes the
/// connection with status 1003.
pub fn decode(frame: Frame, subprotocol: Subprotocol, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    check(frame.is_text(), frame.as_bytes(), subprotocol, with)?;
    find(&subprotocol.format(), &with.formats)?.decode(frame.as_bytes().clone(), with)
}

/// Reads a message without looking into its document: for forwarding it, and for looking at an attribute first.
pub fn decode_message(
    frame: Frame,
    subprotocol: Subprotocol,
    with: &DecodeOptions,
) -> Result<Decoded<Message>, Error> {
    decode_parts(frame.is_text(), frame.as_bytes().clone(), subprotocol, with)
}

/// As [`decode_message`], for the kind and the content of a message.
pub(crate) fn decode_parts(
    is_text: bool,
    content: Bytes,
    subprotocol: Subprotocol,
    with: &DecodeOptions,
) -> Result<Decoded<Message>, Error> {
    check(is_text, &content, subprotocol, with)?;
    Ok(Decoded::clean(Message::Structured(recognize(subprotocol.format(), content, &with.formats))))
}

fn check(
    is_text: bool,
    content: &Bytes,
    subprotocol: Subprotocol,
    with: &DecodeOptions,
) -> Result<(), Error> {
    with.limits.check_bytes(content.len())?;
    match (is_text, subprotocol.is_text()) {
        (true, false) => Err(wrong_frame("a text frame", subprotocol)),
        (false, true) => Err(wrong_frame("a binary frame", subprotocol)),
        _ => Ok(()),
    }
}

#[cold]
fn wrong_frame(found: &str, subprotocol: Subprotocol) -> Error {
    let expected = if subprotocol.is_text() { "text" } else { "binary" };
    Error::new(ErrorKind::InvalidDocument)
        .with_detail(format!("{found} came over `{subprotocol}`, whose messages are {expected} frames"))
        .with_clause("WS-1.5-a")
}
