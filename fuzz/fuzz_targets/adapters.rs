//! Any document for each adapter: no panic; what becomes an event can be written and read again, with the same id.
#![no_main]

use cloudevents_adapters::{Adapter, adapters};
use cloudevents_core::{DecodeOptions, Format};
use cloudevents_json::Json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let document = bytes::Bytes::copy_from_slice(data);
    let headers = &[("x-gitlab-event-uuid", "7"), ("x-amz-sns-message-id", "8")];
    for adapter in adapters() {
        for event in adapter.events(headers, &document, &DecodeOptions::strict()).into_iter().flatten() {
            let mut written = Vec::new();
            if Json::new().encode(&event.value, &mut written).is_err() {
                continue;
            }
            let read = Json::new().decode(written.into(), &DecodeOptions::lenient()).expect("what was written can be read").value;
            assert_eq!(read.id(), event.value.id());
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Adapter::parse(text);
    }
});
