//! JSON payloads with JSON Schemas from a registry.

use super::{
    CacheOptions, Framed, SchemaKind, SchemaRegistry, Writing,
    content_type::is_one_of,
    table::Table,
    writing::{invalid, schema_of_kind},
};
use cloudevents_core::{CodecContext, Data, Error, MediaType, Payload};
use cloudevents_transport::AsyncCodec;
use serde::{Serialize, de::DeserializeOwned};
use std::{borrow::Cow, sync::Arc};

/// Encodes and decodes serde types as JSON, framed with the id of a JSON Schema.
///
/// The codec checks that the schema is a JSON Schema, but does not validate the JSON against it. To
/// validate, use the schema's text.
///
/// The codec writes `application/vnd.confluent.json`. It reads that, `application/json`, and subtypes that
/// end in `+json`.
///
/// ```no_run
/// # #[cfg(feature = "registry-reqwest013")] async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use cloudevents_core::Event;
/// use cloudevents_kafka::registry::{reqwest013::HttpRegistry, Cached, RegistryJson, Schema, Writing};
/// use cloudevents_transport::AsyncCodec;
///
/// let registry = Cached::new(HttpRegistry::new("http://localhost:8081", Default::default())?);
/// let schema = Schema::json(r#"{"title": "Order", "type": "object"}"#);
/// let codec = RegistryJson::new(registry).writing(Writing::schema(schema));
/// let builder = Event::builder().id("1").source("/s").ty("t");
/// let event = codec.encode_into(builder, &serde_json::json!({"number": 42}), Some("orders")).await.build()?;
/// let value: serde_json::Value = codec.decode_event(&event, Some("orders")).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct RegistryJson<R> {
    registry: Arc<R>,
    writing: Option<Writing>,
    content_type: Cow<'static, str>,
    checked: Arc<Table<u32, ()>>,
}

impl<R: SchemaRegistry + 'static> RegistryJson<R> {
    /// Creates a codec that reads.
    pub fn new(registry: R) -> Self {
        Self {
            registry: Arc::new(registry),
            writing: None,
            content_type: Cow::Borrowed("application/vnd.confluent.json"),
            checked: Table::new(CacheOptions::default()),
        }
    }

    /// Returns a codec that also writes, with this schema.
    pub fn writing(mut self, writing: Writing) -> Self {
        self.writing = Some(writing);
        self
    }

    /// Returns a codec that builds events with this content type.
    pub fn with_content_type(mut self, content_type: impl Into<Cow<'static, str>>) -> Self {
        self.content_type = content_type.into();
        self
    }

    async fn check(&self, id: u32) -> Result<(), Error> {
        let ask = || {
            let registry = Arc::clone(&self.registry);
            async move { schema_of_kind(&*registry, id, SchemaKind::Json).await.map(|_| ()) }
        };
        self.checked.get(id, ask).await
    }
}

impl<R, T> AsyncCodec<T> for RegistryJson<R>
where
    R: SchemaRegistry + 'static,
    T: Serialize + DeserializeOwned + Sync,
{
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn accepts(&self, content_type: MediaType<'_>) -> bool {
        content_type.is(&self.content_type)
            || is_one_of(content_type, &["application/vnd.confluent.json", "application/json"], "+json")
    }

    async fn encode(&self, value: &T, context: &CodecContext<'_>) -> Result<Payload, Error> {
        let id = Writing::resolve(self.writing.as_ref(), &*self.registry, context, None).await?;
        self.check(id).await?;
        let json = serde_json::to_vec(value).map_err(|error| {
            invalid(format!("it cannot be written as JSON: {error}")).with_attribute("data")
        })?;
        Ok(Payload::binary(Framed::new(id, &json).to_vec()))
    }

    async fn decode(&self, data: Data<'_>, _: &CodecContext<'_>) -> Result<T, Error> {
        let framed = Framed::parse(data.as_bytes())?;
        self.check(framed.schema_id).await?;
        serde_json::from_slice(framed.payload)
            .map_err(|error| invalid(format!("the payload is not the requested JSON: {error}")))
    }
}
