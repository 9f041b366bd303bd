//! Invalid input from a peer: always an error with a kind and a position, in bounded memory, and never a panic.

use crate::memory::long;
use bytes::Bytes;
use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Format, RepairKind, codec};
use proptest::{collection::vec, prelude::*, sample::Index};

const FORMATS: [&dyn Format; 2] = [&Avro::new(), &AvroCompact::new()];

/// `specversion`, `id`, `source` and `type`, without the count before them and the zero behind.
const REQUIRED: &[u8] = b"\x16specversion\x06\x061.0\x04id\x06\x021\x0csource\x06\x04/s\x08type\x06\x02t";
/// The same of the compact form, and no optional field.
const COMPACT: &[u8] = b"\x021\x04/s\x02t\0\0\0\0";

/// An Avro document with these entries besides the required ones, and this payload.
fn avro(count: u8, entries: &[u8], data: &[u8]) -> Vec<u8> {
    [&[8 + 2 * count], REQUIRED, entries, b"\0", data].concat()
}

/// A compact document with these extensions.
fn compact(count: u8, entries: &[u8], data: &[u8]) -> Vec<u8> {
    [COMPACT, &[2 * count], entries, b"\0", data].concat()
}

fn samples() -> [(&'static dyn Format, Vec<u8>); 3] {
    let json_map =
        b"\x06\x06\x02a\x06\0\0\0\0\0\0\xf0\x3f\x02b\x04\x02\x02c\x06\x02\0\0\0\x02d\x08\x06\xc3\xa9\"\0";
    [
        (
            FORMATS[0],
            avro(4, b"\x02b\x02\x01\x02n\x04\x01\x02s\x06\x04\xc3\xa9\x02x\x08\x04\0\xff", b"\0\x06abc"),
        ),
        (FORMATS[0], avro(1, b"\x02n\0", json_map)),
        (
            FORMATS[1],
            [
                &b"\x021\x04/s\x02t\x02\x14text/plain\0\x02\x02s\x02\xf0\xe1\xeb\xb7\xaf\xe7\xfe\x05"[..],
                b"\x08\x02b\0\x01\x02n\x02\x01\x02t\x04\0\x02x\x08\x04\0\xff\0",
                b"\0\x06abc",
            ]
            .concat(),
        ),
    ]
}

fn decode(format: &dyn Format, document: impl Into<Bytes>) -> Result<Event, Error> {
    format.decode(document.into(), &DecodeOptions::strict()).map(|decoded| decoded.value)
}

fn lenient(format: &dyn Format, document: impl Into<Bytes>) -> Result<Decoded<Event>, Error> {
    format.decode(document.into(), &DecodeOptions::lenient())
}

#[test]
fn truncated_at_every_byte() {
    for (format, document) in samples() {
        decode(format, document.clone()).unwrap();
        for end in 0..document.len() {
            let error = decode(format, document[..end].to_vec()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{end}: {error}");
            assert!(error.offset().unwrap() <= end as u64, "{end}: {error}");
            assert!(error.clause().is_some());
            let _ =
                format.peek(&Bytes::copy_from_slice(&document[..end]), "absent", &DecodeOptions::strict());
        }
        let error = decode(format, [&document[..], b"\0"].concat()).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::InvalidDocument, Some(document.len() as u64)));
    }
}

#[test]
fn every_bit_flipped() {
    for (format, mut document) in samples() {
        for at in 0..document.len() {
            for bit in 0..8 {
                document[at] ^= 1 << bit;
                check(format, &document);
                document[at] ^= 1 << bit;
            }
        }
    }
}

proptest! {
    #[test]
    fn pieces_cut_out_put_in_and_doubled(
        sample in 0..3_usize, from in any::<Index>(), to in any::<Index>(), at in any::<Index>(), filler in vec(any::<u8>(), 0..4),
    ) {
        let (format, mut document) = samples()[sample].clone();
        let (from, to) = (from.index(document.len()), to.index(document.len()));
        let piece = document[from.min(to)..from.max(to)].to_vec();
        let at = at.index(document.len());
        document.splice(at..(at + filler.len()).min(document.len()), piece.into_iter().chain(filler));
        check(format, &document);
    }
}

