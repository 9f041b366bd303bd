//! Framed payloads without a codec.

use super::Framed;
use bytes::Bytes;
use cloudevents_core::{CodecContext, Data, Error, MediaType, Payload};
use cloudevents_transport::AsyncCodec;
use std::borrow::Cow;

/// The id of a schema and the bytes after it. For Protobuf, the bytes include the message indexes:
/// [`Framed::parse_protobuf`] separates them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawPayload {
    /// The id of the schema.
    pub schema_id: u32,
    /// The bytes after the id.
    pub bytes: Bytes,
}

/// A codec for [`RawPayload`], for other kinds of schemas and for forwarding. It uses no registry and reads
/// any content type.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_kafka::registry::{RawPayload, RegistryRaw};
/// use cloudevents_transport::AsyncCodec;
///
/// # futures_util::FutureExt::now_or_never(async {
/// let codec = RegistryRaw::new("application/avro");
/// let payload = RawPayload { schema_id: 7, bytes: vec![84].into() };
/// let builder = Event::builder().id("1").source("/s").ty("t");
/// let event = codec.encode_into(builder, &payload, Some("orders")).await.build()?;
/// assert_eq!(event.data_bytes().unwrap().as_ref(), [0, 0, 0, 0, 7, 84]);
/// assert_eq!(codec.decode_event(&event, Some("orders")).await?, payload);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap().unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct RegistryRaw {
    content_type: Cow<'static, str>,
}

impl RegistryRaw {
    /// Creates a codec that builds events with this content type.
    pub fn new(content_type: impl Into<Cow<'static, str>>) -> Self {
        Self { content_type: content_type.into() }
    }
}

impl AsyncCodec<RawPayload> for RegistryRaw {
    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn accepts(&self, _: MediaType<'_>) -> bool {
        true
    }

    async fn encode(&self, value: &RawPayload, _: &CodecContext<'_>) -> Result<Payload, Error> {
        Ok(Payload::binary(Framed::new(value.schema_id, &value.bytes).to_vec()))
    }

    async fn decode(&self, data: Data<'_>, _: &CodecContext<'_>) -> Result<RawPayload, Error> {
        let framed = Framed::parse(data.as_bytes())?;
        Ok(RawPayload { schema_id: framed.schema_id, bytes: Bytes::copy_from_slice(framed.payload) })
    }
}
