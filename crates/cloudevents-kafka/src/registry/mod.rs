//! Payloads that name their schema: the framing of schema registries, and codecs that ask one.
//!
//! On many topics a payload is not bare Avro, Protobuf or JSON. A byte 0 and the number of a schema, four bytes with the highest
//! first, stand before it, and who reads it fetches the schema from a registry. [Confluent's documentation][wire] has the framing;
//! Apicurio, Karapace and Redpanda read and write it as well, and answer the same requests.
//!
//! | item | what it does |
//! |---|---|
//! | [`Framed`] | reads and writes the framing, without a registry |
//! | [`SchemaRegistry`] | who knows schemas; implemented by `HttpRegistry` (feature `registry-reqwest013`), and by who wants to |
//! | [`Cached`] | asks another registry, once |
//! | `RegistryAvro` | Avro from and to serde types (feature `registry-apacheavro022`) |
//! | `RegistryProtobuf` | messages of prost (feature `registry-prost014`) |
//! | [`RegistryJson`] | JSON from and to serde types; it is not checked against its JSON Schema |
//! | [`RegistryRaw`] | bytes and the number of their schema, for anything else |
//!
//! The codecs implement [`AsyncCodec`](cloudevents_transport::AsyncCodec). Each keeps what it made of a schema, so that decoding asks
//! once per schema, even of a registry that is not [`Cached`].
//!
//! # Content types
//!
//! The specification's Kafka binding shows `application/avro` for Avro in binary mode, Debezium writes that for what Confluent's
//! serializer made, and EventBridge takes `application/avro` and `application/protobuf` for payloads of registry serializers. So these
//! are what the codecs write. A framed payload is not JSON, and `application/json` would promise that it is:
//! [`RegistryJson`] writes `application/vnd.confluent.json`. There is no registered media type for any of the three. A topic with
//! another convention is served with `with_content_type`.
//!
//! What is read is wider, and listed at each codec.
//!
//! # Not here
//!
//! Schema ids in record headers (a byte 1 and a GUID), Glue's framing of 18 bytes, references of Protobuf schemas (none are needed to
//! find a message), rules and encryption of fields, and validation by JSON Schema.
//!
//! [wire]: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format

#[cfg(feature = "registry-apacheavro022")]
mod apacheavro022;
mod cache;
mod content_type;
mod error;
mod framing;
mod json;
#[cfg(feature = "registry-prost014")]
mod prost014;
mod raw;
mod references;
#[cfg(feature = "registry-reqwest013")]
mod reqwest013;
mod resolver;
mod schema;
mod subject;
mod table;
mod writing;

#[cfg(feature = "registry-apacheavro022")]
pub use apacheavro022::RegistryAvro;
pub use cache::{CacheOptions, Cached};
pub use error::{RegistryRefusal, is_temporary};
pub use framing::{Framed, MessageIndexes};
pub use json::RegistryJson;
#[cfg(feature = "registry-prost014")]
pub use prost014::RegistryProtobuf;
pub use raw::{RawPayload, RegistryRaw};
pub use references::referenced_schemas;
#[cfg(feature = "registry-reqwest013")]
pub use reqwest013::{Authorization, HttpRegistry, HttpRegistryOptions};
pub use resolver::SchemaRegistry;
pub use schema::{Reference, Schema, SchemaKind};
pub use subject::Subject;
pub use writing::Writing;
