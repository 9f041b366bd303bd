//! Invalid input from a peer: always an error with a kind and a position, and never a panic.

use crate::roundtrip::form;
use bytes::Bytes;
use cloudevents_cbor::Cbor;
use cloudevents_core::{Data, DecodeOptions, Error, ErrorKind, Event, Format, RepairKind};

/// The members of the smallest event.
const EVENT: &[u8] = b"\x6bspecversion\x631.0\x62id\x611\x66source\x62/s\x64type\x61t";

fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    cloudevents_cbor::decode(document)
}

fn lenient(document: impl Into<Bytes>) -> Result<cloudevents_core::Decoded<Event>, Error> {
    Cbor::new().decode(document.into(), &DecodeOptions::lenient())
}

/// The smallest event and this many more members.
fn with(count: u8, members: &[u8]) -> Vec<u8> {
    [&[0xa4 + count], EVENT, members].concat()
}

/// An event with an attribute of every type, and a payload.
fn every() -> Vec<u8> {
    let members = b"\x61a\xf5\x61b\x38\x63\x61c\x65caf\xc3\xa9\x61d\x42\x00\xff\x61e\xd8\x20\x67urn:x:y\x61f\xd8\x20\x644./x\
        \x61g\xf6\x64time\xc0\x742018-04-05T17:31:00Z\x61h\x7f\x61x\x61y\xff\x64data\xbf\x61a\x82\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a\xc1\x01\xff";
    let head = [0xb8, 4 + 10];
    [&head[..], EVENT, members].concat()
}

#[test]
fn truncated_at_every_byte() {
    let document = every();
    decode(document.clone()).unwrap();
    for end in 0..document.len() {
        let error = decode(document[..end].to_vec()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{end}: {error}");
        assert!(error.offset().unwrap() <= end as u64, "{end}: {error}");
        let _ = lenient(document[..end].to_vec()).unwrap_err();
    }
}

#[test]
fn every_bit_flipped() {
    let mut document = every();
    let mut refused = 0;
    for at in 0..document.len() {
        for bit in 0..8 {
            document[at] ^= 1 << bit;
            // Some of these are events, others are not; none may panic, and an event that comes out can be written again.
            match decode(document.clone()) {
                Ok(event) => {
                    let again = decode(cloudevents_cbor::encode_lossy(&event).unwrap()).unwrap();
                    assert_eq!(again, form(&event));
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.offset().is_some(), "{error}");
                }
            }
            let _ = lenient(document.clone());
            let _ = Cbor::new().peek(&document.clone().into(), "time", &DecodeOptions::strict());
            document[at] ^= 1 << bit;
        }
    }
    assert!(refused > document.len());
}