/// Some bytes are events, others are not; none may panic, and an event that comes out can be written without a loss.
fn check(format: &dyn Format, document: &[u8]) {
    let document = Bytes::copy_from_slice(document);
    let strict = decode(format, document.clone());
    if let Err(error) = &strict {
        assert!(error.offset().is_some(), "{error}");
    }
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let peeked = format.peek(&document, "n", &with);
        let Ok(decoded) = format.decode(document.clone(), &with) else { continue };
        let event = decoded.value;
        if decoded.repairs.is_empty() {
            assert_eq!(&event, strict.as_ref().unwrap());
            assert_eq!(peeked.unwrap(), event.extension("n").map(|value| value.to_string()));
        }
        let mut again = Vec::new();
        let losses = format.encode(&event, &mut again).unwrap();
        assert!(losses.iter().all(|loss| loss.kind() == "content-type-stated"), "{losses:?}");
        let again = format.decode(again.into(), &with).unwrap().value;
        // The content type of JSON is made explicit.
        assert_eq!(again.data(), event.data());
        let implied = event.datacontenttype().is_none() && again.datacontenttype().is_some();
        let attributes = again.attributes().filter(|(name, _)| !implied || *name != "datacontenttype");
        assert!(attributes.eq(event.attributes()));
    }
}

#[test]
fn what_is_wrong_and_where() {
    let (head, none) = (1 + REQUIRED.len() as u64, &b"\x02"[..]);
    for (document, kind, offset) in [
        (vec![], ErrorKind::InvalidDocument, 0),
        (vec![0], ErrorKind::MissingAttribute, 1),
        (avro(0, b"", b"\x0e"), ErrorKind::InvalidDocument, head + 1),
        (avro(0, b"", b"\x01"), ErrorKind::InvalidDocument, head + 1),
        (avro(1, b"\x02x\x0a", none), ErrorKind::InvalidDocument, head + 2),
        (avro(1, b"\x02x\x02\x02", none), ErrorKind::InvalidDocument, head + 3),
        (avro(1, b"\x02x\x04\x80\x80\x80\x80\x10", none), ErrorKind::InvalidInteger, head + 2),
        (avro(1, b"\x04id\x06\x022", none), ErrorKind::DuplicateAttribute, head + 3),
        (avro(1, b"\x04id\0", none), ErrorKind::MissingAttribute, head + 3),
        (avro(2, b"\x02x\0\x02x\0", none), ErrorKind::DuplicateAttribute, head + 5),
        (avro(2, b"\x02x\0\x02x\x06\0", none), ErrorKind::DuplicateAttribute, head + 5),
        (avro(1, b"\x02X\x06\0", none), ErrorKind::InvalidName, head + 1),
        (avro(1, b"\x08data\x06\0", none), ErrorKind::InvalidName, head + 1),
        (avro(1, b"\0\x06\0", none), ErrorKind::InvalidName, head + 1),
        (avro(1, b"\x02\xff\x06\0", none), ErrorKind::InvalidUtf8, head + 1),
        (avro(1, b"\x02x\x06\x04a\xff", none), ErrorKind::InvalidUtf8, head + 5),
        (avro(1, b"\x02x\x06\x02\x07", none), ErrorKind::InvalidString, head + 2),
        (avro(1, b"\x08time\x06\x02x", none), ErrorKind::InvalidTimestamp, head + 5),
        (avro(1, b"\x0esubject\x06\0", none), ErrorKind::EmptyAttribute, head + 8),
        (avro(1, b"\x0esubject\x04\x02", none), ErrorKind::InvalidType, head + 8),
        (avro(0, b"", b"\0\x04a"), ErrorKind::InvalidDocument, head + 2),
        (avro(0, b"", b"\0\x01"), ErrorKind::InvalidDocument, head + 2),
        (avro(0, b"", b"\x0c\x02\xff"), ErrorKind::InvalidUtf8, head + 3),
        (avro(0, b"", b"\x0a\0\0\0\0\0\0\xf0\x7f"), ErrorKind::InvalidData, head + 2),
        (avro(0, b"", b"\x06\x04\x02a\0\x02a\0\0"), ErrorKind::InvalidDocument, head + 7),
        // A block that does not end where it says.
        (avro(0, b"", b"\x06\x01\x08\x02a\0\0"), ErrorKind::InvalidDocument, head + 7),
        (avro(0, b"", b"\x06\x01\x04\x02a\0\0"), ErrorKind::InvalidDocument, head + 7),
        (avro(0, b"", b"\x06\x01\x01\x02a\0\0"), ErrorKind::InvalidDocument, head + 2),
        (avro(0, b"", &[b"\x06", &long(i64::MIN)[..], b"\0"].concat()), ErrorKind::InvalidDocument, head + 2),
    ] {
        let error = decode(FORMATS[0], document.clone()).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (kind, Some(offset)), "{document:x?}: {error}");
    }
    let head = COMPACT.len() as u64 + 1;
    for (document, kind, offset) in [
        (vec![], ErrorKind::InvalidDocument, 0),
        (b"\0\x04/s\x02t\0\0\0\0\0\x02".to_vec(), ErrorKind::EmptyAttribute, 0),
        (b"\x021\x04/s\x02t\x04".to_vec(), ErrorKind::InvalidDocument, 7),
        (compact(1, b"\x02x\x0a", none), ErrorKind::InvalidDocument, head + 2),
        (compact(1, b"\x0esubject\x06\x02s", none), ErrorKind::InvalidName, head + 1),
        (compact(1, b"\x0eSubject\x06\x02s", none), ErrorKind::InvalidName, head + 1),
        (compact(1, b"\x04id\x06\x02s", none), ErrorKind::InvalidName, head + 1),
        (compact(1, b"\x16specversion\x06\x061.0", none), ErrorKind::InvalidName, head + 1),
        (compact(2, b"\x02x\0\0\x02x\0\0", none), ErrorKind::DuplicateAttribute, head + 6),
        (
            compact(1, &[b"\x02x\x04", &long(i64::MAX)[..]].concat(), none),
            ErrorKind::InvalidTimestamp,
            head + 2,
        ),
        ([COMPACT, b"\0\x04"].concat(), ErrorKind::InvalidDocument, head),
    ] {
        let error = decode(FORMATS[1], document.clone()).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (kind, Some(offset)), "{document:x?}: {error}");
    }
}

