//! Messages that are written by hand, or copied from the document of a row: `vectors/NAME.json` has those of each row.
//!
//! A case has a `message` and either its `event`, as a JSON document, or the code of its `error`. With `mode`, encoding the event in this
//! mode gives the message, byte for byte. `allow` names repairs, and all of them have to be reported. `from` is the source of a copied
//! message.

use bytes::Bytes;
use cloudevents_carriers::{CARRIERS, Carrier, CarrierMessage};
use cloudevents_core::{ContentMode, DecodeOptions, Leniency, Mode};
use cloudevents_json::Json;
use cloudevents_testkit::carrier::{Carrier as Form, carrier_form};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

/// Of the conformance suite, which are made of the same messages.
#[test]
fn published() {
    cloudevents_testkit::vectors::check("carriers/**");
}

#[test]
fn each_row_reads_and_writes_its_vectors() {
    let mut failed = Vec::new();
    for carrier in CARRIERS {
        let cases = cases(carrier);
        assert!(cases.len() >= 8, "{}: {} cases", carrier.name, cases.len());
        let mut names = BTreeSet::new();
        for case in &cases {
            let name = case["case"].as_str().unwrap();
            assert!(names.insert(name), "{name} is there twice");
            if let Err(error) = check(carrier, case) {
                failed.push(format!("{}: {name}: {error}", carrier.name));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

fn cases(carrier: &Carrier) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/vectors/{}.json", carrier.name));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(carrier: &Carrier, case: &Value) -> Result<(), String> {
    let members = ["case", "from", "message", "event", "error", "mode", "allow"];
    for member in case.as_object().unwrap().keys() {
        assert!(members.contains(&member.as_str()), "{member}");
    }
    let message = message(&case["message"]);
    let leniency: Leniency = case["allow"].as_str().unwrap_or("none").parse().unwrap();
    let decoded = carrier.decode(&message, &DecodeOptions::strict().with_leniency(leniency));
    let decoded = match (decoded, case["error"].as_str()) {
        (Err(error), Some(code)) if error.kind().code() == code => return Ok(()),
        (Err(error), _) => return Err(format!("{error:?}")),
        (Ok(decoded), Some(code)) => return Err(format!("{:?} in place of {code}", decoded.value)),
        (Ok(decoded), None) => decoded,
    };
    let repairs: Leniency =
        decoded.repairs().iter().fold(Leniency::strict(), |all, one| all.with(one.kind()));
    same("repairs", &leniency, &repairs)?;
    let event = cloudevents_json::decode(case["event"].to_string()).map_err(|error| format!("{error:?}"))?;
    let read = carrier.decode_message(&message, &DecodeOptions::strict().with_leniency(leniency));
    let form = match read.map_err(|error| format!("{error:?}"))?.value.mode() {
        ContentMode::Binary => Form::HttpBinary,
        _ => Form::Json,
    };
    same("event", &carrier_form(&event, form), &decoded.value)?;
    let json = Json::new();
    let mode = match case["mode"].as_str() {
        Some("binary") => Mode::Binary,
        Some("structured") => Mode::structured(&json),
        other => return same("mode", &None, &other),
    };
    let written = carrier.encode(&event, mode).map_err(|error| format!("{error:?}"))?;
    same("written mode", &case["mode"].as_str().unwrap(), &written.mode.as_str())?;
    same("headers", &headers(&message), &headers(&written.message))?;
    let content_type =
        |message: &CarrierMessage| message.content_type.as_ref().map(|text| text.as_str().to_owned());
    same("content type", &content_type(&message), &content_type(&written.message))?;
    same("body", &String::from_utf8_lossy(&message.body), &String::from_utf8_lossy(&written.message.body))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("{what}: {expected:?} is expected, and it is {found:?}"))
    }
}

/// Carriers have maps, so that the order of headers has no meaning.
fn headers(message: &CarrierMessage) -> BTreeSet<(String, String)> {
    assert_eq!(message.texts().count(), message.headers.len());
    message.texts().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn message(value: &Value) -> CarrierMessage {
    for member in value.as_object().unwrap().keys() {
        assert!(["headers", "content-type", "body", "hex"].contains(&member.as_str()), "{member}");
    }
    let body = match value["hex"].as_str() {
        Some(hex) => bytes_of(hex),
        None => value["body"].as_str().unwrap_or_default().to_owned().into(),
    };
    let mut message = CarrierMessage::new(body);
    if let Some(content_type) = value["content-type"].as_str() {
        message = message.with_content_type(content_type);
    }
    for pair in value["headers"].as_array().into_iter().flatten() {
        let [name, value] = [0, 1].map(|at| pair[at].as_str().unwrap().to_owned());
        message = message.with_header(name, value);
    }
    message
}

fn bytes_of(hex: &str) -> Bytes {
    let digits: Vec<u8> =
        hex.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect::<Vec<u8>>().into()
}
