//! What holds of lenient decoding, over all vectors.

use cloudevents_core::{DecodeOptions, Format, Leniency, Peer, RepairKind};
use cloudevents_json::Json;
use cloudevents_testkit::{tagged, testee::answer};
use cloudevents_vectors::Carrier;
use serde_json::{Value, json};

/// The requests of all vectors that decode.
fn requests() -> Vec<Value> {
    let documents = cloudevents_vectors::load_documents().unwrap();
    let cases = documents.into_iter().flat_map(|document| document.cases);
    let requests = cases.filter_map(|case| serde_json::to_value(&case.request).ok());
    let all: Vec<_> = requests.filter(|request| request["op"] == "decode").collect();
    assert!(all.len() > 1000, "{}", all.len());
    all
}

/// Without optimisation, one in so many requests is read in each way.
const STEP: usize = if cfg!(debug_assertions) { 5 } else { 1 };

fn decode(request: &Value, leniency: Leniency) -> Value {
    let mut request = request.clone();
    let members = request.as_object_mut().unwrap();
    members.extend([("cmd".to_owned(), "run".into()), ("seq".to_owned(), 1.into())]);
    members.insert("leniency".into(), leniency.to_string().into());
    serde_json::from_str(&answer(&request.to_string()).unwrap()).unwrap()
}

#[test]
fn what_strict_decoding_reads_is_read_alike() {
    for request in requests() {
        let strict = decode(&request, Leniency::strict());
        if strict.get("result").is_some() {
            assert_eq!(decode(&request, Leniency::all()), strict, "{request}");
        }
    }
}

/// What others write beside an event, which strict reading does not look at: the place of it in a message, by the carrier.
type Beside = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const BESIDE: &[Beside] = &[
    ("kafka", "headers", &[("contentType", "application/json"), ("Content-Type", "text/plain")]),
    ("kafka", "headers", &[("ce-id", "another"), ("ce-other", "x"), ("cloudEvents:other", "x")]),
    ("rabbitmq", "headers", &[("contentType", "application/json"), ("Content-Type", "text/plain")]),
    ("rabbitmq", "headers", &[("contentType", "application/cloudevents+json")]),
    ("mqtt5", "user-properties", &[("ce-id", "another"), ("ce-other", "x"), ("contentType", "a/b")]),
    ("amqp", "application-properties", &[("contentType", "application/json"), ("Content-Type", "a/b")]),
    ("amqp", "application-properties", &[("ce_id", "another"), ("ce-other", "x"), ("content-type", "a/b")]),
    (
        "http",
        "headers",
        &[("contenttype", "application/json"), ("ce_other", "x"), ("cloudEvents:other", "x")],
    ),
    (
        "nats",
        "headers",
        &[("contentType", "application/json"), ("ce_other", "x"), ("cloudEvents:other", "x")],
    ),
];

/// The request, and what becomes of it where others write more into the message.
fn with_foreign_headers(request: &Value) -> Vec<Value> {
    let mut all = vec![request.clone()];
    for (carrier, place, headers) in BESIDE {
        let mut more = request.clone();
        let via = more["via"].as_str().unwrap_or_default();
        if via != *carrier || !more["message"].is_object() {
            continue;
        }
        let Some(message) = more["message"].as_object_mut() else { continue };
        let Some(list) = message.entry(*place).or_insert_with(|| json!([])).as_array_mut() else { continue };
        list.extend(headers.iter().map(|(name, value)| match *carrier {
            "kafka" => json!([name, {"text": value}]),
            "rabbitmq" => json!([name, {"type": "longstr", "value": value}]),
            "amqp" => json!([name, {"type": "string", "value": value}]),
            _ => json!([name, value]),
        }));
        all.push(more);
    }
    all
}

/// Why a peer may read otherwise what strict reading takes. There is no other reason.
fn reads_otherwise(peer: Peer, request: &Value) -> Option<&'static str> {
    let via = request["via"].as_str().unwrap_or_default();
    let message = request["message"].to_string();
    let is_escaped = message.contains('%') || message.contains("\\\"") || message.contains("\\\\");
    if peer.takes_raw_text() && matches!(via, "http" | "nats") && is_escaped {
        return Some("the peer neither writes escapes nor quotes: a `%` of its is a `%`");
    }
    let is_row = Carrier::of(via).is_some_and(|carrier| carrier.area() == "carriers");
    if peer.leniency().allows(RepairKind::UnprefixedExtension) && (via == "amqp" || is_row) {
        return Some("the peer writes extensions without a prefix, which strict reading leaves out");
    }
    let is_named = message.contains("contentType") || message.contains("Content-Type");
    if peer.leniency().allows(RepairKind::ContentTypeName) && matches!(via, "kafka" | "rabbitmq") && is_named
    {
        return Some("the peer has the content type in a header of its own, which strict reading leaves out");
    }
    None
}

/// A peer's name reads no less than strict reading does, and nothing otherwise without a reason.
#[test]
fn what_strict_decoding_reads_is_read_alike_with_any_peer() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for request in requests().iter().step_by(STEP).flat_map(with_foreign_headers) {
        let strict = decode(&request, Leniency::strict());
        if strict.get("result").is_none() {
            continue;
        }
        for peer in Peer::ALL {
            let read = decode(&request, peer.leniency());
            let is_alike =
                read == strict || read.get("result").is_some() && reads_otherwise(*peer, &request).is_some();
            compared += 1;
            if !is_alike {
                wrong.push(format!("{peer}: {request}\n  strictly {strict}\n  with it {read}"));
            }
        }
    }
    assert!(compared > 5000 / STEP, "{compared}");
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whatever the repairs are, an event that comes out is one that strict decoding would accept.
#[test]
fn what_lenient_decoding_yields_is_strictly_valid() {
    let everything = RepairKind::ALL.iter().fold(Leniency::strict(), |all, repair| all.with(*repair));
    let each = RepairKind::ALL.iter().map(|repair| Leniency::strict().with(*repair));
    let peers = Peer::ALL.iter().map(|peer| peer.leniency());
    let every: Vec<_> = [Leniency::all(), everything].into_iter().chain(each).chain(peers).collect();
    let (mut events, mut repaired) = (0, 0);
    for request in requests().into_iter().step_by(STEP) {
        if decode(&request, everything).get("result").is_none() {
            // Fewer repairs read no more.
            continue;
        }
        for leniency in &every {
            let answer = decode(&request, *leniency);
            let result = &answer["result"];
            repaired += usize::from(!result["repairs"].is_null());
            for event in result["events"].as_array().into_iter().flatten() {
                let event = tagged::to_event(event).unwrap_or_else(|error| panic!("{error}: {request}"));
                let mut document = Vec::new();
                let _ = Json::new().encode(&event, &mut document).unwrap();
                let again = Json::new().decode(document.into(), &DecodeOptions::strict());
                assert!(again.is_ok(), "{:?}: {request}", again.err());
                events += 1;
            }
        }
    }
    assert!(events > 10_000 / STEP && repaired > 500 / STEP, "{events}, {repaired}");
}

/// The clause of each repair is one of the inventory.
#[test]
fn repairs_cite_clauses() {
    let requirements = cloudevents_vectors::load_requirements().unwrap();
    for repair in RepairKind::ALL {
        let is_known = requirements.iter().any(|requirement| requirement.id == repair.clause());
        assert!(is_known, "{}", repair.clause());
    }
}
