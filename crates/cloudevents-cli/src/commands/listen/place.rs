//! Where messages came from, and places in them.

use crate::{
    commands::{handshakes, suggested},
    console::Console,
    plain::plain,
    report::Report,
    source::{Place, Source},
};
use cloudevents_kit::{
    DecodeOptions, Delivery, Error, ErrorKind, Event, Message,
    adapters::recognize,
    transport::{Partition, Received},
};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Returns where a message came from: `from 127.0.0.1:49152 at /events`, or `at orders/3, offset 12, key 42`.
pub(super) fn origin(delivery: &Received) -> String {
    let mut parts = Vec::new();
    let partition = partition(delivery);
    let at = partition.map(ToString::to_string).or(delivery.topic().map(str::to_owned));
    match (delivery.peer(), at) {
        (Some(peer), Some(at)) => parts.push(format!("from {peer} at {}", plain(&at))),
        (Some(peer), None) => parts.push(format!("from {peer}")),
        (None, Some(at)) => parts.push(format!("at {}", plain(&at))),
        (None, None) => {}
    }
    parts.extend(delivery.offset().map(|offset| format!("offset {offset}")));
    parts.extend(delivery.key().map(|key| format!("key {}", plain(&String::from_utf8_lossy(&key)))));
    parts.extend((retained(delivery) == Some(true)).then(|| "retained".to_owned()));
    parts.extend((delivery.is_redelivered() == Some(true)).then(|| "redelivered".to_owned()));
    parts.join(", ")
}

/// The partition, if the protocol has partitions.
///
/// In MQTT, the order of a subscription has the form of a partition, and is no partition of the broker.
pub(super) fn partition(delivery: &Received) -> Option<&Partition> {
    delivery.partition().filter(|_| retained(delivery).is_none())
}

/// Whether the message was retained, in MQTT.
#[cfg(feature = "mqtt")]
pub(super) fn retained(delivery: &Received) -> Option<bool> {
    let native = delivery.native::<cloudevents_kit::mqtt::rumqttc_next034::ReceivedPublish>();
    native.map(|message| message.is_retained())
}

#[cfg(not(feature = "mqtt"))]
pub(super) fn retained(_: &Received) -> Option<bool> {
    None
}

/// The characters that are shown of a payload that is no event.
pub(super) const SHORT: usize = 200;

/// Describes a message and its headers on standard error. Values of headers with credentials are not shown.
pub(super) fn describe(delivery: &Delivery, number: u64, console: &Console) {
    let mode = match delivery.message() {
        Ok(Message::Binary(_)) => "binary mode",
        Ok(Message::Structured(_)) => "structured mode",
        Ok(Message::Batched(_)) => "batched mode",
        _ => "not a CloudEvent",
    };
    let origin = origin(delivery);
    let comma = if origin.is_empty() { "" } else { ", " };
    let mut text = format!("message {number} {origin}{comma}{mode}");
    let mut headers = Vec::new();
    let mut members = Map::new();
    for (name, value) in self::headers(delivery) {
        let value = value.map_or("null".into(), |value| String::from_utf8_lossy(&value).into_owned());
        text += &format!("\n  {}: {}", plain(name), plain(&value));
        headers.push(json!([name, value]));
    }
    if delivery.message().is_err()
        && let Some(body) = delivery.body()
    {
        let beginning: String = String::from_utf8_lossy(&body).chars().take(SHORT).collect();
        text += &format!("\n\n  {}", plain(&beginning));
        members.insert("payload".into(), beginning.into());
    }
    members.insert("headers".into(), headers.into());
    members.insert("mode".into(), mode.into());
    members.extend(delivery.peer().map(|peer| ("peer".into(), peer.to_string().into())));
    members.extend(delivery.topic().map(|topic| ("topic".into(), topic.into())));
    members.extend(retained(delivery).map(|retained| ("retained".into(), retained.into())));
    members.extend(partition(delivery).map(|partition| ("partition".into(), partition.number().into())));
    members.extend(delivery.offset().map(|offset| ("offset".into(), offset.into())));
    console.announce(&text, Value::Object(members));
}

