//! Timestamps: RFC 3339 text and the seconds and nanoseconds of `google.protobuf.Timestamp`.

use crate::wire::{Content, Reader, short_varint, varint_tag, wrong_wire_type};
use cloudevents_core::{
    Error, Loss, LossClass, Losses, Timestamp,
    codec::{Assembler, Piece, is_utc_form, timestamp_losses},
};

/// The fields of a `google.protobuf.Timestamp` that is in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Native {
    seconds: i64,
    nanos: u32,
}

/// The encoded message of a point in time.
#[derive(Clone, Copy)]
pub(crate) struct Message {
    /// Two tags, a number of ten bytes and one of five fit.
    bytes: [u8; 24],
    length: usize,
}

impl Message {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Appends a field that is a number.
    #[inline]
    fn put(&mut self, tag: u8, mut number: u64) {
        let Some([to, rest @ ..]) = self.bytes.get_mut(self.length..) else { return };
        *to = tag;
        let mut written = 1;
        for to in rest {
            written = usize::wrapping_add(written, 1);
            // The mask keeps seven bits.
            *to = (number & 0x7f) as u8;
            number >>= 7;
            if number == 0 {
                break;
            }
            *to |= 0x80;
        }
        self.length = self.length.wrapping_add(written);
    }
}

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: the range that timestamp.proto allows.
const RANGE: core::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

const SECONDS: u8 = varint_tag(1);
const NANOS: u8 = varint_tag(2);

impl Native {
    /// Reads the message; `None` if it is out of range.
    pub(crate) fn read(mut message: Reader<'_>) -> Result<Option<Self>, Error> {
        let (mut seconds, mut nanos) = (0_i64, 0_i64);
        while let Some(field) = message.field()? {
            match (field.number, field.content) {
                (1, Content::Varint(number)) => seconds = number.cast_signed(),
                (2, Content::Varint(number)) => nanos = number.cast_signed(),
                (1, other) => return Err(wrong_wire_type("seconds", other, field.at)),
                (2, other) => return Err(wrong_wire_type("nanos", other, field.at)),
                _ => {}
            }
        }
        Ok(u32::try_from(nanos).ok().and_then(|nanos| Self::new(seconds, nanos)))
    }

    /// Reads a message in the usual form: seconds, then nanoseconds unless they are 0.
    #[inline]
    pub(crate) fn usual(message: &[u8]) -> Option<Self> {
        let (seconds, rest) = short_varint(message.strip_prefix(&[SECONDS])?)?;
        let (nanos, rest) = match rest {
            [] => (0, rest),
            [NANOS, rest @ ..] => short_varint(rest)?,
            _ => return None,
        };
        if rest.is_empty() { Self::new(seconds.cast_signed(), u32::try_from(nanos).ok()?) } else { None }
    }

    #[inline]
    fn new(seconds: i64, nanos: u32) -> Option<Self> {
        (RANGE.contains(&seconds) && nanos < 1_000_000_000).then_some(Self { seconds, nanos })
    }

    /// The message.
    #[inline]
    pub(crate) fn message(self) -> Message {
        let mut message = Message { bytes: [0; 24], length: 0 };
        for (tag, number) in [(SECONDS, self.seconds.cast_unsigned()), (NANOS, self.nanos.into())] {
            if number != 0 {
                message.put(tag, number);
            }
        }
        message
    }

    /// Appends the text, in UTC with the fewest of 0, 3, 6 or 9 digits that are exact. `None`: out of range.
    #[inline]
    pub(crate) fn push(self, assembler: &mut Assembler<'_>) -> Result<Option<Piece>, Error> {
        assembler.push_utc(self.seconds, self.nanos)
    }
}

/// The part of a timestamp that the message holds, and whether it is exact.
#[derive(Clone, Copy)]
pub(crate) struct Carried {
    /// `None` when it is out of range. A leap second is the first second of the next minute.
    pub(crate) native: Option<Native>,
    exact: bool,
}

