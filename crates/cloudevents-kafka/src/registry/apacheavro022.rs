//! Avro payloads by `apache-avro` 0.22, with schemas of a registry.

use super::{
    CacheOptions, Framed, SchemaKind, SchemaRegistry, Writing,
    content_type::is_one_of,
    referenced_schemas,
    table::Table,
    writing::{invalid, schema_of_kind},
};
use cloudevents_avro::CheckedSchema;
use cloudevents_core::{CodecContext, Data, Error, MediaType, Payload};
use cloudevents_transport::AsyncCodec;
use serde::{Serialize, de::DeserializeOwned};
use std::{borrow::Cow, sync::Arc};

/// Avro from and to serde types, framed with the number of an Avro schema.
///
/// The name of the Rust type must be that of the record, enumeration or fixed; serde's `rename` gives it one.
///
/// A payload is read with the schema it was written with, the one of its number. Without a reader schema, the fields of the
/// Rust type are looked up in it by name. With one, Avro's rules of schema resolution come between: fields that the writer did not know
/// get their defaults, numbers are widened. Records may have another name, as in Java; enumerations and fixeds may not.
///
/// It writes `application/avro`, and reads that, `avro/binary`, `application/vnd.apache.avro`, `application/vnd.confluent.avro`, and
/// subtypes that end in `+avro` or `.avro+binary`.
///
/// Payloads are checked against the shape of their schema before anything is made of them: one that is cut off, that claims lengths it
/// does not have, or that is nested deeper than 64 levels is refused, by [`CheckedSchema`].
///
/// ```no_run
/// # #[cfg(feature = "registry-reqwest013")] async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use cloudevents_core::Event;
/// use cloudevents_kafka::registry::{Cached, HttpRegistry, RegistryAvro, Schema, Writing};
/// use cloudevents_transport::AsyncCodec;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Order {
///     number: i32,
/// }
///
/// let registry = Cached::new(HttpRegistry::new("http://localhost:8081", Default::default())?);
/// let schema = Schema::avro(r#"{"type": "record", "name": "Order", "fields": [{"name": "number", "type": "int"}]}"#);
/// let codec = RegistryAvro::new(registry).writing(Writing::schema(schema));
/// let builder = Event::builder().id("1").source("/s").ty("t");
/// let event = codec.encode_into(builder, &Order { number: 42 }, Some("orders")).await.build()?;
/// let order: Order = codec.decode_event(&event, Some("orders")).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct RegistryAvro<R> {
    registry: Arc<R>,
    writing: Option<Writing>,
    reader: Option<CheckedSchema>,
    content_type: Cow<'static, str>,
    schemas: Arc<Table<u32, Arc<CheckedSchema>>>,
}

impl<R: SchemaRegistry + 'static> RegistryAvro<R> {
    /// A codec that reads.
    pub fn new(registry: R) -> Self {
        Self {
            registry: Arc::new(registry),
            writing: None,
            reader: None,
            content_type: Cow::Borrowed("application/avro"),
            schemas: Table::new(CacheOptions::default()),
        }
    }

    /// The same, and writes with this schema.
    pub fn writing(mut self, writing: Writing) -> Self {
        self.writing = Some(writing);
        self
    }

    /// The same, and what is read is resolved to this schema, which must be whole: its references are not looked up.
    ///
    /// Errors are of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): it is not an Avro schema.
    pub fn with_reader_schema(mut self, text: &str) -> Result<Self, Error> {
        self.reader = Some(CheckedSchema::parse(text, [])?);
        Ok(self)
    }

    /// The same, and events are built with this content type.
    pub fn with_content_type(mut self, content_type: impl Into<Cow<'static, str>>) -> Self {
        self.content_type = content_type.into();
        self
    }

    async fn schema(&self, id: u32) -> Result<Arc<CheckedSchema>, Error> {
        let ask = || {
            let registry = Arc::clone(&self.registry);
            async move { fetch(&*registry, id).await.map(Arc::new) }
        };
        self.schemas.get(id, ask).await
    }
}

impl<R, T> AsyncCodec<T> for RegistryAvro<R>
where
    R: SchemaRegistry + 'static,
    T: Serialize + DeserializeOwned + Sync,
{
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn accepts(&self, content_type: MediaType<'_>) -> bool {
        const TYPES: &[&str] = &[
            "application/avro",
            "avro/binary",
            "application/vnd.apache.avro",
            "application/vnd.confluent.avro",
        ];
        content_type.is(&self.content_type)
            || is_one_of(content_type, TYPES, "+avro")
            || is_one_of(content_type, &[], ".avro+binary")
    }

    async fn encode(&self, value: &T, context: &CodecContext<'_>) -> Result<Payload, Error> {
        let id = Writing::resolve(self.writing.as_ref(), &*self.registry, context, None).await?;
        let schema = self.schema(id).await?;
        let datum = schema.write(value).map_err(|error| {
            invalid(format!("with schema {id}, {}", error.detail())).with_attribute("data")
        })?;
        Ok(Payload::binary(Framed::new(id, &datum).to_vec()))
    }

    async fn decode(&self, data: Data<'_>, _: &CodecContext<'_>) -> Result<T, Error> {
        let framed = Framed::parse(data.as_bytes())?;
        let schema = self.schema(framed.schema_id).await?;
        match &self.reader {
            None => schema.read(framed.payload),
            Some(reader) => schema.read_as(framed.payload, reader),
        }
    }
}

async fn fetch<R: SchemaRegistry>(registry: &R, id: u32) -> Result<CheckedSchema, Error> {
    let schema = schema_of_kind(registry, id, SchemaKind::Avro).await?;
    let references = referenced_schemas(registry, &schema).await?;
    CheckedSchema::parse(schema.text(), references.iter().map(|(_, schema)| schema.text()))
}
