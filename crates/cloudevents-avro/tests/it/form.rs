//! What the Avro formats make of an event: a table written by hand, against which round trips are checked.

use cloudevents_core::{Data, Error, Event, Payload, Timestamp, Value};

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Avro,
    AvroCompact,
}

/// The event as it is when it comes out of the format.
///
/// | | Avro | Avro compact |
/// |---|---|---|
/// | Boolean, Integer, Binary | kept | kept |
/// | URI, URI-reference of an extension | String | String |
/// | Timestamp of an extension | String | in UTC, microseconds; String outside of the years 0000 to 9999 |
/// | time | kept | in UTC, microseconds; left out outside of the years 0000 to 9999 |
/// | no content type, native payload | made explicit | made explicit |
/// | JSON payload | kept | kept |
/// | text | kept; JSON string under a JSON content type or none | bytes, or JSON or CBOR by its content type |
/// | bytes | bytes, or JSON or CBOR by their content type | bytes, or JSON or CBOR by their content type |
/// | XML element | text, with its content type; JSON string under a JSON content type | bytes, with its content type |
/// | CBOR item | kept | kept |
/// | protobuf `Any` | bytes, with its content type | bytes, with its content type |
/// | a payload of no bytes | kept | kept |
///
/// An event of specversion 0.3 is refused.
pub(crate) fn carrier_form(event: &Event, carrier: Carrier) -> Event {
    let mut builder = event.clone().into_builder();
    for (name, value) in event.extensions() {
        builder = match (value, carrier) {
            (Value::Timestamp(time), Carrier::AvroCompact) => match in_utc(time) {
                Some(utc) => builder.extension(name.as_str(), Timestamp::parse(&utc).unwrap()),
                None => builder.extension(name.as_str(), time.as_str()),
            },
            (Value::Uri(_) | Value::UriReference(_) | Value::Timestamp(_), _) => {
                builder.extension(name.as_str(), value.as_str().unwrap())
            }
            _ => builder,
        };
    }
    if let (Some(time), Carrier::AvroCompact) = (event.time(), carrier) {
        builder = match in_utc(time) {
            Some(utc) => builder.time(utc),
            None => builder.without("time"),
        };
    }
    if let Some(content_type) = event.content_type() {
        builder = builder.datacontenttype(content_type.as_str());
    }
    match payload(event, carrier) {
        Some(payload) => builder.payload_only(payload).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

/// Arithmetic of the calendar is core's; what is cut off is cut from the text.
fn in_utc(time: Timestamp<'_>) -> Option<String> {
    let instant = time.instant();
    let digits: String = instant.fraction.chars().chain("000000".chars()).take(6).collect();
    Timestamp::format_utc(instant.seconds, digits.parse::<u32>().unwrap() * 1000)
}

fn payload(event: &Event, carrier: Carrier) -> Option<Result<Payload, Error>> {
    let data = event.data()?;
    let bytes = data.as_bytes().to_vec();
    Some(match (data, carrier) {
        (Data::Text(text) | Data::Xml(text), Carrier::Avro) => {
            let implied_json = event.datacontenttype().is_none() && matches!(data, Data::Text(_));
            if implied_json || event.datacontenttype().is_some_and(|content_type| content_type.is_json()) {
                Payload::json(serde_json::Value::from(text).to_string())
            } else {
                Ok(Payload::text(text))
            }
        }
        _ => Ok(Payload::body(bytes)),
    })
}

/// What has to be told when an event is written: `at` and kind.
pub(crate) fn losses(event: &Event, carrier: Carrier) -> Vec<(String, &'static str)> {
    let mut losses = Vec::new();
    let times = event.time().map(|time| ("time".to_owned(), time)).into_iter().chain(
        event.extensions().filter_map(|(name, value)| match value {
            Value::Timestamp(time) => Some((name.as_str().to_owned(), time)),
            _ => None,
        }),
    );
    if carrier == Carrier::AvroCompact {
        for (name, time) in times {
            match in_utc(time) {
                None if name == "time" => losses.push((name, "out-of-range")),
                None => losses.push((name, "attribute-type")),
                Some(_) => {
                    let instant = time.instant();
                    let zone = &time.as_str()[time.as_str().len() - 1..];
                    let zone_is_zero = zone.eq_ignore_ascii_case("z") || time.as_str().ends_with("00:00");
                    if !zone_is_zero {
                        losses.push((name.clone(), "utc-offset"));
                    }
                    if instant.fraction.len() > 6 && instant.fraction[6..].contains(|c| c != '0') {
                        losses.push((name.clone(), "precision"));
                    }
                    if time.as_str()[17..19] == *"60" {
                        losses.push((name, "leap-second"));
                    }
                }
            }
        }
    }
    for (name, value) in event.extensions() {
        let lost = match value {
            Value::Uri(_) | Value::UriReference(_) => true,
            Value::Timestamp(_) => carrier == Carrier::Avro,
            _ => false,
        };
        if lost {
            losses.push((name.as_str().to_owned(), "attribute-type"));
        }
    }
    let form = carrier_form(event, carrier);
    match (event.data(), form.data()) {
        (Some(Data::Text(_) | Data::Xml(_)), Some(Data::Json(_))) if carrier == Carrier::Avro => {
            losses.push(("data".to_owned(), "text-as-json"));
        }
        (Some(Data::Proto { .. }), _) => losses.push(("data".to_owned(), "type-url")),
        _ => {}
    }
    losses.sort();
    losses
}
