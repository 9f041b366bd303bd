//! CBOR: items of RFC 8949. Two encodings of one item may differ in the order of the members of a map, in lengths that are stated or not,
//! and in heads and floating-point numbers that take more bytes than they need.

use std::collections::BTreeMap;

use super::input::Input;
use super::node::{Node, insert};

/// Levels of items: trees are walked and freed level by level.
const DEPTH: usize = 256;

/// Ends an item of no stated length.
const BREAK: u8 = 0xff;

/// One item.
pub(crate) fn parse(document: &[u8]) -> Result<Node, String> {
    let mut input = Input::new(document);
    let node = item(&mut input, DEPTH)?;
    if input.is_empty() { Ok(node) } else { Err("something follows the item".into()) }
}

fn item(input: &mut Input<'_>, levels: usize) -> Result<Node, String> {
    let levels = levels.checked_sub(1).ok_or_else(|| format!("more than {DEPTH} levels"))?;
    let first = input.byte()?;
    let (major, info) = (first >> 5, first & 0x1f);
    let argument = argument(info, input)?;
    Ok(match (major, argument) {
        (0, Some(number)) => Node::Integer(number.into()),
        (1, Some(number)) => Node::Integer(-1 - i128::from(number)),
        (2, _) => Node::Bytes(string(major, argument, input)?),
        (3, _) => Node::text(&string(major, argument, input)?)?,
        (4, _) => {
            let mut items = Vec::new();
            let mut left = argument;
            while more(&mut left, input)? {
                items.push(item(input, levels)?);
            }
            Node::List(items)
        }
        (5, _) => {
            let mut members = BTreeMap::new();
            let mut left = argument;
            while more(&mut left, input)? {
                let key = item(input, levels)?;
                insert(&mut members, key, item(input, levels)?)?;
            }
            Node::Map(members)
        }
        (6, Some(tag)) => Node::Tagged(format!("tag {tag}"), Box::new(item(input, levels)?)),
        (7, Some(number)) => simple(info, number)?,
        _ => return Err(format!("the byte {first:02x}")),
    })
}

/// The number behind a first byte. `None` if the length is not stated.
fn argument(info: u8, input: &mut Input<'_>) -> Result<Option<u64>, String> {
    Ok(Some(match info {
        0..24 => info.into(),
        24 => input.byte()?.into(),
        25 => u16::from_be_bytes(input.array()?).into(),
        26 => u32::from_be_bytes(input.array()?).into(),
        27 => u64::from_be_bytes(input.array()?),
        31 => return Ok(None),
        other => return Err(format!("the additional information {other}")),
    }))
}

/// The contents of a string, in one piece or in chunks.
fn string(major: u8, length: Option<u64>, input: &mut Input<'_>) -> Result<Vec<u8>, String> {
    if let Some(length) = length {
        return Ok(input.take_long(length)?.to_vec());
    }
    let mut all = Vec::new();
    while more(&mut None, input)? {
        let first = input.byte()?;
        let chunk = argument(first & 0x1f, input)?.filter(|_| first >> 5 == major);
        let piece = input.take_long(chunk.ok_or("a chunk that is not a string of this kind")?)?;
        if major == 3 {
            Node::text(piece)?;
        }
        all.extend_from_slice(piece);
    }
    Ok(all)
}