#[test]
fn version_0_3_is_refused_with_a_hint() {
    let mut document = avro(0, b"", b"\x02");
    let at = document.windows(3).position(|window| window == b"1.0").unwrap();
    document[at..at + 3].copy_from_slice(b"0.3");
    for decoding in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let error = FORMATS[0].decode(document.clone().into(), &decoding).unwrap_err();
        assert_eq!(
            (error.kind(), error.attribute()),
            (ErrorKind::UnsupportedSpecversion, Some("specversion"))
        );
        assert!(error.help().unwrap().contains("upgrade"));
    }
}

#[test]
fn containers_are_told_apart() {
    for (mark, word) in [(&b"Obj\x01"[..], "container"), (b"\xc3\x01", "single object")] {
        for format in FORMATS {
            let error = decode(format, [mark, &[0x7f; 40]].concat()).unwrap_err();
            assert!(error.help().unwrap().contains(word), "{error}");
        }
    }
}

#[test]
fn what_lenient_decoding_repairs() {
    for (format, document, repair, name) in [
        (FORMATS[0], avro(1, b"\x02X\x06\x02a", b"\x02"), RepairKind::LowerCasedName, "x"),
        (FORMATS[0], avro(1, b"\x04a-\x06\x02a", b"\x02"), RepairKind::DroppedName, "a-"),
        (FORMATS[0], avro(1, b"\x08time\x06\x02a", b"\x02"), RepairKind::DroppedAttribute, "time"),
        (FORMATS[0], avro(1, b"\x02n\x04\x80\x80\x80\x80\x10", b"\x02"), RepairKind::DroppedAttribute, "n"),
        (FORMATS[1], compact(1, b"\x02X\x06\x02a", b"\x02"), RepairKind::LowerCasedName, "x"),
        (
            FORMATS[1],
            compact(1, &[b"\x02t\x04", &long(i64::MIN)[..]].concat(), b"\x02"),
            RepairKind::DroppedAttribute,
            "t",
        ),
    ] {
        assert!(decode(format, document.clone()).is_err());
        let decoded = lenient(format, document).unwrap();
        assert_eq!((decoded.repairs[0].kind(), decoded.repairs[0].attribute()), (repair, Some(name)));
    }
    let boolean = avro(1, b"\x1edatacontenttype\x06\x14text/plain", b"\x04\x01");
    assert_eq!(decode(FORMATS[0], boolean.clone()).unwrap_err().kind(), ErrorKind::InvalidData);
    let decoded = lenient(FORMATS[0], boolean).unwrap();
    assert_eq!(decoded.value.data_bytes().unwrap(), "true");
    assert_eq!(decoded.repairs[0].kind(), RepairKind::DataAsText);
    // An attribute that is a field is no extension in any case.
    assert!(lenient(FORMATS[1], compact(1, b"\x0eSubject\x06\x02s", b"\x02")).is_err());
    // Nothing makes up for what is no datum.
    for (format, document) in samples() {
        for end in 0..document.len() {
            assert!(lenient(format, document[..end].to_vec()).is_err());
        }
    }
}

