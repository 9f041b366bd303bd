//! What holds of lenient decoding, over all vectors.

use cloudevents_core::{DecodeOptions, Format, Leniency, Peer, RepairKind};
use cloudevents_json::Json;
use cloudevents_testkit::{tagged, testee::answer};
use serde_json::Value;

/// The requests of all vectors that decode.
fn requests() -> Vec<Value> {
    let documents = cloudevents_vectors::load_documents().unwrap();
    let cases = documents.into_iter().flat_map(|document| document.cases);
    let requests = cases.filter_map(|case| serde_json::to_value(&case.request).ok());
    let all: Vec<_> = requests.filter(|request| request["op"] == "decode").collect();
    assert!(all.len() > 1000, "{}", all.len());
    all
}

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

/// Whatever the repairs are, an event that comes out is one that strict decoding would accept.
#[test]
fn what_lenient_decoding_yields_is_strictly_valid() {
    let everything = RepairKind::ALL.iter().fold(Leniency::strict(), |all, repair| all.with(*repair));
    let each = RepairKind::ALL.iter().map(|repair| Leniency::strict().with(*repair));
    let peers = Peer::ALL.iter().map(|peer| peer.leniency());
    let every: Vec<_> = [Leniency::all(), everything].into_iter().chain(each).chain(peers).collect();
    let (mut events, mut repaired) = (0, 0);
    for request in requests() {
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
    assert!(events > 10_000 && repaired > 500, "{events}, {repaired}");
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
