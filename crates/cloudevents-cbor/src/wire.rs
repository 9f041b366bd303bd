//! Writing CBOR items (RFC 8949). [`cbor`](cloudevents_core::codec::cbor) of the core reads them.

use cloudevents_core::codec::{Room, cbor::BYTES};

/// Whether an item is a byte string.
pub(crate) fn is_byte_string(item: &[u8]) -> bool {
    item.first().is_some_and(|initial| initial >> 5 == BYTES)
}

/// Writes a head in the shortest form.
#[inline(always)]
pub(crate) fn put_head(major: u8, argument: u64, room: &mut Room<'_>) {
    let initial = major << 5;
    match u8::try_from(argument) {
        Ok(argument @ ..24) => room.put([initial | argument]),
        Ok(argument) => room.put([initial | 24, argument]),
        Err(_) => room.lend(|room| long_head(initial, argument, room)),
    }
}

#[inline(never)]
fn long_head(initial: u8, argument: u64, mut room: Room<'_>) -> Room<'_> {
    let [a, b, c, d, e, f, g, h] = argument.to_be_bytes();
    match argument {
        ..0x1_0000 => room.put([initial | 25, g, h]),
        0x1_0000..0x1_0000_0000 => room.put([initial | 26, e, f, g, h]),
        _ => room.put([initial | 27, a, b, c, d, e, f, g, h]),
    }
    room
}

/// Writes a string.
#[inline(always)]
pub(crate) fn put_string(major: u8, contents: &[u8], room: &mut Room<'_>) {
    room.lend(|room| string(major, contents, room));
}

#[inline(never)]
fn string<'a>(major: u8, contents: &[u8], mut room: Room<'a>) -> Room<'a> {
    let initial = major << 5;
    match contents.len() {
        length @ ..24 => room.put([initial | length as u8]),
        length @ ..65 => room.put([initial | 24, length as u8]),
        _ => return long_string(major, contents, room),
    }
    room.put_slice(contents);
    room
}

#[inline(never)]
fn long_string<'a>(major: u8, contents: &[u8], mut room: Room<'a>) -> Room<'a> {
    put_head(major, contents.len() as u64, &mut room);
    room.put_slice(contents);
    room
}

/// Bytes that a head takes.
#[inline]
pub(crate) fn head_length(argument: u64) -> usize {
    match argument {
        ..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

/// Bytes that a string of this length takes.
#[inline]
pub(crate) fn string_length(contents: usize) -> usize {
    // The length of data in memory does not overflow.
    head_length(contents as u64).wrapping_add(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::codec::cbor::{NEGATIVE, Reader, TAG, UNSIGNED};

    #[test]
    fn heads_are_read_as_they_are_written() {
        for argument in (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit]).chain([23, 24, u64::MAX]) {
            for major in [UNSIGNED, NEGATIVE, TAG] {
                let mut out = Vec::new();
                let filled = Room::fill(head_length(argument), 0, &mut out, |mut room| {
                    put_head(major, argument, &mut room);
                    room
                });
                assert!(filled.is_ok(), "{argument}");
                let mut reader = Reader::new(&out);
                let head = reader.head().unwrap();
                assert_eq!((head.major, head.argument, reader.is_at_end()), (major, Some(argument), true));
            }
        }
    }
}
