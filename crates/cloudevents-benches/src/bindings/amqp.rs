//! AMQP 1.0.

use super::Binding;
use crate::row::{Run, run};
use bytes::Bytes;
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body, decode, encode};
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Losses, Mode};
use std::hint::black_box;

pub(super) struct Amqp;

impl Binding for Amqp {
    type Message = AmqpMessage;

    fn encode(event: &Event) -> Result<(AmqpMessage, Losses), Error> {
        encode(event, Mode::Binary)
    }

    fn decode(message: &AmqpMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        decode(message, with)
    }

    fn body(message: &AmqpMessage) -> Option<&Bytes> {
        match &message.body {
            Body::Data(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn owned(mut message: AmqpMessage) -> AmqpMessage {
        for (name, value) in &mut message.application_properties {
            *name = name.as_str().into();
            if let AmqpValue::String(text) = value {
                *text = text.as_str().into();
            }
        }
        if let Body::Data(bytes) = &message.body {
            message.body = Body::Data(bytes.to_vec().into());
        }
        message.properties.content_type = message.properties.content_type.map(|text| text.as_str().into());
        message
    }

    fn encode_floors(message: AmqpMessage) -> Vec<(&'static str, Run)> {
        vec![("clone of the properties", run(move || black_box(&message).application_properties.clone()))]
    }
}
