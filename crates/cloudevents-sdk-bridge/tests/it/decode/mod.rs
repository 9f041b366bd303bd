//! JSON documents, read by both.

mod table;

use crate::{
    both::{Both, Difference},
    generate,
    ledger::Ledger,
    vectors,
};
use cloudevents_core::ErrorKind;
use serde_json::value::RawValue;

#[test]
fn json_documents() {
    let mut ledger = Ledger::new(table::TABLE);
    for case in vectors::cases("json").into_iter().chain(vectors::cases("core")) {
        let request = &case["request"];
        let message = if request["op"] == "transcode" { &request["from"] } else { request };
        if message["via"] != "json" || request["op"] == "encode" {
            continue;
        }
        let Some(document) = vectors::bytes(&message["message"]["body"]) else { continue };
        read(case["id"].as_str().unwrap(), &document, &mut ledger);
    }
    for document in generate::sample(4000, generate::document()) {
        read(&document, document.as_bytes(), &mut ledger);
    }
    ledger.close();
}

fn read(what: &str, document: &[u8], ledger: &mut Ledger<Both, Difference>) {
    let both = Both::read(document);
    for difference in both.differences() {
        ledger.enter(what, &both, &difference);
    }
}

/// Batches differ as their events do; in what makes them batches there is one difference.
#[test]
fn json_batches() {
    let mut mixed = 0;
    for case in vectors::cases("json") {
        let request = &case["request"];
        if request["via"] != "json-batch" || request["op"] != "decode" {
            continue;
        }
        let id = &case["id"];
        let document = vectors::bytes(&request["message"]["body"]).unwrap();
        let ours = cloudevents_json::decode_batch(document.clone());
        let theirs = serde_json::from_slice::<Vec<cloudevents::Event>>(&document);
        let Ok(events) = serde_json::from_slice::<Vec<&RawValue>>(&document) else {
            assert!(ours.is_err() && theirs.is_err(), "{id}");
            continue;
        };
        let events: Vec<_> = events.iter().map(|event| Both::read(event.get().as_bytes())).collect();
        assert_eq!(theirs.is_ok(), events.iter().all(|event| event.theirs.is_ok()), "{id}");
        match ours {
            // CE-Message-b: the events of a batch have one specversion. The SDK does not look.
            Err(error) if error.kind() == ErrorKind::MixedSpecversions => {
                mixed += usize::from(theirs.is_ok())
            }
            ours => assert_eq!(ours.is_ok(), events.iter().all(|event| event.ours.is_ok()), "{id}"),
        }
    }
    assert!(mixed > 0);
}
