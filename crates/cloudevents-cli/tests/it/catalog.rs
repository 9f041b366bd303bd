//! `ce catalog`, and `ce validate --catalog`.

use crate::program::{ce, ce_with, file};
use serde_json::json;

/// A catalog of two messages, of which one has a base message, and a schema.
pub(crate) const SHOP: &str = r#"{
  "messagegroups": {
    "shop": {
      "messages": {
        "base": {
          "envelope": "CloudEvents/1.0",
          "envelopemetadata": {"source": {"type": "uritemplate", "value": "/shops/{shop}"}}
        },
        "com.example.order": {
          "basemessage": "/messagegroups/shop/messages/base",
          "description": "An order",
          "envelopemetadata": {"type": {"value": "com.example.order"}, "subject": {"type": "string", "required": true}},
          "dataschemaformat": "JsonSchema/draft-07",
          "dataschemauri": "/schemagroups/shop/schemas/order"
        }
      }
    }
  },
  "schemagroups": {
    "shop": {
      "schemas": {
        "order": {
          "versions": {
            "1": {
              "format": "JsonSchema/draft-07",
              "schema": {"type": "object", "required": ["number"], "properties": {"number": {"type": "integer"}}}
            }
          }
        }
      }
    }
  }
}
"#;

fn shop() -> String {
    file("shop.xreg.json", SHOP).display().to_string()
}

#[test]
fn a_mistake_has_line_and_column() {
    let broken = SHOP.replace("schemas/order\"", "schemas/orders\"").replace("\"string\"", "\"text\"");
    let yaml = "messagegroups:\n  shop:\n    messages:\n      com.example.order:\n        # The format is missing.\n        envelope: CloudEvents\n";
    for (name, text, wanted) in [
        (
            "broken.json",
            broken.as_str(),
            vec![("attribute-type", 12, Some("text")), ("dangling", 14, Some("/schemagroups"))],
        ),
        ("broken.yaml", yaml, vec![("envelope-name", 6, Some("CloudEvents"))]),
        // A member that is not there is named at what should have it.
        ("missing.json", "{\"endpoints\": {\n \"e\": {}}}", vec![("usage", 2, None)]),
    ] {
        let path = file(name, text).display().to_string();
        let ran = ce(&["catalog", "lint", "--error-format", "json", &path]);
        assert_eq!(ran.status, 1, "{}", ran.err);
        let found: Vec<_> = ran
            .errors()
            .into_iter()
            .map(|error| (error["kind"].as_str().unwrap().to_owned(), error["line"].as_u64().unwrap()))
            .collect();
        assert_eq!(
            found,
            wanted.iter().map(|(kind, line, _)| ((*kind).to_owned(), *line)).collect::<Vec<_>>()
        );
        for (error, (.., at)) in ran.errors().iter().zip(&wanted) {
            let line =
                text.lines().nth(usize::try_from(error["line"].as_u64().unwrap()).unwrap() - 1).unwrap();
            let column = usize::try_from(error["column"].as_u64().unwrap()).unwrap() - 1;
            let there = line[column..].trim_start_matches('"');
            assert!(at.is_none_or(|at| there.starts_with(at)), "{error}: {there}");
        }
        assert_eq!(ran.lines()[0]["mistakes"], wanted.len());
        assert_eq!(ran.lines()[0]["valid"], false);
    }
}

#[test]
fn a_summary_names_what_there_is() {
    let path = shop();
    let ran = ce(&["catalog", "lint", "--output", "pretty", &path]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, format!("valid    {path}: 2 messages, 1 schema, 0 endpoints\n"));
    // A deviation is a mistake, or a warning.
    let spelled = file("spelled.json", SHOP.replace("JsonSchema/draft-07", "JSONSchema/7"));
    let spelled = spelled.to_str().unwrap();
    assert_eq!(ce(&["catalog", "lint", spelled]).status, 1);
    let ran = ce(&["catalog", "lint", "--lenient", "--output", "pretty", spelled]);
    assert_eq!(ran.out, format!("valid    {spelled}: 2 messages, 1 schema, 0 endpoints; 2 deviations\n"));
    assert!(ran.status == 0 && ran.err.contains("[format-name]"), "{}", ran.err);
    assert_eq!(ce(&["catalog", "lint", "--lenient=earlier-name", spelled]).status, 1);
    let ran = ce(&["catalog", "lint", "--lenient=x", spelled]);
    assert!(ran.status == 2 && ran.err.contains("format-name"), "{}", ran.err);
}

#[test]
fn what_cannot_be_read_has_its_place() {
    for (name, text, line, column) in [
        ("a.json", "{\n \"a\": 1,\n \"a\": 2}", 3, 4),
        ("a.yaml", "a: 1\nb: [\n", 3, 1),
        ("b.yaml", "a: 1\na: 2\n", 2, 1),
    ] {
        let path = file(name, text);
        let ran = ce(&["catalog", "lint", "--error-format", "json", path.to_str().unwrap()]);
        let error = &ran.errors()[0];
        assert_eq!((ran.status, &error["kind"]), (2, &json!("invalid-catalog")));
        assert_eq!((&error["line"], &error["column"]), (&json!(line), &json!(column)), "{error}");
    }
    let ran = ce_with(&["catalog", "lint"], "[]");
    assert!(ran.status == 2 && ran.err.contains("a catalog is an object"), "{}", ran.err);
    // What follows is checked, too.
    let ran = ce(&["catalog", "lint", "missing.json", &shop()]);
    assert_eq!((ran.status, ran.lines().len()), (2, 1));
}

