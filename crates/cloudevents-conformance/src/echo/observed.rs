//! The parts of an event that can still be seen after an implementation has read the event and published it again.

use cloudevents_vectors::{Case, Expected, ExpectedError, JsonComparison};
use serde_json::{Map, Value, json};

use crate::Suite;
use crate::compare::bytes;
use crate::compare::instant::Instant;
use crate::compare::media_type;
use crate::tree::json;

impl Suite {
    /// The cases that a consumer can be tested with: they decode messages of this binding, without leniency.
    ///
    /// Their outcomes have the parts that can still be seen when the consumer publishes the event again, in a mode of its choice:
    ///
    /// - attributes with their values, extensions without their types, which text carriers do not have;
    /// - payloads as bytes, or as JSON whose numbers are doubles; a payload of no bytes is none;
    /// - JSON without a content type is the same as JSON with `application/json`;
    /// - of a refusal, only that no event came, so that cases of batches without events are left out.
    ///
    /// Reports name the binding and the direction. They count all cases of the profile as cases to judge.
    pub fn observed_through(&self, binding: &str) -> Self {
        let mut suite =
            self.clone().observing(format!("a consumer over {binding}"), |case| is_observed(case, binding));
        for case in suite.cases_mut() {
            case.compare.json = JsonComparison::Double;
            for outcome in &mut case.expect {
                outcome.absent_headers.clear();
                match &mut outcome.expected {
                    Expected::Result(result) => {
                        result.retain(|name, _| name == "events");
                        for event in result.values_mut().filter_map(Value::as_array_mut).flatten() {
                            *event = observed(event);
                        }
                    }
                    Expected::Error(error) => *error = ExpectedError::default(),
                }
            }
        }
        suite
    }
}

fn is_observed(case: &Case, binding: &str) -> bool {
    let member = |name: &str| case.request.get(name).and_then(Value::as_str);
    case.op() == Some("decode")
        && member("via") == Some(binding)
        && member("strictness").is_none_or(|strictness| strictness == "strict")
        && !case.expect.iter().any(|outcome| has_no_event(&outcome.expected))
}

/// Whether no event comes back though nothing is refused: of a batch without events.
fn has_no_event(expected: &Expected) -> bool {
    let Expected::Result(result) = expected else { return false };
    result.get("events").and_then(Value::as_array).is_some_and(Vec::is_empty)
}

/// The visible parts of an event. Equivalent values have one spelling.
pub(super) fn observed(event: &Value) -> Value {
    let none = Map::new();
    let attributes = event.get("attributes").and_then(Value::as_object).unwrap_or(&none);
    let mut seen: Map<String, Value> =
        attributes.iter().map(|(name, typed)| (name.clone(), attribute(name, typed))).collect();
    let content_type = seen.get("datacontenttype").and_then(|typed| typed.get("value")?.as_str());
    let data = event.get("data").and_then(|data| payload(data, content_type));
    if content_type.is_none() && data.as_ref().is_some_and(|data| data.get("json").is_some()) {
        seen.insert("datacontenttype".into(), json!({"type": "String", "value": "application/json"}));
    }
    let mut event = json!({"specversion": event.get("specversion"), "attributes": seen});
    if let (Some(data), Some(members)) = (data, event.as_object_mut()) {
        members.insert("data".into(), data);
    }
    event
}

const CORE: [&str; 7] = ["id", "source", "type", "datacontenttype", "dataschema", "subject", "time"];

fn attribute(name: &str, typed: &Value) -> Value {
    if CORE.contains(&name) {
        return typed.clone();
    }
    let text = match typed.get("value") {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => return typed.clone(),
    };
    let kind = if Instant::parse(&text).is_some() { "Timestamp" } else { "String" };
    json!({"type": kind, "value": text})
}

/// The payload as JSON if it can be, otherwise as bytes. `None` if there are no bytes.
fn payload(data: &Value, content_type: Option<&str>) -> Option<Value> {
    let (kind, value) = data.as_object()?.iter().next()?;
    let octets = match (kind.as_str(), value.as_str()) {
        ("json", Some(_)) => return Some(data.clone()),
        ("text" | "xml", Some(text)) => text.as_bytes().to_vec(),
        ("binary" | "cbor", Some(text)) => bytes::decode(text)?,
        _ => return Some(data.clone()),
    };
    if octets.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(&octets).ok().filter(|_| content_type.is_none_or(is_json));
    match text.filter(|text| json::parse(text).is_ok()) {
        Some(text) => Some(json!({"json": text})),
        None => Some(json!({"binary": bytes::encode(&octets)})),
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = media_type::essence(content_type);
    essence.ends_with("/json") || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(attributes: Value, data: Value) -> Value {
        let mut event = json!({"specversion": "1.0", "attributes": attributes});
        if !data.is_null() {
            event["data"] = data;
        }
        event
    }

    #[test]
    fn what_carriers_do_not_hold_is_not_compared() {
        let typed = |kind: &str, value: Value| json!({"type": kind, "value": value});
        let string = |value: &str| typed("String", json!(value));
        let json_type = || json!({"datacontenttype": string("application/json")});
        for (one, other) in [
            (
                event(json!({"n": typed("Integer", json!(3))}), Value::Null),
                event(json!({"n": string("3")}), Value::Null),
            ),
            (
                event(json!({"b": typed("Boolean", json!(true))}), Value::Null),
                event(json!({"b": string("true")}), Value::Null),
            ),
            (event(json!({}), json!({"json": "[1]"})), event(json_type(), json!({"json": "[1]"}))),
            (event(json_type(), json!({"text": "[1]"})), event(json_type(), json!({"json": "[1]"}))),
            (event(json!({}), json!({"text": "é"})), event(json!({}), json!({"binary": "w6k="}))),
            (event(json!({}), json!({"binary": ""})), event(json!({}), Value::Null)),
        ] {
            assert_eq!(observed(&one), observed(&other));
        }
    }

    #[test]
    fn what_they_hold_is() {
        let string = |value: &str| json!({"type": "String", "value": value});
        for (one, other) in [
            (
                event(json!({"subject": string("a%20b")}), Value::Null),
                event(json!({"subject": string("a b")}), Value::Null),
            ),
            (event(json!({"x": string("1")}), Value::Null), event(json!({}), Value::Null)),
            (
                event(json!({"datacontenttype": string("text/plain")}), json!({"text": "1"})),
                event(json!({}), json!({"text": "1"})),
            ),
            (event(json!({}), json!({"text": "a"})), event(json!({}), json!({"text": "b"}))),
        ] {
            assert_ne!(observed(&one), observed(&other));
        }
    }

    #[test]
    fn only_strict_decoding_of_the_binding_is_observed() {
        let suite = Suite::published().unwrap().observed_through("kafka");
        assert!(suite.cases().len() > 100);
        for case in suite.cases() {
            assert_eq!(
                (case.op(), case.request["via"].as_str()),
                (Some("decode"), Some("kafka")),
                "{}",
                case.id
            );
            assert_ne!(case.request.get("strictness"), Some(&json!("lenient")), "{}", case.id);
        }
    }
}
