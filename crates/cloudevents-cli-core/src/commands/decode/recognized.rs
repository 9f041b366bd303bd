//! Forms of messages that other tools write, as messages of the testee protocol.

use serde_json::{Map, Value, json};

/// Returns the binding or format of a message, and the message as the testee protocol has it.
///
/// `via` is used for a message that does not name its own. The error describes the problem.
pub(super) fn message(mut value: Value, via: &str) -> Result<(String, Value), &'static str> {
    let Some(members) = value.as_object_mut() else { return Err("a message is an object") };
    if is_kcat(members) {
        return Ok(("kafka".to_owned(), kafka(members)?));
    }
    let has_message = members.contains_key("message");
    let via = members.get("via").and_then(Value::as_str).unwrap_or(via).to_owned();
    let mut message = if has_message { members.remove("message").unwrap_or_default() } else { value };
    if let Some(members) = message.as_object_mut() {
        headers(members, &via)?;
        body(members)?;
    }
    Ok((via, message))
}

/// Returns a document with one event as a message of the testee protocol, and its format.
pub(super) fn document(text: String) -> (String, Value) {
    ("json".to_owned(), json!({"body": {"text": text}}))
}

/// Whether this is a line of `kcat -J`.
fn is_kcat(members: &Map<String, Value>) -> bool {
    ["topic", "payload", "offset"].iter().all(|name| members.contains_key(*name))
}

/// `{"topic":"t","partition":0,"offset":1,"headers":["name","value",...],"key":"k","payload":"..."}`.
fn kafka(members: &mut Map<String, Value>) -> Result<Value, &'static str> {
    let mut headers = Vec::new();
    if let Some(flat) = members.get("headers").and_then(Value::as_array) {
        for pair in flat.chunks(2) {
            let [Value::String(name), value] = pair else {
                return Err("headers are names and values in turn");
            };
            headers.push(json!([name, text(value)?]));
        }
    }
    let part = |name: &str| members.get(name).map_or(Ok(Value::Null), text);
    Ok(json!({"key": part("key")?, "headers": headers, "value": part("payload")?}))
}

/// A text as bytes of the protocol, and null as it is.
fn text(value: &Value) -> Result<Value, &'static str> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::String(text) => Ok(json!({"text": text})),
        _ => Err("keys, values of headers and payloads are texts"),
    }
}

/// Turns headers that are an object into a list of pairs. A list is several headers of one name.
fn headers(members: &mut Map<String, Value>, via: &str) -> Result<(), &'static str> {
    let Some(Value::Object(named)) = members.get("headers") else { return Ok(()) };
    let mut pairs = Vec::new();
    for (name, values) in named {
        let values = values.as_array().map_or_else(|| std::slice::from_ref(values), Vec::as_slice);
        for value in values {
            let value = match value {
                Value::Number(_) | Value::Bool(_) => Value::from(value.to_string()),
                Value::String(_) => value.clone(),
                _ => return Err("the value of a header is a text"),
            };
            pairs.push(if via == "kafka" { json!([name, text(&value)?]) } else { json!([name, value]) });
        }
    }
    members.insert("headers".into(), pairs.into());
    Ok(())
}

/// Turns a body that is a text into bytes of the protocol. It is base64 if `isBase64Encoded` is true.
fn body(members: &mut Map<String, Value>) -> Result<(), &'static str> {
    let base64 = members.get("isBase64Encoded").and_then(Value::as_bool) == Some(true);
    match members.get_mut("body") {
        None | Some(Value::Null) => drop(members.remove("body")),
        Some(body @ Value::String(_)) => {
            let name = if base64 { "base64" } else { "text" };
            *body = json!({name: body.take()});
        }
        Some(Value::Object(_)) => {}
        Some(_) => return Err("the body is a text, or an object with `text` or `base64`"),
    }
    Ok(())
}
