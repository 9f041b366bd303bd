//! The material of the CloudEvents project's own conformance repository as cases: its tests of the JSON format (branch `format-tests`) and
//! its Gherkin features.
//!
//! Cases are `official/<file>/<test>`.

// Reading a `Value` by a name that is not there gives null; counts are those of cases.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::fs;
use std::path::Path;

use cloudevents_vectors::Document;
use serde_json::{Map, Value, json};

/// The cases of a checkout of the conformance repository, as far as the checkout has them: its branches differ. The error names the file
/// and says what is wrong with it.
pub(super) fn documents(directory: &Path) -> Result<Vec<Document>, (String, String)> {
    let mut documents = Vec::new();
    for name in ["valid-events", "invalid-events", "valid-batches", "invalid-batches"] {
        let path = directory.join("format/json").join(format!("{name}.json"));
        documents.extend(of_file(&path, &format!("json-{name}"), |text| format_tests(text, name))?);
    }
    for binding in ["http", "kafka"] {
        let path = directory.join("features").join(format!("{binding}-protocol-binding.feature"));
        documents.extend(of_file(&path, &format!("{binding}-feature"), |text| feature(text, binding))?);
    }
    Ok(documents)
}

fn of_file(
    path: &Path,
    topic: &str,
    cases: impl Fn(&str) -> Result<Vec<Value>, String>,
) -> Result<Option<Document>, (String, String)> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err((path.display().to_string(), error.to_string())),
    };
    let made = cases(&text).and_then(|cases| document(topic, cases));
    made.map(Some).map_err(|reason| (path.display().to_string(), reason))
}

fn document(topic: &str, cases: Vec<Value>) -> Result<Document, String> {
    let mut cases = cases;
    for case in &mut cases {
        let name = case["id"].as_str().unwrap_or_default();
        case["id"] = json!(format!("official/{topic}/{name}"));
    }
    let document = json!({"area": "official", "topic": topic, "title": "From the CloudEvents conformance repository", "cases": cases});
    Document::parse(&document.to_string()).map_err(|error| error.to_string())
}

/// `validMinimalWithTimeUtc` as `valid-minimal-with-time-utc`; anything else but letters and digits becomes a hyphen.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !kebab.is_empty() && !kebab.ends_with('-') {
            kebab.push('-');
        }
        match character.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => kebab.push(letter),
            _ if !kebab.is_empty() && !kebab.ends_with('-') => kebab.push('-'),
            _ => (),
        }
    }
    kebab.trim_end_matches('-').to_owned()
}

fn case(name: &str, title: &str, clauses: &[&str], request: Value, outcome: Value) -> Value {
    json!({"id": kebab(name), "title": title, "clauses": clauses, "level": "MUST", "revisions": ["1.0.2", "main"], "request": request, "expect": [outcome]})
}

