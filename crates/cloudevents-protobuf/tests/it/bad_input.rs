//! Invalid input from a peer: always an error with a kind and a position, and never a panic.

use crate::schema::{Any, Attribute, AttributeValue, CloudEvent, Data, ProtoTimestamp};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Format};
use cloudevents_protobuf::Protobuf;
use prost::Message;

fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    cloudevents_protobuf::decode(document)
}

fn lenient(document: impl Into<Bytes>) -> Result<cloudevents_core::Decoded<Event>, Error> {
    Protobuf::new().decode(document.into(), &DecodeOptions::lenient())
}

/// An event with an attribute of every type.
fn event() -> CloudEvent {
    let attributes = [
        ("a", Attribute::Boolean(true)),
        ("b", Attribute::Integer(-1)),
        ("c", Attribute::String("café".into())),
        ("d", Attribute::Bytes(vec![0, 255])),
        ("e", Attribute::Uri("urn:x:y".into())),
        ("f", Attribute::UriReference("../x".into())),
        ("time", Attribute::Timestamp(ProtoTimestamp { seconds: 1_522_949_460, nanos: 120_000_000 })),
    ];
    CloudEvent {
        id: "1".into(),
        source: "/s".into(),
        spec_version: "1.0".into(),
        r#type: "t".into(),
        attributes: attributes
            .into_iter()
            .map(|(name, value)| (name.into(), AttributeValue { attribute: Some(value) }))
            .collect(),
        data: Some(Data::Proto(Any { type_url: "/x.Y".into(), value: vec![8, 1] })),
    }
}

/// The smallest event.
const EVENT: &[u8] = b"\x0a\x011\x12\x02/s\x1a\x031.0\x22\x01t";

/// The smallest event and these fields.
fn with(fields: &[u8]) -> Vec<u8> {
    [EVENT, fields].concat()
}

/// The smallest event and an attribute `x` with this message as its value.
fn with_value(value: &[u8]) -> Vec<u8> {
    let length = |n: usize| u8::try_from(n).unwrap();
    with(&[&[0x2a, length(value.len() + 5), 0x0a, 1, b'x', 0x12, length(value.len())], value].concat())
}

#[test]
fn truncated_at_every_byte() {
    let document = event().encode_to_vec();
    decode(document.clone()).unwrap();
    for end in 0..document.len() {
        // Without the payload, or the last attributes, it still is an event; a cut within a field is an error.
        match decode(document[..end].to_vec()) {
            Ok(event) => {
                assert_eq!(decode(cloudevents_protobuf::encode_lossy(&event).unwrap()).unwrap(), event)
            }
            Err(error) => {
                assert!(
                    matches!(error.kind(), ErrorKind::InvalidDocument | ErrorKind::MissingAttribute),
                    "{end}: {error}"
                );
                assert!(error.offset().unwrap() <= end as u64, "{end}: {error}");
            }
        }
    }
    let batch = [&[0x0a, u8::try_from(EVENT.len()).unwrap()], EVENT].concat();
    for end in 1..batch.len() {
        let error = cloudevents_protobuf::decode_batch(batch[..end].to_vec()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{end}");
        assert!(
            Protobuf::new().decode_items(batch[..end].to_vec().into(), &DecodeOptions::strict()).is_err()
        );
    }
}

#[test]
fn every_bit_flipped() {
    let mut document = event().encode_to_vec();
    let mut refused = 0;
    for at in 0..document.len() {
        for bit in 0..8 {
            document[at] ^= 1 << bit;
            // Some of these are events, others are not; none may panic, and an event that comes out can be written again.
            match decode(document.clone()) {
                Ok(event) => {
                    assert_eq!(decode(cloudevents_protobuf::encode_lossy(&event).unwrap()).unwrap(), event)
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.offset().is_some(), "{error}");
                }
            }
            let _ = lenient(document.clone());
            let _ = Protobuf::new().peek(&document.clone().into(), "time", &DecodeOptions::strict());
            let _ = Protobuf::new().decode_items(document.clone().into(), &DecodeOptions::lenient());
            document[at] ^= 1 << bit;
        }
    }
    assert!(refused > document.len());
}

