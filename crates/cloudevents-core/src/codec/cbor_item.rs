//! Whether bytes are one well-formed CBOR item.

use alloc::vec::Vec;

/// Whether the bytes are exactly one well-formed data item (RFC 8949, appendix C) whose text strings are UTF-8 (section 3.1).
///
/// The item may be nested up to 1000 levels deep. Arrays, maps, tags and chunked strings count as levels.
///
/// ```
/// use cloudevents_core::codec::is_cbor_item;
///
/// assert!(is_cbor_item(b"\x82\x01\x61a"));
/// assert!(!is_cbor_item(b"\x61\xff")); // a text string that is not UTF-8
/// ```
pub fn is_cbor_item(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    item(&mut rest).is_some() && rest.is_empty()
}

/// The contents that an open item still needs.
enum Open {
    /// This many more items.
    Items(u64),
    /// Items until a break. `value_next` is set while the next item is the value of a map's pair.
    UntilBreak { map: bool, value_next: bool },
    /// Definite-length strings of this major type until a break.
    Chunks(u8),
}

/// An item nested deeper than this counts as bytes: no reader accepts it, and looking further would cost memory.
const DEPTH: usize = 1000;

/// Skips one item. Iterative: a vector holds the open items.
fn item(rest: &mut &[u8]) -> Option<()> {
    let mut open: Vec<Open> = Vec::new();
    loop {
        if open.len() > DEPTH {
            return None;
        }
        let &[initial, ref after @ ..] = *rest else { return None };
        *rest = after;
        let (major, info) = (initial >> 5, initial & 0x1f);
        if initial == 0xff {
            match open.pop()? {
                Open::UntilBreak { value_next: true, .. } | Open::Items(_) => return None,
                Open::UntilBreak { .. } | Open::Chunks(_) => {}
            }
        } else if let Some(Open::Chunks(expected)) = open.last() {
            if major != *expected || info == 31 {
                return None;
            }
            let length = argument(info, rest)?;
            string(major, take(rest, length)?)?;
            continue;
        } else if info == 31 {
            match major {
                2 | 3 => open.push(Open::Chunks(major)),
                4 => open.push(Open::UntilBreak { map: false, value_next: false }),
                5 => open.push(Open::UntilBreak { map: true, value_next: false }),
                _ => return None,
            }
            continue;
        } else {
            let value = argument(info, rest)?;
            match major {
                2 | 3 => string(major, take(rest, value)?)?,
                4 | 5 if value == 0 && open.len() == DEPTH => return None,
                4 | 5 if value > 0 => {
                    // An item takes at least one byte, so a count beyond the remaining bytes is wrong.
                    let items = if major == 5 { value.checked_mul(2)? } else { value };
                    if items > rest.len() as u64 {
                        return None;
                    }
                    open.push(Open::Items(items));
                    continue;
                }
                6 => {
                    open.push(Open::Items(1));
                    continue;
                }
                7 if info == 24 && value < 32 => return None,
                _ => {}
            }
        }
        // An item ended, and perhaps the items around it.
        loop {
            match open.last_mut() {
                None => return Some(()),
                Some(Open::Items(left)) => {
                    *left = left.wrapping_sub(1);
                    if *left > 0 {
                        break;
                    }
                    open.pop();
                }
                Some(Open::UntilBreak { map, value_next }) => {
                    *value_next = *map && !*value_next;
                    break;
                }
                Some(Open::Chunks(_)) => break,
            }
        }
    }
}

/// The number that belongs to an initial byte.
fn argument(info: u8, rest: &mut &[u8]) -> Option<u64> {
    let width = match info {
        0..24 => return Some(info.into()),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let (number, after) = rest.split_at_checked(width)?;
    *rest = after;
    Some(number.iter().fold(0, |n: u64, &byte| n << 8 | u64::from(byte)))
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(taken)
}

/// Checks the contents of a string of this major type.
fn string(major: u8, contents: &[u8]) -> Option<()> {
    if major == 3 { core::str::from_utf8(contents).ok().map(drop) } else { Some(()) }
}

#[cfg(test)]
mod tests {
    use super::is_cbor_item;

    #[test]
    fn well_formed_and_not() {
        // Examples of RFC 8949, appendix A.
        for good in [
            &b"\x00"[..],
            b"\x18\x64",
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xf9\x3c\x00",
            b"\xf6",
            b"\xf8\xff",
            b"\xc1\x1a\x51\x4b\x67\xb0",
            b"\x44\x01\x02\x03\x04",
            b"\x60",
            b"\x83\x01\x82\x02\x03\x82\x04\x05",
            b"\xa2\x61a\x01\x61b\x82\x02\x03",
            b"\x5f\x42\x01\x02\x43\x03\x04\x05\xff",
            b"\x9f\xff",
            b"\x9f\x01\x82\x02\x03\x9f\x04\x05\xff\xff",
            b"\xbf\x61a\x01\xff",
            b"\x80",
            b"\xa0",
        ] {
            assert!(is_cbor_item(good), "{good:x?}");
        }
        // Of appendix F, and more.
        for bad in [
            &b""[..],
            b"\x18",
            b"\x1b\x00",
            b"\x42\x01",
            b"\x81",
            b"\xa1\x01",
            b"\xa2\x01\x02",
            b"\xff",
            b"\x9f",
            b"\xbf\x01\xff",
            b"\x5f\x61a\xff",
            b"\x5f\x5f\x41\x00\xff\xff",
            b"\x1c",
            b"\xf8\x18",
            b"\xf8\x00",
            b"\x00\x00",
            b"\x81\xff",
            b"\xc0",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00",
            b"\x1f",
            b"\xdf",
            // Text strings that are not UTF-8, as a whole and chunk by chunk.
            b"\x61\xff",
            b"\x82\x01\x62\xc3\x28",
            b"\x7f\x61\xc3\x61\xa9\xff",
        ] {
            assert!(!is_cbor_item(bad), "{bad:x?}");
        }
        for (depth, well_formed) in [(super::DEPTH, true), (super::DEPTH + 1, false), (100_000, false)] {
            let mut deep = std::vec![0x81; depth];
            assert!(!is_cbor_item(&deep));
            deep.push(0);
            assert_eq!(is_cbor_item(&deep), well_formed, "{depth}");
            deep.pop();
            deep.pop();
            deep.push(0x80);
            assert_eq!(is_cbor_item(&deep), well_formed, "{depth}, the last one empty");
        }
    }
}
