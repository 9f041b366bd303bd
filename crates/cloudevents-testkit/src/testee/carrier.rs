//! The carriers a request names in `via`.

use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_cbor::Cbor;
use cloudevents_core::{FormatId, Formats};
use cloudevents_json::Json;
use cloudevents_mqtt::Version;
use cloudevents_protobuf::Protobuf;
use cloudevents_xml::Xml;

/// What `via` names.
#[derive(Clone, Copy)]
pub(crate) enum Carrier {
    /// A document with one event.
    Single(FormatName),
    /// A document with a batch.
    Batch(FormatName),
    Amqp,
    Http,
    Kafka,
    Mqtt(Version),
    Nats,
    Rabbitmq,
    Websockets,
}

/// The name of a known format.
pub(crate) type FormatName = &'static str;

impl Carrier {
    pub(crate) fn of(via: &str) -> Option<Self> {
        Some(match via {
            "avro" => Self::Single("avro"),
            "avro-compact" => Self::Single("avro-compact"),
            "cbor" => Self::Single("cbor"),
            "json" => Self::Single("json"),
            "json-batch" => Self::Batch("json"),
            "protobuf" => Self::Single("protobuf"),
            "protobuf-batch" => Self::Batch("protobuf"),
            "xml" => Self::Single("xml"),
            "xml-batch" => Self::Batch("xml"),
            "amqp" => Self::Amqp,
            "http" => Self::Http,
            "kafka" => Self::Kafka,
            "mqtt3" => Self::Mqtt(Version::V3),
            "mqtt5" => Self::Mqtt(Version::V5),
            "nats" => Self::Nats,
            "rabbitmq" => Self::Rabbitmq,
            "websockets" => Self::Websockets,
            _ => return None,
        })
    }

    /// The options of writing it.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Amqp => &["peer", "separator", "strings"],
            Self::Http => &["peer"],
            Self::Kafka => &["key"],
            Self::Mqtt(_) => &["peer", "prefix", "topic"],
            Self::Nats => &["headers", "peer", "raw", "subject"],
            Self::Websockets => &["subprotocol"],
            _ => &[],
        }
    }
}

/// All known formats.
pub(crate) fn formats() -> Formats {
    Formats::none()
        .with(Json::new())
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
