//! Gherkin features of bindings.

// Reading a `Value` by a missing name gives null. Counts are counts of characters.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde_json::{Map, Value, json};

use super::{case, presented};

/// The scenarios of a feature, one case for each row of examples.
pub(super) fn feature(text: &str, binding: &str) -> Result<Vec<Value>, String> {
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
    // The feature compares the data as JSON. These are its bytes, under each name that an implementation gives it.
    let data: Value = serde_json::from_str(&wanted).map_err(|error| format!("{title}: {error}"))?;
    let event = |data: Value| json!({"specversion": version, "attributes": attributes, "data": data});
    let body = if title.starts_with("Binary") {
        message["body"]["text"].as_str().or(message["value"]["text"].as_str()).unwrap_or_default().to_owned()
    } else {
        data.to_string()
    };
    let request = json!({"op": "decode", "via": binding, "message": message});
    let payloads = presented(&body, Some(data.to_string()));
    let outcomes = payloads.into_iter().map(|data| json!({"result": {"events": [event(data)]}})).collect();
    Ok(case(title, title, request, outcomes))
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
}
