//! `docs/losses.md`: what becomes of events in each format, written down by running them through it.
//!
//! `CE_WRITE_DOCS=1 cargo test -p cloudevents-testkit --test it losses` writes the page anew.

use crate::chain::format;
use cloudevents_core::{Data, DecodeOptions, Event, LossClass, Payload};
use cloudevents_testkit::{
    carrier::{Carrier, changes, told},
    tagged,
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

/// A kind of content that not every format holds, or that one might think is not held.
struct Probe {
    title: &'static str,
    event: Event,
}

/// The events, by name.
fn probes() -> Vec<Probe> {
    let time = |text: &str| (json!({"time": {"type": "Timestamp", "value": text}}), Json::Null);
    let extension = |ty: &str, value: Json| (json!({"ext": {"type": ty, "value": value}}), Json::Null);
    let data = |content_type: &str, data: Json| match content_type {
        "" => (json!({}), data),
        _ => (json!({"datacontenttype": {"type": "String", "value": content_type}}), data),
    };
    let json_type = "application/json";
    [
        ("`time` in UTC, microseconds", time("2018-04-05T17:31:00.123456Z")),
        ("`time` with an offset", time("2018-04-05T19:31:00+02:00")),
        ("`time` spelled with `t`, `z` and zeros at the end", time("2018-04-05t17:31:00.10z")),
        ("`time` with nanoseconds", time("2018-04-05T17:31:00.123456789Z")),
        ("`time` with digits beyond nanoseconds", time("2018-04-05T17:31:00.1234567891Z")),
        ("`time` with a leap second", time("2016-12-31T23:59:60Z")),
        ("`time` in the year 0", time("0000-06-01T00:00:00Z")),
        ("`time` before the year 0 in UTC", time("0000-01-01T00:00:00+01:00")),
        ("Boolean", extension("Boolean", json!(true))),
        ("Integer", extension("Integer", json!(-2_147_483_648_i64))),
        ("String", extension("String", json!("a \"b\" & <c> é 😀"))),
        ("Binary", extension("Binary", json!("AP8="))),
        ("URI", extension("URI", json!("urn:x:y"))),
        ("URI-reference", extension("URI-reference", json!("../a"))),
        ("URI-reference that is a URI", extension("URI-reference", json!("urn:x:y"))),
        ("Timestamp", extension("Timestamp", json!("2018-04-05T17:31:00Z"))),
        ("Timestamp with an offset", extension("Timestamp", json!("2018-04-05T19:31:00+02:00"))),
        ("a name that begins with a digit", (json!({"1st": {"type": "String", "value": "a"}}), Json::Null)),
        ("no payload", data(json_type, Json::Null)),
        (
            "JSON",
            data(json_type, json!({"json": r#"{"b": 1.10, "a": 12345678901234567890123, "b": 1e400}"#})),
        ),
        ("JSON with white space around it", data(json_type, json!({"json": "{\"a\":1}\n"}))),
        ("JSON `null`", data(json_type, json!({"json": "null"}))),
        ("JSON, no content type", data("", json!({"json": r#"{"a":1}"#}))),
        ("JSON string with a character that XML lacks", data(json_type, json!({"json": "\"\u{fffe}\""}))),
        ("text", data("text/plain", json!({"text": "a\r\n\tb"}))),
        ("text of length 0", data("text/plain", json!({"text": ""}))),
        ("text with a character that XML lacks", data("text/plain", json!({"text": "a\u{0}"}))),
        ("text, no content type", data("", json!({"text": "a"}))),
        ("text under JSON that is none", data(json_type, json!({"text": "{oops"}))),
        ("text under JSON that is JSON", data(json_type, json!({"text": "{}"}))),
        ("text under CBOR", data("application/cbor", json!({"text": "a"}))),
        ("text under ISO-8859-1", data("text/plain; charset=iso-8859-1", json!({"text": "é"}))),
        ("bytes", data("application/octet-stream", json!({"binary": "AP8="}))),
        ("bytes of length 0", data("application/octet-stream", json!({"binary": ""}))),
        ("bytes, no content type", data("", json!({"binary": "AP8="}))),
        ("bytes under JSON that are JSON", data(json_type, json!({"binary": "e30="}))),
        ("a body under JSON that is none", data(json_type, json!({"body": "{oops"}))),
        ("bytes under CBOR that are an item", data("application/cbor", json!({"binary": "gQE="}))),
        ("XML element", data("application/xml", json!({"xml": "<a b='1'/>"}))),
        ("XML element, no content type", data("", json!({"xml": "<a/>"}))),
        ("CBOR item", data("application/cbor", json!({"cbor": "gQE="}))),
        ("CBOR item, no content type", data("", json!({"cbor": "gQE="}))),
        ("CBOR item that is a byte string", data("application/cbor", json!({"cbor": "QQE="}))),
        (
            "protobuf `Any`",
            data("", json!({"proto": {"typeurl": "type.googleapis.com/com.example.Order", "value": "CAE="}})),
        ),
    ]
    .into_iter()
    .map(|(title, (attributes, data))| Probe { title, event: event(attributes, data) })
    .collect()
}

fn event(attributes: Json, data: Json) -> Event {
    let mut all = json!({
        "id": {"type": "String", "value": "1"},
        "source": {"type": "URI-reference", "value": "/s"},
        "type": {"type": "String", "value": "t"},
    });
    all.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    let mut event = json!({"specversion": "1.0", "attributes": all});
    // Only messages in binary mode have bodies: type-tagged events have no word for them.
    let body = data.get("body").map(|body| body.as_str().unwrap().to_owned());
    if body.is_none() && !data.is_null() {
        event["data"] = data;
    }
    let event = tagged::to_event(&event).unwrap();
    match body {
        Some(body) => event.into_builder().payload_only(Payload::body(body)).build().unwrap(),
        None => event,
    }
}

/// What a format makes of an event.
struct Outcome {
    event: Event,
    /// The kinds of the reported losses.
    losses: Vec<String>,
    /// What they name, and how much each matters.
    told: BTreeMap<String, LossClass>,
}

fn outcome(event: &Event, carrier: Carrier) -> Outcome {
    let mut document = Vec::new();
    let losses = format(carrier).encode(event, &mut document).unwrap();
    let came = format(carrier).decode(document.into(), &DecodeOptions::strict()).unwrap();
    let told = told(&losses);
    let losses = losses.iter().map(|loss| loss.kind().to_owned()).collect();
    Outcome { event: came.value, losses, told }
}

fn page() -> String {
    let probes = probes();
    let mut page = String::from(HEAD);
    let names: Vec<&str> = Carrier::FORMATS.iter().map(|carrier| name(*carrier)).collect();

    let _ = writeln!(page, "| | content | {} |\n|---|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for (number, probe) in probes.iter().enumerate() {
        let cells: Vec<String> =
            Carrier::FORMATS.iter().map(|carrier| verdict(&probe.event, *carrier)).collect();
        let _ = writeln!(page, "| {} | {} | {} |", number + 1, probe.title, cells.join(" | "));
    }

    page.push_str(BECOMES);
    for carrier in Carrier::FORMATS {
        let _ = writeln!(
            page,
            "\n### {}\n\n| | content | is written as | loss |\n|---|---|---|---|",
            name(carrier)
        );
        for (number, probe) in probes.iter().enumerate() {
            let Outcome { event, losses, .. } = outcome(&probe.event, carrier);
            let became = difference(&probe.event, &event);
            if !became.is_empty() || !losses.is_empty() {
                let became = if became.is_empty() { "the same" } else { &became };
                let losses: Vec<String> = losses.iter().map(|kind| format!("`{kind}`")).collect();
                let _ =
                    writeln!(page, "| {} | {} | {became} | {} |", number + 1, probe.title, losses.join(", "));
            }
        }
    }

    page.push_str(PAIRS);
    let _ = writeln!(page, "| from, to | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for from in Carrier::FORMATS {
        let cells: Vec<String> = Carrier::FORMATS.iter().map(|to| lost_between(&probes, from, *to)).collect();
        let _ = writeln!(page, "| {} | {} |", name(from), cells.join(" | "));
    }
    page
}

/// A cell of the overview: the weightiest class of the losses.
fn verdict(event: &Event, carrier: Carrier) -> String {
    let outcome = outcome(event, carrier);
    let changes = changes(event, &outcome.event);
    assert_eq!(outcome.told, changes, "{carrier:?} of {event:?}");
    match changes.values().max() {
        None => "exact".to_owned(),
        Some(LossClass::PayloadForm) => "form".to_owned(),
        Some(LossClass::Meaning) => "**meaning**".to_owned(),
        Some(class) => class.to_string(),
    }
}

/// The numbers of the probes that come out of one format, or do not get into it, and whose meaning the other does not hold.
fn lost_between(probes: &[Probe], from: Carrier, to: Carrier) -> String {
    let lost: Vec<String> = probes
        .iter()
        .enumerate()
        .filter(|(_, probe)| {
            outcome(&outcome(&probe.event, from).event, to)
                .told
                .values()
                .any(|class| *class == LossClass::Meaning)
        })
        .map(|(number, _)| (number + 1).to_string())
        .collect();
    if lost.is_empty() { "exact".to_owned() } else { lost.join(" ") }
}

/// What is different, for people; nothing when the events are equal.
fn difference(before: &Event, after: &Event) -> String {
    let mut parts = Vec::new();
    let mut names: Vec<String> =
        before.attributes().chain(after.attributes()).map(|(name, _)| name.as_str().to_owned()).collect();
    names.dedup();
    for name in names.iter().filter(|name| before.attribute(name) != after.attribute(name)) {
        let part = match after.attribute(name) {
            Some(value) if name == "datacontenttype" => {
                format!("under {} stated", code(&value.to_canonical()))
            }
            Some(value) => format!("{} {}", value.attribute_type().name(), code(&value.to_canonical())),
            None => "nothing".to_owned(),
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if before.data() != after.data() {
        parts.insert(0, after.data().map_or("no payload".to_owned(), show));
    }
    parts.join(", ")
}

fn show(data: Data<'_>) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match data {
        Data::Json(json) => format!("JSON {}", code(json.as_str())),
        Data::Text(text) => format!("text {}", code(text)),
        Data::Xml(text) => format!("XML {}", code(text)),
        Data::Cbor(item) => format!("CBOR item `{}`", hex(item)),
        _ => format!("bytes `{}`", hex(data.as_bytes())),
    }
}

fn code(text: &str) -> String {
    format!(
        "`{}`",
        text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'").replace('|', "\\|")
    )
}

fn name(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Json => "JSON",
        Carrier::Protobuf => "Protobuf",
        Carrier::Avro => "Avro",
        Carrier::AvroCompact => "Avro compact",
        Carrier::Xml => "XML",
        _ => "CBOR",
    }
}

#[test]
fn the_page_is_what_the_formats_do() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/losses.md");
    let page = page();
    if std::env::var_os("CE_WRITE_DOCS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/losses.md is not what the formats do any more; write it anew with CE_WRITE_DOCS=1 and look at what changed"
    );
}

const HEAD: &str = "\
# Formats and losses

XML and CBOR keep the types of all attributes, with one exception each: XML lacks names that begin with a digit, and CBOR makes a URI of a
URI-reference that is one. Protobuf keeps the types, and loses the offset of a timestamp. JSON and Avro make Strings of extensions that are
URIs, URI-references or Timestamps, and JSON also of Binary. Avro compact makes Strings of URIs and URI-references. It also loses the offset
of a timestamp, and digits beyond microseconds. JSON, Avro and CBOR change the meaning of text without a content type. JSON and Avro also
change the meaning of text under a JSON content type. A protobuf `Any` keeps its meaning in Protobuf alone. The tables have everything else.

Every event is written to every format. If a format cannot hold a part exactly, this is reported: `Format::encode` returns the losses,
`ce convert` prints all losses but losses of spelling, and `ce convert --exact` refuses to go on. Without losses, the decoded event equals the
event that was encoded. Each loss has a class (`LossClass`). Senders refuse a loss of meaning, unless their `LossPolicy` allows it. Shortcuts
that cannot return losses, such as `.event(&event)`, refuse it, too. With losses of other classes they send: no receipt lists these losses, and
`encode` returns them. A test writes this page (`crates/cloudevents-testkit/tests/it/losses.rs`). It runs one event for each kind of content
through the codecs, and fails when the page is not right any more.

- **exact**: the decoded part equals the part that was encoded.
- **spelling**: the part is the same, written in another way: a content type that was implied is stated, a timestamp has other letters or
  zeros, an XML element has the namespace declarations of the document, JSON has no white space around it.
- **type**: the value of an attribute is carried as text, and its type is not.
- **form**: the payload has the same bytes under the same content type, and is of another kind, such as text instead of XML.
- **meaning**: a part is not carried, or has another value. The report names it: an attribute, or `data`.

Binary mode of the protocols has the losses of text and bytes. Extensions become Strings (AMQP has most types), text and XML become
bytes, and a payload of no bytes becomes no payload, except in Kafka. Binary mode loses the meaning of a protobuf `Any`, and of text that the
charset of its content type lacks. Text is written in US-ASCII, ISO-8859-1 and UTF-16 if `charset` names one of these, and else as
UTF-8. A test (`crates/cloudevents-testkit/tests/it/contract.rs`) holds every format and protocol to this, with any event.

Only the JSON format has events of specversion 0.3. Other formats refuse them, and `ce convert --upgrade` makes them 1.0. In the tables, a type
without a name of an attribute is the type of an extension.

## Each format

";

const BECOMES: &str = "
## Changed contents

Contents that are not listed are decoded as they were encoded.
";

const PAIRS: &str = "
## From format to format

This table has contents that were decoded from one format and cannot go into another without a loss of meaning, by the numbers of the first table.
If the first format does not hold a content, the number stands for the content that the format makes of it.

";