#[test]
fn what_is_wrong_and_where() {
    use ErrorKind as Is;
    for (document, kind, attribute, offset) in [
        (vec![], Is::MissingAttribute, Some("specversion"), 0),
        (b"\x12\x02/s\x1a\x031.0\x22\x01t".to_vec(), Is::MissingAttribute, Some("id"), 12),
        (b"\x0a\x00\x12\x02/s\x1a\x031.0\x22\x01t".to_vec(), Is::EmptyAttribute, Some("id"), 2),
        (
            b"\x0a\x011\x12\x02/s\x1a\x030.3\x22\x01t".to_vec(),
            Is::UnsupportedSpecversion,
            Some("specversion"),
            9,
        ),
        (
            b"\x0a\x011\x12\x02/s\x1a\x031.1\x22\x01t".to_vec(),
            Is::UnsupportedSpecversion,
            Some("specversion"),
            9,
        ),
        (b"\x0a\x011\x12\x02 s".to_vec(), Is::InvalidUriReference, Some("source"), 5),
        (b"\x0a\x01\xff".to_vec(), Is::InvalidUtf8, Some("id"), 2),
        (b"\x0a\x03a\xc3(".to_vec(), Is::InvalidUtf8, Some("id"), 3),
        (b"\x0a\x01\x07".to_vec(), Is::InvalidString, Some("id"), 2),
        (vec![0x08, 1], Is::InvalidDocument, Some("id"), 1),
        // Twice.
        (with(b"\x0a\x011"), Is::DuplicateAttribute, Some("id"), 17),
        (with(b"\x12\x02/s"), Is::DuplicateAttribute, Some("source"), 17),
        (with(b"\x1a\x031.0"), Is::DuplicateAttribute, Some("specversion"), 17),
        (with(b"\x22\x01t"), Is::DuplicateAttribute, Some("type"), 17),
        (with(b"\x32\x00\x32\x00"), Is::ConflictingData, None, 19),
        (with(b"\x32\x00\x3a\x00"), Is::ConflictingData, None, 19),
        (
            with(b"\x2a\x07\x0a\x01x\x12\x02\x08\x01\x2a\x07\x0a\x01x\x12\x02\x08\x01"),
            Is::DuplicateAttribute,
            Some("x"),
            26,
        ),
        (with(b"\x2a\x0a\x0a\x01x\x0a\x01y\x12\x02\x08\x01"), Is::InvalidDocument, None, 22),
        (with(b"\x2a\x0b\x0a\x01x\x12\x02\x08\x01\x12\x02\x08\x01"), Is::InvalidDocument, None, 26),
        (with_value(b"\x08\x01\x08\x01"), Is::InvalidType, Some("x"), 17),
        (with_value(b"\x08\x01\x1a\x01a"), Is::InvalidType, Some("x"), 17),
        // Required names as keys.
        (with(b"\x2a\x09\x0a\x02id\x12\x03\x1a\x01a"), Is::InvalidName, Some("id"), 17),
        (b"\x2a\x0c\x0a\x0bspecversion".to_vec(), Is::InvalidDocument, None, 3),
        (b"\x2a\x0d\x0a\x0bspecversion".to_vec(), Is::InvalidName, Some("specversion"), 2),
        (with(b"\x2a\x08\x0a\x06source"), Is::InvalidName, Some("source"), 17),
        (with(b"\x2a\x06\x0a\x04type"), Is::InvalidName, Some("type"), 17),
        (with(b"\x2a\x06\x0a\x04Type"), Is::InvalidName, Some("Type"), 17),
        (with(b"\x2a\x0e\x0a\x0cspec_version"), Is::InvalidName, Some("spec_version"), 17),
        (with(b"\x2a\x06\x0a\x04data"), Is::InvalidName, Some("data"), 17),
        (with(b"\x2a\x00"), Is::InvalidName, None, 17),
        // Values.
        (with_value(b""), Is::InvalidType, Some("x"), 17),
        (with(b"\x2a\x03\x0a\x01x"), Is::InvalidType, Some("x"), 17),
        (with_value(b"\x10\x80\x80\x80\x80\x08"), Is::InvalidInteger, Some("x"), 17),
        (with_value(b"\x10\xff\xff\xff\xff\x0f"), Is::InvalidInteger, Some("x"), 17),
        (with_value(b"\x1a\x01\x00"), Is::InvalidString, Some("x"), 17),
        (with_value(b"\x2a\x02/x"), Is::InvalidUri, Some("x"), 17),
        (with_value(b"\x32\x01 "), Is::InvalidUriReference, Some("x"), 17),
        (
            with_value(b"\x3a\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            Is::InvalidTimestamp,
            Some("x"),
            17,
        ),
        (with_value(b"\x3a\x06\x10\x80\x94\xeb\xdc\x03"), Is::InvalidTimestamp, Some("x"), 17),
        (with_value(b"\x3a\x07\x08\x80\xdb\xba\xf9\xff\x3f"), Is::InvalidTimestamp, Some("x"), 17),
        // Wire types.
        (with_value(b"\x0a\x01\x01"), Is::InvalidDocument, Some("x"), 24),
        (with_value(b"\x18\x01"), Is::InvalidDocument, Some("x"), 23),
        (with_value(b"\x38\x01"), Is::InvalidDocument, Some("x"), 23),
        (with_value(b"\x3a\x02\x0a\x00"), Is::InvalidDocument, Some("x"), 26),
        (with(b"\x28\x01"), Is::InvalidDocument, None, 16),
        (with(b"\x2b\x2c"), Is::InvalidDocument, None, 16),
        (with(b"\x30\x01"), Is::InvalidDocument, None, 16),
        (with(b"\x42\x02\x08\x01"), Is::InvalidDocument, None, 18),
        (with(b"\x3a\x01\xff"), Is::InvalidUtf8, None, 17),
        (with(b"\x2a\x02\x08\x01"), Is::InvalidDocument, None, 18),
        (with(b"\x2a\x03\x0a\x01\xff"), Is::InvalidUtf8, None, 19),
    ] {
        let error = decode(document.clone()).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (kind, attribute), "{document:x?}: {error}");
        assert_eq!(error.offset(), Some(offset), "{document:x?}: {error}");
    }
}

