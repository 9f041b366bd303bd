//! The codec of a binding.

use crate::row::Run;
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Losses, Mode};

/// The codec of a binding.
pub(super) trait Binding: 'static {
    type Message: Clone + 'static;

    fn encode(event: &Event) -> Result<(Self::Message, Losses), Error>;
    fn decode(message: &Self::Message, with: &DecodeOptions) -> Result<Decoded<Event>, Error>;

    /// The part of the message that a payload is in.
    fn body(message: &Self::Message) -> Option<&Bytes>;

    /// The message as it comes from elsewhere: out of buffers of its own.
    fn owned(message: Self::Message) -> Self::Message;

    /// The mode of both sides.
    fn mode() -> Mode<'static> {
        Mode::Binary
    }

    /// Plain work that decoding is compared with.
    fn decode_floors(_: &Self::Message) -> Vec<(&'static str, Run)> {
        Vec::new()
    }

    /// Plain work that encoding is compared with.
    fn encode_floors(_: Self::Message) -> Vec<(&'static str, Run)> {
        Vec::new()
    }
}
