//! Frames with the properties of a message, made readable.
//!
//! Short strings are text in lapin, and bytes on the wire. Tables may nest as deep as a frame is long, and
//! lapin reads them by recursion. A table may have a key twice, of which lapin keeps one. All are repaired
//! without changing lengths, so that the event shows the mistake, or a foreign header has another name.

use super::{refusal::RabbitRefusal, returns::NUMBER};
use cloudevents_core::Error;
use lapin::{
    protocol::{
        AMQPClass,
        basic::{AMQPMethod, parse_properties},
        parse_class,
    },
    types::AMQPValue,
};
use std::collections::HashSet;

pub(super) const METHOD_FRAME: u8 = 1;
pub(super) const HEADER_FRAME: u8 = 2;
pub(super) const BODY_FRAME: u8 = 3;
/// The last byte of every frame.
#[cfg(test)]
const FRAME_END: u8 = 0xce;
/// Bytes of a frame before its payload: type, channel and length.
const HEAD: usize = 7;
/// Bytes of a frame besides its payload.
pub(super) const OVERHEAD: usize = HEAD + 1;
/// Bytes of a header frame before the flags of the properties: class, weight and size of the body.
pub(super) const BEFORE_PROPERTIES: usize = HEAD + 12;
/// How deep tables may nest. Deeper ones become byte arrays.
const DEPTH: u8 = 16;
/// The headers whose repetition is a mistake. Of other headers, the last counts.
const ATTRIBUTES: [&[u8]; 2] = [b"ce-", b"cloudEvents"];
/// The replacement of bytes that are not text. No attribute has it in its name.
const REPLACEMENT: u8 = b'?';

/// Returns the length of the frame that begins here, once its head is there.
///
/// A longer frame than was agreed on is an error of kind [`Disconnected`](cloudevents_core::ErrorKind::Disconnected): the peer does not
/// speak the protocol.
pub(super) fn length(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some(&[_, _, _, a, b, c, d]) = bytes.first_chunk::<HEAD>() else { return Ok(None) };
    let payload = u32::from_be_bytes([a, b, c, d]);
    if payload > super::stream::FRAME_MAX {
        return Err(super::failure::disconnected(match bytes.first() {
            // Method, header, body and heartbeat (AMQP 0.9.1, section 4.2.3).
            Some(1..=3 | 8) => format!(
                "the peer sent a frame of {payload} bytes, where {} were agreed on",
                super::stream::FRAME_MAX
            ),
            _ => "the peer does not speak AMQP 0.9.1".to_owned(),
        }));
    }
    let payload = usize::try_from(payload).unwrap_or(usize::MAX);
    Ok(Some(payload.saturating_add(OVERHEAD)))
}

/// Makes the properties of a whole frame readable, and returns the size of the body. Properties that it does not understand are unchanged.
pub(super) fn repair(frame: &mut [u8]) -> u64 {
    let Some((head, rest)) = frame.split_at_mut_checked(BEFORE_PROPERTIES) else { return 0 };
    properties(rest);
    head.last_chunk().map_or(0, |size| u64::from_be_bytes(*size))
}

/// The channel of a frame.
pub(super) fn channel(frame: &[u8]) -> Option<u16> {
    frame.get(1..3)?.try_into().ok().map(u16::from_be_bytes)
}

/// Why the broker returned a message, if this whole frame is `basic.return`.
pub(super) fn returned(frame: &[u8]) -> Option<RabbitRefusal> {
    let (METHOD_FRAME, Some(method)) = (*frame.first()?, frame.get(HEAD..)) else { return None };
    method.strip_prefix(&[0, 60, 0, 50])?;
    Some(match parse_class(method) {
        Ok((_, AMQPClass::Basic(AMQPMethod::Return(returned)))) => RabbitRefusal::returned(&returned),
        // It may be any message.
        _ => RabbitRefusal::Unrecognized,
    })
}

/// The number of a delivery, if this whole frame is `basic.deliver`.
pub(super) fn delivered(frame: &[u8]) -> Option<u64> {
    let (METHOD_FRAME, Some(method)) = (*frame.first()?, frame.get(HEAD..)) else { return None };
    let (consumer, rest) = method.strip_prefix(&[0, 60, 0, 60])?.split_first()?;
    rest.get(usize::from(*consumer)..)?.first_chunk().map(|number| u64::from_be_bytes(*number))
}

/// The number that a message was published with, in a whole frame with its properties, which are readable.
pub(super) fn number(frame: &[u8]) -> Option<i64> {
    let (_, properties) = parse_properties(frame.get(BEFORE_PROPERTIES..)?).ok()?;
    match properties.headers().as_ref()?.inner().get(NUMBER)? {
        AMQPValue::LongLongInt(number) => Some(*number),
        _ => None,
    }
}

