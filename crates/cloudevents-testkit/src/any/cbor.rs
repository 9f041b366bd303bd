//! CBOR, from RFC 8949, section 3.

use proptest::{collection::vec, prelude::*};

/// A well-formed data item of any major type, with heads of any width, and strings, arrays and maps of indefinite length.
pub fn cbor_item() -> impl Strategy<Value = Vec<u8>> {
    let string = |major: u8, bytes: BoxedStrategy<Vec<u8>>| {
        let one = (bytes, 0..4_usize)
            .prop_map(move |(bytes, wider)| [head(major, bytes.len() as u64, wider), bytes].concat());
        let chunks = vec(one.clone(), 0..3).prop_map(move |chunks| enclosed(major, chunks));
        prop_oneof![3 => one, 1 => chunks]
    };
    let bytes = string(2, vec(any::<u8>(), 0..30).boxed());
    let text = string(3, "\\PC{0,12}".prop_map(String::into_bytes).boxed());
    let simple = prop_oneof![
        (0..24_u8).prop_map(|value| vec![0xe0 | value]),
        (32..=255_u8).prop_map(|value| vec![0xf8, value]),
        any::<u16>().prop_map(|half| [&[0xf9][..], &half.to_be_bytes()].concat()),
        any::<u32>().prop_map(|single| [&[0xfa][..], &single.to_be_bytes()].concat()),
        any::<u64>().prop_map(|double| [&[0xfb][..], &double.to_be_bytes()].concat()),
    ];
    let integer = (0..2_u8, number(), 0..4_usize).prop_map(|(major, value, wider)| head(major, value, wider));
    let leaf = prop_oneof![2 => integer, 1 => bytes, 1 => text, 1 => simple].boxed();
    let nested = leaf.clone().prop_recursive(4, 24, 4, |inner| {
        let items = || vec(inner.clone(), 0..4);
        let pairs =
            || vec((inner.clone(), inner.clone()).prop_map(|(key, value)| [key, value].concat()), 0..4);
        prop_oneof![
            (items(), 0..4_usize).prop_map(|(items, wider)| [
                head(4, items.len() as u64, wider),
                items.concat()
            ]
            .concat()),
            items().prop_map(|items| enclosed(4, items)),
            (pairs(), 0..4_usize).prop_map(|(pairs, wider)| [
                head(5, pairs.len() as u64, wider),
                pairs.concat()
            ]
            .concat()),
            pairs().prop_map(|pairs| enclosed(5, pairs)),
            (number(), inner.clone(), 0..4_usize)
                .prop_map(|(tag, item, wider)| [head(6, tag, wider), item].concat()),
        ]
    });
    prop_oneof![leaf, nested]
}

/// A number of any size.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..30_u64,
        0..300_u64,
        any::<u16>().prop_map(u64::from),
        any::<u32>().prop_map(u64::from),
        any::<u64>()
    ]
}

/// The head of an item, as short as it can be, or wider.
fn head(major: u8, value: u64, wider: usize) -> Vec<u8> {
    let shortest = match value {
        0..24 => 0,
        24..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 3,
        _ => 4,
    };
    let bytes = value.to_be_bytes();
    let (info, length) = match shortest + wider {
        0 => return vec![major << 5 | bytes.last().copied().unwrap_or_default()],
        1 => (24, 1),
        2 => (25, 2),
        3 => (26, 4),
        _ => (27, 8),
    };
    let mut head = vec![major << 5 | info];
    head.extend(bytes.iter().skip(8 - length));
    head
}

/// An item of indefinite length.
fn enclosed(major: u8, parts: Vec<Vec<u8>>) -> Vec<u8> {
    [vec![major << 5 | 31], parts.concat(), vec![0xff]].concat()
}
