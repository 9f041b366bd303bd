//! Any bytes as a JSON batch: as a whole, event by event, and as a stream in chunks, which all say the same.
#![no_main]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Format};
use cloudevents_json::{BatchReader, Json, LineReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let document = Bytes::copy_from_slice(data);
    let with = DecodeOptions::strict();
    let whole = Json::new().decode_batch(document.clone(), &with);
    let items = Json::new().decode_items(document, &with);
    let streamed: Vec<_> = BatchReader::new(data, with.clone()).collect();
    for _ in LineReader::new(data, with) {}
    if let Ok(whole) = whole {
        let events = whole.value;
        let items = items.expect("a batch is an array");
        assert_eq!(items.len(), events.len());
        assert_eq!(streamed.len(), events.len());
        for ((event, item), streamed) in events.iter().zip(items).zip(streamed) {
            assert_eq!(&item.event.expect("no event of a good batch is bad").value, event);
            assert_eq!(&streamed.expect("no IO").event.expect("no event of a good batch is bad").value, event);
        }
        let again = cloudevents_json::encode_batch(&events).expect("the versions are the same").0;
        assert_eq!(cloudevents_json::decode_batch(again).expect("encoded batches decode"), events);
    }
});
