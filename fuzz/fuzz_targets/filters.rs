//! Any bytes as filters of the Subscriptions API: no panic; what is read is written as what reads the same, and the index agrees.
#![no_main]

use cloudevents_core::Event;
use cloudevents_subscriptions::{FilterIndex, Filters};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    let Ok(filters) = Filters::parse(document) else { return };
    let written = filters.to_string();
    assert_eq!(Filters::parse(&written).expect("what is written can be read"), filters);
    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("com.example.t")
        .subject("a")
        .extension("n", 3)
        .build()
        .expect("an event");
    let mut index = FilterIndex::new();
    index.insert(1, filters.clone());
    assert_eq!(index.matches(&event).len(), usize::from(filters.matches(&event)));
    assert_eq!(index.remove(&1), Some(filters));
    assert!(index.matches(&event).is_empty());
});
