//! Any bytes as a catalog: no panic; it reads the same alone and as one of several documents, and judging and examples end.
#![no_main]

use cloudevents_catalog::{Catalog, Judge, LoadOptions, Outcome};
use cloudevents_core::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    let event = Event::builder().id("1").source("/s").ty("t").build().expect("an event");
    for options in [LoadOptions::strict(), LoadOptions::lenient()] {
        let Ok(report) = Catalog::read(document, &options) else { return };
        let again = Catalog::read_all([document, document], &options).expect("the same document twice is one");
        assert_eq!(again.findings, report.findings);
        let verdict = report.catalog.judge(&event);
        assert_eq!(verdict.outcome() == Outcome::Invalid, !verdict.faults().is_empty());
        for message in report.catalog.messages() {
            if let Ok(event) = message.example() {
                let _ = message.judge(&event).to_string();
            }
        }
    }
});
