//! `ce catalog`, and `ce validate --catalog`.

use crate::contracts;
use crate::program::{ce, ce_with, file, path_of};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

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
        let path = path_of(name, text);
        let ran = ce(&["catalog", "lint", "--error-format", "json", &path]).ended(1);
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
    ce(&["catalog", "lint", "--output", "pretty", &path])
        .ended(0)
        .says_only("")
        .prints(&format!("valid    {path}: 2 messages, 1 schema, 0 endpoints\n"));
    // A deviation is a mistake, or a warning.
    let spelled: &str = &path_of("spelled.json", SHOP.replace("JsonSchema/draft-07", "JSONSchema/7"));
    ce(&["catalog", "lint", spelled]).ended(1);
    ce(&["catalog", "lint", "--lenient", "--output", "pretty", spelled])
        .prints(&format!("valid    {spelled}: 2 messages, 1 schema, 0 endpoints; 2 deviations\n"))
        .ended(0)
        .says("[format-name]");
    ce(&["catalog", "lint", "--lenient=earlier-name", spelled]).ended(1);
    ce(&["catalog", "lint", "--lenient=x", spelled]).ended(2).says("format-name");
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
    ce_with(&["catalog", "lint"], "[]").ended(2).says("a catalog is an object");
    // What follows is checked, too.
    ce(&["catalog", "lint", "missing.json", &shop()]).ended(2).prints_lines(1);
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
    let ran = ce(&["catalog", "lint", folder.to_str().unwrap()]).ended(0).says_only("");
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
    assert_eq!(ce(&["catalog", "list", &path]).ids(), ["base", "com.example.order"]);
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
    assert!(ran.out.contains("\ndescription       An order\n"), "{}", ran.out);
    ce(&["catalog", "show", &path, "x"]).ended(1).says("ce catalog list");
    let inherited = r#"{"messagegroups": {"g": {"messages": {
        "b": {"dataschemaformat": "XSD/1.1", "dataschema": "<schema/>"}, "t": {"basemessage": "/messagegroups/g/messages/b"}}}}}"#;
    let path = path_of("inherited.json", inherited);
    assert_eq!(ce(&["catalog", "show", &path, "t"]).lines()[0]["dataschema"], "<schema/>");
}

#[test]
fn examples_are_valid() {
    let path = shop();
    let ran = ce(&["catalog", "example", &path]).ended(0).prints_lines(2).says_only("");
    let validated = ce_with(&["validate", "--catalog", &path], &ran.out).ended(0).says_only("");
    assert_eq!(validated.lines()[1]["definition"], "/messagegroups/shop/messages/com.example.order");
    // Nothing fulfils this schema.
    let path = path_of("never.json", SHOP.replace("{\"type\": \"integer\"}", "false"));
    ce(&["catalog", "example", &path, "com.example.order"]).ended(1).prints("").says("no-example");
    // It takes nothing from others that no message is named.
    let ran = ce(&["catalog", "example", &path]).ended(0).prints_lines(1);
    assert!(ran.err.starts_with("warning: ") && ran.err.lines().count() == 1, "{}", ran.err);
    let never = r#"{"messagegroups": {"g": {"messages": {"t": {
        "envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07", "dataschema": {"not": {}}}}}}}"#;
    ce(&["catalog", "example", &path_of("none.json", never)]).ended(1).says("no message has an example");
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
    let ran = ce_with(&["validate", "--error-format", "json", "--catalog", &path], input).ended(1);
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
    ce_with(&["validate"], format!("{}\n", cases[5].0)).ended(0);
    // Payloads whose schemas are not judged are named.
    let other = file("other.json", SHOP.replace("JsonSchema/draft-07", "XSD/1.1"));
    let ran = ce_with(&["validate", "--catalog", other.to_str().unwrap()], format!("{good}\n"));
    assert_eq!(ran.lines()[0]["notJudged"], "schemas of the format `XSD/1.1` are not judged");
}

