//! The test kit of CESQL.

use super::Reason;
use super::yaml::Yaml;
use cloudevents_vectors::Document;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// One file of the kit.
pub(super) fn document(file: &str, text: &str) -> Result<Document, Reason> {
    let yaml = Yaml::parse(text).map_err(Reason::NotYaml)?;
    let topic = slug(file);
    let title = yaml.get("name").and_then(Yaml::text).unwrap_or(file);
    let mut names = HashMap::new();
    let cases = yaml
        .get("tests")
        .ok_or_else(|| Reason::NotACase("there are no `tests`".into()))?
        .items()
        .iter()
        .map(|test| case(file, &topic, test, &mut names))
        .collect::<Result<Vec<_>, _>>()?;
    let document = json!({"area": "official", "topic": topic, "title": title, "cases": cases});
    Document::parse(&document.to_string()).map_err(Reason::Invalid)
}

fn case(file: &str, topic: &str, test: &Yaml, names: &mut HashMap<String, usize>) -> Result<Value, Reason> {
    let text = |name| test.get(name).and_then(Yaml::text);
    let title = text("name").ok_or_else(|| Reason::NotACase("a test has no `name`".into()))?;
    let missing = |what: &str| Reason::NotACase(format!("the test {title:?} has no `{what}`"));
    let expression = text("expression").ok_or_else(|| missing("expression"))?;
    let name = slug(title);
    let count = names.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
    let name = if *count == 1 { name } else { format!("{name}-{count}") };
    let mut request = json!({"op": "sql", "expression": expression});
    let event = event(test.get("event"), test.get("eventOverrides"));
    if let (Some(event), Some(members)) = (event, request.as_object_mut()) {
        members.insert("event".into(), event);
    }
    let mut case = json!({
        "id": format!("official/{topic}/{name}"),
        "title": title,
        "clauses": [clause(file)],
        "level": "MUST",
        "revisions": ["1.0.2", "main"],
        "request": request,
        "expect": outcomes(test, expression).ok_or_else(|| missing("result"))?,
    });
    if let (Some(note), Some(members)) = (dispute(file, expression), case.as_object_mut()) {
        members.insert("policy".into(), true.into());
        members.insert("note".into(), note.into());
    }
    Ok(case)
}

fn outcomes(test: &Yaml, expression: &str) -> Option<Vec<Value>> {
    let error = test.get("error").and_then(Yaml::text);
    if error == Some("parse") {
        return Some(vec![json!({"error": {"kind": "parse"}}), json!({"error": {}})]);
    }
    let mut result = json!({"value": typed(test.get("result")?)?});
    if let (Some(error), Some(members)) = (error, result.as_object_mut()) {
        members.insert("error".into(), kebab(error).into());
    }
    let mut outcomes = vec![json!({"result": result})];
    if error == Some("missingFunction") {
        outcomes.push(json!({"error": {}, "note": "A function that is not there may be found when the expression is parsed."}));
    }
    if dispute("not_operator", expression).is_some() {
        outcomes.insert(0, json!({"result": {"value": {"type": "Boolean", "value": false}}}));
    }
    Some(outcomes)
}

/// Why a case contradicts the specification.
fn dispute(file: &str, expression: &str) -> Option<&'static str> {
    (file == "not_operator" && expression == "NOT 10").then_some(
        "The kit expects true and a cast error, as before version 1.0. Since then every engine casts Integer to Boolean (CESQL 3.7), \
         as the kit's own case BOOL(100) does, so that NOT 10 is false.",
    )
}

/// The event of a case, with types: the event that the case gives, or any event with the attributes that the case sets.
fn event(event: Option<&Yaml>, overrides: Option<&Yaml>) -> Option<Value> {
    let given = event.or(overrides)?;
    let mut attributes = Map::new();
    if event.is_none() {
        for (name, value) in [("id", "1"), ("source", "/"), ("type", "t")] {
            attributes.insert(name.into(), attribute(name, &Yaml::Scalar(value.into(), false))?);
        }
    }
    for (name, value) in given.members() {
        let name = name.text()?;
        if name != "specversion" {
            attributes.insert(name.into(), attribute(name, value)?);
        }
    }
    Some(json!({"specversion": "1.0", "attributes": attributes}))
}

fn attribute(name: &str, value: &Yaml) -> Option<Value> {
    let ty = match name {
        "id" | "type" | "subject" | "datacontenttype" => "String",
        "source" => "URI-reference",
        "dataschema" => "URI",
        "time" => "Timestamp",
        _ => return typed(value),
    };
    Some(json!({"type": ty, "value": value.text()?}))
}

