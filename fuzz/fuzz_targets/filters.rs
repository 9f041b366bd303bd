//! Any bytes as filters of the Subscriptions API: no panic; what is read is written as what reads the same, and the index agrees.
#![no_main]

use cloudevents_core::Event;
use cloudevents_subscriptions::{FilterIndex, FilterOptions, Filters};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    let options = FilterOptions::strict().with_data();
    let Ok(filters) = Filters::parse_with(document, &options) else { return };
    let filters = filters.value;
    let written = filters.to_string();
    assert_eq!(Filters::parse_with(&written, &options).expect("what is written can be read").value, filters);
    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("com.example.t")
        .subject("a")
        .extension("n", 3)
        .payload("application/json", cloudevents_core::Payload::json(r#"{"a":{"b":"c"},"d":[1]}"#))
        .build()
        .expect("an event");
    let mut index = FilterIndex::new();
    index.insert(1, filters.clone());
    assert_eq!(index.matches(&event).len(), usize::from(filters.matches(&event)));
    assert_eq!(index.remove(&1), Some(filters));
    assert!(index.matches(&event).is_empty());
});
