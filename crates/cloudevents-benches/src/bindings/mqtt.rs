//! MQTT 5.

use super::Binding;
use crate::row::{Run, run};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Losses, Mode};
use cloudevents_mqtt::{MqttMessage, decode, encode};
use std::hint::black_box;

pub(super) struct Mqtt;

impl Binding for Mqtt {
    type Message = MqttMessage;

    fn encode(event: &Event) -> Result<(MqttMessage, Losses), Error> {
        encode(event, Mode::Binary)
    }

    fn decode(message: &MqttMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        decode(message, with)
    }

    fn body(message: &MqttMessage) -> Option<&Bytes> {
        Some(&message.payload)
    }

    fn owned(mut message: MqttMessage) -> MqttMessage {
        for (name, value) in &mut message.user_properties {
            (*name, *value) = (name.as_str().into(), value.as_str().into());
        }
        message.payload = message.payload.to_vec().into();
        message.content_type = message.content_type.map(|text| text.as_str().into());
        message
    }

    fn encode_floors(message: MqttMessage) -> Vec<(&'static str, Run)> {
        vec![("clone of the properties", run(move || black_box(&message).user_properties.clone()))]
    }
}
