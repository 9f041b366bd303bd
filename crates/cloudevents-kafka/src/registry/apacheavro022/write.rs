//! The pieces of Avro's binary encoding.

pub(super) fn long(number: i64, out: &mut Vec<u8>) {
    let mut zigzag = ((number << 1) ^ (number >> 63)) as u64;
    while zigzag >= 0x80 {
        out.push((zigzag as u8) | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

/// An index, a count, a length.
pub(super) fn index(index: usize, out: &mut Vec<u8>) {
    // Of something in memory, so it fits.
    long(i64::try_from(index).unwrap_or(i64::MAX), out);
}

pub(super) fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    index(bytes.len(), out);
    out.extend_from_slice(bytes);
}
