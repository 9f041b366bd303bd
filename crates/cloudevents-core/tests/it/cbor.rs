//! CBOR items, by RFC 8949.

use cloudevents_core::codec::{
    cbor::{Reader, TEXT, UNSIGNED},
    is_cbor_item,
};

/// Section 3.3: a simple value below 32 takes one byte; numbers with a fraction are no simple values of that kind.
#[test]
fn simple_values() {
    for (item, value) in [
        (&b"\xe0"[..], Some(0)),
        (b"\xf5", Some(21)),
        (b"\xf7", Some(23)),
        (b"\xf8\x20", Some(32)),
        (b"\xf8\xff", Some(255)),
        (b"\xf9\x3c\x00", None),
        (b"\xfa\x3f\x80\x00\x00", None),
        (b"\x15", None),
        (b"\x18\x20", None),
    ] {
        assert!(is_cbor_item(item), "{item:x?}");
        assert_eq!(Reader::new(item).head().unwrap().simple(), value, "{item:x?}");
    }
    for item in [b"\xf8\x00", b"\xf8\x18", b"\xf8\x1f"] {
        assert!(!is_cbor_item(item) && Reader::new(item).head().is_err(), "{item:x?}");
    }
}

/// Appendix F: heads that are not well-formed.
#[test]
fn heads_that_mean_nothing() {
    for initial in [0x1c, 0x1d, 0x1e, 0x3c, 0x5d, 0x7e, 0x9c, 0xbd, 0xde, 0xfc, 0x1f, 0x3f, 0xdf] {
        let error = Reader::new(&[initial, 0, 0]).head().unwrap_err();
        assert!(error.to_string().contains("initial byte"), "{initial:#x}: {error}");
    }
    let error = Reader::new(b"\xff").head().unwrap_err();
    assert!(error.to_string().contains("break"), "{error}");
    for indefinite in [0x5f, 0x7f, 0x9f, 0xbf] {
        assert_eq!(Reader::new(&[indefinite]).head().unwrap().argument, None);
    }
}

#[test]
fn short_texts_in_one_piece() {
    for length in [0_u8, 1, 23, 24, 100, 255] {
        let text = vec![b'x'; length.into()];
        let heads = if length < 24 {
            vec![vec![0x60 | length], vec![0x78, length]]
        } else {
            vec![vec![0x78, length]]
        };
        for head in heads {
            let document = [&head[..], &text, b"\x01"].concat();
            let mut reader = Reader::new(&document);
            assert_eq!(reader.major(), Some(TEXT));
            assert_eq!(reader.short_text(), Some(&text[..]), "{head:x?}");
            assert_eq!((reader.position(), reader.major()), (head.len() + text.len(), Some(UNSIGNED)));
        }
    }
    for other in [&b"\x41a"[..], b"\x62a", b"\x78\x02a", b"\x79\x00\x01a", b"\x7f\x61a\xff", b""] {
        let mut reader = Reader::new(other);
        assert_eq!((reader.short_text(), reader.position()), (None, 0), "{other:x?}");
    }
}

/// A tag in exactly one encoding, and a text that is not empty.
#[test]
fn short_texts_behind_a_tag() {
    let document = b"\xd8\x20\x61a\x01";
    let mut reader = Reader::new(document);
    assert_eq!((reader.short_tagged(b"\xd8\x20"), reader.position()), (Some(&b"a"[..]), 4));
    for other in [&b"\xd8\x20\x60"[..], b"\xd8\x21\x61a", b"\x61a", b"\xd8\x20\x41a", b"\xd8\x20\x62a"] {
        let mut reader = Reader::new(other);
        assert_eq!((reader.short_tagged(b"\xd8\x20"), reader.position()), (None, 0), "{other:x?}");
    }
}
