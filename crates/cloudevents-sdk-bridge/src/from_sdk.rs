//! Conversion of the SDK's events to the toolkit's.

use crate::{BridgeError, data, time::spell};
use cloudevents::{
    AttributesReader, AttributesWriter,
    event::{ExtensionValue, SpecVersion as TheirVersion},
};
use cloudevents_core::{Error, ErrorKind, Event, EventBuilder, MediaType, SpecVersion};
use std::borrow::Cow;

/// Converts an event of the SDK to an event of this toolkit, without loss.
///
/// The SDK does not validate its input: an event that violates the specification is refused, with all mistakes. The time is written in
/// UTC, with the fewest fractional digits (0, 3, 6 or 9) that are exact. Bytes are read as the body of a message: they are JSON when the
/// content type names JSON and the bytes are valid JSON.
///
/// ```
/// use cloudevents::{EventBuilder, EventBuilderV10};
/// use cloudevents_core::Value;
/// use cloudevents_sdk_bridge::from_sdk;
/// use serde_json::json;
///
/// let theirs = EventBuilderV10::new()
///     .id("A234-1234-1234")
///     .source("https://example.com/orders")
///     .ty("com.example.order.placed")
///     .time("2018-04-05T17:31:00Z")
///     .extension("priority", 3i64)
///     .data("application/json", json!({"total": 129.95}))
///     .build()?;
/// let ours = from_sdk(&theirs)?;
/// assert_eq!(ours.time().unwrap().as_str(), "2018-04-05T17:31:00Z");
/// assert_eq!(ours.attribute("priority"), Some(Value::Integer(3)));
/// assert_eq!(ours.data_bytes().unwrap().as_ref(), br#"{"total":129.95}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_sdk(event: &cloudevents::Event) -> Result<Event, BridgeError> {
    convert(event, event.data().map(Cow::Borrowed))
}

/// Like [`from_sdk`], but takes the event by value, so that bytes and text of the payload are not copied.
///
/// ```
/// use cloudevents::{EventBuilder, EventBuilderV10};
/// use cloudevents_core::Data;
/// use cloudevents_sdk_bridge::from_sdk_owned;
///
/// let theirs = EventBuilderV10::new().id("1").source("/s").ty("t").data("text/plain", "hello").build()?;
/// assert_eq!(from_sdk_owned(theirs)?.data(), Some(Data::Text("hello")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_sdk_owned(mut event: cloudevents::Event) -> Result<Event, BridgeError> {
    let (content_type, schema, data) = event.take_data();
    event.set_datacontenttype(content_type);
    event.set_dataschema(schema);
    convert(&event, data.map(Cow::Owned))
}

fn convert(
    event: &cloudevents::Event,
    data: Option<Cow<'_, cloudevents::Data>>,
) -> Result<Event, BridgeError> {
    let mut mistakes = Vec::new();
    let mut builder = attributes(event, &mut mistakes);
    let mut extensions: Vec<_> = event.iter_extensions().collect();
    extensions.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in extensions {
        builder = extension(builder, name, value, &mut mistakes);
    }
    if let Some(data) = data {
        let content_type = event.datacontenttype().and_then(|text| MediaType::parse(text).ok());
        match data::from_sdk(data, content_type) {
            Ok(payload) => builder = builder.payload_only(payload),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    match builder.build() {
        Ok(event) if mistakes.is_empty() => Ok(event),
        Ok(_) => Err(BridgeError::new(mistakes)),
        Err(error) => Err(BridgeError::new([error.errors(), &mistakes].concat())),
    }
}

fn attributes(event: &cloudevents::Event, mistakes: &mut Vec<Error>) -> EventBuilder {
    let specversion = match event.specversion() {
        TheirVersion::V03 => SpecVersion::V03,
        TheirVersion::V10 => SpecVersion::V1,
    };
    let mut builder =
        Event::builder().specversion(specversion).id(event.id()).source(event.source()).ty(event.ty());
    if let Some(content_type) = event.datacontenttype() {
        builder = builder.datacontenttype(content_type);
    }
    if let Some(schema) = event.dataschema() {
        builder = builder.dataschema(schema.as_str());
    }
    if let Some(subject) = event.subject() {
        builder = builder.subject(subject);
    }
    if let Some(time) = event.time() {
        match spell(time.timestamp(), time.timestamp_subsec_nanos()) {
            Some(text) => builder = builder.time(text),
            None => mistakes.push(
                Error::new(ErrorKind::InvalidTimestamp)
                    .with_attribute("time")
                    .with_detail("RFC 3339 has the years 0000 to 9999")
                    .with_clause("CE-Type-System-l"),
            ),
        }
    }
    builder
}

fn extension(
    builder: EventBuilder,
    name: &str,
    value: &ExtensionValue,
    mistakes: &mut Vec<Error>,
) -> EventBuilder {
    match value {
        ExtensionValue::String(text) => builder.extension(name, text.as_str()),
        ExtensionValue::Boolean(boolean) => builder.extension(name, *boolean),
        ExtensionValue::Integer(wide) => match i32::try_from(*wide) {
            Ok(number) => builder.extension(name, number),
            Err(_) => {
                mistakes.push(
                    Error::new(ErrorKind::InvalidInteger)
                        .with_attribute(name)
                        .with_detail("it is outside -2147483648 to 2147483647")
                        .with_clause("CE-Type-System-d"),
                );
                builder
            }
        },
    }
}