impl Carried {
    #[inline]
    pub(crate) fn of(timestamp: Timestamp<'_>) -> Self {
        let instant = timestamp.instant();
        let native = Native::new(instant.seconds, instant.nanosecond());
        let exact = native.is_some() && is_utc_form(timestamp, 9);
        Self { native, exact }
    }

    /// Whether the message holds the timestamp exactly.
    #[inline]
    pub(crate) fn is_exact(self) -> bool {
        self.exact
    }

    /// Reports the losses of the timestamp of this attribute.
    #[inline]
    pub(crate) fn losses(self, name: &str, timestamp: Timestamp<'_>, losses: &mut Losses) {
        if !self.exact {
            self.tell(name, timestamp, losses);
        }
    }

    #[cold]
    fn tell(self, name: &str, timestamp: Timestamp<'_>, losses: &mut Losses) {
        if self.native.is_some() {
            return timestamp_losses(name, timestamp, 9, losses);
        }
        losses.push(Loss::new(
            LossClass::Meaning,
            name,
            "timestamp-out-of-range",
            "a protobuf Timestamp holds the years 0001 to 9999; the attribute is left out",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_text(native: Native) -> String {
        Timestamp::format_utc(native.seconds, native.nanos).unwrap()
    }

    #[test]
    fn there_and_back() {
        let mut seconds = *RANGE.start();
        let mut step = 1;
        while RANGE.contains(&seconds) {
            for nanos in [0, 1, 120, 1_000, 123_456_000, 120_000_000, 999_999_999] {
                let native = Native::new(seconds, nanos).unwrap();
                let text = to_text(native);
                assert_eq!(Carried::of(Timestamp::parse(&text).unwrap()).native, Some(native), "{text}");
            }
            step = (step * 5 + 3) % 40_000_007;
            seconds += step + 86_399;
        }
        let text = |seconds, nanos| to_text(Native::new(seconds, nanos).unwrap());
        assert_eq!(text(*RANGE.start(), 0), "0001-01-01T00:00:00Z");
        assert_eq!(text(*RANGE.end(), 999_999_999), "9999-12-31T23:59:59.999999999Z");
        assert_eq!(text(951_782_400, 0), "2000-02-29T00:00:00Z");
    }

    #[test]
    fn what_is_out_of_range() {
        assert_eq!(Native::new(RANGE.start() - 1, 0), None);
        assert_eq!(Native::new(RANGE.end() + 1, 0), None);
        assert_eq!(Native::new(0, 1_000_000_000), None);
    }

    #[test]
    fn losses_are_told() {
        for (text, kinds) in [
            ("2018-04-05T17:31:00Z", &[][..]),
            ("2018-04-05t17:31:00z", &["timestamp-spelling"]),
            ("2018-04-05T17:31:00.1Z", &["timestamp-spelling"]),
            ("2018-04-05T17:31:00.100Z", &[]),
            ("2018-04-05T17:31:00+00:00", &["timestamp-spelling"]),
            ("2018-04-05T17:31:00.123456789000Z", &["timestamp-spelling"]),
            ("2018-04-05T17:31:00.1234567890001Z", &["timestamp-digits"]),
            ("2018-04-05T17:31:00-00:30", &["timestamp-offset"]),
            ("1990-12-31T23:59:60Z", &["leap-second"]),
            (
                "1990-12-31T15:59:60.0000000001-08:00",
                &["timestamp-offset", "timestamp-digits", "leap-second"],
            ),
            ("0000-12-31T23:59:59Z", &["timestamp-out-of-range"]),
            ("0001-01-01T00:00:00+01:00", &["timestamp-out-of-range"]),
            ("9999-12-31T23:59:60Z", &["timestamp-out-of-range"]),
        ] {
            let (timestamp, mut losses) = (Timestamp::parse(text).unwrap(), Losses::none());
            Carried::of(timestamp).losses("time", timestamp, &mut losses);
            assert_eq!(losses.iter().map(Loss::kind).collect::<Vec<_>>(), kinds, "{text}");
        }
    }
}
