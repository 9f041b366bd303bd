//! minicbor and ciborium as the oracles: what is CBOR, and what a document says.

use crate::roundtrip::form;
use ciborium::Value as Item;
use cloudevents_core::{Event, Value};
use cloudevents_testkit::any::event_of_1_0;
use proptest::{collection::vec, prelude::*, sample::select};

/// minicbor's verdict: one item and nothing else, its text UTF-8. It takes a break for an item, among others.
fn may_be_item(bytes: &[u8]) -> bool {
    let utf8 = minicbor::Decoder::new(bytes).tokens().all(|token| token.is_ok());
    let mut decoder = minicbor::Decoder::new(bytes);
    utf8 && decoder.skip().is_ok() && decoder.position() == bytes.len()
}

/// ciborium's verdict: one item and nothing else. It does not know all simple values. Both oracles take those below 32 in two bytes
/// (`f8 17`), which RFC 8949 section 3.3 rules out.
fn is_item(mut bytes: &[u8]) -> bool {
    ciborium::from_reader::<Item, _>(&mut bytes).is_ok() && bytes.is_empty()
}

/// Whether ciborium can read the payload.
fn is_readable(event: &Event) -> bool {
    !matches!(event.data(), Some(cloudevents_core::Data::Cbor(item)) if !is_item(item))
}

/// Whether ciborium, which writes the shortest form, writes the payload as it stands.
fn is_shortest(event: &Event) -> bool {
    let Some(cloudevents_core::Data::Cbor(item)) = event.data() else { return true };
    let mut written = Vec::new();
    ciborium::from_reader::<Item, _>(item)
        .is_ok_and(|value| ciborium::into_writer(&value, &mut written).is_ok())
        && written == item
}

/// The document of a small event with this payload.
fn with_payload(item: &[u8]) -> Vec<u8> {
    [b"\xa5\x6bspecversion\x631.0\x62id\x611\x66source\x62/s\x64type\x61t\x64data", item].concat()
}

/// An item of any shape and width.
fn item() -> impl Strategy<Value = Vec<u8>> {
    let leaf =
        prop_oneof![
            (select(vec![0_u8, 1, 7]), any::<u32>()).prop_map(|(major, bits)| match major {
                7 => [&[0xfa][..], &bits.to_be_bytes()].concat(),
                _ => [&[major << 5 | 26][..], &bits.to_be_bytes()].concat(),
            }),
            select(vec![0xf4_u8, 0xf5, 0xf6, 0xf7, 0x00, 0x17, 0x20, 0x37, 0xe0, 0x40, 0x60])
                .prop_map(|byte| vec![byte]),
            select(vec![
                &b"\xf9\x3c\x00"[..],
                b"\xf8\x20",
                b"\x18\x01",
                b"\x3b\0\0\0\0\0\0\0\x01",
                b"\x79\0\x01a"
            ])
            .prop_map(<[u8]>::to_vec),
            any::<String>()
                .prop_filter("longer than a byte says", |text| text.len() < 256)
                .prop_map(|text| [&[0x78, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()),
            vec(any::<u8>(), 0..9).prop_map(|bytes| [
                &[0x5f, 0x40 | u8::try_from(bytes.len()).unwrap()],
                &bytes[..],
                &[0xff]
            ]
            .concat()),
            "[a-z]{0,9}".prop_map(|text| [
                &[0x7f, 0x60 | u8::try_from(text.len()).unwrap()],
                text.as_bytes(),
                &[0x60, 0xff]
            ]
            .concat()),
        ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| [
                &[0x80 | u8::try_from(items.len()).unwrap()],
                &items.concat()[..]
            ]
            .concat()),
            vec(inner.clone(), 0..4).prop_map(|items| [&[0x9f], &items.concat()[..], &[0xff]].concat()),
            vec((inner.clone(), inner.clone()), 0..3).prop_map(|pairs| {
                let count = u8::try_from(pairs.len()).unwrap();
                let pairs: Vec<u8> =
                    pairs.into_iter().flat_map(|(key, value)| [key, value].concat()).collect();
                [&[0xb8, count], &pairs[..]].concat()
            }),
            vec((inner.clone(), inner.clone()), 0..3).prop_map(|pairs| {
                let pairs: Vec<u8> =
                    pairs.into_iter().flat_map(|(key, value)| [key, value].concat()).collect();
                [&[0xbf], &pairs[..], &[0xff]].concat()
            }),
            (select(vec![0xc1_u8, 0xd7]), inner).prop_map(|(tag, item)| [&[tag], &item[..]].concat()),
        ]
    })
}

fn text(text: &str) -> Item {
    Item::Text(text.into())
}

