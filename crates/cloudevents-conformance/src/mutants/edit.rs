//! Reaching into requests and answers.

use cloudevents_vectors::{Carrier, ContentType, carriers};
use serde_json::{Map, Value, json};

use crate::compare::bytes::{decode, encode};

/// Whether the request is of this operation.
pub(super) fn is_op(request: &Value, op: &str) -> bool {
    request["op"] == op
}

/// The carrier that a request reads from.
pub(super) fn reads_via(request: &Value) -> &str {
    request["via"].as_str().or_else(|| request["from"]["via"].as_str()).unwrap_or_default()
}

/// The description of the carrier that a request reads from.
pub(super) fn reads_from(request: &Value) -> Option<&'static Carrier> {
    Carrier::of(reads_via(request))
}

/// The description of the carrier that a request writes to.
pub(super) fn writes_to(request: &Value) -> Option<&'static Carrier> {
    Carrier::of(writes_via(request))
}

/// Whether a carrier has percent-encoded values.
pub(super) fn is_percent_encoded(carrier: &Carrier) -> bool {
    carrier.headers.as_ref().is_some_and(|headers| headers.percent_encoded)
}

/// The carrier that a request writes to.
pub(super) fn writes_via(request: &Value) -> &str {
    match request["op"].as_str() {
        Some("encode") => request["via"].as_str(),
        Some("transcode") => request["to"]["via"].as_str(),
        _ => None,
    }
    .unwrap_or_default()
}

/// The message that a request reads.
pub(super) fn message(request: &mut Value) -> Option<&mut Map<String, Value>> {
    match request["op"].as_str() {
        Some("decode") => request.get_mut("message")?.as_object_mut(),
        Some("transcode") => request.get_mut("from")?.get_mut("message")?.as_object_mut(),
        _ => None,
    }
}

/// The message that an answer writes.
pub(super) fn written(answer: &mut Value) -> Option<&mut Map<String, Value>> {
    answer.get_mut("result")?.get_mut("message")?.as_object_mut()
}

/// The events that an answer has read.
pub(super) fn events(answer: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let result = answer.get_mut("result").and_then(Value::as_object_mut);
    let lists = result.into_iter().flat_map(|result| {
        result.iter_mut().flat_map(|(name, value)| match (name.as_str(), value) {
            ("events", Value::Array(events)) => events.iter_mut().collect::<Vec<_>>(),
            ("event", event) => vec![event],
            _ => Vec::new(),
        })
    });
    lists.filter_map(Value::as_object_mut)
}

/// Changes each attribute of the events that were read. The change returns whether the attribute stays.
pub(super) fn each_attribute(
    answer: &mut Value,
    mut change: impl FnMut(&str, &mut Map<String, Value>) -> bool,
) {
    for event in events(answer) {
        if let Some(Value::Object(attributes)) = event.get_mut("attributes") {
            attributes
                .retain(|name, attribute| attribute.as_object_mut().is_none_or(|typed| change(name, typed)));
        }
    }
}

/// Adds an attribute to the events that were read, if they have no attribute of the name.
pub(super) fn add_attribute(answer: &mut Value, name: &str, ty: &str, value: &str) {
    for event in events(answer) {
        if let Some(Value::Object(attributes)) = event.get_mut("attributes") {
            attributes.entry(name).or_insert_with(|| json!({"type": ty, "value": value}));
        }
    }
}

/// Changes each payload that was read; `None` takes it away.
pub(super) fn each_payload(answer: &mut Value, mut change: impl FnMut(&Value) -> Option<Value>) {
    for event in events(answer) {
        if let Some(data) = event.get("data") {
            match change(data) {
                Some(data) => drop(event.insert("data".to_owned(), data)),
                None => drop(event.remove("data")),
            }
        }
    }
}

/// The list of headers. Carriers have different names for it.
pub(super) fn headers(message: &mut Map<String, Value>) -> Option<&mut Vec<Value>> {
    let mut names = carriers().iter().filter_map(|carrier| Some(&carrier.headers.as_ref()?.member));
    message.get_mut(names.find(|name| message.contains_key(*name))?)?.as_array_mut()
}

/// Adds a header of an attribute, with the prefix that the others have. Nothing for a carrier without headers.
pub(super) fn add_header(carrier: &Carrier, message: &mut Map<String, Value>, attribute: &str, text: &str) {
    let (Some(known), Some(list)) = (&carrier.headers, headers(message)) else { return };
    let names = list.iter().filter_map(|header| header[0].as_str());
    let prefix = |name: &'_ str| -> Option<String> {
        Some(name.strip_suffix(&*carrier.attribute(name))?.to_owned())
            .filter(|_| carrier.is_of_attribute(name))
    };
    let prefix =
        names.filter_map(prefix).next().or_else(|| known.prefixes.first().cloned()).unwrap_or_default();
    list.push(json!([format!("{prefix}{attribute}"), known.values.of_text(text)]));
}

/// The name of a header in lower case.
pub(super) fn name(header: &Value) -> String {
    header[0].as_str().unwrap_or_default().to_lowercase()
}

