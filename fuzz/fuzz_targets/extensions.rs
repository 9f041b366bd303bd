//! Any attributes of the documented extensions, as `name=value` lines: no panic; what is read is written as what reads the same; `check`
//! finds mistakes exactly where reading fails.
#![no_main]

use cloudevents_core::Event;
use cloudevents_extensions::{
    AuthContext, Bam, BuilderExtensions, Correlation, DataClassification, DataRef, Deprecation, DistributedTracing,
    EventExtensions, ExpiryTime, Extension, OpcUa, PartitionKey, RecordedTime, SampledRate, Sequence, Severity,
    Verifiability, check,
};
use libfuzzer_sys::fuzz_target;
use std::fmt::Debug;

fuzz_target!(|lines: &[u8]| {
    let Ok(lines) = std::str::from_utf8(lines) else { return };
    let mut builder = Event::builder().id("1").source("/s").ty("t");
    for (name, value) in lines.lines().filter_map(|line| line.split_once('=')) {
        builder = match value.parse::<i32>() {
            Ok(number) => builder.extension(name, number),
            Err(_) => builder.extension(name, value),
        };
    }
    let Ok(event) = builder.build() else { return };
    let readers = [
        reads::<AuthContext>,
        reads::<Bam>,
        reads::<Correlation>,
        reads::<DataClassification>,
        reads::<DataRef>,
        reads::<Deprecation>,
        reads::<DistributedTracing>,
        reads::<ExpiryTime>,
        reads::<OpcUa>,
        reads::<PartitionKey>,
        reads::<RecordedTime>,
        reads::<SampledRate>,
        reads::<Sequence>,
        reads::<Severity>,
        reads::<Verifiability>,
    ];
    let all_are_read = readers.into_iter().map(|reads| reads(&event)).fold(true, |all, is_read| all && is_read);
    assert_eq!(check(&event).is_empty(), all_are_read);
});

/// Whether the extension is absent or valid.
fn reads<T: Extension + Debug + PartialEq>(event: &Event) -> bool {
    match event.read_extension::<T>() {
        Err(_) => false,
        Ok(None) => true,
        Ok(Some(value)) => {
            let again = event.clone().into_builder().write_extension(&value).build().expect("what was read can be written");
            assert_eq!(again.read_extension::<T>().expect("what is written can be read"), Some(value));
            true
        }
    }
}
