//! Avro payloads by `apache-avro` 0.22, with schemas from a registry.

use super::{
    CacheOptions, Framed, SchemaKind, SchemaRegistry, Writing,
    content_type::is_one_of,
    referenced_schemas,
    table::Table,
    writing::{invalid, schema_of_kind},
};
use cloudevents_avro::apacheavro022::CheckedSchema;
use cloudevents_core::{CodecContext, Data, Error, MediaType, Payload};
use cloudevents_transport::AsyncCodec;
use serde::{Serialize, de::DeserializeOwned};
use std::{borrow::Cow, sync::Arc};

/// Encodes and decodes serde types as Avro, framed with the id of an Avro schema.
///
/// The name of the Rust type must be the name of the record, enumeration or fixed. serde's `rename` sets it. Records are structs with
/// serde's derive: maps and `serde_json::Value` do not fit them.
///
/// A payload is read with the schema it was written with, which its id identifies. Without a reader schema,
/// the fields of the Rust type are looked up in that schema by name. With one, Avro's schema resolution
/// applies, as [`CheckedSchema::read_as`] describes it: fields that the writer did not know get their
/// defaults, and numbers are widened.
///
/// The codec writes `application/avro`. It reads that, `avro/binary`, `application/vnd.apache.avro`,
/// `application/vnd.confluent.avro`, and subtypes that end in `+avro` or `.avro+binary`.
///
/// [`CheckedSchema`] checks each payload against the shape of its schema before it is decoded. It refuses
/// payloads that are truncated, that claim lengths they do not have, or that are nested deeper than 64
/// levels.
///
/// ```no_run
/// # #[cfg(feature = "registry-reqwest013")] async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use cloudevents_core::Event;
/// use cloudevents_kafka::registry::{apacheavro022::RegistryAvro, reqwest013::HttpRegistry, Cached, Schema, Writing};
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
    /// Creates a codec that reads.
    pub fn new(registry: R) -> Self {
        Self {
            registry: Arc::new(registry),
            writing: None,
            reader: None,
            content_type: Cow::Borrowed("application/avro"),
            schemas: Table::new(CacheOptions::default()),
        }
    }

    /// Returns a codec that also writes, with this schema.
    pub fn writing(mut self, writing: Writing) -> Self {
        self.writing = Some(writing);
        self
    }

    /// Returns a codec that resolves payloads to this schema when it reads them. The schema must be complete: its references are not looked
    /// up.
    ///
    /// Errors are of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): it is not an Avro
    /// schema.
    pub fn with_reader_schema(mut self, text: &str) -> Result<Self, Error> {
        self.reader = Some(CheckedSchema::parse(text, [])?);
        Ok(self)
    }

    /// Returns a codec that builds events with this content type.
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