/// Changes the text of each header value. The change returns `None` to leave it.
pub(super) fn each_value(message: &mut Map<String, Value>, change: impl Fn(&str, &str) -> Option<String>) {
    for header in headers(message).into_iter().flatten() {
        let name = name(header);
        let text = match &mut header[1] {
            Value::String(text) => Some(text),
            Value::Object(members) => match members.get_mut("text") {
                Some(Value::String(text)) => Some(text),
                _ => None,
            },
            _ => None,
        };
        if let Some(text) = text
            && let Some(new) = change(&name, text)
        {
            *text = new;
        }
    }
}

/// The member with the body.
fn body_name(message: &Map<String, Value>) -> Option<&'static str> {
    let mut names = carriers().iter().map(|carrier| &*carrier.body.member);
    names.find(|name| message.get(*name).is_some_and(Value::is_object))
}

/// The bytes of the body.
pub(super) fn body(message: &Map<String, Value>) -> Option<Vec<u8>> {
    let body = message.get(body_name(message)?)?;
    match (&body["text"], &body["base64"]) {
        (Value::String(text), _) => Some(text.clone().into_bytes()),
        (_, Value::String(text)) => decode(text),
        _ => None,
    }
}

/// Replaces the body.
pub(super) fn set_body(message: &mut Map<String, Value>, bytes: &[u8]) {
    if let Some(name) = body_name(message) {
        let body = match str::from_utf8(bytes) {
            Ok(text) => json!({"text": text}),
            Err(_) => json!({"base64": encode(bytes)}),
        };
        message.insert(name.to_owned(), body);
    }
}

/// Changes the text of the body. The change returns `None` to leave it.
pub(super) fn change_body(message: &mut Map<String, Value>, change: impl FnOnce(&str) -> Option<String>) {
    let text = body(message).and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(new) = text.as_deref().and_then(change) {
        set_body(message, new.as_bytes());
    }
}

/// Changes the members of a document of the JSON format, if the message is one. A batch is changed event by event.
pub(super) fn change_document(message: &mut Map<String, Value>, change: impl Fn(&mut Map<String, Value>)) {
    change_body(message, |text| {
        let mut document: Value = serde_json::from_str(text).ok()?;
        let before = document.clone();
        match &mut document {
            Value::Object(members) => change(members),
            Value::Array(items) => items.iter_mut().filter_map(Value::as_object_mut).for_each(&change),
            _ => (),
        }
        (document != before).then(|| document.to_string())
    });
}

/// Whether a message is a document of the JSON format, by its carrier or by its content type.
pub(super) fn is_json_document(via: &str, message: &Map<String, Value>) -> bool {
    let always = Carrier::of(via).map(|carrier| &carrier.content_type);
    match always {
        Some(ContentType::Always(format)) => matches!(format.as_str(), "json" | "json-batch"),
        _ => content_type(message).is_some_and(|text| {
            text.to_lowercase().starts_with("application/cloudevents") && text.to_lowercase().contains("json")
        }),
    }
}

/// The content type of a message.
pub(super) fn content_type(message: &Map<String, Value>) -> Option<String> {
    let member = message.get("content-type").and_then(Value::as_str);
    let property = message.get("properties").and_then(|properties| properties["content-type"].as_str());
    let header = || {
        let headers = message.get("headers")?.as_array()?;
        let header = headers.iter().find(|header| is_content_type(header))?;
        header[1].as_str().or_else(|| header[1]["text"].as_str())
    };
    member.or(property).or_else(header).map(str::to_owned)
}

/// Whether a header is the content type of some carrier.
fn is_content_type(header: &Value) -> bool {
    let name = name(header);
    carriers().iter().any(|carrier| match &carrier.content_type {
        ContentType::Header(known) => known.eq_ignore_ascii_case(&name),
        _ => false,
    })
}

/// Changes the content type of a message; `None` takes it away.
pub(super) fn set_content_type(message: &mut Map<String, Value>, content_type: Option<&str>) {
    if let (Some(member), Some(text)) = (message.get_mut("content-type"), content_type) {
        *member = json!(text);
    } else if content_type.is_none() {
        message.remove("content-type");
    }
    if let Some(Value::Object(properties)) = message.get_mut("properties") {
        match content_type {
            Some(text) => drop(properties.insert("content-type".to_owned(), json!(text))),
            None => drop(properties.remove("content-type")),
        }
    }
    let Some(Value::Array(headers)) = message.get_mut("headers") else { return };
    let bytes = headers.iter().any(|header| header[1].is_object());
    let found = headers.iter().position(is_content_type);
    match (found, content_type) {
        (Some(index), None) => drop(headers.remove(index)),
        (found, Some(text)) => {
            let value = if bytes { json!({"text": text}) } else { json!(text) };
            match found.and_then(|index| headers.get_mut(index)) {
                Some(header) => header[1] = value,
                None => headers.push(json!(["content-type", value])),
            }
        }
        (None, None) => (),
    }
}

/// One round of percent-decoding, to Latin-1 text of the octets.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        decoded += before;
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                decoded.push(char::from(octet));
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push('%');
                rest = after;
            }
        }
    }
    decoded + rest
}

/// Answers with a refusal.
pub(super) fn refuse(answer: &mut Value) {
    *answer = json!({"seq": answer["seq"], "error": {"kind": "mutant"}});
}