/// What ciborium reads in a document is what the event says.
fn check(event: &Event) {
    let document = cloudevents_cbor::encode_lossy(event).unwrap();
    let Item::Map(members) = ciborium::from_reader(&document[..]).unwrap() else { panic!() };
    // It writes the shortest form, too, so the same bytes come out, unless the payload is an item of another spelling.
    let mut written = Vec::new();
    ciborium::into_writer(&Item::Map(members.clone()), &mut written).unwrap();
    assert_eq!(written == document, is_shortest(event));
    let mut expected = vec![(text("specversion"), text("1.0"))];
    let again = form(event);
    for (name, value) in again.attributes() {
        let item = match value {
            Value::Boolean(boolean) => Item::Bool(boolean),
            Value::Integer(number) => Item::Integer(number.into()),
            Value::Binary(bytes) => Item::Bytes(bytes.to_vec()),
            Value::Timestamp(time) => Item::Tag(0, Box::new(text(time.as_str()))),
            Value::Uri(_) | Value::UriReference(_) => Item::Tag(32, Box::new(text(value.as_str().unwrap()))),
            _ => text(value.as_str().unwrap()),
        };
        expected.push((text(name.as_str()), item));
    }
    if let Some(data) = again.data() {
        use cloudevents_core::Data;
        let item = match data {
            Data::Json(json) => text(json.as_str()),
            Data::Text(characters) => text(characters),
            Data::Cbor(item) => ciborium::from_reader(item).unwrap(),
            data => Item::Bytes(data.as_bytes().to_vec()),
        };
        expected.push((text("data"), item));
    }
    assert_eq!(members, expected);
}

/// The same document in another spelling: chunks, wide heads, indefinite lengths.
fn respelled(item: &Item, out: &mut Vec<u8>) {
    let chunked = |major: u8, first: &[u8], second: &[u8], out: &mut Vec<u8>| {
        out.push(major << 5 | 31);
        for chunk in [first, second] {
            out.push(major << 5 | 27);
            out.extend((chunk.len() as u64).to_be_bytes());
            out.extend(chunk);
        }
        out.push(0xff);
    };
    match item {
        Item::Text(text) => {
            let middle = text.char_indices().map(|(at, _)| at).nth(1).unwrap_or_default();
            chunked(3, &text.as_bytes()[..middle], &text.as_bytes()[middle..], out);
        }
        Item::Bytes(bytes) => chunked(2, &bytes[..bytes.len() / 2], &bytes[bytes.len() / 2..], out),
        Item::Integer(number) => {
            let number = i128::from(*number);
            out.push(if number < 0 { 0x3b } else { 0x1b });
            out.extend(u64::try_from(if number < 0 { -1 - number } else { number }).unwrap().to_be_bytes());
        }
        Item::Tag(tag, content) => {
            out.push(0xdb);
            out.extend(tag.to_be_bytes());
            respelled(content, out);
        }
        item => ciborium::into_writer(item, out).unwrap(),
    }
}

proptest! {
    #[test]
    fn documents_are_read_alike(event in event_of_1_0().prop_filter("an item ciborium knows", is_readable)) {
        check(&event);
    }

    #[test]
    fn spelling_changes_nothing(event in event_of_1_0().prop_filter("an item as ciborium writes it", is_shortest)) {
        let document = cloudevents_cbor::encode_lossy(&event)?;
        let Item::Map(mut members) = ciborium::from_reader(&document[..]).unwrap() else { panic!() };
        members.reverse();
        let mut other = vec![0xbf];
        for (name, value) in &members {
            respelled(name, &mut other);
            // An item keeps its spelling.
            match (name, value) {
                (Item::Text(name), value) if name == "data" && !matches!(value, Item::Bytes(_)) => {
                    ciborium::into_writer(value, &mut other).unwrap();
                }
                _ => respelled(value, &mut other),
            }
        }
        other.push(0xff);
        prop_assert_eq!(cloudevents_cbor::decode(other)?, cloudevents_cbor::decode(document)?);
    }

    #[test]
    fn simple_values_below_32_have_one_byte(value in any::<u8>()) {
        let accepted = cloudevents_cbor::decode(with_payload(&[0xf8, value])).is_ok();
        prop_assert_eq!(accepted, value >= 32);
    }

    #[test]
    fn items_are_accepted(item in item()) {
        prop_assert!(may_be_item(&item), "{:x?}", item);
        let event = cloudevents_cbor::decode(with_payload(&item))?;
        prop_assert_eq!(cloudevents_cbor::encode_lossy(&event)?.ends_with(&item), item[0] >> 5 != 2 || item[0] == 0x40);
    }

    #[test]
    fn broken_items_are_judged_alike(item in item(), at in any::<prop::sample::Index>(), with in vec(any::<u8>(), 0..3), remove in 0..3_usize) {
        let at = at.index(item.len() + 1);
        let item = [&item[..at], &with, &item[(at + remove).min(item.len())..]].concat();
        let accepted = cloudevents_cbor::decode(with_payload(&item)).is_ok();
        let long = item.windows(2).any(|pair| pair[0] == 0xf8 && pair[1] < 32);
        prop_assert!(!is_item(&item) || long || accepted, "{:x?}", item);
        prop_assert!(!accepted || may_be_item(&item), "{:x?}", item);
    }
}