#[test]
fn lenient_decoding_leaves_out_what_is_optional() {
    for value in
        [&b""[..], b"\x08\x01\x08\x01", b"\x10\x80\x80\x80\x80\x08", b"\x3a\x06\x10\x80\x94\xeb\xdc\x03"]
    {
        let decoded = lenient(with_value(value)).unwrap();
        assert_eq!(decoded.value, decode(EVENT).unwrap(), "{value:x?}");
        assert_eq!(decoded.repairs.len(), 1);
        assert_eq!(decoded.repairs[0].attribute(), Some("x"));
    }
    // An attribute that is left out is still there once.
    let twice = with(b"\x2a\x03\x0a\x01x\x2a\x07\x0a\x01x\x12\x02\x08\x01");
    assert_eq!(lenient(twice).unwrap_err().kind(), ErrorKind::DuplicateAttribute);
    // What is no document, and what misplaces a required attribute, stays refused.
    for document in [
        with_value(b"\x18\x01"),
        with(b"\x2a\x06\x0a\x04Type"),
        with(b"\x0a\x011"),
        with(b"\x32\x00\x32\x00"),
    ] {
        assert!(lenient(document).is_err());
    }
}

#[test]
fn hostile_lengths() {
    for length in [5, 100, u64::from(u32::MAX), u64::MAX / 2, u64::MAX] {
        let mut document = with(b"\x32");
        prost::encoding::encode_varint(length, &mut document);
        document.extend(b"abc");
        let error = decode(document.clone()).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::InvalidDocument, Some(16)), "{error}");
        assert!(cloudevents_protobuf::decode_batch(document).is_err());
    }
    // A length that is right for the document and wrong for the message it is in.
    assert!(decode(with(b"\x2a\x04\x0a\x05x\x12\x02\x08\x01")).is_err());
}

