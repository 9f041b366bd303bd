//! Values of AMQP 1.0 in headers, as Azure Event Hubs passes them on: the few types that attributes have.

/// A value, by its constructor (AMQP 1.0, section 1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AmqpEncoded<'a> {
    Null,
    Boolean(bool),
    /// An integer of any width.
    Long(i64),
    /// Milliseconds since 1970.
    Timestamp(i64),
    /// A string or a symbol.
    Text(&'a str),
}

/// The value that the bytes are, to the last byte. `None` for every other type.
pub(crate) fn read(bytes: &[u8]) -> Option<AmqpEncoded<'_>> {
    use AmqpEncoded as Value;
    let (constructor, rest) = bytes.split_first()?;
    let long = || rest.try_into().map(i64::from_be_bytes).ok();
    let unsigned =
        || rest.try_into().map(u64::from_be_bytes).ok().and_then(|number| i64::try_from(number).ok());
    Some(match (constructor, rest) {
        (0x40, []) => Value::Null,
        (0x41, []) | (0x56, [1]) => Value::Boolean(true),
        (0x42, []) | (0x56, [0]) => Value::Boolean(false),
        // uint and ulong of 0.
        (0x43 | 0x44, []) => Value::Long(0),
        // ubyte, small uint, small ulong.
        (0x50 | 0x52 | 0x53, [small]) => Value::Long((*small).into()),
        // byte, small int, small long.
        (0x51 | 0x54 | 0x55, [small]) => Value::Long(i8::from_be_bytes([*small]).into()),
        // ushort and short, uint and int, ulong and long.
        (0x60, [a, b]) => Value::Long(u16::from_be_bytes([*a, *b]).into()),
        (0x61, [a, b]) => Value::Long(i16::from_be_bytes([*a, *b]).into()),
        (0x70, [a, b, c, d]) => Value::Long(u32::from_be_bytes([*a, *b, *c, *d]).into()),
        (0x71, [a, b, c, d]) => Value::Long(i32::from_be_bytes([*a, *b, *c, *d]).into()),
        (0x80, _) => Value::Long(unsigned()?),
        (0x81, _) => Value::Long(long()?),
        (0x83, _) => Value::Timestamp(long()?),
        (0xa1 | 0xa3 | 0xb1 | 0xb3, _) => Value::Text(text(bytes)?),
        _ => return None,
    })
}

/// The text of a string or a symbol, in their short and long forms. No UTF-8 text begins with such a constructor.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    let (length, text) = match bytes {
        [0xa1 | 0xa3, length, text @ ..] => (u32::from(*length), text),
        [0xb1 | 0xb3, a, b, c, d, text @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]), text),
        _ => return None,
    };
    (usize::try_from(length).ok()? == text.len()).then(|| std::str::from_utf8(text).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the tables of AMQP 1.0, section 1.6.
    #[test]
    fn values_by_their_constructors() {
        for (bytes, value) in [
            (&b"\x40"[..], AmqpEncoded::Null),
            (b"\x41", AmqpEncoded::Boolean(true)),
            (b"\x42", AmqpEncoded::Boolean(false)),
            (b"\x56\x01", AmqpEncoded::Boolean(true)),
            (b"\x56\x00", AmqpEncoded::Boolean(false)),
            (b"\x55\xfd", AmqpEncoded::Long(-3)),
            (b"\x43", AmqpEncoded::Long(0)),
            (b"\x44", AmqpEncoded::Long(0)),
            (b"\x50\xfd", AmqpEncoded::Long(253)),
            (b"\x51\xfd", AmqpEncoded::Long(-3)),
            (b"\x52\x2a", AmqpEncoded::Long(42)),
            (b"\x53\xff", AmqpEncoded::Long(255)),
            (b"\x54\x2a", AmqpEncoded::Long(42)),
            (b"\x60\xff\xff", AmqpEncoded::Long(65_535)),
            (b"\x61\xff\xff", AmqpEncoded::Long(-1)),
            (b"\x70\xff\xff\xff\xff", AmqpEncoded::Long(4_294_967_295)),
            (b"\x71\xff\xff\xff\xff", AmqpEncoded::Long(-1)),
            (b"\x80\x00\x00\x00\x00\x00\x00\x01\x00", AmqpEncoded::Long(256)),
            (b"\x81\x00\x00\x00\x00\x00\x00\x01\x00", AmqpEncoded::Long(256)),
            (b"\x83\x00\x00\x00\x00\x00\x00\x03\xe8", AmqpEncoded::Timestamp(1000)),
            (b"\xa1\x031.0", AmqpEncoded::Text("1.0")),
            (b"\xa3\x031.0", AmqpEncoded::Text("1.0")),
            (b"\xb1\x00\x00\x00\x031.0", AmqpEncoded::Text("1.0")),
            (b"\xb3\x00\x00\x00\x031.0", AmqpEncoded::Text("1.0")),
            (b"\xa1\x00", AmqpEncoded::Text("")),
        ] {
            assert_eq!(read(bytes), Some(value), "{bytes:x?}");
        }
    }

    #[test]
    fn other_bytes_are_no_values() {
        for bytes in [
            &b""[..],
            b"1.0",
            b"\x40\x40",
            b"\x56",
            b"\x56\x02",
            b"\x54",
            b"\x55",
            b"\x71\x00",
            b"\x80\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x81\x00",
            b"\x83\x00\x00\x00\x00\x00\x00\x03\xe8\x00",
            b"\xa1",
            b"\xa1\x041.0",
            b"\xa1\x021.0",
            b"\xa1\x01\xff",
            b"\xb1\x00\x00\x03",
            b"\xb1\xff\xff\xff\xff1.0",
            // A double, and a list.
            b"\x82\x00\x00\x00\x00\x00\x00\x00\x00",
            b"\xc0\x01\x00",
        ] {
            assert_eq!(read(bytes), None, "{bytes:x?}");
        }
    }
}
