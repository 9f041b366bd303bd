//! The bytes before a payload, computed by hand from the description of the wire format.

use cloudevents_core::ErrorKind;
use cloudevents_kafka::registry::{Framed, MessageIndexes};
use proptest::prelude::*;

#[test]
fn ids_are_four_bytes_with_the_highest_first() {
    for (id, bytes) in
        [(0, [0, 0, 0, 0, 0]), (0x0102_0304, [0, 1, 2, 3, 4]), (u32::MAX, [0, 255, 255, 255, 255])]
    {
        assert_eq!(Framed::new(id, b"").to_vec(), bytes);
        assert_eq!(Framed::parse(&bytes).unwrap(), Framed::new(id, b""));
    }
}

#[test]
fn message_indexes_are_zigzag_varints_behind_their_count() {
    let cases: [(&[u32], &[u8]); 6] = [
        (&[0], &[0]), // the short form
        (&[1], &[2, 2]),
        (&[0, 0], &[4, 0, 0]),
        (&[1, 0], &[4, 2, 0]),
        (&[64], &[2, 0x80, 1]), // 128 zigzag
        (&[i32::MAX as u32], &[2, 0xfe, 0xff, 0xff, 0xff, 0x0f]),
    ];
    for (indexes, bytes) in cases {
        let indexes = MessageIndexes::new(indexes).unwrap();
        let framed = Framed::new(7, b"x").with_message_indexes(indexes);
        let expected = [&[0, 0, 0, 0, 7], bytes, b"x"].concat();
        assert_eq!(framed.to_vec(), expected);
        assert_eq!(Framed::parse_protobuf(&expected).unwrap(), framed);
    }
    // The long form of the first message is also read.
    let framed = Framed::parse_protobuf(&[0, 0, 0, 0, 7, 2, 0]).unwrap();
    assert_eq!(framed.message_indexes, Some(MessageIndexes::first()));
}

#[test]
fn what_is_not_framed_is_refused_with_help() {
    let error = Framed::parse(b"{\"a\": 1}").unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::InvalidData, Some(0)));
    assert!(error.detail().contains("0x7b"), "{error}");
    assert!(error.help().is_some());
    assert!(Framed::parse(&[1; 17]).unwrap_err().detail().contains("GUID"));
    for length in 0..5 {
        let error = Framed::parse(&[0; 5][..length]).unwrap_err();
        assert!(error.detail().contains("too few"), "{error}");
    }
    assert!(Framed::parse(&[0; 5]).is_ok());
}

#[test]
fn hostile_message_indexes_are_refused() {
    let cases: [(&[u8], ErrorKind); 8] = [
        (&[], ErrorKind::InvalidData),
        (&[0x80], ErrorKind::InvalidData), // a truncated varint
        (&[4, 0], ErrorKind::InvalidData), // an index is missing
        (&[1], ErrorKind::InvalidData),    // -1 indexes
        (&[2, 1], ErrorKind::InvalidData), // the index -1
        (&[66], ErrorKind::TooDeep),       // 33 indexes
        (&[0xfe, 0xff, 0xff, 0xff, 0x0f], ErrorKind::TooDeep), // 2^31 - 1 indexes
        (&[0xff, 0xff, 0xff, 0xff, 0x7f, 0], ErrorKind::InvalidData), // 35 bits
    ];
    for (bytes, kind) in cases {
        let bytes = [&[0, 0, 0, 0, 7], bytes].concat();
        assert_eq!(Framed::parse_protobuf(&bytes).unwrap_err().kind(), kind, "{bytes:?}");
    }
    assert!(MessageIndexes::new(&[]).is_err());
    assert!(MessageIndexes::new(&[1 << 31]).is_err());
    assert_eq!(MessageIndexes::new(&[0; 33]).unwrap_err().kind(), ErrorKind::TooDeep);
}

proptest! {
    #[test]
    fn what_is_read_is_written_alike(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(framed) = Framed::parse(&bytes) {
            prop_assert_eq!(framed.to_vec(), bytes.clone());
        }
        if let Ok(framed) = Framed::parse_protobuf(&bytes) {
            let written = framed.to_vec();
            prop_assert_eq!(Framed::parse_protobuf(&written).unwrap(), framed);
        }
    }
}
