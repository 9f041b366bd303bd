//! Catalogs that are proposed from events.

use cloudevents_catalog::{Catalog, Inference, Judge, Outcome};
use cloudevents_core::{Event, Payload};
use cloudevents_testkit::any;
use proptest::prelude::*;
use serde_json::{Value, json};

fn order(shop: &str, number: u32) -> Event {
    let payload = Payload::body(format!(r#"{{"number": {number}}}"#));
    let event = Event::builder().id(number.to_string()).source(format!("/shops/{shop}")).ty("t").subject("s");
    event.extension("region", "eu").payload("application/json", payload).build().unwrap()
}

fn definition(events: &[Event]) -> Value {
    let mut inference = Inference::new();
    events.iter().for_each(|event| inference.add(event));
    inference.document("g")["messagegroups"]["g"]["messages"]["t"].take()
}

#[test]
fn what_events_have_in_common_is_proposed() {
    let two = definition(&[order("1", 1), order("2", 2)]);
    assert_eq!(two["envelopemetadata"]["source"], json!({}));
    assert_eq!(two["envelopemetadata"]["region"], json!({"type": "string", "required": true}));
    assert_eq!(two["datacontenttype"], "application/json");
    // Values are proposed once there are enough.
    let ten: Vec<Event> = (1..=10).map(|n| order(&n.to_string(), n)).collect();
    let ten = definition(&ten);
    assert_eq!(
        ten["envelopemetadata"]["source"],
        json!({"type": "uritemplate", "value": "/shops/{source2}"})
    );
    assert_eq!(ten["envelopemetadata"]["subject"], json!({"type": "string", "required": true, "value": "s"}));
    assert_eq!(ten["envelopemetadata"]["id"], json!({}));
    // A payload that is not JSON, or none, has no schema.
    let text = order("1", 1).into_builder().payload("text/plain", Payload::text("x")).build().unwrap();
    let mixed = definition(&[order("1", 1), text]);
    assert_eq!((&mixed["dataschema"], &mixed["datacontenttype"]), (&json!(null), &json!(null)));
}

/// Names that are data are not listed.
#[test]
fn attributes_are_bounded() {
    let events: Vec<Event> = (0..1000)
        .map(|n| order("1", 1).into_builder().extension(format!("n{n}"), "x").build().unwrap())
        .collect();
    let definition = definition(&events);
    assert_eq!(definition["envelopemetadata"].as_object().unwrap().len(), 256);
}

proptest! {
    // Each has up to 24 events.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.div_ceil(8)))]

    /// A proposal has no mistakes, and every event that it was made of is valid by it.
    #[test]
    fn every_event_is_valid(events in prop::collection::vec((any::event_of_1_0(), any::<bool>()), 1..24)) {
        let mut inference = Inference::new();
        let events: Vec<Event> = events
            .into_iter()
            .map(|(event, is_same)| if is_same { event.into_builder().ty("t").build().unwrap() } else { event })
            .collect();
        events.iter().for_each(|event| inference.add(event));
        let document = inference.document("g").to_string();
        let catalog = Catalog::parse(&document).unwrap();
        for event in &events {
            let verdict = catalog.judge(event);
            prop_assert_eq!(verdict.outcome(), Outcome::Valid, "{}: {} {}", verdict, event, document);
        }
    }
}

/// No id of a catalog is so long.
#[test]
fn events_of_a_long_type_are_left_out() {
    let mut inference = Inference::new();
    let long = order("1", 1).into_builder().ty("t".repeat(257)).build().unwrap();
    [order("1", 1), long].iter().for_each(|event| inference.add(event));
    assert_eq!((inference.types(), inference.left_out()), (1, 1));
    assert!(Catalog::parse(inference.document("g").to_string()).is_ok());
}

/// Nor has the rule for an attribute such a name.
#[test]
fn attributes_with_long_names_are_valid() {
    let event = order("1", 1).into_builder().extension("n".repeat(300), "x").build().unwrap();
    let mut inference = Inference::new();
    inference.add(&event);
    let catalog = Catalog::parse(inference.document("g").to_string()).unwrap();
    assert_eq!(catalog.judge(&event).outcome(), Outcome::Valid);
}
