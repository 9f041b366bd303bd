//! The memory that decoding takes, by a counting allocator.

use cloudevents_core::Event;
use cloudevents_testkit::heap;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

fn plain() -> Event {
    Event::builder()
        .id("A234-1234-1234")
        .source("https://example.com/orders")
        .ty("com.example.order.placed")
        .subject("17")
        .time("2018-04-05T17:31:00.123Z")
        .extension("priority", 3)
        .extension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .payload("application/json", cloudevents_core::Payload::json(r#"{"total":129.95}"#))
        .build()
        .unwrap()
}

#[test]
fn a_plain_event_takes_one_allocation_each_way() {
    let event = plain();
    let document = bytes::Bytes::from(cloudevents_cbor::encode_lossy(&event).unwrap());
    // A buffer that is shared already, as one from a connection is.
    let shared = document.clone();
    let heap = heap::of(|| cloudevents_cbor::decode(document).unwrap());
    assert_eq!(heap.calls, 1);
    drop(shared);
    let heap = heap::of(|| cloudevents_cbor::encode_lossy(&event).unwrap());
    assert_eq!(heap.calls, 1);
}

#[test]
fn a_document_of_its_own_costs_no_more() {
    let document = cloudevents_cbor::encode_lossy(&plain()).unwrap();
    let heap = heap::of(|| cloudevents_cbor::decode(document).unwrap());
    assert_eq!(heap.calls, 1);
}

#[test]
fn memory_is_bounded_by_the_input() {
    const EVENT: &[u8] = b"\x6bspecversion\x631.0\x62id\x611\x66source\x62/s\x64type\x61t";
    let names = || {
        (0..60_000_u32)
            .map(|n| [b'a' + (n % 26) as u8, b'a' + (n / 26 % 26) as u8, b'a' + (n / 676 % 26) as u8])
    };
    let with_value =
        |value: &[u8]| -> Vec<u8> { names().flat_map(|name| [&[0x63][..], &name, value].concat()).collect() };
    let in_chunks = |chunk: &[u8], count| [&chunk.repeat(count)[..], &[0xff]].concat();
    let data = |item: &[u8]| [&b"\x64data"[..], item].concat();
    for members in [
        with_value(&[0xf4]),
        with_value(&[0xf6]),
        with_value(&[0xf7]),
        with_value(&[0x5f, 0x41, 0, 0xff]),
        with_value(&[0x7f, 0x61, b'x', 0xff]),
        // The first 256 only, which are accepted.
        with_value(&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])[..3000].to_vec(),
        data(&[&[0x7f][..], &in_chunks(&[0x61, b'x'], 100_000)].concat()),
        data(&[&[0x5f][..], &in_chunks(&[0x40], 100_000)].concat()),
        data(&[0x81; 100_000]),
        data(&[0x9f; 100_000]),
        data(&[0xd8; 100_000]),
        data(&[&[0x9f][..], &in_chunks(&[0x80], 100_000)].concat()),
        data(&[0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        data(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ] {
        let document = [&[0xbf][..], EVENT, &members, &[0xff]].concat();
        for with in [cloudevents_core::DecodeOptions::strict(), cloudevents_core::DecodeOptions::lenient()] {
            use cloudevents_core::Format;
            let input = bytes::Bytes::from(document.clone());
            let most =
                heap::of(|| cloudevents_cbor::Cbor::new().decode(input, &with).map(drop)).peak.unsigned_abs();
            assert!(most <= document.len() * 8 + 65_536, "{most} for {}", document.len());
        }
    }
}
