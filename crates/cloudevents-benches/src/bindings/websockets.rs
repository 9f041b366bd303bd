//! WebSockets, whose messages are documents: the peer is structured mode of HTTP.

use super::Binding;
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Losses, Mode};
use cloudevents_json::Json;
use cloudevents_websockets::{Frame, Subprotocol, decode, encode};
use std::sync::LazyLock;

pub(super) struct Websockets;

impl Binding for Websockets {
    type Message = Frame;

    fn encode(event: &Event) -> Result<(Frame, Losses), Error> {
        static WITH: LazyLock<DecodeOptions> = LazyLock::new(DecodeOptions::strict);
        encode(event, Subprotocol::Json, &WITH)
    }

    fn decode(frame: &Frame, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        decode(frame.clone(), Subprotocol::Json, with)
    }

    fn body(frame: &Frame) -> Option<&Bytes> {
        Some(frame.as_bytes())
    }

    fn owned(frame: Frame) -> Frame {
        match frame {
            Frame::Text(text) => Frame::Text(text.as_str().into()),
            Frame::Binary(bytes) => Frame::Binary(bytes.to_vec().into()),
        }
    }

    fn mode() -> Mode<'static> {
        static JSON: Json = Json::new();
        Mode::structured(&JSON)
    }
}