#[test]
fn nesting_beyond_the_limit() {
    let nested = |depth: usize| with(&[vec![0x4b; depth], vec![0x4c; depth]].concat());
    assert!(decode(nested(126)).is_ok());
    assert_eq!(decode(nested(127)).unwrap_err().kind(), ErrorKind::TooDeep);
    assert_eq!(decode(nested(1_000_000)).unwrap_err().kind(), ErrorKind::TooDeep);
    assert_eq!(decode(with(&[0x4b; 1_000_000])).unwrap_err().kind(), ErrorKind::TooDeep);
    let mut with = DecodeOptions::strict();
    with.limits.depth = u32::MAX;
    Protobuf::new().decode(nested(1_000_000).into(), &with).unwrap();
}

#[test]
fn too_many_and_too_large() {
    let entry = |n: usize| {
        let name = format!("x{n}");
        let length = |n: usize| u8::try_from(n).unwrap();
        [&[0x2a, length(name.len() + 6), 0x0a, length(name.len())], name.as_bytes(), &[0x12, 2, 8, 1]]
            .concat()
    };
    let many: Vec<u8> = (0..100_000).flat_map(entry).collect();
    assert_eq!(decode(with(&many)).unwrap_err().kind(), ErrorKind::TooMany);
    let many: Vec<u8> = (0..252).flat_map(entry).collect();
    assert!(decode(with(&many)).is_ok());
    let mut large = CloudEvent { id: "x".repeat(70_000), ..event() };
    let error = decode(large.encode_to_vec()).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("id")));
    large.id.truncate(65_536);
    assert!(decode(large.encode_to_vec()).is_ok());
    let mut with = DecodeOptions::strict();
    with.limits.bytes = 10;
    for error in [
        Protobuf::new().decode(EVENT.into(), &with).unwrap_err(),
        Protobuf::new().decode_batch(EVENT.into(), &with).unwrap_err(),
        Protobuf::new().decode_items(EVENT.into(), &with).unwrap_err(),
        Protobuf::new().peek(&EVENT.into(), "id", &with).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }
    with = DecodeOptions::strict();
    with.limits.batch = 2;
    let element = [&[0x0a, u8::try_from(EVENT.len()).unwrap()], EVENT].concat();
    let error = Protobuf::new().decode_batch(element.repeat(3).into(), &with).unwrap_err();
    assert_eq!((error.kind(), error.index()), (ErrorKind::TooMany, Some(2)));
    assert!(Protobuf::new().decode_batch(element.repeat(2).into(), &with).is_ok());
}

#[test]
fn one_bad_event_does_not_cost_the_others() {
    let element = |event: &[u8]| [&[0x0a, u8::try_from(event.len()).unwrap()], event].concat();
    let bad = with(b"\x0a\x012");
    let batch = [element(EVENT), element(&bad), vec![0x10, 1], element(EVENT), element(b"")].concat();
    let error = cloudevents_protobuf::decode_batch(batch.clone()).unwrap_err();
    assert_eq!(
        (error.kind(), error.index(), error.offset()),
        (ErrorKind::DuplicateAttribute, Some(1), Some(36))
    );
    let items = Protobuf::new().decode_items(batch.into(), &DecodeOptions::strict()).unwrap();
    assert_eq!(items.iter().map(|item| item.event.is_ok()).collect::<Vec<_>>(), [true, false, true, false]);
    assert_eq!(items[1].raw, bad);
    assert_eq!(items[3].event.as_ref().unwrap_err().index(), Some(3));
    let error = cloudevents_protobuf::decode_batch(vec![0x08, 1]).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::InvalidDocument, Some(1)));
}

#[test]
fn a_batch_is_no_event_and_an_event_is_no_batch() {
    let document = event().encode_to_vec();
    assert!(cloudevents_protobuf::decode_batch(document.clone()).is_err());
    let batch = cloudevents_protobuf::encode_batch(&[decode(document).unwrap()]).unwrap().0;
    assert!(decode(batch).is_err());
}
