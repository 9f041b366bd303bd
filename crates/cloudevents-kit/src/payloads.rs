//! Payloads: the data of an event, and the traits that give it a Rust type.

pub use cloudevents_core::{
    Codec, CodecContext, Data, Decode, Encode, EventData, IntoPayload, JsonText, Payload, TextBuffer,
    TypedEvent, event_enum,
};
