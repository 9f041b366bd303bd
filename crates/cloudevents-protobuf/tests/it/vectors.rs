//! The published vectors of the Protobuf format.

use cloudevents_core::{Decoding, Detected, Error, Event, Format, Losses, detect};
use cloudevents_json::Json as JsonFormat;
use cloudevents_protobuf::Protobuf;
use cloudevents_testkit::tagged;
use serde_json::{Map, Value as Json, json};
use std::{fs, path::Path};

#[test]
fn vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-tests/vectors/protobuf");
    let (mut failures, mut count) = (Vec::new(), 0);
    for file in fs::read_dir(folder).unwrap() {
        let document: Json = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        for case in document["cases"].as_array().unwrap() {
            count += 1;
            let (wanted, got) = (&case["expect"][0], answer(&case["request"]));
            if !covers(wanted, &got) {
                failures.push(format!("{}\n  wanted {wanted}\n  got    {got}", case["id"]));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {count} fail:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 40);
}

/// Whether an answer has what is wanted of it. Repairs and losses compare by what they concern.
fn covers(wanted: &Json, got: &Json) -> bool {
    match (wanted, got) {
        (Json::Object(wanted), Json::Object(got)) => {
            wanted.iter().all(|(name, wanted)| match name.as_str() {
                "note" | "revisions" => true,
                "events" | "message" => got.get(name) == Some(wanted),
                "repairs" | "losses" => got.get(name).is_some_and(|got| concerns(got) == concerns(wanted)),
                _ => got.get(name).is_some_and(|got| covers(wanted, got)),
            })
        }
        _ => wanted == got,
    }
}

fn concerns(list: &Json) -> Vec<&str> {
    let mut names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item.get("at").or(item.get("attribute")).and_then(Json::as_str).unwrap_or_default())
        .collect();
    names.sort_unstable();
    names
}

fn answer(request: &Json) -> Json {
    let run = || match request["op"].as_str().unwrap() {
        "decode" => {
            let (events, repairs, batch) = read(request)?;
            let mode = if batch { "batched" } else { "structured" };
            let events: Vec<_> = events.iter().map(tagged::from_event).collect();
            Ok(json!({"events": events, "mode": mode, "format": "protobuf", "repairs": repairs}))
        }
        "encode" => {
            let events = request["events"].as_array().unwrap();
            let events = events.iter().map(tagged::to_event).collect::<Result<Vec<_>, _>>()?;
            write(request, &events)
        }
        "transcode" => write(&request["to"], &read(&request["from"])?.0).and_then(|answer| {
            let lost = answer["losses"].as_array().unwrap().first();
            match lost.filter(|_| request.get("exact") == Some(&json!(true))) {
                Some(lost) => {
                    let at = lost["at"].as_str().unwrap();
                    Err(Error::new(cloudevents_core::ErrorKind::Inexact).with_attribute(at))
                }
                None => Ok(answer),
            }
        }),
        op => panic!("{op}"),
    };
    match run() {
        Ok(result) => json!({"result": result}),
        Err(error) => {
            let mut described = Map::new();
            described.insert("kind".into(), error.kind().code().into());
            described.extend(error.attribute().map(|name| ("attribute".into(), name.into())));
            described.extend(error.index().map(|index| ("index".into(), index.into())));
            json!({"error": described})
        }
    }
}

fn format(via: &str) -> &'static dyn Format {
    match via.strip_suffix("-batch").unwrap_or(via) {
        "json" => const { &JsonFormat::new() },
        "protobuf" => const { &Protobuf::new() },
        via => panic!("{via}"),
    }
}

fn read(request: &Json) -> Result<(Vec<Event>, Json, bool), Error> {
    let with = if request["strictness"] == "lenient" { Decoding::lenient() } else { Decoding::strict() };
    let via = request["via"].as_str().unwrap();
    let body = tagged::to_bytes(&request["message"]["body"]).unwrap().into();
    let (format, batch) = match request["message"]["headers"][0][1].as_str() {
        // Over HTTP the content type says it.
        Some(content_type) => match detect(Some(content_type))? {
            Detected::Structured(id) if id == Protobuf::new().id() => (format("protobuf"), false),
            Detected::Batched(id) if id == Protobuf::new().id() => (format("protobuf"), true),
            other => panic!("{other:?}"),
        },
        None => (format(via), via.ends_with("-batch")),
    };
    let decoded = if batch {
        format.decode_batch(body, &with)?
    } else {
        format.decode(body, &with)?.map(|event| vec![event])
    };
    let repairs = decoded.repairs.iter().map(|repair| json!({"attribute": repair.attribute()})).collect();
    Ok((decoded.value, repairs, batch))
}

fn write(to: &Json, events: &[Event]) -> Result<Json, Error> {
    let via = to["via"].as_str().unwrap();
    let mut body = Vec::new();
    let batch = via.ends_with("-batch") || to["mode"] == "batched";
    let format = format(to["format"].as_str().unwrap_or(via));
    let losses: Losses =
        if batch { format.encode_batch(events, &mut body)? } else { format.encode(&events[0], &mut body)? };
    let losses: Vec<_> = losses.iter().map(|loss| json!({"at": loss.at()})).collect();
    let body =
        if via.starts_with("json") { tagged::from_bytes(&body) } else { json!({"base64": base64(&body)}) };
    let mut message = json!({"body": body});
    if via == "http" {
        let media_type = if batch { format.batch_media_type().unwrap() } else { format.media_type() };
        message["headers"] = json!([["content-type", media_type.as_str()]]);
    }
    Ok(json!({"message": message, "losses": losses}))
}

/// By way of a Binary attribute, whose canonical string it is.
fn base64(bytes: &[u8]) -> String {
    cloudevents_core::Value::Binary(bytes).to_canonical().into_owned()
}