/// The tests of a file of the JSON format.
fn format_tests(text: &str, file: &str) -> Result<Vec<Value>, String> {
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
        cases.push(case(id, title, &["CE-Overview-a"], request, outcome));
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

/// The scenarios of a feature, one case for each row of examples.
fn feature(text: &str, binding: &str) -> Result<Vec<Value>, String> {
    let mut cases = Vec::new();
    for scenario in text.split("Scenario").skip(1) {
        let (title, rest) = scenario
            .split_once(':')
            .and_then(|(_, rest)| rest.split_once('\n'))
            .ok_or("a scenario has no title")?;
        let (steps, examples) = rest.split_once("Examples:").unwrap_or((rest, ""));
        let rows = rows(examples);
        let (names, values) = rows
            .split_first()
            .map_or((Vec::new(), vec![Vec::new()]), |(names, values)| (names.clone(), values.to_vec()));
        for row in values {
            let filled = names.iter().zip(&row).fold(format!("{title}\n{steps}"), |text, (name, value)| {
                text.replace(&format!("<{name}>"), value)
            });
            let (title, steps) = filled.split_once('\n').unwrap_or((&filled, ""));
            cases.push(scenario_case(title.trim(), steps, binding)?);
        }
    }
    Ok(cases)
}

fn scenario_case(title: &str, steps: &str, binding: &str) -> Result<Value, String> {
    let mut texts = doc_strings(steps).into_iter();
    let input = texts.next().ok_or_else(|| format!("{title}: no input"))?;
    let wanted = texts.next().ok_or_else(|| format!("{title}: no data"))?;
    let (given, then) = steps.split_once("Then").ok_or_else(|| format!("{title}: no `Then`"))?;
    let message = if binding == "http" {
        let (head, body) = input.split_once("\n\n").unwrap_or((&input, ""));
        let headers: Vec<Value> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(name, _)| !matches!(name.to_lowercase().as_str(), "host" | "content-length"))
            .map(|(name, value)| json!([name, value]))
            .collect();
        json!({"headers": headers, "body": {"text": body}})
    } else {
        let headers: Vec<Value> = rows(given)
            .iter()
            .skip(1)
            .filter_map(|row| Some(json!([row.first()?, {"text": row.get(1)?}])))
            .collect();
        json!({"key": null, "headers": headers, "value": {"text": input}})
    };
    let mut attributes = Map::new();
    let mut version = String::new();
    for row in rows(then).iter().skip(1) {
        let (Some(name), Some(value)) = (row.first(), row.get(1)) else { continue };
        let ty = match name.as_str() {
            "specversion" => {
                version.clone_from(value);
                continue;
            }
            "source" => "URI-reference",
            "time" => "Timestamp",
            _ => "String",
        };
        attributes.insert(name.clone(), json!({"type": ty, "value": value}));
    }
    // The feature compares the data as JSON: whatever an implementation calls it, these are its bytes.
    let data: Value = serde_json::from_str(&wanted).map_err(|error| format!("{title}: {error}"))?;
    let event = |data: Value| json!({"specversion": version, "attributes": attributes, "data": data});
    let body = if title.starts_with("Binary") {
        message["body"]["text"].as_str().or(message["value"]["text"].as_str()).unwrap_or_default().to_owned()
    } else {
        data.to_string()
    };
    let request = json!({"op": "decode", "via": binding, "message": message});
    let mut case = case(
        title,
        title,
        &["CE-Overview-a"],
        request,
        json!({"result": {"events": [event(json!({"json": data.to_string()}))]}}),
    );
    if let Some(outcomes) = case["expect"].as_array_mut() {
        let base64 = crate::compare::bytes::encode(body.as_bytes());
        outcomes.push(json!({"result": {"events": [event(json!({"text": body}))]}}));
        outcomes.push(json!({"result": {"events": [event(json!({"binary": base64}))]}}));
    }
    Ok(case)
}

/// The cells of a table, row by row.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Texts between triple quotation marks, without the indentation of the marks.
fn doc_strings(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Vec<&str>)> = None;
    for line in text.lines() {
        if line.trim() == "\"\"\"" {
            match open.take() {
                Some((_, lines)) => found.push(lines.join("\n")),
                None => open = Some((line.len() - line.trim_start().len(), Vec::new())),
            }
        } else if let Some((indent, lines)) = &mut open {
            lines.push(line.get(*indent..).unwrap_or_default());
        }
    }
    found
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

    #[test]
    fn scenarios_become_cases() {
        let text = "Feature: f\n  Scenario Outline: Binary content mode (<type>)\n  Given an HTTP request\n    \"\"\"\n    POST / HTTP/1.1\n    Host: x\n    ce-specversion: 1.0\n    Content-Type: <type>\n\n    {\n      \"a\": 1\n    }\n    \"\"\"\n  When parsed\n  Then the attributes are:\n   | key | value |\n   | id | 1 |\n   | specversion | 1.0 |\n  And the data is:\n    \"\"\"\n    {\"a\": 1}\n    \"\"\"\n  Examples:\n  | type |\n  | a/json |\n  | b/json |\n";
        let cases = feature(text, "http").unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!(cases[1]["id"], "binary-content-mode-b-json");
        assert_eq!(
            cases[1]["request"]["message"]["headers"],
            json!([["ce-specversion", "1.0"], ["Content-Type", "b/json"]])
        );
        assert_eq!(cases[1]["request"]["message"]["body"]["text"], "{\n  \"a\": 1\n}");
        assert_eq!(
            cases[1]["expect"][0]["result"]["events"][0]["attributes"],
            json!({"id": {"type": "String", "value": "1"}})
        );
    }

    #[test]
    fn a_directory_without_them_has_no_cases() {
        assert_eq!(documents(Path::new("no-such-directory")).unwrap(), []);
    }
}
