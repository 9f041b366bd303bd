//! NATS.

use super::Binding;
use crate::row::{Run, run};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Losses, Mode};
use cloudevents_nats::{NatsMessage, decode, encode};
use std::hint::black_box;

pub(super) struct Nats;

impl Binding for Nats {
    type Message = NatsMessage;

    fn encode(event: &Event) -> Result<(NatsMessage, Losses), Error> {
        encode(event, Mode::Binary)
    }

    fn decode(message: &NatsMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        decode(message, with)
    }

    fn body(message: &NatsMessage) -> Option<&Bytes> {
        Some(&message.payload)
    }

    fn owned(mut message: NatsMessage) -> NatsMessage {
        for (name, value) in &mut message.headers {
            (*name, *value) = (name.as_str().into(), value.to_vec().into());
        }
        message.payload = message.payload.to_vec().into();
        message
    }

    fn encode_floors(message: NatsMessage) -> Vec<(&'static str, Run)> {
        vec![("clone of the headers", run(move || black_box(&message).headers.clone()))]
    }
}
