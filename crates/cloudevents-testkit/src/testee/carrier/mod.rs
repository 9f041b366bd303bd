//! The carriers that a request names in `via`: formats, and bindings by their codecs.

pub(super) mod amqp;
mod codec;
pub(super) mod http;
pub(super) mod kafka;
pub(super) mod mqtt;
pub(super) mod nats;
mod rabbitmq;
mod row;
mod websockets;

use super::{
    pairs::{body, latin1, octets, pairs, text},
    to::{To, Wanted, Written},
};
use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_carriers::CARRIERS;
use cloudevents_cbor::Cbor;
use cloudevents_core::{DecodeOptions, Decoded, Error, FormatId, Formats, Message};
use cloudevents_protobuf::Protobuf;
use cloudevents_vectors::carriers;
use cloudevents_xml::Xml;
use codec::Codec;
use serde_json::Value as Json;

/// The codecs of the toolkit.
pub(crate) const CODECS: &[Codec] = &[
    amqp::CODEC,
    http::CODEC,
    kafka::CODEC,
    mqtt::CODEC_3,
    mqtt::CODEC_5,
    nats::CODEC,
    rabbitmq::CODEC,
    websockets::CODEC,
];

/// The carrier that `via` names.
#[derive(Clone, Copy)]
pub(crate) enum Carrier {
    /// A document with one event.
    Single(FormatName),
    /// A document with a batch.
    Batch(FormatName),
    /// A message of a binding.
    Bound(&'static Codec),
    /// A message of a carrier that is a row of data.
    Row(Row),
}

/// A carrier that is a row of data.
pub(crate) type Row = &'static cloudevents_carriers::Carrier;

/// Reads a message of a row.
pub(crate) fn decode_row(
    carrier: Row,
    message: &Json,
    with: &DecodeOptions,
) -> Result<Decoded<Message>, Error> {
    row::decode(carrier, message, with)
}

/// Writes events as a message of a row.
pub(crate) fn encode_row(carrier: Row, to: &To<'_>) -> Written {
    row::encode(carrier, to)
}

/// The name of a known format.
pub(crate) type FormatName = &'static str;

impl Carrier {
    pub(crate) fn of(via: &str) -> Option<Self> {
        match format_names().find(|name| *name == via) {
            Some(name) => Some(name.strip_suffix("-batch").map_or(Self::Single(name), Self::Batch)),
            None => {
                let bound = CODECS.iter().find(|codec| codec.name == via).map(Self::Bound);
                bound.or_else(|| CARRIERS.iter().find(|row| row.name == via).map(Self::Row))
            }
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

/// The names of the bindings, and of the carriers that are rows of data.
pub(crate) fn binding_names() -> impl Iterator<Item = &'static str> {
    CODECS.iter().map(|codec| codec.name).chain(CARRIERS.iter().map(|row| row.name))
}

/// The protocol's names of formats, for documents of one event and of a batch.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_knows_each_codec() {
        for codec in CODECS {
            let row = cloudevents_vectors::Carrier::of(codec.name).expect(codec.name);
            assert!(!row.is_format() && matches!(Carrier::of(codec.name), Some(Carrier::Bound(_))));
        }
        for row in CARRIERS {
            let known = cloudevents_vectors::Carrier::of(row.name).expect(row.name);
            assert!(matches!(Carrier::of(row.name), Some(Carrier::Row(_))));
            assert_eq!(known.area(), "carriers");
            let modes: Vec<&str> = row.modes.iter().map(|mode| mode.as_str()).collect();
            assert_eq!(known.modes, modes, "{}", row.name);
            let prefixes = known.headers.iter().flat_map(|headers| &headers.prefixes);
            assert_eq!(prefixes.map(String::as_str).collect::<String>(), row.prefix, "{}", row.name);
        }
        let bindings = cloudevents_vectors::carriers().iter().filter(|carrier| !carrier.is_format());
        assert_eq!(bindings.count(), binding_names().count());
        assert!(matches!(Carrier::of("json"), Some(Carrier::Single("json"))));
        assert!(matches!(Carrier::of("json-batch"), Some(Carrier::Batch("json"))));
        assert!(Carrier::of("no-such-carrier").is_none());
    }
}
