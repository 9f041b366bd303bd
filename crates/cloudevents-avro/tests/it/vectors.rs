//! The published vectors of both formats: the first of the outcomes is what is expected of this crate.

use bytes::Bytes;
use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_core::{
    ContentMode, Decoding, Detected, Error, Event, Format, Formats, Losses, Message, detect,
};
use cloudevents_json::Json;
use cloudevents_testkit::tagged;
use serde_json::{Value, json};
use std::{fs, path::Path};

#[test]
fn avro() {
    check("avro");
}

#[test]
fn avro_compact() {
    check("avro-compact");
}

fn check(area: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-tests/vectors").join(area);
    let mut failures = Vec::new();
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let document: Value = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        for case in document["cases"].as_array().unwrap() {
            count += 1;
            let got = match answer(&case["request"]) {
                Ok(result) => json!({"result": result}),
                Err(error) => json!({"error": {
                    "kind": error.kind().code(), "attribute": error.attribute(), "message": error.to_string()
                }}),
            };
            if !agrees(&case["expect"][0], &got) {
                failures.push(format!("{}\n  wanted {}\n  got    {got}", case["id"], case["expect"][0]));
            }
        }
    }
    assert!(count >= 40, "{count} vectors");
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
}

fn answer(request: &Value) -> Result<Value, Error> {
    match request["op"].as_str().unwrap() {
        "decode" => {
            let (event, mode, format, repairs) = read(request)?;
            let notes =
                if event.is_payload_not_json() { json!([{"kind": "payload-not-json"}]) } else { json!([]) };
            Ok(json!({
                "events": [tagged::from_event(&event)], "mode": mode.as_str(), "format": format, "repairs": repairs, "notes": notes
            }))
        }
        "encode" => {
            let event = tagged::to_event(&request["events"][0])?;
            let (message, losses) = write(request, &event)?;
            Ok(json!({"message": message, "losses": told(&losses)}))
        }
        "transcode" => {
            let (message, losses) = write(&request["to"], &read(&request["from"])?.0)?;
            if request["exact"] == true {
                losses.clone().exact()?;
            }
            Ok(json!({"message": message, "losses": told(&losses)}))
        }
        op => panic!("{op}"),
    }
}

fn formats() -> Formats {
    Formats::none().with(Json::new()).with(Avro::new()).with(AvroCompact::new())
}

fn format<'a>(formats: &'a Formats, name: &Value) -> &'a dyn Format {
    formats.iter().find(|format| format.id().as_str() == name.as_str().unwrap()).unwrap()
}

fn read(from: &Value) -> Result<(Event, ContentMode, String, Vec<Value>), Error> {
    let with = if from["strictness"] == "lenient" { Decoding::lenient() } else { Decoding::strict() };
    let with = with.with_formats(formats());
    let body = Bytes::from(tagged::to_bytes(&from["message"]["body"])?);
    let message = if from["via"] == "http" {
        let content_type = from["message"]["headers"][0][1].as_str().unwrap();
        match detect(Some(content_type))? {
            Detected::Structured(format) => Message::Structured { format, body },
            Detected::Batched(format) => Message::Batched { format, body },
            Detected::NotADocument => panic!("{content_type}"),
        }
    } else {
        Message::Structured { format: format(&formats(), &from["via"]).id(), body }
    };
    let name = message.format().unwrap().to_string();
    let events = message.events(&with)?;
    let repairs = events.repairs.iter().map(|repair| json!({"attribute": repair.attribute()})).collect();
    Ok((events.value[0].clone(), message.mode(), name, repairs))
}

fn write(to: &Value, event: &Event) -> Result<(Value, Losses), Error> {
    let formats = formats();
    if to["via"] == "http" {
        let format = format(&formats, &to["format"]);
        if to["mode"] == "batched" {
            Message::batched(std::slice::from_ref(event), format)?;
        }
        let mut body = Vec::new();
        let losses = format.encode(event, &mut body)?;
        let headers = json!([["Content-Type", format.media_type().as_str()]]);
        return Ok((json!({"headers": headers, "body": tagged::from_bytes(&body)}), losses));
    }
    let mut body = Vec::new();
    let losses = format(&formats, &to["via"]).encode(event, &mut body)?;
    Ok((json!({"body": tagged::from_bytes(&body)}), losses))
}

fn told(losses: &Losses) -> Value {
    losses.iter().map(|loss| json!({"at": loss.at()})).collect()
}

/// Whether what is wanted is there. Lists are as long as they are wanted to be; members that are not stated are free, but for
/// those of an event.
fn agrees(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            let event = wanted.contains_key("specversion");
            let attributes =
                wanted.get("attributes").and_then(Value::as_object).map(|attributes| attributes.len());
            wanted.iter().filter(|(name, _)| *name != "note").all(|(name, wanted)| {
                got.get(name).is_some_and(|got| match (name.as_str(), wanted, got) {
                    ("json", Value::String(wanted), Value::String(got)) => {
                        wanted == got
                            || serde_json::from_str::<Value>(wanted).unwrap()
                                == serde_json::from_str::<Value>(got).unwrap()
                    }
                    ("body", ..) => {
                        let (wanted, got) =
                            (tagged::to_bytes(wanted).unwrap(), tagged::to_bytes(got).unwrap());
                        let json = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
                        wanted == got || json(&wanted).is_some_and(|wanted| json(&got) == Some(wanted))
                    }
                    _ => agrees(wanted, got),
                })
            }) && (!event || wanted.len() == got.len())
                && attributes
                    .is_none_or(|count| got["attributes"].as_object().map(|got| got.len()) == Some(count))
        }
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len() && wanted.iter().zip(got).all(|(wanted, got)| agrees(wanted, got))
        }
        _ => wanted == got,
    }
}
