//! The published vectors of the XML format.

use crate::infoset;
use cloudevents_core::{Decoding, Detected, Error, Event, Format, Losses, detect};
use cloudevents_json::Json as JsonFormat;
use cloudevents_testkit::tagged;
use cloudevents_xml::Xml;
use serde_json::{Value as Json, json};
use std::{fs, path::Path};

#[test]
fn vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-tests/vectors/xml");
    let (mut count, mut complaints) = (0, Vec::new());
    for file in fs::read_dir(folder).unwrap() {
        let document: Json = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        for case in document["cases"].as_array().unwrap() {
            count += 1;
            // The first outcome is the one this toolkit stands for.
            if let Err(found) = check(&case["request"], &case["expect"][0]) {
                complaints.push(format!("{}: {found}\nwanted {}", case["id"], case["expect"][0]));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
    assert!(count >= 40, "{count}");
}

fn check(request: &Json, expected: &Json) -> Result<(), String> {
    match (run(request), &expected["error"], &expected["result"]) {
        (Err(error), Json::Object(wanted), _) => {
            let found =
                json!({"kind": error.kind().code(), "attribute": error.attribute(), "index": error.index()});
            let same = wanted.iter().all(|(name, value)| found[name] == *value);
            if same { Ok(()) } else { Err(format!("{error}")) }
        }
        (Ok(found), Json::Null, Json::Object(wanted)) => {
            let same = wanted.iter().all(|(name, value)| match name.as_str() {
                "message" => {
                    found["message"]["headers"] == value["headers"]
                        && same_document(&text(&found["message"]), &text(value))
                }
                "losses" | "repairs" => concerns(&found[name]) == concerns(value),
                _ => found[name] == *value,
            });
            if same { Ok(()) } else { Err(found.to_string()) }
        }
        (found, ..) => Err(format!("{found:?}")),
    }
}

fn run(request: &Json) -> Result<Json, Error> {
    match request["op"].as_str().unwrap() {
        "decode" => {
            let with =
                if request["strictness"] == "lenient" { Decoding::lenient() } else { Decoding::strict() };
            let (events, repairs) = read(request, &with)?;
            let repairs: Vec<Json> =
                repairs.into_iter().map(|attribute| json!({"attribute": attribute})).collect();
            let mode = if via(request) == "xml" { "structured" } else { "batched" };
            let events: Vec<Json> = events.iter().map(tagged::from_event).collect();
            Ok(json!({"mode": mode, "format": "xml", "events": events, "repairs": repairs}))
        }
        "encode" => {
            let events: Vec<Event> = request["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(tagged::to_event)
                .collect::<Result<_, _>>()?;
            let mut written = written(&via(request), &events)?;
            if request["via"] == "http" {
                let media_type = if via(request) == "xml" {
                    Xml::new().media_type()
                } else {
                    Xml::new().batch_media_type().unwrap()
                };
                written["message"]["headers"] = json!([["content-type", media_type.as_str()]]);
            }
            Ok(written)
        }
        "transcode" => {
            let (events, _) = read(&request["from"], &Decoding::strict())?;
            written(request["to"]["via"].as_str().unwrap(), &events)
        }
        op => panic!("{op}"),
    }
}

/// The format a request asks for; of HTTP, that of the mode or of the content type.
fn via(request: &Json) -> String {
    let of = |batch: bool| if batch { "xml-batch" } else { "xml" }.to_owned();
    match (request["via"].as_str().unwrap(), request["mode"].as_str()) {
        ("http", Some(mode)) => of(mode == "batched"),
        ("http", None) => match detect(request["message"]["headers"][0][1].as_str()) {
            Ok(Detected::Batched(id)) if id == Xml::new().id() => of(true),
            Ok(Detected::Structured(id)) if id == Xml::new().id() => of(false),
            found => panic!("{found:?}"),
        },
        (via, _) => via.to_owned(),
    }
}

fn read(request: &Json, with: &Decoding) -> Result<(Vec<Event>, Vec<Option<String>>), Error> {
    let body = tagged::to_bytes(&request["message"]["body"]).unwrap().into();
    let events = match via(request).as_str() {
        "xml" => Xml::new().decode(body, with)?.map(|event| vec![event]),
        "json" => JsonFormat::new().decode(body, with)?.map(|event| vec![event]),
        "xml-batch" => Xml::new().decode_batch(body, with)?,
        via => panic!("{via}"),
    };
    let repairs = events.repairs.iter().map(|repair| repair.attribute().map(str::to_owned)).collect();
    Ok((events.value, repairs))
}

fn written(via: &str, events: &[Event]) -> Result<Json, Error> {
    let mut body = Vec::new();
    let losses: Losses = match via {
        "xml" => Xml::new().encode(&events[0], &mut body)?,
        "json" => JsonFormat::new().encode(&events[0], &mut body)?,
        "xml-batch" => Xml::new().encode_batch(events, &mut body)?,
        via => panic!("{via}"),
    };
    let losses: Vec<Json> = losses.iter().map(|loss| json!({"at": loss.at()})).collect();
    Ok(json!({"message": {"body": tagged::from_bytes(&body)}, "losses": losses}))
}

fn text(message: &Json) -> String {
    String::from_utf8(tagged::to_bytes(&message["body"]).unwrap()).unwrap()
}

fn same_document(found: &str, wanted: &str) -> bool {
    if wanted.starts_with('{') {
        return serde_json::from_str::<Json>(found).unwrap() == serde_json::from_str::<Json>(wanted).unwrap();
    }
    let [found, wanted] =
        [found, wanted].map(|document| infoset::normalized(infoset::parse(document).unwrap()));
    found == wanted
}

fn concerns(list: &Json) -> Vec<String> {
    let mut list: Vec<String> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| entry["at"].as_str().or(entry["attribute"].as_str()).unwrap_or_default().to_owned())
        .collect();
    list.sort();
    list
}