/// Headers with credentials.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The headers of a message. Values of headers with credentials are `(not shown)`.
pub(super) fn headers(received: &Received) -> Vec<(&str, Option<Cow<'_, [u8]>>)> {
    let mut headers = received.headers();
    for (name, value) in &mut headers {
        if SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            *value = Some(Cow::Borrowed(b"(not shown)"));
        }
    }
    headers
}

pub(super) fn tell_repairs(delivery: &Delivery, number: u64, console: &Console) {
    let repairs = delivery.decoded().map(|decoded| decoded.repairs).unwrap_or_default();
    for repair in &repairs {
        let report = Report::repair(repair);
        console.report(&match repair.cause() {
            Some(cause) => report.at(&place(cause, delivery, number).0),
            None => report.at(&place(&Error::new(ErrorKind::InvalidDocument), delivery, number).0),
        });
    }
}

/// Returns a report of the error with its place in the message, and names options that would read the message.
///
/// It names no adapter for documents of another system if `converts`: then an adapter converts messages already.
pub(super) fn report(
    error: &Error,
    delivery: &Delivery,
    number: u64,
    decoding: &DecodeOptions,
    converts: bool,
) -> Report {
    let (place, offset) = place(error, delivery, number);
    let named = |body: &[u8]| {
        let adapter = recognize(body).filter(|_| !converts)?;
        Some(adapter.unread(body, &suggested::how(adapter.name())))
    };
    if let Some(option) = handshakes::answered_by(delivery.received()) {
        return Report::of(error).at(&place).from(origin(delivery)).help(option);
    }
    if let Some(error) = delivery.body().and_then(|body| named(&body)) {
        return Report::of(&error).at(&place).from(origin(delivery));
    }
    let report = Report::of(error).at(&place).from(origin(delivery));
    let is_document =
        delivery.body().is_some_and(|body| body.trim_ascii_start().starts_with(b"{\"specversion\""));
    let report = match error.kind() {
        // MQTT 3.1.1 has no content type.
        ErrorKind::NotACloudEvent if is_document && retained(delivery).is_some() => {
            report.help("the payload looks like an event in JSON without its content type, as MQTT 3.1.1 sends it: try `version=3.1.1` in the URL")
        }
        _ => report.any_help(suggested::of(delivery.received(), decoding)),
    };
    report.up_to_end_of_line(offset)
}

/// Returns the place of an event: its message, and its position in the message.
pub(super) fn of_event(event: &Event, index: Option<usize>, delivery: &Delivery, number: u64) -> Place {
    let origin = origin(delivery);
    let space = if origin.is_empty() { "" } else { " " };
    let name =
        format!("message {number}{space}{origin}, id {}, source {}", event.id(), event.source().as_str());
    let mut place = Place::of(Source::new(name, bytes::Bytes::new(), 0));
    place.index = index;
    place
}

/// Returns the document or header that the error is about, and for a header the offset of its value.
fn place(error: &Error, delivery: &Delivery, number: u64) -> (Place, Option<usize>) {
    let name = format!("message {number}");
    if error.offset().is_some()
        && let Some(body) = delivery.body()
    {
        let mut place = Place::of(Source::new(name, body, 1));
        place.index = error.index();
        return (place, None);
    }
    let header = error.attribute().and_then(|attribute| {
        delivery.headers().into_iter().find(|(name, _)| {
            let prefixes = ["ce-", "ce_", "cloudEvents_", "cloudEvents:"];
            let name = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
            name.eq_ignore_ascii_case(attribute)
                || attribute == "datacontenttype" && name.eq_ignore_ascii_case("content-type")
        })
    });
    let Some((header, Some(value))) = header else {
        let mut place = Place::of(Source::new(name, bytes::Bytes::new(), 0));
        place.index = error.index();
        return (place, None);
    };
    let mut line = format!("{header}: ").into_bytes();
    let offset = line.len();
    line.extend_from_slice(&value);
    (Place::of(Source::new(name, line, 0)), Some(offset))
}
