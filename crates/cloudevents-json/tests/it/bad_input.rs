//! Invalid input from a peer: always an error with a kind and a position, in bounded memory, and never a panic.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Format, Leniency, Peer, RepairKind};
use cloudevents_json::{Json, JsonEventExt};

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","n":1,"b":true,"s":"caf\u00e9","data":{"a":[1,"x"]}}"#;

fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    cloudevents_json::decode(document)
}

#[test]
fn truncated_at_every_byte() {
    for end in 0..EVENT.len() {
        let error = decode(&EVENT.as_bytes()[..end]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidDocument, "{end}");
        // At the end, or at the escape that is cut.
        let offset = usize::try_from(error.offset().unwrap()).unwrap();
        assert!((end.saturating_sub(5)..=end).contains(&offset), "{end}: {error}");
    }
}

#[test]
fn every_bit_flipped() {
    let mut document = EVENT.as_bytes().to_vec();
    for at in 0..document.len() {
        for bit in 0..8 {
            document[at] ^= 1 << bit;
            // Some of these are events, others are not; none may panic, and an event that comes out can be written again.
            if let Ok(event) = decode(document.clone()) {
                assert_eq!(decode(cloudevents_json::encode_lossy(&event)).unwrap(), event);
            }
            document[at] ^= 1 << bit;
        }
    }
}

#[test]
fn what_is_wrong_and_where() {
    for (document, kind, offset) in [
        ("", ErrorKind::InvalidDocument, 0),
        ("\u{feff}{}", ErrorKind::InvalidDocument, 0),
        ("[]", ErrorKind::Batched, 0),
        ("{}", ErrorKind::MissingAttribute, 1),
        (r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"} x"#, ErrorKind::InvalidDocument, 56),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","id":"2"}"#,
            ErrorKind::DuplicateAttribute,
            61,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","x":null,"x":null}"#,
            ErrorKind::DuplicateAttribute,
            65,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1,"data_base64":"AA=="}"#,
            ErrorKind::ConflictingData,
            78,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"A"}"#,
            ErrorKind::InvalidBinary,
            69,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-02-30T10:00:00Z"}"#,
            ErrorKind::InvalidTimestamp,
            63,
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","n":2147483648}"#,
            ErrorKind::InvalidInteger,
            59,
        ),
        (r#"{"specversion":"1.0","id":"\ud800","source":"/s","type":"t"}"#, ErrorKind::InvalidString, 27),
        (r#"{"specversion":"1.0","id":"a\u0007","source":"/s","type":"t"}"#, ErrorKind::InvalidString, 26),
        (r#"{"specversion":"1.0","":1}"#, ErrorKind::InvalidName, 22),
    ] {
        let error = decode(document).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (kind, Some(offset)), "{document}: {error}");
    }
    assert_eq!(decode(&b"{\"id\":\"\xff\"}"[..]).unwrap_err().offset(), Some(7));
}

#[test]
fn dataschema_is_an_extension_like_any_other_in_03() {
    for value in [r#""""#, "true", "5", r#""not a uri""#] {
        let document = |version| {
            format!(r#"{{"dataschema":{value},"specversion":"{version}","id":"1","source":"/s","type":"t"}}"#)
        };
        assert!(decode(document("0.3")).unwrap().extension("dataschema").is_some(), "{value}");
        assert_eq!(decode(document("1.0")).unwrap_err().attribute(), Some("dataschema"), "{value}");
        let lenient = Json::new().decode(document("1.0").into(), &DecodeOptions::lenient()).unwrap();
        assert_eq!(lenient.value.dataschema(), None);
        assert_eq!(lenient.repairs[0].attribute(), Some("dataschema"));
    }
}

#[test]
fn base64_may_be_escaped() {
    let document = |base64| {
        format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"{base64}"}}"#)
    };
    for (base64, bytes) in [
        ("", &b""[..]),
        (r"AP8=", b"\x00\xff"),
        (r"ab\/\u002b", b"i\xbf\xfe"),
        (r"A\u00508=", b"\x00\xff"),
        (r"AP8\u003D", b"\x00\xff"),
    ] {
        assert_eq!(decode(document(base64)).unwrap().data_bytes().unwrap(), bytes, "{base64}");
    }
    for bad in [r#"AP8=\""#, r#"\"AP8="#, r"AP8=\n", "AP8=\n", r"\x", r"AP8=\", "A"] {
        assert!(decode(document(bad)).is_err(), "{bad}");
    }
}

#[test]
fn nesting_beyond_the_limit() {
    let nested = |depth: usize| {
        let data = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{data}}}"#)
    };
    assert!(decode(nested(126)).is_ok());
    assert_eq!(decode(nested(127)).unwrap_err().kind(), ErrorKind::TooDeep);
    assert_eq!(decode(nested(10_000)).unwrap_err().kind(), ErrorKind::TooDeep);
    let batch = format!("[{},{}]", nested(126), nested(2));
    assert_eq!(cloudevents_json::decode_batch(batch.clone()).unwrap_err().kind(), ErrorKind::TooDeep);
    let items = Json::new().decode_items(batch.into(), &DecodeOptions::strict()).unwrap();
    assert_eq!(items[0].event.as_ref().unwrap_err().kind(), ErrorKind::TooDeep);
    assert!(items[1].event.is_ok());
}

