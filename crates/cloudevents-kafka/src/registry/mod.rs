//! Payloads that name their schema: the framing of schema registries, and codecs that use a registry.
//!
//! On many topics a payload is not bare Avro, Protobuf or JSON. It starts with a byte 0 and the id of a schema, four bytes in big-endian
//! order. The reader fetches the schema from a registry. [Confluent's documentation][wire] describes the framing. Apicurio, Karapace and
//! Redpanda use the same framing and the same requests.
//!
//! | item | use |
//! |---|---|
//! | [`Framed`] | reads and writes the framing, without a registry |
//! | [`SchemaRegistry`] | the trait of registries; implemented by `reqwest013::HttpRegistry` (feature `registry-reqwest013`) and by your own |
//! | [`Cached`] | caches another registry |
//! | `apacheavro022::RegistryAvro` | serde types as Avro (feature `registry-apacheavro022`) |
//! | `prost014::RegistryProtobuf` | messages of prost (feature `registry-prost014`) |
//! | [`RegistryJson`] | serde types as JSON, without validation against the JSON Schema |
//! | [`RegistryRaw`] | bytes and the id of their schema, for anything else |
//!
//! The codecs implement [`AsyncCodec`](cloudevents_transport::AsyncCodec). Each keeps the schemas it has
//! parsed, so that decoding asks the registry once per schema, even if it is not [`Cached`].
//!
//! # Content types
//!
//! The specification's Kafka binding shows `application/avro` for Avro in binary mode. Debezium writes the
//! same type for payloads of Confluent's serializer. EventBridge takes `application/avro` and
//! `application/protobuf` for payloads of registry serializers. The codecs write these two. A framed
//! payload is not JSON, and `application/json` would claim that it is, so [`RegistryJson`] writes
//! `application/vnd.confluent.json`. None of the three media types is registered. For a topic with another
//! convention, use `with_content_type`.
//!
//! The codecs read more content types. Each codec lists them.
//!
//! # Not supported
//!
//! Schema ids in record headers (a byte 1 and a GUID), Glue's framing of 18 bytes, references of Protobuf
//! schemas (not needed to find a message), rules and encryption of fields, and validation by JSON Schema.
//!
//! [wire]: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format

#[cfg(feature = "registry-apacheavro022")]
pub mod apacheavro022;
mod cache;
mod content_type;
mod error;
mod framing;
mod json;
#[cfg(feature = "registry-prost014")]
pub mod prost014;
mod raw;
mod references;
#[cfg(feature = "registry-reqwest013")]
pub mod reqwest013;
mod resolver;
mod schema;
mod subject;
mod table;
mod writing;

pub use cache::{CacheOptions, Cached};
pub use error::{RegistryRefusal, is_temporary};
pub use framing::{Framed, MessageIndexes};
pub use json::RegistryJson;
pub use raw::{RawPayload, RegistryRaw};
pub use references::referenced_schemas;
pub use resolver::SchemaRegistry;
pub use schema::{Reference, Schema, SchemaKind};
pub use subject::Subject;
pub use writing::Writing;
