//! The sample events and batches that the tests of formats refer to by name. The repository describes them in words (`format/README.md`).

// Writing to a member of an object that `json!` made is no indexing that fails.
#![allow(clippy::indexing_slicing)]

use serde_json::{Value, json};

/// The outcomes of a valid test of a single event: the sample. If the test names no sample, any accepting outcome is right.
pub(super) fn of_event(sample: Option<&str>) -> Result<Vec<Value>, String> {
    match sample {
        None => Ok(vec![json!({"result": {"mode": "structured"}})]),
        Some(name) => Ok(outcomes(&[event(name)?])),
    }
}

/// The outcomes of a valid test of a batch.
pub(super) fn of_batch(sample: Option<&str>) -> Result<Vec<Value>, String> {
    let names: &[&str] = match sample {
        None => return Ok(vec![json!({"result": {"mode": "batched"}})]),
        Some("empty") => &[],
        Some("minimal") => &["minimal"],
        Some("minimal2") => &["minimal", "minimal"],
        Some("minimalAndAllCore") => &["minimal", "allCore"],
        Some("minimalAndAllExtensionTypes") => &["minimal", "allExtensionTypes"],
        Some(other) => return Err(format!("there is no sample batch `{other}`")),
    };
    Ok(outcomes(&names.iter().map(|name| event(name)).collect::<Result<Vec<_>, _>>()?))
}

/// The events, and the events with their text as bytes.
fn outcomes(events: &[Value]) -> Vec<Value> {
    let mut outcomes = vec![json!({"result": {"events": events}})];
    let as_bytes: Vec<Value> = events
        .iter()
        .map(|event| {
            let mut event = event.clone();
            if let Some(text) = event.pointer("/data/text").and_then(Value::as_str) {
                event["data"] = json!({"binary": crate::compare::bytes::encode(text.as_bytes())});
            }
            event
        })
        .collect();
    if as_bytes != events {
        outcomes.push(json!({"result": {"events": as_bytes}}));
    }
    outcomes
}

fn event(name: &str) -> Result<Value, String> {
    let mut event = json!({"specversion": "1.0", "attributes": {
        "id": {"type": "String", "value": name},
        "type": {"type": "String", "value": "io.cloudevents.test"},
        "source": {"type": "URI-reference", "value": "https://cloudevents.io"}
    }});
    let mut set = |name: &str, kind: &str, value: Value| {
        event["attributes"][name] = json!({"type": kind, "value": value});
    };
    match name {
        "minimal" => (),
        "minimalWithTime" => set("time", "Timestamp", json!("2018-04-05T17:31:00Z")),
        "minimalWithRelativeSource" => set("source", "URI-reference", json!("#fragment")),
        "allCore" => {
            set("datacontenttype", "String", json!("text/plain"));
            set("dataschema", "URI", json!("https://cloudevents.io/dataschema"));
            set("subject", "String", json!("tests"));
            set("time", "Timestamp", json!("2018-04-05T17:31:00Z"));
        }
        // The description has another id, `simpleData`; the tests of all formats have this one.
        "simpleTextData" => {
            set("datacontenttype", "String", json!("text/plain"));
            event["data"] = json!({"text": "Simple text"});
        }
        "allExtensionTypes" => {
            set("extinteger", "Integer", json!(10));
            set("extboolean", "Boolean", json!(true));
            set("extstring", "String", json!("text"));
            set("extbinary", "Binary", json!("TWE="));
            set("exttimestamp", "Timestamp", json!("2023-03-31T15:12:00Z"));
            set("exturi", "URI", json!("https://cloudevents.io"));
            set("exturiref", "URI-reference", json!("//authority/path"));
        }
        other => return Err(format!("there is no sample event `{other}`")),
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name() {
        assert_eq!(of_event(Some("minimal")).unwrap().len(), 1);
        let text = of_event(Some("simpleTextData")).unwrap();
        assert_eq!(text[1]["result"]["events"][0]["data"], json!({"binary": "U2ltcGxlIHRleHQ="}));
        assert_eq!(of_event(None).unwrap(), [json!({"result": {"mode": "structured"}})]);
        assert_eq!(of_batch(Some("empty")).unwrap(), [json!({"result": {"events": []}})]);
        assert_eq!(of_batch(Some("minimal2")).unwrap()[0]["result"]["events"].as_array().unwrap().len(), 2);
        assert!(of_event(Some("other")).is_err() && of_batch(Some("allCore")).is_err());
    }
}
