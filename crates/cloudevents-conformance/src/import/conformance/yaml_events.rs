//! Events in YAML, as the repository's own sender writes them to HTTP.

use serde_json::{Map, Value, json};

use super::{case, presented};
use crate::import::yaml::Yaml;

/// The events of a file, each in a document of its own. A receiver that reads the sender's request has the event.
pub(super) fn events(text: &str) -> Result<Vec<Value>, String> {
    let documents = text.split("\n---").filter(|document| !document.trim().is_empty());
    documents
        .enumerate()
        .map(|(index, document)| event(index.saturating_add(1), &Yaml::parse(document)?))
        .collect()
}

fn event(number: usize, yaml: &Yaml) -> Result<Value, String> {
    let text =
        |yaml: &Yaml, name: &str| yaml.get(name).and_then(Yaml::text).map(str::trim).map(str::to_owned);
    let context = yaml.get("ContextAttributes").ok_or("an event has no `ContextAttributes`")?;
    let version = text(context, "specversion").ok_or("an event has no `specversion`")?;
    let mode = text(yaml, "Mode").unwrap_or_else(|| "binary".into());
    let data = yaml.get("Data").and_then(Yaml::text).unwrap_or_default();
    let core = context.members().iter().filter(|(name, _)| name.text() != Some("Extensions"));
    let extensions = context.get("Extensions").map(Yaml::members).unwrap_or_default();
    let attributes: Vec<(String, String)> = core.chain(extensions).filter_map(trimmed).collect();
    let others = yaml.get("TransportExtensions").map(Yaml::members).unwrap_or_default();
    let others: Vec<(String, String)> = others.iter().filter_map(trimmed).collect();

    let (mut headers, body, payloads);
    match mode.as_str() {
        "binary" => {
            headers = attributes.iter().map(|(name, value)| binary_header(name, value)).collect::<Vec<_>>();
            body = data.to_owned();
            let json = serde_json::from_str::<Value>(data).ok().map(|_| data.to_owned());
            payloads = presented(data, json);
        }
        "structured" => {
            let data: Value = serde_json::from_str(data).map_err(|error| format!("`Data`: {error}"))?;
            let mut members: Map<String, Value> =
                attributes.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            members.insert("data".into(), data.clone());
            headers = vec![json!(["Content-Type", "application/cloudevents+json; charset=UTF-8"])];
            body = Value::Object(members).to_string();
            payloads = vec![json!({"json": data.to_string()})];
        }
        other => return Err(format!("no such `Mode`: {other}")),
    }
    headers.extend(others.iter().map(|(name, value)| json!([name, value])));
    let message = json!({"headers": headers, "body": {"text": body}});
    let request = json!({"op": "decode", "via": "http", "message": message});
    let outcomes = payloads.into_iter().map(|data| outcome(&version, &mode, &attributes, &data)).collect();
    let title = format!("Event {number}, in {mode} mode");
    let mut case = case(&format!("event-{number}-{mode}"), &title, request, outcomes);
    if let (true, Some(members)) = (version == "0.3", case.as_object_mut()) {
        members.insert("clauses".into(), json!(["SDK-Acceptance-a"]));
        members.insert("level".into(), json!("SHOULD"));
    }
    Ok(case)
}

fn trimmed((name, value): &(Yaml, Yaml)) -> Option<(String, String)> {
    let value = value.text()?.trim();
    (!value.is_empty()).then_some((name.text()?.to_owned(), value.to_owned()))
}

fn binary_header(name: &str, value: &str) -> Value {
    match name {
        "datacontenttype" => json!(["Content-Type", value]),
        _ => json!([format!("ce-{name}"), value]),
    }
}

fn outcome(version: &str, mode: &str, attributes: &[(String, String)], data: &Value) -> Value {
    let typed = |name: &str, value: &str| {
        let kind = match name {
            "source" => "URI-reference",
            "dataschema" | "schemaurl" => "URI",
            "time" => "Timestamp",
            _ => "String",
        };
        json!({"type": kind, "value": value})
    };
    let attributes = attributes.iter().filter(|(name, _)| name != "specversion");
    let attributes: Map<String, Value> =
        attributes.map(|(name, value)| (name.clone(), typed(name, value))).collect();
    json!({"result": {"mode": mode, "events": [{"specversion": version, "attributes": attributes, "data": data}]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# first\nContextAttributes:\n  specversion: 1.0\n  id: 1\n  source: /s\n  datacontenttype: text/plain\n  Extensions:\n    note: |\n      {\"a\": 5}\nTransportExtensions:\n  user-agent: foo\nData: |\n  Hi\n---\nMode: structured\nContextAttributes:\n  specversion: 0.3\n  id: 2\nData: |\n  {\"a\":1}\n";

    #[test]
    fn events_are_written_as_the_sender_does() {
        let cases = events(FILE).unwrap();
        let message = &cases[0]["request"]["message"];
        assert_eq!(
            message["headers"],
            json!([
                ["ce-specversion", "1.0"],
                ["ce-id", "1"],
                ["ce-source", "/s"],
                ["Content-Type", "text/plain"],
                ["ce-note", "{\"a\": 5}"],
                ["user-agent", "foo"]
            ])
        );
        assert_eq!(message["body"]["text"], "Hi\n");
        let event = &cases[0]["expect"][0]["result"]["events"][0];
        assert_eq!(event["attributes"]["note"], json!({"type": "String", "value": "{\"a\": 5}"}));
        assert_eq!(event["data"], json!({"text": "Hi\n"}));
        assert_eq!(cases[1]["id"], "event-2-structured");
        assert_eq!(
            cases[1]["request"]["message"]["body"]["text"],
            r#"{"data":{"a":1},"id":"2","specversion":"0.3"}"#
        );
        assert_eq!((&cases[1]["level"], &cases[0]["level"]), (&json!("SHOULD"), &json!("MUST")));
    }

    #[test]
    fn what_is_no_event_says_so() {
        for text in [
            "[",
            "a: b",
            "ContextAttributes:\n  id: 1",
            "Mode: other\nContextAttributes:\n  specversion: 1.0",
        ] {
            assert!(events(text).is_err(), "{text}");
        }
    }
}
