//! The carriers that a request names in `via`: formats, and bindings by their codecs.

use super::{
    amqp_message,
    encode::{To, Written},
    http_message, kafka_record, mqtt_message, nats_message, rabbitmq_message, websockets_message,
};
use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_cbor::Cbor;
use cloudevents_core::{DecodeOptions, Decoded, Error, FormatId, Formats, Message};
use cloudevents_protobuf::Protobuf;
use cloudevents_vectors::carriers;
use cloudevents_xml::Xml;
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

/// The codecs of the toolkit.
pub(crate) const CODECS: &[Codec] = &[
    amqp_message::CODEC,
    http_message::CODEC,
    kafka_record::CODEC,
    mqtt_message::CODEC_3,
    mqtt_message::CODEC_5,
    nats_message::CODEC,
    rabbitmq_message::CODEC,
    websockets_message::CODEC,
];

/// What `via` names.
#[derive(Clone, Copy)]
pub(crate) enum Carrier {
    /// A document with one event.
    Single(FormatName),
    /// A document with a batch.
    Batch(FormatName),
    /// A message of a binding.
    Bound(&'static Codec),
}

/// The name of a known format.
pub(crate) type FormatName = &'static str;

impl Carrier {
    pub(crate) fn of(via: &str) -> Option<Self> {
        match format_names().find(|name| *name == via) {
            Some(name) => Some(name.strip_suffix("-batch").map_or(Self::Single(name), Self::Batch)),
            None => CODECS.iter().find(|codec| codec.name == via).map(Self::Bound),
        }
    }

    /// The options of writing it.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Bound(codec) => codec.options,
            _ => &[],
        }
    }
}

/// What the protocol calls the documents of formats, and those of batches.
pub(crate) fn format_names() -> impl Iterator<Item = FormatName> {
    carriers().iter().filter(|carrier| carrier.is_format()).map(|carrier| &*carrier.name)
}

/// All known formats.
pub(crate) fn formats() -> Formats {
    Formats::none()
        .with(cloudevents_json::Json::new())
        .with(Protobuf::new())
        .with(Avro::new())
        .with(AvroCompact::new())
        .with(Xml::new())
        .with(Cbor::new())
}

/// The id of a known format.
pub(crate) fn id(name: FormatName) -> FormatId {
    FormatId::new(name)
}
