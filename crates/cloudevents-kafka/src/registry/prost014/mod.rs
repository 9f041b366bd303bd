//! Messages of prost 0.14, with schemas of a registry.

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

/// Messages of prost, framed with the number of a Protobuf schema and the place of the message in it.
///
/// That the schema has a message of this full name at this place is checked, by the text of the schema. Fields go by their numbers, as
/// Protobuf has it: what a newer schema added is skipped.
///
/// It writes `application/protobuf`, and reads that, `application/x-protobuf`, `application/vnd.google.protobuf`,
/// `application/vnd.confluent.protobuf`, and subtypes that end in `+protobuf`.
///
/// ```no_run
/// # #[cfg(feature = "registry-reqwest013")] async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use cloudevents_core::Event;
/// use cloudevents_kafka::registry::{Cached, HttpRegistry, RegistryProtobuf, Schema, Writing};
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
    /// A codec that reads.
    pub fn new(registry: R) -> Self {
        Self {
            registry: Arc::new(registry),
            writing: None,
            indexes: None,
            content_type: Cow::Borrowed("application/protobuf"),
            schemas: Table::new(CacheOptions::default()),
        }
    }

    /// The same, and writes with this schema.
    pub fn writing(mut self, writing: Writing) -> Self {
        self.writing = Some(writing);
        self
    }

    /// The same, and the message is taken to be at this place in every schema. Texts of schemas are not looked at, and reading asks no
    /// registry. For registries that have schemas as descriptors, and for messages whose Rust type has another name.
    pub fn with_message_indexes(mut self, indexes: MessageIndexes) -> Self {
        self.indexes = Some(indexes);
        self
    }

    /// The same, and events are built with this content type.
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

    /// Where the message of this name is in this schema.
    async fn place(&self, id: u32, name: &str) -> Result<MessageIndexes, Error> {
        if let Some(indexes) = &self.indexes {
            return Ok(indexes.clone());
        }
        match self.messages(id).await?.place(name) {
            Some(indexes) => Ok(indexes.clone()),
            None => Err(invalid(format!("schema {id} has no message `{name}`")).with_attribute("data")),
        }
    }

    /// Checks that the message of this name is at this place in this schema.
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
            .map_err(|error| invalid(format!("the payload is not the message asked for: {error}")))
    }
}
