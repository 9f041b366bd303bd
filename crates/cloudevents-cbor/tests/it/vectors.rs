//! The published vectors of the CBOR format.

use bytes::Bytes;
use cloudevents_cbor::Cbor;
use cloudevents_core::{ContentMode, Decoded, Decoding, Error, Event, Format, Formats, Losses, Mode};
use cloudevents_json::Json as JsonFormat;
use cloudevents_testkit::tagged;
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value as Json, json};
use std::{fs, path::Path};

#[test]
fn vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-tests/vectors/cbor");
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
        (Json::Object(wanted), Json::Object(got)) => wanted.iter().all(|(name, wanted)| {
            let Some(got) = got.get(name) else { return false };
            match name.as_str() {
                "events" => got == wanted,
                "body" => tagged::to_bytes(got).unwrap() == tagged::to_bytes(wanted).unwrap(),
                "headers" => sorted(got) == sorted(wanted),
                "repairs" | "losses" => concerns(got) == concerns(wanted),
                _ => covers(wanted, got),
            }
        }),
        _ => wanted == got,
    }
}

fn sorted(headers: &Json) -> Vec<String> {
    let mut headers: Vec<_> = headers.as_array().unwrap().iter().map(Json::to_string).collect();
    headers.sort_unstable();
    headers
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
            let (came, mode) = read(request)?;
            let repairs: Vec<_> =
                came.repairs.iter().map(|repair| json!({"attribute": repair.attribute()})).collect();
            let event = tagged::from_event(&came.value);
            Ok(json!({"events": [event], "mode": mode.as_str(), "format": "cbor", "repairs": repairs}))
        }
        "encode" => write(request, &tagged::to_event(&request["events"][0])?).map(|(answer, _)| answer),
        "transcode" => {
            let (answer, losses) = write(&request["to"], &read(&request["from"])?.0.value)?;
            if request.get("exact") == Some(&json!(true)) {
                losses.exact()?;
            }
            Ok(answer)
        }
        op => panic!("{op}"),
    };
    match run() {
        Ok(result) => json!({"result": result}),
        Err(error) => {
            let mut described = Map::new();
            described.insert("kind".into(), error.kind().code().into());
            described.extend(error.attribute().map(|name| ("attribute".into(), name.into())));
            json!({"error": described})
        }
    }
}

fn read(request: &Json) -> Result<(Decoded<Event>, ContentMode), Error> {
    let with = if request["strictness"] == "lenient" { Decoding::lenient() } else { Decoding::strict() };
    let message = &request["message"];
    let body = Bytes::from(tagged::to_bytes(&message["body"]).unwrap());
    let format: &dyn Format = match request["via"].as_str().unwrap() {
        "cbor" => &Cbor::new(),
        "json" => &JsonFormat::new(),
        _ => {
            let with = with.with_formats(Formats::none().with(Cbor::new()));
            let mut headers = HeaderMap::new();
            for header in message["headers"].as_array().unwrap() {
                let name = HeaderName::from_bytes(header[0].as_str().unwrap().as_bytes()).unwrap();
                headers.append(name, header[1].as_str().unwrap().parse().unwrap());
            }
            let message = cloudevents_http::decode_message(&headers, body, &with)?.value;
            return Ok((message.event(&with)?, message.mode()));
        }
    };
    Ok((format.decode(body, &with)?, ContentMode::Structured))
}

fn write(to: &Json, event: &Event) -> Result<(Json, Losses), Error> {
    let mut out = Vec::new();
    let mut message = json!({});
    let losses = match to["via"].as_str().unwrap() {
        "cbor" => Cbor::new().encode(event, &mut out)?,
        "json" => JsonFormat::new().encode(event, &mut out)?,
        _ => {
            let mut headers = HeaderMap::new();
            let mode = if to["mode"] == "structured" { Mode::Structured(&Cbor::new()) } else { Mode::Binary };
            let (body, losses) = cloudevents_http::encode(event, mode, &mut headers)?;
            out.extend_from_slice(&body);
            let headers =
                headers.iter().map(|(name, value)| json!([name.as_str(), value.to_str().unwrap()])).collect();
            message["headers"] = headers;
            losses
        }
    };
    message["body"] = tagged::from_bytes(&out);
    let told: Vec<_> = losses.iter().map(|loss| json!({"at": loss.at()})).collect();
    Ok((json!({"message": message, "losses": told}), losses))
}
