//! Events as the test vectors write them.

use cloudevents_core::{
    AttributeType, Event, Payload, SpecVersion, Value as Attribute, codec::decode_base64,
};
use serde_json::Value;

/// `None` for what is no valid event, as vectors of refusals have it.
pub(crate) fn event(tagged: &Value) -> Option<Event> {
    let mut builder = Event::builder().specversion(SpecVersion::parse(tagged["specversion"].as_str()?).ok()?);
    for (name, attribute) in tagged["attributes"].as_object()? {
        let value = &attribute["value"];
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        builder = match name.as_str() {
            "id" => builder.id(text),
            "source" => builder.source(text),
            "type" => builder.ty(text),
            "subject" => builder.subject(text),
            "time" => builder.time(text),
            "dataschema" if tagged["specversion"] == "1.0" => builder.dataschema(text),
            "schemaurl" if tagged["specversion"] == "0.3" => builder.dataschema(text),
            "datacontenttype" => builder.datacontenttype(text),
            name => {
                let mut scratch = Vec::new();
                let ty = AttributeType::from_name(attribute["type"].as_str()?)?;
                let value: Attribute<'_> = ty.parse(&text, &mut scratch).ok()?;
                builder.extension(name, value)
            }
        };
    }
    if let Some((kind, value)) = tagged["data"].as_object().and_then(|data| data.iter().next()) {
        let text = value.as_str().unwrap_or_default().to_owned();
        let payload = match kind.as_str() {
            "json" => Payload::json(text),
            "text" => Ok(Payload::text(text)),
            "binary" => Ok(Payload::binary(decode_base64(text).ok()?)),
            "xml" => Ok(Payload::xml(text)),
            "cbor" => Payload::cbor(decode_base64(text).ok()?),
            "proto" => {
                Ok(Payload::proto(value["typeurl"].as_str()?, decode_base64(value["value"].as_str()?).ok()?))
            }
            other => panic!("{other}"),
        };
        builder = builder.payload_only(payload);
    }
    builder.build().ok()
}
