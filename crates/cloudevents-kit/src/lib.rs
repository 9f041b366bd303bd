#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod attributes;
mod conveniences;
pub mod decode;
mod formats;
pub mod knative;
pub mod messages;
pub mod payloads;
pub mod prelude;
#[cfg(feature = "transport")]
mod transports;

pub use cloudevents_core::{
    AttributeType, BuildError, ContentMode, Data, DecodeOptions, Decoded, Document, Error, ErrorKind, Event,
    EventBuilder, EventData, EventKey, Format, FormatId, Formats, Leniency, Limits, Loss, LossClass, Losses,
    Message, Mode, Payload, Peer, Repair, RepairKind, SpecVersion, Timestamp, TypedEvent, UriReference,
    Value,
};
pub use conveniences::BuilderConveniences;
pub use formats::{decoding, formats};

#[cfg(not(feature = "transport"))]
pub use cloudevents_core::event_enum;
#[cfg(feature = "transport")]
pub use cloudevents_transport::event_enum;
#[cfg(feature = "transport")]
pub use cloudevents_transport::{
    Bridge, Delivery, EventFilter, Failure, OrderBy, Outgoing, Receiver, Sender, Transports,
    bridge::BridgePolicy, shutdown_signal,
};
#[cfg(feature = "transport")]
pub use transports::{
    KnownScheme, SCHEMES, bindings, connect_receiver, connect_receiver_with, connect_sender,
    connect_sender_with, transports,
};

#[cfg(feature = "adapters")]
pub use cloudevents_adapters as adapters;
#[cfg(feature = "amqp")]
pub use cloudevents_amqp as amqp;
#[cfg(feature = "avro")]
pub use cloudevents_avro as avro;
#[cfg(feature = "carriers")]
pub use cloudevents_carriers as carriers;
#[cfg(feature = "cbor")]
pub use cloudevents_cbor as cbor;
pub use cloudevents_core as model;
#[cfg(feature = "eventbridge")]
pub use cloudevents_eventbridge as eventbridge;
#[cfg(feature = "extensions")]
pub use cloudevents_extensions as extensions;
#[cfg(feature = "http")]
pub use cloudevents_http as http;
pub use cloudevents_json as json;
#[cfg(feature = "kafka")]
pub use cloudevents_kafka as kafka;
#[cfg(feature = "mqtt")]
pub use cloudevents_mqtt as mqtt;
#[cfg(feature = "nats")]
pub use cloudevents_nats as nats;
#[cfg(feature = "opentelemetry033")]
pub use cloudevents_opentelemetry as opentelemetry;
#[cfg(feature = "outbox")]
pub use cloudevents_outbox as outbox;
#[cfg(feature = "pgmq")]
pub use cloudevents_pgmq as pgmq;
#[cfg(feature = "protobuf")]
pub use cloudevents_protobuf as protobuf;
#[cfg(feature = "pubsub")]
pub use cloudevents_pubsub as pubsub;
#[cfg(feature = "rabbitmq")]
pub use cloudevents_rabbitmq as rabbitmq;
#[cfg(feature = "redis")]
pub use cloudevents_redis as redis;
#[cfg(feature = "sns")]
pub use cloudevents_sns as sns;
#[cfg(feature = "sql")]
pub use cloudevents_sql as sql;
#[cfg(feature = "sqs")]
pub use cloudevents_sqs as sqs;
#[cfg(feature = "subscriptions")]
pub use cloudevents_subscriptions as subscriptions;
#[cfg(feature = "transport")]
pub use cloudevents_transport as transport;
#[cfg(feature = "webhook")]
pub use cloudevents_webhook as webhook;
#[cfg(feature = "websockets")]
pub use cloudevents_websockets as websockets;
#[cfg(feature = "xml")]
pub use cloudevents_xml as xml;

/// The programs of the project's README compile.
#[cfg(all(doctest, feature = "transport", feature = "reqwest013", feature = "server"))]
#[doc = include_str!("../../../README.md")]
struct ProjectReadme;
