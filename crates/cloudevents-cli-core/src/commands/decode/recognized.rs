//! Forms of messages that other tools write, as messages of the testee protocol.

use crate::{plain::plain, report::Report, wire};
use serde_json::{Map, Value, json};

/// The names of members in one warning.
const MOST_NAMES: usize = 10;

/// The characters of a name in a warning.
const MOST_CHARACTERS: usize = 80;

/// The first line of HTTP, which no event has, and the mark of a body in Base64.
const OF_REQUESTS: [&str; 4] = ["isBase64Encoded", "method", "status", "target"];

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

/// Members of a message that are not read.
pub(super) struct Unread {
    /// A warning that names them.
    pub(super) report: Report,
    /// Whether the message itself has such members, and has no body: one of them may be the body.
    pub(super) lacks_body: bool,
}

/// The members of a message that are not read. `via` is used for a message that does not name its own.
pub(super) fn unread(value: &Value, via: &str) -> Option<Unread> {
    let members = value.as_object().filter(|members| !is_kcat(members))?;
    let via = members.get("via").and_then(Value::as_str).unwrap_or(via);
    let message = members.get("message");
    let (read, inner) = (wire::members(via), message.map_or(Some(members), Value::as_object)?);
    let is_read = |name: &str| read.contains(name) || message.is_none() && name == "via";
    let outer =
        members.keys().filter(|name| message.is_some() && !matches!(name.as_str(), "message" | "via"));
    let has_body = wire::body(via).is_some_and(|name| inner.get(name).is_some_and(|body| !body.is_null()));
    let mut inner = inner
        .keys()
        .filter(|name| !is_read(name.as_str()) && !OF_REQUESTS.contains(&name.as_str()))
        .peekable();
    let lacks_body = inner.peek().is_some() && !has_body;
    let beginning = |name: &String| plain(&name.chars().take(MOST_CHARACTERS).collect::<String>());
    let names: Vec<_> =
        outer.chain(inner).take(MOST_NAMES).map(|name| format!("`{}`", beginning(name))).collect();
    if names.is_empty() || read.is_empty() {
        return None;
    }
    let known: Vec<_> = read.iter().map(|name| format!("`{name}`")).collect();
    let words = format!("members of the message are not read: {}", names.join(", "));
    let help = format!("with `--via {}`, a message has {}", plain(via), known.join(", "));
    Some(Unread { report: Report::warning(words).help(help), lacks_body })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn words(message: &str, via: &str) -> Option<String> {
        unread(&serde_json::from_str(message).unwrap(), via).map(|unread| unread.report.one_line())
    }

    /// The event would be decoded without its payload.
    #[test]
    fn a_message_without_its_body_has_it_under_another_name() {
        for (message, via, wanted) in [
            (r#"{"headers":{},"payload":"x"}"#, "kafka", true),
            (r#"{"headers":{},"payload":"x","value":null}"#, "kafka", true),
            (r#"{"headers":{},"payload":"x","value":{"text":""}}"#, "kafka", false),
            (r#"{"headers":{},"payload":"x"}"#, "pulsar", true),
            (r#"{"via":"http","message":{"headers":{}},"note":"x"}"#, "http", false),
        ] {
            let unread = unread(&serde_json::from_str(message).unwrap(), via).unwrap();
            assert_eq!(unread.lacks_body, wanted, "{message}");
        }
    }

    #[test]
    fn members_that_are_not_read_are_named() {
        for (message, via) in [
            (r#"{"headers":{},"body":"x"}"#, "http"),
            (r#"{"headers":{},"body":"x","isBase64Encoded":true,"method":"POST","target":"/"}"#, "http"),
            (r#"{"via":"kafka","key":null,"headers":[],"value":null}"#, "http"),
            (r#"{"via":"kafka","message":{"key":null,"headers":[],"value":null}}"#, "http"),
            (r#"{"topic":"t","partition":0,"offset":1,"payload":"x","headers":[]}"#, "kafka"),
            (r#"{"properties":{},"application-properties":[],"body":null}"#, "amqp"),
            (r#"{"body":{"text":""}}"#, "json"),
        ] {
            assert_eq!(words(message, via), None, "{message}");
        }
        for (message, via, names) in [
            (r#"{"attributes":{},"body":"x"}"#, "google-pubsub", "`attributes`"),
            (r#"{"headers":[],"payload":"x"}"#, "kafka", "`payload`"),
            (r#"{"via":"nats","value":"x"}"#, "http", "`value`"),
            (r#"{"via":"http","message":{"headers":[]},"headers":[]}"#, "http", "`headers`"),
            (r#"{"via":"http","message":{"headers":[],"via":"x"}}"#, "http", "`via`"),
        ] {
            let words = words(message, via).unwrap();
            assert!(words.contains(&format!("not read: {names}")), "{message}: {words}");
        }
    }
}