#[test]
fn too_many_and_too_large() {
    let many: String = (0..100_000).map(|n| format!(r#","x{n}":{n}"#)).collect();
    let error =
        decode(format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{many}}}"#)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooMany);
    let error = decode(format!(r#"{{"specversion":"1.0","id":"{}"}}"#, "x".repeat(70_000))).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("id")));
    let mut with = DecodeOptions::strict();
    with.limits.bytes = 10;
    assert_eq!(
        Json::new().decode(Bytes::from_static(EVENT.as_bytes()), &with).unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    with = DecodeOptions::strict();
    with.limits.batch = 2;
    let batch = format!("[{EVENT},{EVENT},{EVENT}]");
    let error = Json::new().decode_batch(batch.into(), &with).unwrap_err();
    assert_eq!((error.kind(), error.index()), (ErrorKind::TooMany, Some(2)));
}

#[test]
fn one_bad_event_does_not_cost_the_others() {
    let batch = format!(r#"[{EVENT}, {{"id": 1}} ,{EVENT},null]"#);
    let items = Json::new().decode_items(batch.into(), &DecodeOptions::strict()).unwrap();
    assert_eq!(items.iter().map(|item| item.event.is_ok()).collect::<Vec<_>>(), [true, false, true, false]);
    assert_eq!(items[1].raw.as_ref(), br#"{"id": 1}"#);
    assert_eq!(items[1].event.as_ref().unwrap_err().index(), Some(1));
    assert!(Json::new().decode_items(format!("[{EVENT},").into(), &DecodeOptions::strict()).is_err());
}

#[test]
fn a_payload_that_is_not_what_it_should_be_is_told_when_asked_for() {
    let event = decode(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1}}"#).unwrap();
    assert_eq!(event.data_as_json::<Vec<u8>>().unwrap_err().kind(), ErrorKind::InvalidData);
    let event = decode(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/plain","data":"{}"}"#).unwrap();
    assert_eq!(event.data_as_json::<()>().unwrap_err().kind(), ErrorKind::UnexpectedContentType);
    let event = decode(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#).unwrap();
    assert_eq!(event.data_as_json::<()>().unwrap_err().kind(), ErrorKind::InvalidData);
}

/// A number that is no Integer was reported as such where text is needed.
#[test]
fn a_number_in_the_place_of_text() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"x"}"#;
    for (from, to, name) in [
        (r#""id":"1""#, r#""id":12345678901"#, "id"),
        (r#""id":"1""#, r#""id":1"#, "id"),
        (r#""1.0""#, "1.0", "specversion"),
        (r#""1.0""#, "1", "specversion"),
        (r#""x""#, "1e3", "subject"),
    ] {
        let error = cloudevents_json::decode(document.replacen(from, to, 1)).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidType, Some(name)), "{to}");
        assert!(error.to_string().contains("String is expected"), "{error}");
        assert!(error.offset().is_some(), "{to}");
    }
    let extension = document.replacen("subject", "n", 1).replacen(r#""x""#, "12345678901", 1);
    assert_eq!(cloudevents_json::decode(extension).unwrap_err().kind(), ErrorKind::InvalidInteger);
}

/// Debezium: names with upper case beside the same in lower case. Reading one attribute finds the same as reading all.
#[test]
fn names_of_debezium() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t",
        "iodebeziumtxId":"571","iodebeziumtxid":null,"iodebeziumop":"c"}"#;
    assert_eq!(decode(document).unwrap_err().kind(), ErrorKind::InvalidName);
    for (leniency, names) in [
        (Peer::Debezium3.leniency(), vec!["iodebeziumop"]),
        (Leniency::all(), vec!["iodebeziumop"]),
        (Leniency::strict().with(RepairKind::DroppedName), vec!["iodebeziumop"]),
    ] {
        let with = DecodeOptions::strict().with_leniency(leniency);
        let decoded = Json::new().decode(document.into(), &with).unwrap();
        assert!(decoded.value.extensions().map(|(name, _)| name.as_str()).eq(names));
        assert_eq!(decoded.repairs()[0].attribute(), Some("iodebeziumtxId"));
        assert_eq!(Json::new().peek(&document.into(), "iodebeziumtxid", &with).unwrap(), None);
    }
}

/// Other JSON has a member of that name, too. What cannot be read as an event is left to others.
#[test]
fn what_looks_like_an_event_and_is_none() {
    use cloudevents_json::{assume, is_event};

    for other in [r#"{"specversion":7}"#, r#"{"specversion":null}"#, r#"{"specversion":{"a":1}}"#] {
        assert!(!is_event(&other.into()), "{other}");
    }
    for marked in [r#"{"specversion":"9.9"}"#, r#"{"specversion":"1.0"}"#] {
        assert!(is_event(&marked.into()), "{marked}");
    }
    let with = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::AssumedJson));
    let unmarked = || Error::new(ErrorKind::NotACloudEvent);
    for other in [r#"{"specversion":"9.9"}"#, r#"{"specversion":"1.0","id":"1"}"#, r#"{"specversion":"1.0""#]
    {
        let error = assume(&other.into(), unmarked(), &with).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent, "{other}");
    }
    assert!(assume(&EVENT.into(), unmarked(), &with).is_ok());
    assert!(assume(&EVENT.into(), unmarked(), &DecodeOptions::lenient()).is_err());
}
