//! Events that producers seldom make: beyond the usual limits, and repaired ones.

use super::{event, name, string, valid};
use cloudevents_core::{
    Data, DecodeOptions, Error, Event, Payload, Value,
    codec::{self, Assembler, Given},
};
use proptest::{collection::vec, prelude::*, sample::select};

/// Any valid event that exceeds the default [limits](cloudevents_core::Limits) of decoding: an attribute of 70,000 bytes, or 300
/// attributes.
///
/// ```
/// use proptest::{strategy::{Strategy, ValueTree}, test_runner::TestRunner};
///
/// let event = cloudevents_testkit::any::large_event().new_tree(&mut TestRunner::deterministic()).unwrap().current();
/// assert!(cloudevents_core::codec::attributes_size(&event) > 65_536 || event.attributes().len() > 256);
/// ```
pub fn large_event() -> impl Strategy<Value = Event> {
    (event().boxed(), name(), any::<bool>()).prop_map(|(event, name, is_long)| {
        let builder = event.into_builder();
        let builder = match is_long {
            true => builder.extension(&name, "é".repeat(35_000)),
            false => {
                (0..300).fold(builder, |builder, number| builder.extension(format!("x{number}"), number))
            }
        };
        valid(builder.build())
    })
}

/// The events that lenient decoding returns for events with mistakes.
///
/// ```
/// use proptest::{strategy::{Strategy, ValueTree}, test_runner::TestRunner};
///
/// let event = cloudevents_testkit::any::repaired_event().new_tree(&mut TestRunner::deterministic()).unwrap().current();
/// assert!(event.into_builder().build().is_ok());
/// ```
pub fn repaired_event() -> impl Strategy<Value = Event> {
    let mistake = prop_oneof![
        select(vec!["https://a.example/schema#v1", "urn:x:y#", "#", "x", "a b"])
            .prop_map(|text| ("dataschema".to_owned(), text.to_owned())),
        select(vec!["application/json;", "text/plain; ", "a/b;;x=1; ", "xyz", "a/b;x"])
            .prop_map(|text| ("datacontenttype".to_owned(), text.to_owned())),
        select(vec!["yesterday", "2018-04-05"]).prop_map(|text| ("time".to_owned(), text.to_owned())),
        (name().prop_map(|name| name.to_ascii_uppercase()), string(0)),
        (Just("Subject".to_owned()), string(1)),
        (Just("a-name".to_owned()), string(0)),
    ];
    (event().boxed(), vec(mistake, 1..3)).prop_map(|(event, mistakes)| valid(repaired(&event, mistakes)))
}

fn repaired(event: &Event, mistakes: Vec<(String, String)>) -> Result<Event, Error> {
    let decoding = DecodeOptions::lenient();
    let mut assembler = Assembler::new(&decoding);
    let version = assembler.push(event.specversion().as_str())?;
    assembler.named("specversion", Given::Text(version))?;
    let is_wrong = |name: &str| mistakes.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    for (name, value) in event.attributes().filter(|(name, _)| !is_wrong(name.as_str())) {
        let given = match value {
            Value::Boolean(boolean) => Given::Boolean(boolean),
            Value::Integer(number) => Given::Integer(number),
            Value::Binary(bytes) => Given::Binary(bytes),
            Value::Uri(uri) => Given::Uri(assembler.push(uri.as_str())?),
            Value::UriReference(reference) => Given::UriReference(assembler.push(reference.as_str())?),
            Value::Timestamp(time) => Given::Timestamp(assembler.push(time.as_str())?),
            Value::String(text) => Given::Text(assembler.push(text)?),
        };
        assembler.named(name.as_str(), given)?;
    }
    let mut seen = Vec::new();
    for (name, value) in &mistakes {
        let lower = name.to_ascii_lowercase();
        if !seen.contains(&lower) {
            let value = assembler.push(value)?;
            assembler.named(name, Given::Text(value))?;
            seen.push(lower);
        }
    }
    assembler.complete()?;
    let content_type = assembler.content_type();
    let payload = match event.data() {
        None => None,
        // As decoders do: native payloads agree with the content type.
        Some(Data::Json(json)) if content_type.is_some_and(|content_type| !content_type.is_json()) => {
            Some(Payload::text(json.as_str()))
        }
        Some(Data::Json(json)) => Some(Payload::json(json.as_str().to_owned())?),
        Some(Data::Text(text)) => Some(codec::characters(text, content_type)),
        Some(Data::Xml(text)) => Some(Payload::xml(text)),
        Some(Data::Cbor(item)) if content_type.is_none_or(|content_type| content_type.is_cbor()) => {
            Some(Payload::cbor(item.to_vec())?)
        }
        Some(Data::Proto { type_url, value }) => Some(Payload::proto(type_url, value.to_vec())),
        Some(data) => Some(Payload::body(data.as_bytes().to_vec())),
    };
    Ok(assembler.finish(payload)?.value)
}
