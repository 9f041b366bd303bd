//! Recognises the usual spelling of a timestamp with a few comparisons of 16 bytes each.

use wide::u8x16;

/// The lower and upper bounds for each byte of `YYYY-MM-DDThh:mm:ss`, a point, and digits of the fraction.
const LEAST: &[u8; 32] = b"0000-00-00T00:00:00.000000000000";
const GREATEST: &[u8; 32] = b"9999-19-39T29:59:59.999999999999";

/// Whether a text is a timestamp in UTC with an upper-case `T` and `Z`, at most twelve fractional digits, and a day that every
/// month has. `false` is inconclusive: other texts may be timestamps, too.
#[inline]
pub(super) fn is_usual(text: &[u8]) -> bool {
    let Some((b'Z', digits)) = text.split_last() else { return false };
    // A digit follows the point, if there is one.
    if !matches!(digits.len(), 19 | 21..=32) {
        return false;
    }
    let fits = |bytes: Option<&[u8; 16]>, start: usize| {
        let pattern = |of: &'static [u8; 32]| of.get(start..).and_then(|of| of.first_chunk::<16>());
        match (bytes, pattern(LEAST), pattern(GREATEST)) {
            (Some(bytes), Some(least), Some(greatest)) => is_between(*bytes, *least, *greatest),
            _ => false,
        }
    };
    // The first 16 bytes and the last 16, which overlap.
    fits(digits.first_chunk(), 0)
        && fits(digits.last_chunk(), digits.len().wrapping_sub(16))
        && matches!(digits, &[_, _, _, _, _, m0, m1, _, d0, d1, _, h0, h1, ..]
            if matches!([m0, m1], [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2'])
                && matches!([d0, d1], [b'0', b'1'..=b'9'] | [b'1', _] | [b'2', b'0'..=b'8'])
                && matches!([h0, h1], [b'0'..=b'1', _] | [b'2', b'0'..=b'3']))
}

/// Whether every byte is within its own bounds.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects)] // Lanes wrap.
fn is_between(bytes: [u8; 16], least: [u8; 16], greatest: [u8; 16]) -> bool {
    let (bytes, least) = (u8x16::new(bytes), u8x16::new(least));
    let (above, most) = (bytes - least, u8x16::new(greatest) - least);
    above.min(most).simd_eq(above).to_bitmask() == 0xffff
}

#[cfg(test)]
mod tests {
    use super::{super::read, is_usual};

    #[test]
    fn the_usual_ones() {
        for good in [
            "2024-06-07T12:34:56.123456Z",
            "0000-01-01T00:00:00Z",
            "9999-12-28T23:59:59.9Z",
            "2024-10-20T20:00:00.123456789012Z",
        ] {
            assert!(is_usual(good.as_bytes()), "{good}");
        }
    }

    // For every byte at every position: only timestamps are accepted.
    #[test]
    fn every_byte_in_every_place() {
        for start in [
            "2024-06-07T12:34:56Z",
            "2023-02-28T23:59:59.1Z",
            "2024-10-20T20:00:00.123456Z",
            "1999-12-19T09:10:01.123456789012Z",
            "1999-12-19T09:10:01.1234567890123Z",
        ] {
            let mut usual = 0;
            for at in 0..start.len() {
                for byte in 0..=u8::MAX {
                    let mut text = start.as_bytes().to_vec();
                    text[at] = byte;
                    assert!(!is_usual(&text) || read(&text).is_ok(), "{byte} at {at} of {start}");
                    usual += u32::from(is_usual(&text));
                }
            }
            assert!(usual > 100 || start.len() > 33, "{usual} of {start}");
            for length in 0..start.len() {
                assert!(!is_usual(&start.as_bytes()[..length]));
                let mut text = start.as_bytes()[..length].to_vec();
                text.push(b'Z');
                assert!(!is_usual(&text) || read(&text).is_ok(), "{length} of {start}");
            }
        }
    }

    #[test]
    fn every_pair_of_digits() {
        let digits = b'0'..=b'9';
        for (tens, ones) in digits.clone().flat_map(|tens| digits.clone().map(move |ones| (tens, ones))) {
            for at in [5, 8, 11, 14, 17] {
                let mut text = b"2024-06-07T12:34:56.5Z".to_vec();
                (text[at], text[at + 1]) = (tens, ones);
                let days_and_leap_seconds = matches!((at, tens, ones), (8, b'2', b'9') | (8, b'3', b'0'));
                assert_eq!(
                    is_usual(&text),
                    read(&text).is_ok() && !days_and_leap_seconds,
                    "{tens} {ones} at {at}"
                );
            }
        }
    }
}
