//! RabbitMQ.

use super::Binding;
use crate::row::{Run, run};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Losses, Mode};
use cloudevents_rabbitmq::{FieldValue, RabbitMessage, decode, encode};
use std::hint::black_box;

pub(super) struct Rabbitmq;

impl Binding for Rabbitmq {
    type Message = RabbitMessage;

    fn encode(event: &Event) -> Result<(RabbitMessage, Losses), Error> {
        encode(event, Mode::Binary)
    }

    fn decode(message: &RabbitMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        decode(message, with)
    }

    fn body(message: &RabbitMessage) -> Option<&Bytes> {
        Some(&message.body)
    }

    fn owned(mut message: RabbitMessage) -> RabbitMessage {
        for (name, value) in &mut message.headers {
            *name = name.as_str().into();
            if let FieldValue::Bytes(bytes) = value {
                *bytes = bytes.to_vec().into();
            }
        }
        message.body = message.body.to_vec().into();
        message.content_type = message.content_type.map(|text| text.as_str().into());
        message
    }

    fn encode_floors(message: RabbitMessage) -> Vec<(&'static str, Run)> {
        vec![("clone of the headers", run(move || black_box(&message).headers.clone()))]
    }
}