#[test]
fn what_is_wrong_and_where() {
    use ErrorKind as Is;
    let start = 1 + EVENT.len() as u64;
    for (document, kind, attribute, offset) in [
        (vec![], Is::InvalidDocument, None, 0),
        (vec![0xa0], Is::MissingAttribute, Some("specversion"), 1),
        (vec![0xa0, 0xa0], Is::InvalidDocument, None, 1),
        (vec![0xbf, 0xff], Is::MissingAttribute, Some("specversion"), 2),
        (vec![0x80], Is::InvalidDocument, None, 0),
        (b"{}".to_vec(), Is::InvalidDocument, None, 0),
        (b"\xd9\xd9\xf7\xa0".to_vec(), Is::InvalidDocument, None, 0),
        (vec![0xff], Is::InvalidDocument, None, 0),
        (vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Is::InvalidDocument, None, 9),
        (b"\xa1\x62id".to_vec(), Is::InvalidDocument, None, 4),
        (b"\xbf\x62id\xff".to_vec(), Is::InvalidDocument, None, 4),
        (b"\xa1\x42id\x611".to_vec(), Is::InvalidName, None, 1),
        (b"\xa1\x01\x611".to_vec(), Is::InvalidName, None, 1),
        (b"\xa1\xd8\x20\x62id\x611".to_vec(), Is::InvalidName, None, 1),
        (b"\xa1\x6bspecversion\x630.3".to_vec(), Is::UnsupportedSpecversion, Some("specversion"), 13),
        (b"\xa1\x6bspecversion\x632.0".to_vec(), Is::UnsupportedSpecversion, Some("specversion"), 13),
        (b"\xa1\x6bspecversion\xf9\x3c\x00".to_vec(), Is::InvalidType, Some("specversion"), 13),
        (b"\xa1\x62id\xf6".to_vec(), Is::MissingAttribute, Some("id"), 4),
        (b"\xa1\x62id\x60".to_vec(), Is::EmptyAttribute, Some("id"), 4),
        (b"\xa1\x62id\x61\xff".to_vec(), Is::InvalidUtf8, None, 5),
        (b"\xa1\x62id\x7f\x61\xc3\x61\xa9\xff".to_vec(), Is::InvalidUtf8, None, 6),
        (b"\xa1\x62id\x7f\x41a\xff".to_vec(), Is::InvalidDocument, None, 5),
        (b"\xa1\x62id\x7f\x7f\x61a\xff\xff".to_vec(), Is::InvalidDocument, None, 5),
        (b"\xa1\x62id\x7b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), Is::InvalidDocument, None, 4),
        (b"\xa1\x62id\x7c".to_vec(), Is::InvalidDocument, None, 4),
        (b"\xa1\x62id\xd8\x20\x611".to_vec(), Is::InvalidType, Some("id"), 4),
        (b"\xa1\x62id\x01".to_vec(), Is::InvalidType, Some("id"), 4),
        (with(1, b"\x62id\x612"), Is::DuplicateAttribute, Some("id"), start),
        (with(2, b"\x61x\xf6\x61x\xf6"), Is::DuplicateAttribute, Some("x"), start + 3),
        (with(2, b"\x64data\x01\x64data\x01"), Is::DuplicateAttribute, Some("data"), start + 6),
        (with(1, b"\x60\x01"), Is::InvalidName, None, start),
        (with(1, b"\x61X\x01"), Is::InvalidName, Some("X"), start),
        (with(1, b"\x6bdata_base64\x41a"), Is::InvalidName, Some("data_base64"), start),
        (with(1, b"\x61x\x1a\x80\x00\x00\x00"), Is::InvalidInteger, Some("x"), start + 2),
        (with(1, b"\x61x\x3a\x80\x00\x00\x00"), Is::InvalidInteger, Some("x"), start + 2),
        (with(1, b"\x61x\x3b\xff\xff\xff\xff\xff\xff\xff\xff"), Is::InvalidInteger, Some("x"), start + 2),
        (with(1, b"\x61x\xf7"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xf0"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xf8\x20"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xf8\x14"), Is::InvalidDocument, None, start + 2),
        (with(1, b"\x61x\xf9\x00\x14"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xfa\x00\x00\x00\x16"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xfb\0\0\0\0\0\0\0\x15"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\x80"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xa0"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xc1\x00"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xc0\x00"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xd8\x20\x41a"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xc2\x41\x01"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xd8\x18\x41\x01"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xc0\xc0\x60"), Is::InvalidType, Some("x"), start + 2),
        (with(1, b"\x61x\xc0\x60"), Is::InvalidTimestamp, Some("x"), start + 2),
        (with(1, b"\x61x\xd8\x20\x61 "), Is::InvalidUriReference, Some("x"), start + 2),
        (with(1, b"\x61x\x61\x07"), Is::InvalidString, Some("x"), start + 2),
        (with(1, b"\x64time\xc1\x1a\x5a\xc6\x5e\xe4"), Is::InvalidType, Some("time"), start + 5),
        (with(1, b"\x64time\x1a\x5a\xc6\x5e\xe4"), Is::InvalidType, Some("time"), start + 5),
        (with(1, b"\x64time\xd8\x20\x742018-04-05T17:31:00Z"), Is::InvalidType, Some("time"), start + 5),
        (with(1, b"\x64data\x61\xff"), Is::InvalidUtf8, None, start + 6),
        (with(1, b"\x64data\x81\x61\xff"), Is::InvalidUtf8, None, start + 7),
        (with(1, b"\x64data\x9f\x61"), Is::InvalidDocument, None, start + 6),
        (with(1, b"\x64data\x1c"), Is::InvalidDocument, None, start + 5),
        (with(1, b"\x64data\x5f\x01\xff"), Is::InvalidDocument, None, start + 6),
        (with(1, b"\x64data\xff"), Is::InvalidDocument, None, start + 5),
        (with(1, b"\x64data\xbf\x01\xff"), Is::InvalidDocument, None, start + 7),
        (with(2, b"\x64data\x01\x6fdatacontenttype\x6atext/plain"), Is::InvalidData, None, start + 5),
        (with(2, b"\x6fdatacontenttype\x6atext/plain\x64data\xf6"), Is::InvalidData, None, start + 32),
    ] {
        let error = decode(document.clone()).unwrap_err();
        let seen = (error.kind(), error.attribute(), error.offset());
        assert_eq!(seen, (kind, attribute, Some(offset)), "{}: {error}", document.escape_ascii());
    }
}

#[test]
fn nesting_beyond_the_limit() {
    let nested = |depth: usize, opening: &[u8], closing: &[u8]| {
        let item = [&opening.repeat(depth)[..], &[0], &closing.repeat(depth)].concat();
        with(1, &[b"\x64data", &item[..]].concat())
    };
    let openings: [(&[u8], &[u8]); 4] =
        [(b"\x81", b""), (b"\x9f", b"\xff"), (b"\xa1\x00", b""), (b"\xd8\x18", b"")];
    for (opening, closing) in openings {
        assert!(decode(nested(126, opening, closing)).is_ok());
        assert_eq!(decode(nested(127, opening, closing)).unwrap_err().kind(), ErrorKind::TooDeep);
        assert_eq!(decode(nested(100_000, opening, closing)).unwrap_err().kind(), ErrorKind::TooDeep);
        let mut with = DecodeOptions::strict();
        with.limits.depth = u32::MAX;
        let read = |depth| Cbor::new().decode(nested(depth, opening, closing).into(), &with);
        assert!(read(1000).is_ok());
        assert_eq!(read(100_000).unwrap_err().kind(), ErrorKind::TooDeep);
    }
    let attribute = with(1, &[b"\x61x", &[0x81; 10_000][..]].concat());
    assert_eq!(lenient(attribute).unwrap_err().kind(), ErrorKind::TooDeep);
    let tags = with(1, &[b"\x61x", &[0xc0; 10_000][..]].concat());
    assert_eq!(lenient(tags).unwrap_err().kind(), ErrorKind::TooDeep);
}

#[test]
fn too_many_and_too_large() {
    let many: Vec<u8> = (0..1000).flat_map(|n| format!("\x64x{n:03}\0").into_bytes()).collect();
    let document = [&[0xbf], EVENT, &many, &[0xff]].concat();
    assert_eq!(decode(document.clone()).unwrap_err().kind(), ErrorKind::TooMany);
    assert_eq!(lenient(document).unwrap_err().kind(), ErrorKind::TooMany);
    let long = [&b"\x61x\x7a\0\x01\x11\x70"[..], &[b'x'; 70_000]].concat();
    let error = decode(with(1, &long)).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("x")));
    let mut limited = DecodeOptions::strict();
    limited.limits.bytes = 10;
    for error in [
        Cbor::new().decode(with(0, b"").into(), &limited).unwrap_err(),
        Cbor::new().peek(&with(0, b"").into(), "id", &limited).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }
}

#[test]
fn repairs() {
    let repaired = |document: Vec<u8>| {
        assert!(decode(document.clone()).is_err());
        let decoded = lenient(document).unwrap();
        let [repair] = &decoded.repairs[..] else { panic!("{:?}", decoded.repairs) };
        // One report for text and for bytes, which is true of both.
        assert!(!repair.to_string().contains("taken as text"), "{repair}");
        (repair.kind(), repair.attribute().map(str::to_owned), decoded.value)
    };
    for value in [
        &b"\xf7"[..],
        b"\xf9\x3c\x00",
        b"\x81\x01",
        b"\xa0",
        b"\xc1\x00",
        b"\x1a\x80\x00\x00\x00",
        b"\xc0\x60",
    ] {
        let (kind, attribute, event) = repaired(with(1, &[b"\x61x", value].concat()));
        assert_eq!((kind, attribute.as_deref()), (RepairKind::DroppedAttribute, Some("x")));
        assert_eq!(event.attribute("x"), None);
    }
    let (kind, attribute, event) =
        repaired(with(2, b"\x64data\xa1\x61a\x01\x6fdatacontenttype\x70application/json"));
    assert_eq!((kind, attribute), (RepairKind::DataAsText, None));
    assert_eq!(event.data(), Some(Data::Binary(b"\xa1\x61a\x01")));
    let (kind, attribute, event) = repaired(with(1, b"\x65MyExt\x01"));
    assert_eq!((kind, attribute.as_deref()), (RepairKind::LowerCasedName, Some("myext")));
    assert_eq!(event.attribute("myext").unwrap().to_string(), "1");
    // What is not well-formed, and what is required, is refused all the same.
    for document in [
        with(1, b"\x61x"),
        with(1, b"\x61x\x61\xff"),
        with(1, b"\x41x\x01"),
        with(1, b"\x62id\x612"),
        vec![0xa0],
    ] {
        lenient(document).unwrap_err();
    }
}

#[test]
fn the_version_in_another_case_is_the_version() {
    let event = |version: &str| {
        let mut bytes = b"\xa4\x6bspecVersion\x63".to_vec();
        bytes.extend_from_slice(version.as_bytes());
        bytes.extend_from_slice(b"\x62id\x611\x66source\x62/s\x64type\x61t");
        bytes
    };
    assert!(lenient(event("1.0")).is_ok());
    assert_eq!(lenient(event("0.3")).unwrap_err().kind(), ErrorKind::UnsupportedSpecversion);
}

#[test]
fn there_are_no_batches() {
    let array = [&[0x81][..], &with(0, b"")].concat();
    let format = Cbor::new();
    assert_eq!(
        format.decode_batch(array.clone().into(), &DecodeOptions::strict()).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(
        format.decode_items(array.into(), &DecodeOptions::strict()).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(format.batch_to_vec(Default::default()).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn peeking_reads_no_further() {
    let peek = |document: &[u8], name| {
        Cbor::new().peek(&Bytes::copy_from_slice(document), name, &DecodeOptions::strict())
    };
    let broken = with(1, b"\x64data\x9f");
    assert_eq!(peek(&broken, "type").unwrap().as_deref(), Some("t"));
    assert_eq!(peek(&broken, "subject").unwrap_err().kind(), ErrorKind::InvalidDocument);
    let document = with(5, b"\x64data\x81\x01\x61a\xf6\x61b\xf4\x61c\x41\xff\x61d\xf7");
    assert_eq!(peek(&document, "a").unwrap(), None);
    assert_eq!(peek(&document, "b").unwrap().as_deref(), Some("false"));
    assert_eq!(peek(&document, "c").unwrap().as_deref(), Some("/w=="));
    assert_eq!(peek(&document, "d").unwrap_err().attribute(), Some("d"));
    assert_eq!(peek(&document, "x").unwrap(), None);
    assert_eq!(peek(b"\x80", "id").unwrap_err().kind(), ErrorKind::InvalidDocument);
}
