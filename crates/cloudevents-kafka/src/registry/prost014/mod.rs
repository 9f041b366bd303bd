//! Messages of prost 0.14, with schemas from a registry.

mod proto_text;

use super::{
    CacheOptions, Framed, MessageIndexes, SchemaKind, SchemaRegistry, Writing,
    content_type::is_one_of,
    table::Table,
    writing::{invalid, schema_of_kind},
};
use cloudevents_core::{CodecContext, Data, Error, MediaType, Payload};
use cloudevents_transport::AsyncCodec;
use prost::{Message, Name};
use proto_text::Messages;
use std::{borrow::Cow, sync::Arc};

/// Encodes and decodes prost messages, framed with the id of a Protobuf schema and the message's position
/// in it.
///
/// The codec checks in the schema's text that there is a message of this full name at this position. Fields
/// are matched by number, as always in Protobuf: fields that a newer schema added are skipped.
///
/// The codec writes `application/protobuf`. It reads that, `application/x-protobuf`,
/// `application/vnd.google.protobuf`, `application/vnd.confluent.protobuf`, and subtypes that end in
/// `+protobuf`.
///
/// ```no_run
/// # #[cfg(feature = "registry-reqwest013")] async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use cloudevents_core::Event;
/// use cloudevents_kafka::registry::{prost014::RegistryProtobuf, reqwest013::HttpRegistry, Cached, Schema, Writing};
/// use cloudevents_transport::AsyncCodec;
///
/// #[derive(Clone, PartialEq, prost::Message)]
/// struct Order {
///     #[prost(int32, tag = "1")]
///     number: i32,
/// }
/// impl prost::Name for Order {
///     const NAME: &'static str = "Order";
///     const PACKAGE: &'static str = "com.example";
/// }
///
/// let registry = Cached::new(HttpRegistry::new("http://localhost:8081", Default::default())?);
/// let schema = Schema::protobuf("syntax = \"proto3\"; package com.example; message Order { int32 number = 1; }");
/// let codec = RegistryProtobuf::new(registry).writing(Writing::schema(schema));
/// let builder = Event::builder().id("1").source("/s").ty("t");
/// let event = codec.encode_into(builder, &Order { number: 42 }, Some("orders")).await.build()?;
/// let order: Order = codec.decode_event(&event, Some("orders")).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct RegistryProtobuf<R> {
    registry: Arc<R>,
    writing: Option<Writing>,
    indexes: Option<MessageIndexes>,
    content_type: Cow<'static, str>,
    schemas: Arc<Table<u32, Arc<Messages>>>,
}

impl<R: SchemaRegistry + 'static> RegistryProtobuf<R> {
    /// Creates a codec that reads.
    pub fn new(registry: R) -> Self {
        Self {
            registry: Arc::new(registry),
            writing: None,
            indexes: None,
            content_type: Cow::Borrowed("application/protobuf"),
            schemas: Table::new(CacheOptions::default()),
        }
    }

    /// Returns a codec that also writes, with this schema.
    pub fn writing(mut self, writing: Writing) -> Self {
        self.writing = Some(writing);
        self
    }

    /// Returns a codec that assumes the message at this position in every schema. It does not parse
    /// schemas, and reading uses no registry. For registries that store schemas as descriptors, and for
    /// messages whose Rust type has another name.
    pub fn with_message_indexes(mut self, indexes: MessageIndexes) -> Self {
        self.indexes = Some(indexes);
        self
    }

    /// Returns a codec that builds events with this content type.
    pub fn with_content_type(mut self, content_type: impl Into<Cow<'static, str>>) -> Self {
        self.content_type = content_type.into();
        self
    }

    async fn messages(&self, id: u32) -> Result<Arc<Messages>, Error> {
        let ask = || {
            let registry = Arc::clone(&self.registry);
            async move {
                let schema = schema_of_kind(&*registry, id, SchemaKind::Protobuf).await?;
                Messages::parse(schema.text()).map(Arc::new)
            }
        };
        self.schemas.get(id, ask).await
    }

    /// Returns the position of the message of this name in this schema.
    async fn place(&self, id: u32, name: &str) -> Result<MessageIndexes, Error> {
        if let Some(indexes) = &self.indexes {
            return Ok(indexes.clone());
        }
        match self.messages(id).await?.place(name) {
            Some(indexes) => Ok(indexes.clone()),
            None => Err(invalid(format!("schema {id} has no message `{name}`")).with_attribute("data")),
        }
    }

    /// Checks that the message of this name is at this position in this schema.
    async fn check(&self, id: u32, indexes: &MessageIndexes, name: &str) -> Result<(), Error> {
        if let Some(expected) = &self.indexes {
            if expected == indexes {
                return Ok(());
            }
            return Err(invalid(format!(
                "the message at {indexes:?} is not the expected one at {expected:?}"
            )));
        }
        match self.messages(id).await?.name(indexes) {
            Some(found) if found == name => Ok(()),
            Some(found) => Err(invalid(format!("`{name}` is expected, and this is `{found}`"))),
            None => Err(invalid(format!("schema {id} has no message at {indexes:?}"))),
        }
    }
}

impl<R, M> AsyncCodec<M> for RegistryProtobuf<R>
where
    R: SchemaRegistry + 'static,
    M: Message + Name + Default,
{
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn accepts(&self, content_type: MediaType<'_>) -> bool {
        const TYPES: &[&str] = &[
            "application/protobuf",
            "application/x-protobuf",
            "application/vnd.google.protobuf",
            "application/vnd.confluent.protobuf",
        ];
        content_type.is(&self.content_type) || is_one_of(content_type, TYPES, "+protobuf")
    }

    async fn encode(&self, value: &M, context: &CodecContext<'_>) -> Result<Payload, Error> {
        let name = M::full_name();
        let id = Writing::resolve(self.writing.as_ref(), &*self.registry, context, Some(&name)).await?;
        let indexes = self.place(id, &name).await?;
        let message = value.encode_to_vec();
        Ok(Payload::binary(Framed::new(id, &message).with_message_indexes(indexes).to_vec()))
    }

    async fn decode(&self, data: Data<'_>, _: &CodecContext<'_>) -> Result<M, Error> {
        let framed = Framed::parse_protobuf(data.as_bytes())?;
        if let Some(indexes) = &framed.message_indexes {
            self.check(framed.schema_id, indexes, &M::full_name()).await?;
        }
        M::decode(framed.payload)
            .map_err(|error| invalid(format!("the payload is not the requested message: {error}")))
    }
}
