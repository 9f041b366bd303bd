//! Events and messages to frames.

use crate::{Frame, Subprotocol};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Losses, Message, TextBuffer};
use cloudevents_json::find;

/// Writes an event as a message of this subprotocol, with its format among `with`'s. JSON is always there.
///
/// The losses list the parts that the format could not represent. A missing format is an error of kind
/// [`UnknownFormat`](ErrorKind::UnknownFormat).
pub fn encode(
    event: &Event,
    subprotocol: Subprotocol,
    with: &DecodeOptions,
) -> Result<(Frame, Losses), Error> {
    let mut body = Vec::new();
    let losses = find(&subprotocol.format(), &with.formats)?.encode(event, &mut body)?;
    Ok((frame(body.into(), subprotocol)?, losses))
}

/// Writes a message: a document in the subprotocol's format moves as it is.
///
/// Other messages are errors of kind [`Unsupported`](ErrorKind::Unsupported): an event in binary mode, which [`encode`] writes, a batch,
/// and a document in another format, which has to be decoded and encoded again.
pub fn encode_message(message: &Message, subprotocol: Subprotocol) -> Result<Frame, Error> {
    match message {
        Message::Structured(found) if *found.format() == subprotocol.format() => {
            frame(found.body().clone(), subprotocol)
        }
        Message::Structured(_) => Err(unsupported("the format of a connection is that of its subprotocol")
            .with_help("decode the document, and encode the event again")),
        Message::Binary(_) => {
            Err(unsupported("WebSockets have no binary mode").with_help("encode the event instead"))
        }
        _ => Err(unsupported("WebSockets have no batched mode")
            .with_help("send the events one by one")
            .with_clause("WS-1.5-c")),
    }
}

fn frame(body: Bytes, subprotocol: Subprotocol) -> Result<Frame, Error> {
    Ok(match subprotocol.is_text() {
        true => Frame::Text(TextBuffer::new(body)?),
        false => Frame::Binary(body),
    })
}

#[cold]
fn unsupported(detail: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(detail).with_clause("WS-1.3-a")
}