/// What is proposed from events accepts them, and nothing else.
#[test]
fn a_catalog_is_proposed() {
    let event = |id: u32, data: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/shops/{id}","type":"com.example.order","data":{data}}}"#
        )
    };
    let events: String = (1..=10).map(|id| event(id, &format!(r#"{{"number":{id}}}"#)) + "\n").collect();
    let ran = ce_with(&["catalog", "infer", "--group", "shop"], &events)
        .ended(0)
        .says_only("1 message of 10 events\n");
    let proposed: &str = &path_of("proposed.json", &ran.out);
    ce(&["catalog", "lint", proposed]).ended(0);
    ce_with(&["validate", "--catalog", proposed], &events).ended(0);
    ce_with(&["validate", "--catalog", proposed], event(11, r#"{"number":"11"}"#)).ended(1).says("[schema]");
    let yaml = ce_with(&["catalog", "infer", "--output", "yaml"], &events).out;
    ce(&["catalog", "lint", &path_of("proposed.yaml", yaml)]).ended(0);
    ce_with(&["catalog", "infer"], "[]").ended(1).says("no events");
}

#[test]
fn versions_are_compared() {
    let path = shop();
    let compare = |flags: &[&str], new: String| {
        let new = file("new.json", new);
        ce(&[&["catalog", "diff", "--error-format", "json"], flags, &[&path, new.to_str().unwrap()]].concat())
    };
    let ran = compare(&[], SHOP.to_owned());
    assert_eq!((ran.status, ran.err.as_str(), &ran.lines()[0]["breaking"]), (0, "", &json!(0)));
    // A property that is required, and one that is described, now.
    let required = SHOP.replace(r#"["number"]"#, r#"["number", "customer"]"#);
    let ran = compare(&[], required);
    assert_eq!((ran.status, &ran.lines()[0]["breaking"]), (1, &json!(1)));
    assert_eq!(
        (&ran.errors()[0]["kind"], &ran.errors()[0]["severity"]),
        (&json!("breaking"), &json!("error"))
    );
    let described = SHOP.replace(r#"{"number": {"#, r#"{"customer": {"type": "string"}, "number": {"#);
    let ran = compare(&[], described.clone());
    assert_eq!((ran.status, &ran.lines()[0]["possible"]), (0, &json!(1)), "{}", ran.err);
    compare(&["--strict"], described).ended(1);
}

/// An id and a time that a definition states are not generated.
#[test]
fn ids_are_those_of_a_contract() {
    let path = file(
        "ids.xreg.json",
        r#"{"messagegroups": {"g": {"messages": {"t": {"envelope": "CloudEvents/1.0", "envelopemetadata": {
            "id": {"value": "{shop}-1"}, "source": {"value": "/s"}, "time": {"type": "timestamp", "value": "2026-01-01T00:00:00Z"}
        }}}}}}"#,
    );
    let path = path.display().to_string();
    let send = |more: &[&str]| {
        ce(&[&["send", "--catalog", &path, "-", "--message", "t", "--value", "shop=7"], more].concat())
    };
    let event = &send(&[]).ended(0).never_says("generated").lines()[0];
    assert_eq!((&event["id"], &event["time"]), (&json!("7-1"), &json!("2026-01-01T00:00:00Z")));
    // Flags go first.
    send(&["--random-id"]).ended(1).says("[template]");
}

