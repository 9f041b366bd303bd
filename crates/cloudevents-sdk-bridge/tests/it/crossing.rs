//! Over the bridge and back.

use crate::{generate, seen::Seen};
use cloudevents::{AttributesReader, Data as Theirs, EventBuilder};
use cloudevents_core::{Data, ErrorKind, Event, JsonText, Loss, LossClass, Losses, Payload, SpecVersion};
use cloudevents_sdk_bridge::{from_sdk, from_sdk_owned, to_sdk, to_sdk_lossy};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[test]
fn ours_come_back_but_for_what_is_named() {
    let (mut whole, mut kinds) = (0, BTreeSet::new());
    for event in generate::events(6000) {
        let (theirs, losses) = to_sdk_lossy(&event).unwrap();
        let back = from_sdk(&theirs).unwrap_or_else(|error| panic!("{error}: {event:?}"));
        assert_eq!(from_sdk_owned(theirs.clone()).unwrap(), back);
        match to_sdk(&event) {
            Ok(exact) => {
                assert!(losses.iter().all(is_other_words), "{event:?}");
                assert_eq!(exact, theirs);
                assert_eq!(to_sdk(&back).unwrap(), theirs, "{event:?}");
                whole += 1;
            }
            Err(error) => {
                let named: Vec<_> = error.errors().iter().map(|error| error.attribute().unwrap()).collect();
                let lost: Vec<_> =
                    losses.iter().filter(|loss| !is_other_words(loss)).map(|loss| loss.at()).collect();
                assert_eq!(named, lost, "{event:?}");
                assert!(error.errors().iter().all(|error| error.kind() == ErrorKind::Inexact));
            }
        }
        kinds.extend(losses.iter().map(|loss| format!("{}/{}", place(&event, loss.at()), loss.kind())));
        // JSON that becomes bytes is another payload for programs of the SDK only.
        let kept = losses.iter().all(|loss| loss.kind() == "json-as-bytes");
        assert_eq!(kept, event == back, "{losses:?} {event:?} {back:?}");
        check(&event, &back, &losses);
    }
    assert!(whole > 500, "only {whole} events crossed whole");
    // Every row of the table in the documentation of `to_sdk_lossy`.
    assert_eq!(
        kinds.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "data/any-as-bytes",
            "data/bytes-as-cbor",
            "data/bytes-as-json",
            "data/json-as-bytes",
            "data/json-spelling",
            "data/text-as-bytes",
            "data/type-url",
            "data/xml-as-bytes",
            "data/xml-as-text",
            "datacontenttype/content-type-stated",
            "dataschema/not-a-url",
            "dataschema/spelling",
            "extension/type",
            "schemaurl/not-a-url",
            "schemaurl/spelling",
            "time/offset",
            "time/precision",
            "time/range",
            "time/spelling",
        ]
    );
}

/// As in binary mode: bytes and content type are kept.
#[test]
fn a_type_url_that_is_not_there_is_no_loss_of_meaning() {
    for (url, kind, class) in
        [("type.example/x", "type-url", LossClass::Meaning), ("", "any-as-bytes", LossClass::PayloadForm)]
    {
        let event = Event::builder().id("1").source("/s").ty("t");
        let event = event.payload("application/protobuf", Payload::proto(url, vec![8, 1])).build().unwrap();
        let (_, losses) = to_sdk_lossy(&event).unwrap();
        let losses: Vec<_> = losses.iter().map(|loss| (loss.kind(), loss.class())).collect();
        assert_eq!(losses, [(kind, class)]);
    }
}

/// What `to_sdk` lets pass.
fn is_other_words(loss: &Loss) -> bool {
    matches!((loss.at(), loss.kind()), ("data", "json-spelling") | ("datacontenttype", "content-type-stated"))
}

fn place<'a>(event: &Event, at: &'a str) -> &'a str {
    let is_extension = event.extensions().any(|(name, _)| name == at);
    if is_extension { "extension" } else { at }
}

/// What is named differs, and nothing else does.
fn check(event: &Event, back: &Event, losses: &Losses) {
    let lost = |at: &str| losses.iter().any(|loss| loss.at() == at);
    assert_eq!(event.specversion(), back.specversion());
    let names: BTreeSet<_> =
        event.attributes().chain(back.attributes()).map(|(name, _)| name.as_str().to_owned()).collect();
    for name in &names {
        let (before, after) = (event.attribute(name), back.attribute(name));
        if name == "datacontenttype" && before.is_none() {
            assert_eq!(event.content_type(), back.content_type(), "{event:?}");
            assert!(!matches!(event.data(), Some(Data::Text(_) | Data::Binary(_))), "{event:?}");
        }
        assert_eq!(before != after, lost(name), "{name} of {event:?}");
    }
    let kept = event.data() == back.data();
    if losses.iter().any(|loss| loss.kind() == "json-as-bytes") {
        // As bytes, with the content type stated, it comes back to the letter.
        assert_eq!(event.data(), back.data(), "{event:?}");
    } else {
        assert_eq!(!kept, lost("data"), "{event:?} {back:?}");
        if let (Some(Data::Json(before)), Some(Data::Json(after))) = (event.data(), back.data()) {
            assert!(same_json(before, after), "{event:?} {back:?}");
        }
    }
}