#[test]
fn a_folder_is_one_catalog() {
    let (messages, schemas) = SHOP.split_once(",\n  \"schemagroups\"").unwrap();
    let first = file("a.json", format!("{messages}}}"));
    let folder = first.parent().unwrap();
    let schemas: serde_json::Value = serde_json::from_str(&format!("{{\"schemagroups\"{schemas}")).unwrap();
    // JSON is YAML.
    std::fs::write(folder.join("b.yaml"), schemas.to_string()).unwrap();
    std::fs::write(folder.join("README.md"), "no catalog").unwrap();
    let ran = ce(&["catalog", "lint", folder.to_str().unwrap()]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!((&ran.lines()[0]["messages"], &ran.lines()[0]["schemas"]), (&json!(2), &json!(1)));
    // A mistake is in the file that has it.
    std::fs::write(folder.join("b.yaml"), "schemagroups: []\n").unwrap();
    let ran = ce(&["catalog", "lint", "--error-format", "json", folder.to_str().unwrap()]);
    let places: Vec<_> = ran
        .errors()
        .iter()
        .map(|error| {
            let file = error["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            (error["kind"].as_str().unwrap().to_owned(), file)
        })
        .collect();
    let wanted = [("member-type", "b.yaml"), ("dangling", "a.json")];
    assert_eq!(places, wanted.map(|(kind, file)| (kind.to_owned(), file.to_owned())));
}

#[test]
fn messages_are_listed_and_shown() {
    let path = shop();
    let ran = ce(&["catalog", "list", &path]);
    let ids: Vec<_> = ran.lines().iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, ["base", "com.example.order"]);
    let ran = ce(&["catalog", "list", "--output", "pretty", &path]);
    assert!(
        ran.out.contains("com.example.order  CloudEvents/1.0, JsonSchema/draft-07, An order\n"),
        "{}",
        ran.out
    );
    for name in ["com.example.order", "/messagegroups/shop/messages/com.example.order"] {
        let shown = &ce(&["catalog", "show", &path, name]).lines()[0];
        assert_eq!(shown["envelopemetadata"]["source"]["value"], "/shops/{shop}");
    }
    let ran = ce(&["catalog", "show", "--output", "pretty", &path, "com.example.order"]);
    assert!(ran.out.contains("\n  subject  string, required\n"), "{}", ran.out);
    let ran = ce(&["catalog", "show", &path, "x"]);
    assert!(ran.status == 1 && ran.err.contains("ce catalog list"), "{}", ran.err);
}

#[test]
fn examples_are_valid() {
    let path = shop();
    let ran = ce(&["catalog", "example", &path]);
    assert_eq!((ran.status, ran.lines().len(), ran.err.as_str()), (0, 2, ""));
    let validated = ce_with(&["validate", "--catalog", &path], &ran.out);
    assert_eq!((validated.status, validated.err.as_str()), (0, ""));
    assert_eq!(validated.lines()[1]["definition"], "/messagegroups/shop/messages/com.example.order");
    // Nothing fulfils this schema.
    let path = file("never.json", SHOP.replace("{\"type\": \"integer\"}", "false"));
    let ran = ce(&["catalog", "example", path.to_str().unwrap(), "com.example.order"]);
    assert!(ran.status == 1 && ran.out.is_empty() && ran.err.contains("no-example"), "{}", ran.err);
}

#[test]
fn events_are_checked_against_a_catalog() {
    let path = shop();
    let event = |more: &str| {
        format!(r#"{{"specversion":"1.0","id":"1","source":"/shops/7","type":"com.example.order",{more}}}"#)
    };
    let good = event(r#""subject":"s","data":{"number":1}"#);
    let cases = [
        (good.clone(), None),
        (event(r#""data":{"number":1}"#), Some(("missing", json!("subject")))),
        (event(r#""subject":"s""#), Some(("missing", json!(null)))),
        (event(r#""subject":"s","data":{"number":"1"}"#), Some(("schema", json!(null)))),
        (good.replace("/shops/7", "/7"), Some(("template", json!("source")))),
        (good.replace("com.example.order", "other"), Some(("undefined", json!("type")))),
    ];
    let input: String = cases.iter().map(|(event, _)| format!("{event}\n")).collect();
    let ran = ce_with(&["validate", "--error-format", "json", "--catalog", &path], input);
    assert_eq!(ran.status, 1);
    let (lines, mut errors) = (ran.lines(), ran.errors().into_iter());
    for (index, (event, wanted)) in cases.iter().enumerate() {
        assert_eq!(lines[index]["valid"], wanted.is_none(), "{event}");
        if let Some((kind, attribute)) = wanted {
            let error = errors.next().unwrap();
            assert_eq!((error["kind"].as_str(), &error["attribute"]), (Some(*kind), attribute), "{event}");
            assert_eq!(error["line"], index + 1);
        }
    }
    assert_eq!(errors.next(), None);
    // Without it, all of them are events.
    let ran = ce_with(&["validate"], format!("{}\n", cases[5].0));
    assert_eq!(ran.status, 0);
    // Payloads whose schemas are not judged are named.
    let other = file("other.json", SHOP.replace("JsonSchema/draft-07", "XSD/1.1"));
    let ran = ce_with(&["validate", "--catalog", other.to_str().unwrap()], format!("{good}\n"));
    assert_eq!(ran.lines()[0]["notJudged"], "schemas of the format `XSD/1.1` are not judged");
    // The mistakes of the catalog itself are counted.
    let ran =
        ce_with(&["validate", "--catalog", file("bad.json", r#"{"endpoints": 1}"#).to_str().unwrap()], "");
    assert!(ran.err.contains("ce catalog lint"), "{}", ran.err);
}