/// The properties in their order, which is that of their flags.
fn properties(bytes: &mut [u8]) -> Option<()> {
    let mut cursor = Cursor { bytes, at: 0 };
    let flags = u16::from_be_bytes(cursor.take(2)?.try_into().ok()?);
    for bit in (0..16_u8).rev().filter(|bit| flags & (1_u16 << bit) != 0) {
        match bit {
            13 => table(&mut cursor, DEPTH)?,
            12 | 11 => drop(cursor.take(1)?),
            6 => drop(cursor.take(8)?),
            2.. => short(&mut cursor)?,
            _ => return None,
        }
    }
    Some(())
}

struct Cursor<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    fn take(&mut self, count: usize) -> Option<&mut [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get_mut(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn take_length(&mut self) -> Option<usize> {
        let length = u32::from_be_bytes(self.take(4)?.try_into().ok()?);
        usize::try_from(length).ok()
    }
}

/// Makes a short string text.
fn short(cursor: &mut Cursor<'_>) -> Option<()> {
    let length = usize::from(*cursor.take(1)?.first()?);
    make_text(cursor.take(length)?);
    Some(())
}

fn make_text(mut bytes: &mut [u8]) {
    while let Err(error) = std::str::from_utf8(bytes) {
        let Some(wrong) = std::mem::take(&mut bytes).get_mut(error.valid_up_to()..) else { return };
        let count = error.error_len().unwrap_or(wrong.len());
        let Some((wrong, rest)) = wrong.split_at_mut_checked(count) else { return };
        wrong.fill(REPLACEMENT);
        bytes = rest;
    }
}

fn table(cursor: &mut Cursor<'_>, depth: u8) -> Option<()> {
    let length = cursor.take_length()?;
    let inner = cursor.take(length)?;
    let mut inner = Cursor { bytes: inner, at: 0 };
    let mut names = Names::default();
    while inner.at < inner.bytes.len() {
        let begin = inner.at;
        short(&mut inner)?;
        if depth == DEPTH {
            names.add(&mut inner, begin);
        }
        value(&mut inner, depth)?;
    }
    Some(())
}

fn array(cursor: &mut Cursor<'_>, depth: u8) -> Option<()> {
    let length = cursor.take_length()?;
    let inner = cursor.take(length)?;
    let mut inner = Cursor { bytes: inner, at: 0 };
    while inner.at < inner.bytes.len() {
        value(&mut inner, depth)?;
    }
    Some(())
}

fn value(cursor: &mut Cursor<'_>, depth: u8) -> Option<()> {
    let kind = cursor.take(1)?.first_mut()?;
    let size = match kind {
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b's' | b'U' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'L' | b'l' | b'd' | b'T' => 8,
        b'F' | b'A' if depth == 0 => {
            *kind = b'x';
            cursor.take_length()?
        }
        b'F' => return table(cursor, depth.saturating_sub(1)),
        b'A' => return array(cursor, depth.saturating_sub(1)),
        b'S' | b'x' => cursor.take_length()?,
        _ => return None,
    };
    cursor.take(size).map(drop)
}

/// The names of attributes in a table: few are compared, many are looked up.
#[derive(Default)]
struct Names {
    few: Vec<(usize, usize)>,
    many: HashSet<Vec<u8>>,
}

impl Names {
    const FEW: usize = 32;

    /// Adds the name from here to the position of the cursor. A name that is there already becomes no name.
    fn add(&mut self, cursor: &mut Cursor<'_>, begin: usize) {
        let (begin, end) = (begin.saturating_add(1), cursor.at);
        let Some(name) = cursor.bytes.get(begin..end) else { return };
        if !ATTRIBUTES.iter().any(|prefix| name.starts_with(prefix)) {
            return;
        }
        let known = self.few.iter().any(|(begin, end)| cursor.bytes.get(*begin..*end) == Some(name));
        let new = match self.few.len() {
            _ if known => false,
            Self::FEW => self.many.insert(name.to_vec()),
            _ => {
                self.few.push((begin, end));
                true
            }
        };
        if let Some(last) = cursor.bytes.get_mut(begin..end).and_then(<[u8]>::last_mut).filter(|_| !new) {
            *last = REPLACEMENT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lapin4::options::Limit;
    use cloudevents_core::ErrorKind;
    use lapin::types::{AMQPValue, FieldTable, parsing::parse_field_table};

    fn short_string(bytes: &[u8]) -> Vec<u8> {
        [&[bytes.len() as u8], bytes].concat()
    }

    fn long(kind: u8, bytes: &[u8]) -> Vec<u8> {
        [&[kind], &(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
    }

    /// The headers that lapin reads from a header frame with these headers, after its repair.
    fn repaired(headers: &[u8]) -> FieldTable {
        let table = long(b'F', headers);
        let payload = [&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 0][..], &table[1..]].concat();
        let head = [&[HEADER_FRAME, 0, 1][..], &(payload.len() as u32).to_be_bytes()].concat();
        let mut frame = [head, payload, vec![FRAME_END]].concat();
        let before = frame.len();
        assert_eq!(length(&frame).unwrap(), Some(before));
        assert_eq!(repair(&mut frame), 1);
        assert_eq!(frame.len(), before);
        let (rest, table) = parse_field_table(&frame[BEFORE_PROPERTIES + 2..]).unwrap();
        assert_eq!(rest, [FRAME_END]);
        table
    }

    #[test]
    fn names_become_text() {
        let name = short_string(b"gr\xf6\xdfe");
        let table = repaired(&[name, long(b'S', b"x")].concat());
        assert_eq!(table.inner().keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["gr??e"]);
    }

    #[test]
    fn an_attribute_that_comes_twice_stays_visible() {
        let one = |value: &[u8]| [short_string(b"ce-id"), long(b'S', value)].concat();
        let table = repaired(&[one(b"1"), one(b"2")].concat());
        assert_eq!(table.inner().keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["ce-i?", "ce-id"]);
        let many: Vec<u8> = (0..100)
            .chain(0..100)
            .flat_map(|number| [short_string(format!("ce-a{number}z").as_bytes()), long(b'S', b"")].concat())
            .collect();
        assert_eq!(repaired(&many).inner().len(), 200);
    }

    #[test]
    fn deep_tables_become_bytes() {
        let mut nested = Vec::new();
        for _ in 0..1000 {
            nested = [short_string(b"a"), long(b'F', &nested)].concat();
        }
        let (mut depth, mut table) = (1, repaired(&nested));
        let deepest = loop {
            match table.inner().get("a") {
                Some(AMQPValue::FieldTable(inner)) => (depth, table) = (depth + 1, inner.clone()),
                other => break other.cloned(),
            }
        };
        assert!(matches!(deepest, Some(AMQPValue::ByteArray(_))), "{deepest:?}");
        assert_eq!(depth, 1 + usize::from(DEPTH));
    }

    /// What the broker says about a message is read from its frames, wherever the number is among the headers.
    #[test]
    fn returned_messages_have_their_number() {
        let method = [&[0, 60, 0, 50, 1, 0x38, 8][..], b"NO_ROUTE", &[0], &[1, b'q']].concat();
        let head = [&[METHOD_FRAME, 0, 7][..], &(method.len() as u32).to_be_bytes()].concat();
        let frame = [head, method, vec![FRAME_END]].concat();
        let expected = RabbitRefusal::Returned {
            code: 312,
            text: "NO_ROUTE".into(),
            exchange: "".into(),
            routing_key: "q".into(),
        };
        assert_eq!((returned(&frame), channel(&frame)), (Some(expected), Some(7)));
        let header = |headers: &[u8]| {
            let payload =
                [&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0][..], &long(b'F', headers)[1..]].concat();
            let head = [&[HEADER_FRAME, 0, 7][..], &(payload.len() as u32).to_be_bytes()].concat();
            number(&[head, payload, vec![FRAME_END]].concat())
        };
        let other = [short_string(b"a"), long(b'S', b"x")].concat();
        let own = [short_string(NUMBER.as_bytes()), [&b"l"[..], &5_i64.to_be_bytes()].concat()].concat();
        assert_eq!((header(&[&other[..], &own].concat()), header(&own)), (Some(5), Some(5)));
        let text = [short_string(NUMBER.as_bytes()), long(b'S', b"5")].concat();
        assert_eq!((header(&other), header(&text), header(&[])), (None, None, None));
        assert_eq!((returned(&[HEADER_FRAME; 20]), number(&[])), (None, None));
    }

    #[test]
    fn deliveries_have_their_number() {
        let frame = |method: &[u8]| [&[METHOD_FRAME, 0, 1, 0, 0, 0, 0][..], method, &[FRAME_END]].concat();
        let number = |number: u64| [&[0, 60, 0, 60, 1, b't'][..], &number.to_be_bytes(), &[0, 0, 0]].concat();
        assert_eq!(delivered(&frame(&number(7))), Some(7));
        assert_eq!(delivered(&frame(&number(u64::MAX))), Some(u64::MAX));
        assert_eq!(delivered(&frame(&[0, 60, 0, 60, 9, b't'])), None);
        assert_eq!(delivered(&frame(&[0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 1])), None);
    }

    #[test]
    fn what_is_too_large_is_an_error() {
        let frame = |size: u64| {
            let mut frame =
                [&[HEADER_FRAME, 0, 1, 0, 0, 0, 14, 0, 60, 0, 0][..], &size.to_be_bytes()].concat();
            frame.extend([0, 0, FRAME_END]);
            frame
        };
        let limit = Limit::new(10);
        let take = |size| limit.take(repair(&mut frame(size)));
        assert!(take(80).is_ok() && !limit.is_exceeded());
        assert_eq!(take(81).unwrap_err().kind(), ErrorKind::TooLarge);
        // The next connection takes every message that RabbitMQ can send.
        assert!(take(512 << 20).is_ok());
        assert_eq!(take((512 << 20) + 1).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(limit.check(&[0; 11]).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(length(&[3, 0, 1, 0x7f, 0, 0, 0]).unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(length(&[3, 0, 1, 0, 0, 0]).unwrap(), None);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(mut bytes: Vec<u8>) {
            let _ = length(&bytes);
            let _ = repair(&mut bytes);
            let _ = (channel(&bytes), delivered(&bytes), returned(&bytes), number(&bytes));
        }
    }
}