/// Compared as `serde_json` compares them, which is enough where the text gave one value without loss.
fn same_json(before: JsonText<'_>, after: JsonText<'_>) -> bool {
    let value = |text: JsonText<'_>| serde_json::from_str::<serde_json::Value>(text.as_str()).ok();
    value(before).is_some() && value(before).map(|v| number_free(&v)) == value(after).map(|v| number_free(&v))
}

/// Numbers as `f64`: `1` and `1.0` are the same.
fn number_free(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Number(number) => number.as_f64().unwrap().to_string(),
        serde_json::Value::Array(list) => format!("{:?}", list.iter().map(number_free).collect::<Vec<_>>()),
        serde_json::Value::Object(map) => {
            format!("{:?}", map.iter().map(|(name, value)| (name, number_free(value))).collect::<Vec<_>>())
        }
        other => other.to_string(),
    }
}

/// What the SDK reads from documents goes over to us and back, but for the one thing it does not say: whether bytes, or text,
/// under a JSON content type are JSON.
#[test]
fn theirs_come_back() {
    let mut crossed = 0;
    for document in generate::sample(6000, generate::document()) {
        let Ok(theirs) = serde_json::from_str::<cloudevents::Event>(&document) else { continue };
        let Ok(ours) = from_sdk(&theirs) else { continue };
        assert_eq!(from_sdk_owned(theirs.clone()).unwrap(), ours);
        let (back, losses) = to_sdk_lossy(&ours).unwrap();
        assert!(losses.iter().all(|loss| loss.kind() == "json-spelling"), "{document}: {losses:?}");
        if matches!(
            (theirs.data(), back.data()),
            (Some(Theirs::Binary(_) | Theirs::String(_)), Some(Theirs::Json(_)))
        ) {
            assert_eq!(Seen::theirs(&theirs).attributes, Seen::theirs(&back).attributes, "{document}");
        } else {
            assert_eq!(back, theirs, "{document}");
        }
        crossed += 1;
    }
    assert!(crossed > 1000, "only {crossed} events crossed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Doubles of every magnitude, and amounts of money as programs add them up, to the last digit.
    #[test]
    fn numbers_of_theirs_come_back(
        bits in any::<u64>(), unit in 0.0..1.0f64, cents in prop::collection::vec(0..100_000_u32, 1..20)
    ) {
        let amount: f64 = cents.iter().map(|cents| f64::from(*cents) / 100.0).sum();
        for number in [f64::from_bits(bits), unit, amount].into_iter().filter(|number| number.is_finite()) {
            let theirs = cloudevents::EventBuilderV10::new().id("1").source("/s").ty("t")
                .data("application/json", serde_json::json!({"number": number})).build().unwrap();
            let back = to_sdk(&from_sdk(&theirs).unwrap()).unwrap();
            prop_assert_eq!(back, theirs);
        }
    }
}

#[test]
fn nothing_is_made_up() {
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let theirs = to_sdk(&event).unwrap();
    assert_eq!((theirs.time(), theirs.datacontenttype(), theirs.data()), (None, None, None));
    assert_eq!((theirs.subject(), theirs.dataschema(), theirs.iter_extensions().count()), (None, None, 0));
    assert_eq!(from_sdk(&theirs).unwrap(), event);
    assert_eq!(from_sdk(&theirs).unwrap().specversion(), SpecVersion::V1);
}

#[test]
fn the_first_reason_has_the_others() {
    let event = Event::builder().id("1").source("/s").ty("t").time("2018-04-05T17:31:00+02:00");
    let event = event.extension("hash", [0, 255]).build().unwrap();
    let error = cloudevents_core::Error::from(to_sdk(&event).unwrap_err());
    let names: Vec<_> =
        error.into_mistakes().iter().map(|error| error.attribute().unwrap().to_owned()).collect();
    assert_eq!(names, ["time", "hash"]);
}

/// Spelling and a content type that was implied: an event that is not equal comes back, and both are named.
#[test]
fn other_words_are_named() {
    let builder = || Event::builder().id("1").source("/s").ty("t");
    let payload = Payload::json(r#"{"b":1.00,"a":2}"#);
    let json = builder().payload("application/json", payload).build().unwrap();
    let cbor = builder().payload_only(Payload::cbor(vec![0x81, 1])).build().unwrap();
    for (event, at, kind) in
        [(json, "data", "json-spelling"), (cbor, "datacontenttype", "content-type-stated")]
    {
        let (theirs, losses) = to_sdk_lossy(&event).unwrap();
        let found: Vec<_> = losses.iter().map(|loss| (loss.at(), loss.kind(), loss.class())).collect();
        assert_eq!(found, [(at, kind, LossClass::Spelling)]);
        assert_eq!(to_sdk(&event).unwrap(), theirs);
        assert_ne!(from_sdk(&theirs).unwrap(), event);
    }
}