/// Whether another item follows: by the count, or, without one, until the break.
fn more(left: &mut Option<u64>, input: &mut Input<'_>) -> Result<bool, String> {
    match left {
        Some(count) => {
            let any = *count > 0;
            *count = count.saturating_sub(1);
            Ok(any)
        }
        None if input.peek()? == BREAK => {
            input.byte()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

/// Simple values and floating-point numbers.
fn simple(info: u8, number: u64) -> Result<Node, String> {
    Ok(match (info, number) {
        (..24, 20) => Node::Bool(false),
        (..24, 21) => Node::Bool(true),
        (..24, 22) => Node::Null,
        (..24, _) | (24, 32..) => Node::Simple(number.to_le_bytes()[0]),
        (25, bits) => Node::double(half((bits & 0xffff) as u16)),
        (26, bits) => Node::double(f32::from_bits((bits & 0xffff_ffff) as u32).into()),
        (27, bits) => Node::double(f64::from_bits(bits)),
        _ => return Err(format!("the simple value {number} in two bytes")),
    })
}

/// A number of 16 bits: a sign, five bits of exponent, ten of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::hex;

    #[test]
    fn what_two_encodings_may_differ_in() {
        // cbor2: as it is, in its canonical form, and without lengths in the opposite order.
        let [one, two, three] = [
            "a5 6269646131 616e22 6166fb3ff8000000000000 6174c074323031382d30342d30355431373a33313a30305a \
             6464617461 a2 61618301f6f5 61624200ff",
            "a5 6166f93e00 616e22 6174c074323031382d30342d30355431373a33313a30305a 6269646131 \
             6464617461 a2 61618301f6f5 61624200ff",
            "bf 6464617461 bf 61619f01f6f5ff 61624200ff ff 6174c074323031382d30342d30355431373a33313a30305a \
             6166fb3ff8000000000000 616e22 6269646131 ff",
        ]
        .map(|text| parse(&hex(text)).unwrap());
        assert_eq!((&one, &one), (&two, &three));
        assert_eq!(
            one.to_string(),
            "{\"data\": {\"a\": [1, null, true], \"b\": bytes 00 ff}, \"f\": 1.5, \"id\": \"1\", \"n\": -3, \
             \"t\": tag 0(\"2018-04-05T17:31:00Z\")}"
        );
        let same = |one: &str, other: &str| parse(&hex(one)).unwrap() == parse(&hex(other)).unwrap();
        assert!(same("05", "1b0000000000000005"));
        assert!(same("6161", "7f 61 61 60 ff"));
        assert!(same("4161", "5f 40 41 61 ff"));
        assert!(!same("05", "f94500"));
        assert!(!same("6161", "4161"));
        assert!(!same("82 01 02", "82 02 01"));
        assert!(!same("c0 60", "60"));
        assert!(!same("f6", "f7"));
        assert!(!same("20", "00"));
    }

    #[test]
    fn numbers() {
        // RFC 8949, appendix A.
        for (text, shown) in [
            ("3bffffffffffffffff", "-18446744073709551616"),
            ("f98000", "-0.0"),
            ("f93c00", "1.0"),
            ("f97bff", "65504.0"),
            ("f90001", "5.960464477539063e-8"),
            ("f90400", "6.103515625e-5"),
            ("f9c400", "-4.0"),
            ("f97c00", "inf"),
            ("f97e00", "NaN"),
            ("fa47c35000", "100000.0"),
            ("fb7e37e43c8800759c", "1e300"),
            ("f0", "simple(16)"),
            ("f8ff", "simple(255)"),
        ] {
            assert_eq!(parse(&hex(text)).unwrap().to_string(), shown, "{text}");
        }
        assert_eq!(parse(&hex("f97e00")), parse(&hex("fb7ff8000000000001")));
    }

    #[test]
    fn what_is_no_item() {
        for bad in [
            "",
            "0000",
            "18",
            "1c",
            "1f",
            "61ff",
            "62",
            "7f 41 61 ff",
            "7f 7f 61 61 ff ff",
            "7f 62 c3 ff",
            "81",
            "9f",
            "a1 01",
            "bf 01 ff",
            "a2 01 01 01 02",
            "a2 01 01 1801 02",
            "c0",
            "df 00",
            "f8 10",
            "ff",
            "3f",
            "fc",
        ] {
            assert!(parse(&hex(bad)).is_err(), "{bad}");
        }
        for deep in [0x81, 0x9f, 0xc1] {
            assert_eq!(parse(&[deep].repeat(100_000)).unwrap_err(), "more than 256 levels");
        }
        assert!(parse(&hex("9bffffffffffffffff")).is_err());
    }
}