/// An event is built from a definition, and only what the contract allows is sent.
#[test]
fn events_are_sent_by_a_contract() {
    let path = shop();
    let send_to = |url, flags: &[&str]| ce(&[&["send", "--catalog", &path, url], flags].concat());
    let send = |flags: &[&str]| send_to("-", flags);
    let order = ["--message", "com.example.order", "--id", "1", "--no-time", "--value", "shop=7"];
    let with = |more: &[&str]| send(&[&order, more].concat());
    let event = &with(&["--subject", "s", "--data", r#"{"number":1}"#]).ended(0).lines()[0];
    assert_eq!(
        (&event["type"], &event["source"], &event["subject"]),
        (&json!("com.example.order"), &json!("/shops/7"), &json!("s"))
    );
    for (more, status, words) in [
        (&["--data", r#"{"number":1}"#][..], 1, "[missing]"),
        (&["--subject", "s", "--data", r#"{"number":"1"}"#], 1, "[schema]"),
        (&["--subject", "s", "--source", "/other", "--data", r#"{"number":1}"#], 1, "[template]"),
        (&["--value", "x=1"], 2, "it has shop"),
    ] {
        with(more).ended(status).prints("").says(words);
        send_to("http://localhost:1/", &[&order, more, &["--dry-run"]].concat()).ended(status).prints("");
    }
    send(&["--message", "com.example.order"]).ended(2).says("--value shop=");
    send(&["--message", "x"]).ended(2).says("ce catalog list");
    // Events of files.
    let event = |data: &str| contracts::event("1", "/shops/7", data);
    let events = format!("{}\n{}\n{}\n", event("{}"), event(r#"{"number":1}"#), event("{}"));
    let input: &str = &path_of("events.jsonl", events);
    send(&[input]).ended(1).prints("").says("[schema]");
    send(&["--keep-going", input]).ended(1).prints_lines(1).says_times("[schema]", 2);
}

/// An event that is valid by a deviation alone, or whose payload is not judged, is sent and received with a warning.
#[test]
fn what_a_contract_leaves_open_is_reported() {
    let catalog = r#"{"messagegroups": {"g": {"messages": {"t": {
        "envelope": "CloudEvents/1.0", "envelopemetadata": {"source": {"value": "/shops/{shop}"}},
        "dataschemaformat": "XSD/1.1", "dataschema": "<schema/>"}}}}}"#;
    let path = path_of("open.json", catalog);
    for (source, is_wide) in [("/shops/7", false), ("/shops/7/a/b", true)] {
        let event = format!(r#"{{"specversion":"1.0","id":"1","source":"{source}","type":"t","data":1}}"#);
        let input = file("event.json", &event);
        for ran in [
            ce(&["send", "--catalog", &path, "--lenient-catalog", "-", input.to_str().unwrap()]),
            ce_with(&["listen", "--catalog", &path, "--lenient-catalog", "-"], &event),
        ] {
            let ran = ran.ended(0).prints_lines(1).says("warning").says("[not-judged]");
            ran.says_times("[wide-placeholder]", usize::from(is_wide));
        }
    }
}

/// What a registry has is a catalog, also for commands that use the network otherwise.
#[test]
fn registries_are_read() {
    let broken = SHOP.replace("\"string\"", "\"text\"");
    for (document, status) in [(SHOP, 0), (broken.as_str(), 1)] {
        let url = serve(document);
        let ran = ce(&["catalog", "lint", "--error-format", "json", &url]).ended(status);
        let name = json!(url.trim_end_matches('/'));
        assert_eq!((&ran.lines()[0]["file"], &ran.lines()[0]["messages"]), (&name, &json!(2)));
        assert!(status == 0 || ran.errors()[0]["line"] == 12, "{}", ran.err);
    }
    let event = contracts::event("1", "/shops/7", r#"{"number":1}"#);
    ce_with(&["listen", "--catalog", &serve(SHOP), "-"], event).ended(0).prints_lines(1);
    // One that does not respond with a catalog, and one that is away.
    ce(&["catalog", "lint", &serve("[]")]).ended(2).says("a catalog is an object");
    let away = format!("127.0.0.1:{}", cloudevents_testkit::ports::free());
    ce(&["catalog", "list", &format!("http://{away}/")]).ended(3);
    // Secrets of a URL are neither sent nor shown.
    ce(&["catalog", "list", &format!("http://name:secret@{away}/")]).ended(1).never_says("secret");
}

/// The URL of a registry that responds to one request with this document.
fn serve(document: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{document}",
        document.len()
    );
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = connection.read(&mut request).unwrap();
        assert!(request[..length].starts_with(b"GET /?doc&inline=* HTTP/1.1\r\n"));
        connection.write_all(answer.as_bytes()).unwrap();
    });
    url
}