#[test]
fn nesting_beyond_the_limit() {
    // An array in a record in an array ...
    let nested = |arrays: usize| {
        let mut data = vec![0x08];
        for _ in 1..arrays {
            data.extend_from_slice(b"\x02\x02\0\x06");
        }
        data.push(0);
        for _ in 1..arrays {
            data.extend_from_slice(b"\0\0");
        }
        avro(0, b"", &data)
    };
    let event = decode(FORMATS[0], nested(2)).unwrap();
    assert_eq!(event.data_bytes().unwrap(), r#"[{"":[]}]"#);
    // Two levels for each but the last, and one for the event.
    assert!(decode(FORMATS[0], nested(63)).is_ok());
    assert_eq!(
        decode(FORMATS[0], nested(64)).map(drop).map_err(|error| error.kind()),
        Err(ErrorKind::TooDeep)
    );
    assert_eq!(decode(FORMATS[0], nested(1_000_000)).unwrap_err().kind(), ErrorKind::TooDeep);
    let mut with = DecodeOptions::strict();
    with.limits.depth = u32::MAX;
    assert!(FORMATS[0].decode(nested(1_000_000).into(), &with).is_ok());
    with.limits.depth = 1;
    assert_eq!(FORMATS[0].decode(nested(1).into(), &with).unwrap_err().kind(), ErrorKind::TooDeep);
    assert!(FORMATS[0].decode(avro(0, b"", b"\x0a\0\0\0\0\0\0\0\0").into(), &with).is_ok());
}

#[test]
fn too_many_and_too_large() {
    let many: Vec<u8> =
        (0..300).flat_map(|n| [&b"\x06"[..], format!("{n:03}").as_bytes(), b"\x02\x01"].concat()).collect();
    let document = [&long(304)[..], REQUIRED, &many, b"\0\x02"].concat();
    assert_eq!(decode(FORMATS[0], document.clone()).unwrap_err().kind(), ErrorKind::TooMany);
    let mut with = DecodeOptions::strict();
    with.limits.attributes = 1000;
    assert!(FORMATS[0].decode(document.into(), &with).is_ok());
    let many: Vec<u8> =
        (0..300).flat_map(|n| [&b"\x06"[..], format!("{n:03}").as_bytes(), b"\0\x01"].concat()).collect();
    let document = [COMPACT, &long(300)[..], &many, b"\0\x02"].concat();
    assert_eq!(decode(FORMATS[1], document).unwrap_err().kind(), ErrorKind::TooMany);

    let long_text = [&long(70_000)[..], &[b'x'; 70_000]].concat();
    let error = decode(FORMATS[0], avro(1, &[b"\x02x\x06", &long_text[..]].concat(), b"\x02")).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("x")));
    let error =
        decode(FORMATS[1], [&b"\x021\x04/s"[..], &long_text, b"\0\0\0\0\0\x02"].concat()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let error = decode(FORMATS[0], avro(1, &[&long_text[..], b"\x02\x01"].concat(), b"\x02")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);

    with = DecodeOptions::strict();
    with.limits.bytes = 10;
    for (format, document) in samples() {
        let document = Bytes::from(document);
        assert_eq!(format.decode(document.clone(), &with).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(format.peek(&document, "id", &with).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

#[test]
fn a_payload_that_is_not_json_stays_as_it_came() {
    let ct = b"\x1edatacontenttype\x06\x20application/json";
    let event = decode(FORMATS[0], avro(1, ct, b"\0\x06{oo")).unwrap();
    assert!(codec::is_payload_not_json(&event));
    assert_eq!(event.data(), Some(cloudevents_core::Data::Binary(b"{oo")));
}
