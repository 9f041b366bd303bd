#![doc = include_str!("../README.md")]

mod conveniences;
mod formats;
pub mod prelude;
#[cfg(feature = "transport")]
mod transports;

#[cfg(feature = "amqp")]
pub use cloudevents_amqp as amqp;
#[cfg(feature = "avro")]
pub use cloudevents_avro as avro;
#[cfg(feature = "cbor")]
pub use cloudevents_cbor as cbor;
pub use cloudevents_core::*;
#[cfg(feature = "http")]
pub use cloudevents_http as http;
pub use cloudevents_json as json;
#[cfg(feature = "kafka")]
pub use cloudevents_kafka as kafka;
#[cfg(feature = "protobuf")]
pub use cloudevents_protobuf as protobuf;
#[cfg(feature = "transport")]
pub use cloudevents_transport as transport;
#[cfg(feature = "transport")]
pub use cloudevents_transport::{Delivery, Receiver, Sender, Transports};
#[cfg(feature = "xml")]
pub use cloudevents_xml as xml;

pub use conveniences::BuilderConveniences;
pub use formats::{decoding, formats};
#[cfg(feature = "transport")]
pub use transports::{connect_receiver, connect_sender, transports};
