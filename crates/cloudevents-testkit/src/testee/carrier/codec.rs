//! The codec of a binding.

use super::super::to::{To, Written};
use cloudevents_core::{DecodeOptions, Decoded, Error, Message};
use serde_json::Value as Json;

/// The codec of a binding, behind the messages of the protocol.
pub(crate) struct Codec {
    /// The name of the binding.
    pub(crate) name: &'static str,
    /// The options of writing.
    pub(crate) options: &'static [&'static str],
    pub(crate) decode: fn(&Json, &DecodeOptions) -> Result<Decoded<Message>, Error>,
    pub(crate) encode: fn(&To<'_>) -> Written,
}
