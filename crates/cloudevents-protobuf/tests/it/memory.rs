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
    let document = bytes::Bytes::from(cloudevents_protobuf::encode_lossy(&event).unwrap());
    // A buffer that is shared already, as one from a connection is.
    let shared = document.clone();
    let heap = heap::of(|| cloudevents_protobuf::decode(document).unwrap());
    assert_eq!(heap.calls, 1);
    drop(shared);
    let heap = heap::of(|| cloudevents_protobuf::encode_lossy(&event).unwrap());
    assert_eq!(heap.calls, 1);
}

#[test]
fn a_document_of_its_own_costs_no_more() {
    let document = cloudevents_protobuf::encode_lossy(&plain()).unwrap();
    let heap = heap::of(|| cloudevents_protobuf::decode(document).unwrap());
    assert_eq!(heap.calls, 1);
}

#[test]
fn memory_is_bounded_by_the_input() {
    let element = |event: &[u8]| [&[0x0a, u8::try_from(event.len()).unwrap()], event].concat();
    let small = element(b"\x0a\x011\x12\x02/s\x1a\x031.0\x22\x01t");
    let timestamps: Vec<u8> = (b'a'..=b'z').flat_map(|x| [0x2a, 7, 0x0a, 1, x, 0x12, 2, 0x3a, 0]).collect();
    let entries: Vec<u8> = (0..100_000).flat_map(|_| [0x2a, 0]).collect();
    let unset: Vec<u8> = (0..60_000_u32)
        .flat_map(|n| {
            [0x2a, 5, 0x0a, 3, b'a' + (n % 26) as u8, b'a' + (n / 26 % 26) as u8, b'a' + (n / 676 % 26) as u8]
        })
        .collect();
    let groups = vec![0x4b; 100_000];
    let any = [&[0x42, 0x80, 0x80, 0x04, 0x0a, 0xfc, 0xff, 0x03][..], &vec![b'x'; 65_532]].concat();
    let start = b"\x0a\x011\x12\x02/s\x1a\x031.0\x22\x01t";
    for fields in [timestamps, entries, unset, groups, any] {
        let document = [&start[..], &fields].concat();
        for with in [cloudevents_core::DecodeOptions::strict(), cloudevents_core::DecodeOptions::lenient()] {
            use cloudevents_core::Format;
            let input = bytes::Bytes::from(document.clone());
            let most = heap::of(|| cloudevents_protobuf::Protobuf::new().decode(input, &with).map(drop))
                .peak
                .unsigned_abs();
            assert!(most <= document.len() * 8 + 65_536, "{most} for {}", document.len());
        }
    }
    // An event is larger in memory than its sixteen bytes in a document.
    for count in [1, 100, 10_000] {
        let document = small.repeat(count);
        let input = document.clone();
        let most = heap::of(|| cloudevents_protobuf::decode_batch(input).unwrap()).peak.unsigned_abs();
        assert!(
            most <= document.len() * 8 + 65_536 + count * size_of::<Event>(),
            "{most} for {}",
            document.len()
        );
    }
}
