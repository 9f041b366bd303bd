//! Payloads by Protobuf schemas. The bytes are written by hand, as the encoding of Protobuf has them.

use cloudevents_catalog::LoadOptions;
use cloudevents_catalog::{Breach, Catalog, DataSchemas, Judge, Level, NotJudged, Outcome, Report};
use cloudevents_core::{Event, Payload};
use serde_json::json;

const PROTO: &str = r#"syntax = "proto2";
package shop;
import "google/protobuf/timestamp.proto";
message Order {
  required int32 number = 1;
  repeated Item items = 2;
  optional google.protobuf.Timestamp at = 3;
}
message Item { required string sku = 1; }"#;

fn read(schema: &str, selection: &str) -> Report {
    let document = json!({
        "messagegroups": {"g": {"messages": {"t": {
            "envelope": "CloudEvents/1.0", "dataschemaformat": "Protobuf/2", "dataschemauri": format!("/schemagroups/g/schemas/s{selection}")
        }}}},
        "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": "Protobuf/2", "schema": schema}}}}}}
    });
    Catalog::read(document.to_string(), &LoadOptions::strict()).unwrap()
}

fn judge(catalog: &Catalog, payload: Payload) -> cloudevents_catalog::Verdict {
    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .payload("application/protobuf", payload)
        .build()
        .unwrap();
    catalog.judge(&event)
}

#[test]
fn payloads_are_judged() {
    let report = read(PROTO, ":Order");
    assert_eq!(report.findings, []);
    for (payload, wanted) in [
        // 1: 42
        (&[0x08, 42][..], vec![]),
        // 2: {1: "a"}
        (&[0x08, 42, 0x12, 3, 0x0A, 1, b'a'], vec![]),
        // A field that the schema does not have.
        (&[0x08, 42, 0x78, 1], vec![]),
        (&[], vec!["data/number"]),
        (&[0x08, 42, 0x12, 0], vec!["data/items/0/sku"]),
        // A string in the place of the number, and an end within a field.
        (&[0x0A, 1, b'a'], vec!["data"]),
        (&[0x08], vec!["data"]),
    ] {
        let verdict = judge(&report.catalog, Payload::binary(payload.to_vec()));
        let places: Vec<&str> = verdict.faults().iter().map(|fault| fault.place.as_str()).collect();
        assert_eq!(places, wanted, "{payload:?}: {verdict}");
        assert!(verdict.faults().iter().all(|fault| fault.breach == Breach::Schema));
    }
}

/// The codecs of `cloudevents-kafka` for registries write them.
#[test]
fn a_payload_that_is_framed_is_said_to_be() {
    let catalog = read(PROTO, ":Order").catalog;
    let verdict = judge(&catalog, Payload::binary(vec![0, 0, 0, 0, 7, 0, 0x08, 42]));
    assert!(verdict.to_string().contains("the id of a schema in a registry"), "{verdict}");
    let verdict = judge(&catalog, Payload::binary(vec![0x0A, 1, b'a', 0, 0, 0]));
    assert!(!verdict.faults().is_empty() && !verdict.to_string().contains("registry"), "{verdict}");
}

/// Each empty message within a payload takes two bytes, and many more when it is decoded.
#[test]
fn large_payloads_are_not_judged() {
    let catalog = read("syntax = \"proto3\"; message A { repeated A a = 1; }", "").catalog;
    for (count, is_judged) in [(1000, true), (1 << 20, false)] {
        let verdict = judge(&catalog, Payload::binary([0x0A, 0].repeat(count)));
        assert_eq!(verdict.not_judged(), None);
        let codes: Vec<&str> = verdict.faults().iter().map(|fault| fault.breach.code()).collect();
        assert_eq!(codes, if is_judged { &[][..] } else { &["too-large"] });
    }
    // One in another content type is none of these.
    let event = Event::builder().id("1").source("/s").ty("t");
    let event = event.payload("text/plain", Payload::text("a".repeat(2 << 20))).build().unwrap();
    let verdict = catalog.judge(&event);
    assert!(matches!(verdict.not_judged(), Some(NotJudged::ContentType(_))), "{verdict}");
}

/// A payload of a few bytes has many messages, each with many fields that are not there, or with long names.
#[test]
fn missing_fields_are_found_in_passing() {
    let fields: String = (1..=5000).map(|n| format!("optional int32 f{n} = {n};")).collect();
    let long = "a".repeat(4_000);
    for (name, required) in [("b", ""), (long.as_str(), "required int32 r = 6000;")] {
        let schema = format!(
            "syntax = \"proto2\"; message A {{ repeated B {name} = 1; }} message B {{ {required} {fields} }}"
        );
        let report = read(&schema, ":A");
        assert_eq!(report.findings, []);
        let verdict = judge(&report.catalog, Payload::binary([0x0A, 0].repeat(100_000)));
        assert_eq!(verdict.faults().len(), if required.is_empty() { 0 } else { 16 });
        // One by one, they would take many minutes.
        // All of them are there.
        let verdict = judge(&report.catalog, Payload::binary([0x0A, 4, 0x80, 0xF7, 0x02, 1].repeat(1000)));
        assert_eq!(verdict.outcome(), Outcome::Valid);
    }
}

