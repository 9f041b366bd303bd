//! Heap usage of reading and writing.

use bytes::Bytes;
use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Format, Payload};
use cloudevents_testkit::heap;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

const FORMATS: [&dyn Format; 2] = [&Avro::new(), &AvroCompact::new()];

fn order() -> Event {
    Event::builder()
        .id("A234-1234-1234")
        .source("https://example.com/orders")
        .ty("com.example.order.placed")
        .subject("orders/42")
        .time("2018-04-05T17:31:00.123Z")
        .dataschema("https://example.com/schema")
        .extension("partitionkey", "a")
        .extension("priority", 3)
        .extension("sampled", true)
        .payload("application/json", Payload::json(r#"{"total": 1}"#))
        .build()
        .unwrap()
}

/// A document whose buffer is counted already, as it is when it comes off a socket.
fn shared(document: Vec<u8>) -> Bytes {
    let document = Bytes::from(document);
    std::mem::forget(document.clone());
    document
}

#[test]
fn an_event_is_one_allocation_at_most_each_way() {
    // With short texts, with a long one, and with one that is not ASCII.
    let long = order().into_builder().subject("x".repeat(100)).build().unwrap();
    let foreign = order().into_builder().subject("caf\u{e9}").build().unwrap();
    for (format, event, calls) in [
        (FORMATS[0], order(), 1),
        (FORMATS[0], long.clone(), 1),
        (FORMATS[0], foreign.clone(), 1),
        (FORMATS[1], order(), 1),
        (FORMATS[1], long, 1),
        (FORMATS[1], foreign, 1),
    ] {
        let mut document = Vec::new();
        assert_eq!(heap::of(|| format.encode(&event, &mut document).unwrap()).calls, 1);
        // Without a payload, there is room for the byte that finds mistakes of measuring.
        assert!(document.capacity() - document.len() <= 1);
        let document = shared(document);
        let heap = heap::of(|| format.decode(document.clone(), &DecodeOptions::strict()).unwrap());
        assert_eq!(heap.calls, calls, "{heap:?}");
        assert!(heap.held < document.len() as isize, "{heap:?}");
    }
}

#[test]
fn decoding_is_bounded_whatever_comes() {
    const SIZE: usize = 1 << 18;
    let head = b"\x08\x16specversion\x06\x061.0\x04id\x06\x021\x0csource\x06\x04/s\x08type\x06\x02t\0";
    let mut documents = vec![
        // Counts and lengths of everything that is to come, and of more.
        vec![0xfe; SIZE],
        [&b"\xfe\xff\xff\xff\x0f"[..], &vec![0; SIZE]].concat(),
        [&b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..], &vec![0; SIZE]].concat(),
    ];
    // Many of whatever takes little room: `branch` of data, one item, and how many bytes count as one item.
    let fillers: [(u8, &[u8]); 8] = [
        (0x06, b"\0\0"),                                   // a map of nulls, all of one name
        (0x06, b"\x02\x01\x08\0"),                         // a map of empty strings
        (0x06, b"\x02\x01\x02\0"),                         // a map of booleans
        (0x06, b"\0\x06\x11\x11\x11\x11\x11\x11\x41\x9d"), // of doubles with many digits
        (0x08, b"\0"),                                     // an array of empty records
        (0x08, b"\x02\0\0\0"),                             // an array of records with one null
        (0x08, b"\x02\0\x06\0\0"),                         // an array of records with an empty array
        (0x06, b"\0\x04\x02\0\x06\0\0"),
    ];
    for (branch, item) in fillers {
        let count = SIZE / item.len();
        let mut document = head.to_vec();
        document.push(branch);
        document.extend(long(count as i64));
        for _ in 0..count {
            document.extend_from_slice(item);
        }
        document.extend_from_slice(b"\0");
        documents.push(document);
    }
    // Names that are all different, as short as they can be.
    let mut names = [head, &b"\x06"[..]].concat();
    names.extend(long(50_000));
    for number in 0..50_000_u32 {
        let name: String = [number >> 14 & 0x7f, number >> 7 & 0x7f, number & 0x7f]
            .iter()
            .map(|&n| n as u8 as char)
            .collect();
        names.extend([6]);
        names.extend(name.bytes());
        names.push(0);
    }
    names.push(0);
    assert!(cloudevents_avro::decode(names.clone()).is_ok());
    documents.push(names);
    // Text that has to be escaped; text that need not; and attributes without end.
    for filler in [b'\x01', b'"', b'a'] {
        documents.push([head, &b"\x0c"[..], &long(SIZE as i64), &vec![filler; SIZE]].concat());
    }
    let many: Vec<u8> =
        (0..20_000).flat_map(|n| [&b"\x0a"[..], format!("{n:05}").as_bytes(), b"\0"].concat()).collect();
    documents.push([&long(20_000)[..], &many, b"\0"].concat());
    let deep: Vec<u8> = b"\x02\0\x06".repeat(SIZE / 3);
    documents.push([head, &b"\x08\x02"[..], &deep].concat());

    for document in documents {
        let size = document.len();
        let document = shared(document);
        let mut raised = DecodeOptions::strict();
        raised.limits.attributes = usize::MAX;
        for with in [DecodeOptions::strict(), DecodeOptions::lenient(), raised] {
            for format in FORMATS {
                let heap = heap::of(|| format.decode(document.clone(), &with));
                let bound = 8 * size as isize + (64 << 10);
                assert!(heap.peak <= bound, "{heap:?} for {size} bytes: {:x?}...", &document[..80.min(size)]);
            }
        }
    }
}

#[test]
fn an_exact_text_is_one_allocation() {
    let head = b"\x08\x16specversion\x06\x061.0\x04id\x06\x021\x0csource\x06\x04/s\x08type\x06\x02t\0";
    let document = shared([head, &b"\x0c"[..], &long(1000), &[b'\x01'; 1000]].concat());
    let event = cloudevents_avro::decode(document.clone()).unwrap();
    assert_eq!(event.data_bytes().unwrap().len(), 6002);
    assert_eq!(
        cloudevents_avro::decode(document.slice(..document.len() - 1)).unwrap_err().kind(),
        ErrorKind::InvalidDocument
    );
}

pub(crate) fn long(number: i64) -> Vec<u8> {
    let mut left = ((number << 1) ^ (number >> 63)) as u64;
    let mut out = Vec::new();
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
    out
}