/// A scalar by the core schema of YAML; timestamps stay text.
fn typed(value: &Yaml) -> Option<Value> {
    let Yaml::Scalar(text, plain) = value else { return None };
    let number = text.parse::<i32>().ok().filter(|_| *plain && !text.starts_with('+'));
    Some(match (number, plain, text.to_ascii_lowercase().as_str()) {
        (Some(number), ..) => json!({"type": "Integer", "value": number}),
        (None, true, "true") => json!({"type": "Boolean", "value": true}),
        (None, true, "false") => json!({"type": "Boolean", "value": false}),
        _ => json!({"type": "String", "value": text}),
    })
}

fn clause(file: &str) -> &'static str {
    match file {
        "binary_comparison_operators" | "binary_math_operators" | "sub_expression" => "CESQL-3.4-a",
        "binary_logical_operators" => "CESQL-3.4.2-d",
        "case_sensitivity" => "CESQL-2-a",
        "casting_functions" => "CESQL-3.7-b",
        "context_attributes_access" => "CESQL-3.2-a",
        "exists_expression" => "CESQL-3.4.4-a",
        "in_expression" => "CESQL-3.4.5-a",
        "integer_builtin_functions" => "CESQL-3.5.2-a",
        "like_expression" => "CESQL-3.4.3-b",
        "literals" => "CESQL-2.2-d",
        "negate_operator" | "not_operator" => "CESQL-3.4.1-a",
        "parse_errors" => "CESQL-2.1-a",
        "string_builtin_functions" => "CESQL-3.5.1-a",
        _ => "CESQL-1-b",
    }
}

fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

fn kebab(text: &str) -> String {
    let mut kebab = String::new();
    for c in text.chars() {
        if c.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
name: Not operator
tests:
  - name: Minus minus
    expression: --10
    result: 10
  - name: "Quoted"
    expression: "'TRUE' = tRuE"
    result: 'true'
    error: missingAttribute
    eventOverrides:
      time: 2018-04-26T14:48:09+02:00
      myint: 10
      mytext: "10"
      mybool: FALSE
  - name: Quoted
    expression: TRUE
    result: TRUE
    event: {specversion: "1.0", id: 7, source: /s, type: t}
  - name: Not closed
    expression: ABC(
    error: parse
  - name: Disputed
    expression: NOT 10
    result: true
    error: cast
"#;

    #[test]
    fn a_file_of_the_kit() {
        let document = document("not_operator", FILE).unwrap();
        let ids: Vec<_> = document.cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(
            ids,
            ["minus-minus", "quoted", "quoted-2", "not-closed", "disputed"]
                .map(|name| format!("official/not-operator/{name}"))
        );
        assert_eq!(document.cases[0].request["expression"], "--10");
        let attributes = &document.cases[1].request["event"]["attributes"];
        assert_eq!(attributes["time"], json!({"type": "Timestamp", "value": "2018-04-26T14:48:09+02:00"}));
        assert_eq!(attributes["myint"], json!({"type": "Integer", "value": 10}));
        assert_eq!(attributes["mytext"], json!({"type": "String", "value": "10"}));
        assert_eq!(attributes["mybool"], json!({"type": "Boolean", "value": false}));
        assert_eq!(attributes["id"], json!({"type": "String", "value": "1"}));
        let expected = |case: usize| format!("{:?}", document.cases[case].expect);
        assert!(
            expected(1).contains("missing-attribute") && expected(1).contains("String"),
            "{}",
            expected(1)
        );
        assert!(expected(2).contains("Boolean"), "{}", expected(2));
        assert_eq!(
            document.cases[2].request["event"]["attributes"]["id"],
            json!({"type": "String", "value": "7"})
        );
        assert!(expected(3).contains("parse"));
        assert_eq!(document.cases[4].expect.len(), 2);
        assert!(document.cases[4].policy);
    }

    #[test]
    fn what_is_no_kit_says_so() {
        assert!(matches!(document("x", "tests: [1"), Err(Reason::NotYaml(_))));
        assert!(matches!(document("x", "name: y"), Err(Reason::NotACase(_))));
        assert!(matches!(document("x", "tests: [{name: y, expression: z}]"), Err(Reason::NotACase(_))));
        assert!(matches!(document("x", &"[".repeat(1000)), Err(Reason::NotYaml(_))));
    }
}