#[test]
fn the_type_of_an_any_is_compared() {
    let catalog = read(PROTO, ":shop.Order").catalog;
    for (name, wanted) in [("shop.Order", Outcome::Valid), ("shop.Item", Outcome::Invalid)] {
        let payload = Payload::proto(format!("type.googleapis.com/{name}"), vec![0x08, 42]);
        let event = Event::builder().id("1").source("/s").ty("t").payload_only(payload).build().unwrap();
        assert_eq!(catalog.judge(&event).outcome(), wanted, "{name}");
    }
}

/// A document whose option has this value.
fn option(value: &str) -> String {
    format!(
        "import \"google/protobuf/descriptor.proto\"; message R {{ optional R r = 1; }} \
         extend google.protobuf.MessageOptions {{ optional R o = 50000; }} message A {{ option (o) = {{ {value} }}; }}"
    )
}

#[test]
fn schemas_are_checked() {
    let found = |schema: &str, selection: &str| -> Vec<&'static str> {
        read(schema, selection).findings.iter().map(|finding| finding.rule.code()).collect()
    };
    assert_eq!(found("syntax = \"proto3\"; message A { strin a = 1; }", ""), ["schema-invalid"]);
    assert_eq!(found("message A", ""), ["schema-invalid"]);
    assert_eq!(found(PROTO, ":Orders"), ["schema-invalid"]);
    // An import that is not there is no mistake of the document.
    let report = read("import \"other.proto\"; message A {}", "");
    assert_eq!(report.mistakes().count(), 0);
    assert!(matches!(
        judge(&report.catalog, Payload::binary(vec![])).not_judged(),
        Some(NotJudged::Elsewhere(_))
    ));
    // Two messages, and none is selected: by reference, and in the definition.
    let inline = json!({"messagegroups": {"g": {"messages": {"t": {
        "envelope": "CloudEvents/1.0", "dataschemaformat": "Protobuf/2", "dataschema": PROTO}}}}});
    let inline = Catalog::read(inline.to_string(), &LoadOptions::strict()).unwrap();
    for (report, member) in [(read(PROTO, ""), "dataschemauri"), (inline, "dataschema")] {
        assert!(matches!(
            judge(&report.catalog, Payload::binary(vec![])).not_judged(),
            Some(NotJudged::Unusable(_))
        ));
        let [finding] = &*report.findings else { panic!("{:?}", report.findings) };
        assert_eq!((finding.level, finding.rule.code()), (Level::Advice, "not-judged"));
        assert_eq!(finding.place, format!("/messagegroups/g/messages/t/{member}"));
        assert_eq!(finding.message, "payloads are not judged: it has 2 messages, and none is selected");
    }
    let error = DataSchemas::new().with("http://example.com/order", "Protobuf/2", PROTO).unwrap_err();
    assert!(error.to_string().contains("none is selected"), "{error}");
    // Many levels are refused before the compiler sees them.
    let deep = format!("{}{}", "message A {".repeat(50_000), "}".repeat(50_000));
    assert_eq!(found(&deep, ""), ["schema-invalid"]);
    // What closes in a comment or a text closes nothing.
    for hidden in [
        "message A {/*}*/",
        "message A {//}\n",
        "message A {#}\n",
        "message A {option a = \"}\\\"}\";",
        // What is no comment and no text of Protobuf: the compiler goes on behind it in its own way.
        "message A {/*/**/}*/",
        "message A {option a = \"\n;//\"}\n",
        "message A {option a = \"\\\n;//\"}\n",
        "message A {option a = '\n;//'}\n",
        "message A {option a = \"\\u\"}\";",
    ] {
        assert_eq!(found(&hidden.repeat(50_000), ""), ["schema-invalid"], "{hidden}");
    }
    // Values of options are messages within each other too, and `<` opens one.
    for (open, close) in [("r < ", "> "), ("r { ", "} "), ("r: <", ">"), ("r < r {", "}>")] {
        let value = format!("{}{}", open.repeat(50_000), close.repeat(50_000));
        assert_eq!(found(&option(&value), ""), ["schema-invalid"], "{open}");
        let value = format!("{}{}", open.repeat(9), close.repeat(9));
        assert_eq!(found(&option(&value), ":A"), [""; 0], "{open}");
    }
    // Those in comments and texts do not count.
    let words = "// {a} < {b}\n/* <c> { */\n".repeat(100);
    let text = format!(
        "{words}message A {{ optional string a = 1 [default = \"{}\"]; }}",
        "{<\\\"\\x41\\u0041".repeat(100)
    );
    assert_eq!(found(&text, ""), [""; 0]);
}
