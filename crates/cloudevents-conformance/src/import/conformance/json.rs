//! Tests of the JSON format.

// Reading a `Value` by a name that is not there gives null.
#![allow(clippy::indexing_slicing)]

use serde_json::{Map, Value, json};

use super::case;

/// The tests of a file of the JSON format.
pub(super) fn format_tests(text: &str, file: &str) -> Result<Vec<Value>, String> {
    let tests: Value =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| error.to_string())?;
    let mut cases = Vec::new();
    for test in tests["tests"].as_array().ok_or("no list `tests`")? {
        let id = test["id"].as_str().ok_or("a test has no `id`")?;
        let title = test["description"].as_str().unwrap_or(id);
        let (via, input) = match (&test["event"], &test["batch"]) {
            (event, Value::Null) => ("json", event),
            (_, batch) => ("json-batch", batch),
        };
        let request = json!({"op": "decode", "via": via, "message": {"body": {"text": input.to_string()}}});
        let outcome = if file.starts_with("invalid") {
            json!({"error": {}})
        } else {
            let events = input.as_array().cloned().unwrap_or_else(|| vec![input.clone()]);
            json!({"result": {"events": events.iter().map(tagged).collect::<Vec<_>>()}})
        };
        cases.push(case(id, title, request, vec![outcome]));
    }
    Ok(cases)
}

/// The event that a JSON object of the format is, by sections 2 and 3 of the format. The types of extensions follow from JSON.
fn tagged(event: &Value) -> Value {
    let mut attributes = Map::new();
    let mut data = None;
    let content_type = event["datacontenttype"].as_str().unwrap_or("application/json");
    for (name, value) in
        event.as_object().into_iter().flatten().filter(|(name, value)| *name == "data" || !value.is_null())
    {
        let ty = match (name.as_str(), value) {
            ("specversion", _) => continue,
            ("data", Value::String(text)) if !content_type.contains("json") => {
                data = Some(json!({"text": text}));
                continue;
            }
            ("data", value) => {
                data = Some(json!({"json": value.to_string()}));
                continue;
            }
            ("data_base64", value) => {
                data = Some(json!({"binary": value}));
                continue;
            }
            ("source", _) => "URI-reference",
            ("dataschema", _) => "URI",
            ("time", _) => "Timestamp",
            (_, Value::Bool(_)) => "Boolean",
            (_, Value::Number(_)) => "Integer",
            _ => "String",
        };
        attributes.insert(name.clone(), json!({"type": ty, "value": value}));
    }
    let mut tagged = json!({"specversion": event["specversion"], "attributes": attributes});
    if let Some(data) = data {
        tagged["data"] = data;
    }
    tagged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_tests_become_cases() {
        let text = "\u{feff}{\"tests\":[{\"id\":\"validMinimal\",\"event\":{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"n\":1,\"x\":null,\"data\":null}}]}";
        let cases = format_tests(text, "valid-events").unwrap();
        assert_eq!(cases[0]["id"], "valid-minimal");
        let event = &cases[0]["expect"][0]["result"]["events"][0];
        assert_eq!(event["attributes"]["n"], json!({"type": "Integer", "value": 1}));
        assert_eq!(event["data"], json!({"json": "null"}));
        assert!(event["attributes"].get("x").is_none());
        assert_eq!(format_tests(text, "invalid-events").unwrap()[0]["expect"], json!([{"error": {}}]));
        assert!(format_tests("{}", "valid-events").is_err());
    }
}
