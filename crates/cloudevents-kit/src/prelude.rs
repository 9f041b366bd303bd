//! What most programs want in scope: `use cloudevents_kit::prelude::*;`.
//!
//! Events with their values and payloads, and the extension traits of the formats and bindings.

pub use crate::BuilderConveniences;
pub use cloudevents_core::{
    ContentMode, Data, Decoding, Event, EventData, Format, Message, Mode, TypedEvent, Value,
};
#[cfg(feature = "http")]
pub use cloudevents_http::BuilderExt;
pub use cloudevents_json::{Json, JsonBuilderExt, JsonEventExt};
