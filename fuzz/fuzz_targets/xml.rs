//! Any bytes as an XML document: no panic; what is an event can be written and read again; peeking and lenient decoding agree
//! with strict decoding; a batch read event by event says the same.
#![no_main]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Format};
use cloudevents_xml::Xml;
use libfuzzer_sys::fuzz_target;

/// What came out goes in and out unchanged, but for the namespace declarations that an XML payload gains once.
fn settle(event: &Event) {
    let once = cloudevents_xml::decode(cloudevents_xml::encode_lossy(event).expect("encode")).expect("encoded events decode");
    assert!(once.attributes().eq(event.attributes()));
    let twice = cloudevents_xml::decode(cloudevents_xml::encode_lossy(&once).expect("encode")).expect("encoded events decode");
    assert_eq!(twice, once);
}

fuzz_target!(|data: &[u8]| {
    let document = Bytes::copy_from_slice(data);
    let strict = Xml::new().decode(document.clone(), &DecodeOptions::strict());
    let lenient = Xml::new().decode(document.clone(), &DecodeOptions::lenient());
    if let Ok(decoded) = &strict {
        let event = &decoded.value;
        assert!(decoded.repairs.is_empty());
        assert_eq!(&lenient.as_ref().expect("strict is within lenient").value, event);
        assert_eq!(Xml::new().peek(&document, "id", &DecodeOptions::strict()).expect("peek").as_deref(), Some(event.id()));
        settle(event);
    }
    let batch = Xml::new().decode_batch(document.clone(), &DecodeOptions::strict());
    let items = Xml::new().decode_items(document, &DecodeOptions::strict());
    if let Ok(batch) = batch {
        let items = items.expect("what is a batch can be read event by event");
        assert_eq!(items.len(), batch.value.len());
        for (item, event) in items.into_iter().zip(&batch.value) {
            assert_eq!(&item.event.expect("no event of a batch is wrong").value, event);
            settle(event);
        }
    }
});
