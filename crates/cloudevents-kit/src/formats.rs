//! The registry of event formats.

use cloudevents_core::{DecodeOptions, Formats};
use cloudevents_json::Json;

/// Returns every event format that the features of this build turn on.
///
/// ```
/// use cloudevents_kit as kit;
///
/// let formats = kit::formats();
/// let format = formats.by_media_type("application/cloudevents+json")?;
/// assert_eq!(format.id(), kit::FormatId::JSON);
/// # Ok::<(), kit::Error>(())
/// ```
pub fn formats() -> Formats {
    let formats = Formats::none().with(Json::new());
    #[cfg(feature = "protobuf")]
    let formats = formats.with(cloudevents_protobuf::Protobuf::new());
    #[cfg(feature = "avro")]
    let formats = formats.with(cloudevents_avro::Avro::new()).with(cloudevents_avro::AvroCompact::new());
    #[cfg(feature = "xml")]
    let formats = formats.with(cloudevents_xml::Xml::new());
    #[cfg(feature = "cbor")]
    let formats = formats.with(cloudevents_cbor::Cbor::new());
    formats
}

/// Returns options for strict decoding, with the default limits and every format of [`formats`].
///
/// ```
/// use cloudevents_kit as kit;
///
/// let message = kit::Message::Structured(kit::Document::new(
///     kit::FormatId::JSON,
///     r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#,
/// ));
/// assert_eq!(message.event(&kit::decoding())?.value.id(), "1");
/// # Ok::<(), kit::Error>(())
/// ```
pub fn decoding() -> DecodeOptions {
    DecodeOptions::strict().with_formats(formats())
}
