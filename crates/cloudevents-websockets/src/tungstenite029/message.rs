//! Messages of tokio-tungstenite.

use crate::{Frame, Subprotocol, decode as decode_frame, encode as encode_frame};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Losses, TextBuffer};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Converts a message that holds an event. Returns `None` for pings, pongs and close frames.
///
/// ```
/// use cloudevents_websockets::{Frame, tungstenite029::frame};
/// use tokio_tungstenite::tungstenite::Message;
///
/// assert!(matches!(frame(Message::text("{}"))?, Some(Frame::Text(_))));
/// assert!(frame(Message::Ping("".into()))?.is_none());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn frame(message: Message) -> Result<Option<Frame>, Error> {
    Ok(match message {
        Message::Text(text) => Some(Frame::Text(TextBuffer::new(Bytes::from(text))?)),
        Message::Binary(bytes) => Some(Frame::Binary(bytes)),
        _ => None,
    })
}

/// Converts a frame to a message to send. The bytes are not copied.
pub fn message(frame: Frame) -> Result<Message, Error> {
    Ok(match frame {
        Frame::Text(text) => {
            let text = Utf8Bytes::try_from(text.as_bytes().clone());
            Message::Text(text.map_err(|error| Error::new(ErrorKind::InvalidUtf8).with_source(error))?)
        }
        Frame::Binary(bytes) => Message::Binary(bytes),
    })
}

/// Reads the event of a message, as [`decode`](crate::decode) does. Returns `None` for pings, pongs and close frames.
pub fn decode(
    message: Message,
    subprotocol: Subprotocol,
    with: &DecodeOptions,
) -> Result<Option<Decoded<Event>>, Error> {
    frame(message)?.map(|frame| decode_frame(frame, subprotocol, with)).transpose()
}

/// Writes an event as a message, as [`encode`](crate::encode) does.
///
/// ```
/// use cloudevents_core::{DecodeOptions, Event};
/// use cloudevents_websockets::{Subprotocol, tungstenite029::{decode, encode}};
///
/// let with = DecodeOptions::strict();
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let (message, _) = encode(&event, Subprotocol::Json, &with)?;
/// assert!(message.is_text());
/// assert_eq!(decode(message, Subprotocol::Json, &with)?.unwrap().value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(
    event: &Event,
    subprotocol: Subprotocol,
    with: &DecodeOptions,
) -> Result<(Message, Losses), Error> {
    let (frame, losses) = encode_frame(event, subprotocol, with)?;
    Ok((message(frame)?, losses))
}
