//! An assembler returns only valid events, however it is used.

use cloudevents_core::{
    DecodeOptions, Error, ErrorKind, Leniency, Payload, RepairKind, SpecVersion, Value,
    codec::{Assembler, AttributeName, Given},
};

const REQUIRED: [(&str, &str); 4] = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];

fn give(assembler: &mut Assembler<'_>, attributes: &[(&str, &str)]) {
    for (name, value) in attributes {
        let value = assembler.push(value).unwrap();
        assembler.named(name, Given::Text(value)).unwrap();
    }
}

/// Regression: without `complete`, the assembler returned an event that lacked attributes.
#[test]
fn nothing_incomplete_comes_out() {
    let decoding = DecodeOptions::strict();
    assert_eq!(Assembler::new(&decoding).finish(None).unwrap_err().kind(), ErrorKind::MissingAttribute);
    for missing in 0..REQUIRED.len() {
        let mut some = REQUIRED.to_vec();
        let (name, _) = some.remove(missing);
        let mut assembler = Assembler::new(&decoding);
        give(&mut assembler, &some);
        let error = assembler.finish(Some(Payload::text("x"))).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::MissingAttribute, Some(name)));
    }
}

#[test]
fn what_comes_after_complete_is_checked() {
    let decoding = DecodeOptions::strict();
    let mut assembler = Assembler::new(&decoding);
    give(&mut assembler, &REQUIRED);
    assembler.complete().unwrap();
    give(&mut assembler, &[("dataschema", "no absolute URI")]);
    assert_eq!(assembler.finish(None).unwrap_err().attribute(), Some("dataschema"));
}

#[test]
fn the_event_is_taken_out_once() {
    let decoding = DecodeOptions::strict();
    let mut assembler = Assembler::new(&decoding);
    give(&mut assembler, &REQUIRED);
    assert_eq!(assembler.finish(None).unwrap().value.id(), "1");
    assert!(assembler.finish(None).is_err());
}

/// Regression: an empty `dataschema` that its carrier types as a URI was dropped silently.
#[test]
fn an_empty_dataschema_of_any_type() {
    let lenient = DecodeOptions::lenient();
    for strict in [true, false] {
        let decoding = if strict { DecodeOptions::strict() } else { lenient.clone() };
        for given in [Given::Text, Given::Uri, Given::UriReference] {
            let mut assembler = Assembler::new(&decoding);
            give(&mut assembler, &REQUIRED);
            let empty = assembler.push("").unwrap();
            assembler.named("dataschema", given(empty)).unwrap();
            match assembler.finish(None) {
                Err(error) if strict => {
                    assert_eq!(
                        (error.kind(), error.attribute()),
                        (ErrorKind::EmptyAttribute, Some("dataschema"))
                    );
                }
                Ok(decoded) if !strict => {
                    assert_eq!(decoded.value.dataschema(), None);
                    assert_eq!(decoded.repairs()[0].kind(), RepairKind::DroppedAttribute);
                }
                other => panic!("{strict}: {other:?}"),
            }
        }
    }
}

/// CE-Type-System-b, for what 0.3 has in other places.
#[test]
fn optional_attributes_of_0_3_are_dropped_like_others() {
    for (name, take, value) in [
        ("schemaurl", BY_PIECE, "a b"),
        ("schemaurl", BY_PIECE, ""),
        ("schemaurl", MISTYPED, ""),
        ("schemaurl", INVALID, ""),
        ("dataschema", BY_PIECE, "\u{7}"),
    ] {
        for lenient in [true, false] {
            let decoding = if lenient { DecodeOptions::lenient() } else { DecodeOptions::strict() };
            let mut assembler = Assembler::new(&decoding);
            give(&mut assembler, &[("specversion", "0.3"), ("id", "1"), ("source", "/s"), ("type", "t")]);
            match take(&mut assembler, name, value).and_then(|()| assembler.finish(None)) {
                Ok(decoded) if lenient => {
                    assert_eq!(decoded.value.attribute(name), None, "{name}: {value:?}");
                    let repairs: Vec<_> =
                        decoded.repairs().iter().map(|repair| (repair.kind(), repair.attribute())).collect();
                    assert_eq!(repairs, [(RepairKind::DroppedAttribute, Some(name))]);
                }
                Err(error) if !lenient => assert_eq!(error.attribute(), Some(name)),
                other => panic!("{name}: {value:?}: {other:?}"),
            }
        }
    }
}

type Take = fn(&mut Assembler<'_>, &str, &str) -> Result<(), Error>;

const AS_TEXT: Take =
    |assembler, name, value| assembler.text_named(AttributeName::of(name.as_bytes()), value.as_bytes());
const BY_PIECE: Take = |assembler, name, value| {
    let value = assembler.push(value)?;
    assembler.named(name, Given::Text(value))
};
const UNSET: Take = |assembler, name, _| {
    let name = assembler.push(name)?;
    assembler.unset(name)
};
const INVALID: Take = |assembler, name, _| {
    let name = assembler.push(name)?;
    assembler.invalid(name, Error::new(ErrorKind::InvalidType))
};
const MISTYPED: Take = |assembler, name, _| assembler.named(name, Given::Boolean(true));

#[test]
fn no_attribute_comes_twice() {
    let optional = [
        ("datacontenttype", "text/plain"),
        ("dataschema", "urn:a:b"),
        ("subject", "s"),
        ("time", "2020-01-01T00:00:00Z"),
        ("ext", "x"),
    ];
    let lenient = DecodeOptions::lenient();
    let twice = |first: Take, second: Take, name: &str, value: &str| {
        let mut assembler = Assembler::new(&lenient);
        first(&mut assembler, name, value).unwrap();
        let error = second(&mut assembler, name, value).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::DuplicateAttribute, Some(name)));
    };
    for (name, value) in optional {
        for first in [AS_TEXT, BY_PIECE, UNSET, INVALID, MISTYPED] {
            [AS_TEXT, BY_PIECE, UNSET, INVALID, MISTYPED]
                .iter()
                .for_each(|second| twice(first, *second, name, value));
        }
    }
    for (name, value) in REQUIRED {
        for first in [AS_TEXT, BY_PIECE] {
            [AS_TEXT, BY_PIECE].iter().for_each(|second| twice(first, *second, name, value));
        }
    }
}

#[test]
fn a_required_attribute_without_a_value_is_an_error_at_once() {
    let lenient = DecodeOptions::lenient();
    for (name, _) in REQUIRED {
        let error = UNSET(&mut Assembler::new(&lenient), name, "").unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::MissingAttribute, Some(name)));
        let error = INVALID(&mut Assembler::new(&lenient), name, "").unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidType, Some(name)));
    }
}

#[test]
fn content_types_are_checked() {
    let strict = DecodeOptions::strict();
    for good in ["application/json", "text/x-a.b+c", "text/plain; charset=utf-8"] {
        AS_TEXT(&mut Assembler::new(&strict), "datacontenttype", good).unwrap();
    }
    for bad in ["", "text", "/json", "text/", "text/a b", "text/(a)", "te xt/a", "a/b/c"] {
        assert!(AS_TEXT(&mut Assembler::new(&strict), "datacontenttype", bad).is_err(), "{bad:?}");
    }
}

#[test]
fn extensions_as_text_are_checked() {
    let strict = DecodeOptions::strict();
    for (name, value, kind) in [
        ("Ext", "x", ErrorKind::InvalidName),
        ("e-t", "x", ErrorKind::InvalidName),
        ("ext", "a\u{85}b", ErrorKind::InvalidString),
        ("Ext", "\u{85}", ErrorKind::InvalidName),
    ] {
        assert_eq!(AS_TEXT(&mut Assembler::new(&strict), name, value).unwrap_err().kind(), kind, "{name}");
    }
}

/// Texts are checked in steps of several bytes, which overlap: one control character must not hide another.
#[test]
fn control_characters_are_found_in_any_company() {
    let strict = DecodeOptions::strict();
    for length in (1..70).chain([128]) {
        for distance in [0, 1, 4, 8, 16, 32] {
            for at in 0..length {
                for odd in ["\u{1}", "\u{7f}", "\u{85}"] {
                    let special = |place| place == at || place == at + distance;
                    let text: String =
                        (0..length).map(|place| if special(place) { odd } else { "x" }).collect();
                    for name in ["subject", "ext"] {
                        let taken = AS_TEXT(&mut Assembler::new(&strict), name, &text);
                        assert_eq!(taken.unwrap_err().kind(), ErrorKind::InvalidString, "{text:?}");
                    }
                }
            }
        }
        AS_TEXT(&mut Assembler::new(&strict), "subject", &"é".repeat(length)).unwrap();
    }
}

#[test]
fn empty_attributes_name_their_clause() {
    let strict = DecodeOptions::strict();
    for (name, clause) in [
        ("id", "CE-id-b"),
        ("source", "CE-source-b"),
        ("type", "CE-type-b"),
        ("subject", "CE-subject-b"),
        ("time", "CE-time-b"),
        ("datacontenttype", "CE-datacontenttype-b"),
    ] {
        let error = AS_TEXT(&mut Assembler::new(&strict), name, "").unwrap_err();
        assert_eq!((error.kind(), error.clause()), (ErrorKind::EmptyAttribute, Some(clause)));
    }
}

const IN_OTHER_CASE: [(&str, Take, &str); 19] = [
    ("ID", BY_PIECE, ""),
    ("Id", MISTYPED, ""),
    ("Id", UNSET, "unset"),
    ("Id", INVALID, ""),
    ("Source", BY_PIECE, "a b"),
    ("Type", AS_TEXT, "\u{7}"),
    ("SpecVersion", BY_PIECE, "2.0"),
    ("SpecVersion", MISTYPED, ""),
    ("SpecVersion", INVALID, ""),
    ("Subject", BY_PIECE, ""),
    ("Subject", MISTYPED, ""),
    ("Subject", UNSET, "unset"),
    ("Subject", INVALID, ""),
    ("Time", BY_PIECE, "yesterday"),
    ("DataContentType", BY_PIECE, "text"),
    ("DataContentType", BY_PIECE, "text/plain;"),
    ("DataSchema", MISTYPED, ""),
    ("MyExt", BY_PIECE, "\u{7}"),
    ("MyExt", INVALID, ""),
];

/// Regression: where it came first, the event was refused, or a repair was reported of an attribute that is there. JSON members have no
/// order.
#[test]
fn a_name_in_another_case_gives_way_whatever_its_value_is() {
    let right = [
        ("subject", "s"),
        ("time", "2018-04-05T17:31:00Z"),
        ("datacontenttype", "text/plain"),
        ("dataschema", "urn:a:b"),
        ("myext", "x"),
    ];
    for leniency in [Leniency::all(), Leniency::all().without(RepairKind::DroppedAttribute)] {
        let decoding = DecodeOptions::strict().with_leniency(leniency);
        let mut assembler = Assembler::new(&decoding);
        give(&mut assembler, &REQUIRED);
        give(&mut assembler, &right);
        let expected = assembler.finish(None).unwrap().value;
        for (name, take, value) in IN_OTHER_CASE {
            for is_first in [true, false] {
                let mut assembler = Assembler::new(&decoding);
                if is_first {
                    take(&mut assembler, name, value).unwrap();
                }
                give(&mut assembler, &REQUIRED);
                give(&mut assembler, &right);
                if !is_first {
                    take(&mut assembler, name, value).unwrap();
                }
                let decoded = assembler.finish(None).unwrap();
                assert_eq!(decoded.value, expected, "{name}: {value:?}");
                let repairs: Vec<_> =
                    decoded.repairs().iter().map(|repair| (repair.kind(), repair.attribute())).collect();
                assert_eq!(repairs, [(RepairKind::DroppedName, Some(name))], "{name}: {value:?}, {is_first}");
            }
        }
    }
}

/// Where nothing comes to which it gives way, it is that attribute: refused if it is required, or may not be dropped.
#[test]
fn a_name_in_another_case_alone_is_judged_by_its_value() {
    let strictly = Leniency::all().without(RepairKind::DroppedAttribute);
    for (name, take, value) in IN_OTHER_CASE {
        let lower = name.to_ascii_lowercase();
        let is_required = REQUIRED.iter().any(|(required, _)| *required == lower);
        let others: Vec<_> = REQUIRED.into_iter().filter(|(required, _)| *required != lower).collect();
        let read = |leniency| {
            let decoding = DecodeOptions::strict().with_leniency(leniency);
            let mut assembler = Assembler::new(&decoding);
            take(&mut assembler, name, value).unwrap();
            give(&mut assembler, &others);
            assembler.finish(None)
        };
        // What is absent, or is repaired otherwise, is neither dropped nor refused.
        let drops = !["text/plain;", "unset"].contains(&value);
        for (leniency, is_refused) in [(Leniency::all(), is_required), (strictly, is_required || drops)] {
            match read(leniency) {
                Err(error) if is_refused => assert_eq!(error.attribute(), Some(&*lower), "{name}: {value:?}"),
                Ok(decoded) if !is_refused => {
                    let dropped =
                        decoded.repairs().iter().find(|repair| repair.kind() == RepairKind::DroppedAttribute);
                    assert_eq!(
                        dropped.and_then(|repair| repair.attribute()),
                        drops.then_some(&*lower),
                        "{name}: {value:?}"
                    );
                }
                other => panic!("{name}: {value:?}: {other:?}"),
            }
        }
    }
}

/// A name that is another one in lower case is left out, in either order: Debezium writes `iodebeziumtxId` beside `iodebeziumtxid`, which
/// is something else. CE-Naming-a.
#[test]
fn names_that_lower_casing_would_make_duplicates() {
    for order in [["myext", "MyExt"], ["MyExt", "myext"]] {
        for unset in [false, true] {
            let decoding = DecodeOptions::lenient();
            let mut assembler = Assembler::new(&decoding);
            give(&mut assembler, &REQUIRED);
            for name in order {
                if unset && name == "myext" {
                    let name = assembler.push(name).unwrap();
                    assembler.unset(name).unwrap();
                } else {
                    give(&mut assembler, &[(name, name)]);
                }
            }
            let decoded = assembler.finish(None).unwrap();
            let expected = if unset { None } else { Some(Value::String("myext")) };
            assert_eq!(decoded.value.extension("myext"), expected, "{order:?}");
            assert_eq!(decoded.repairs().len(), 1);
            assert_eq!(decoded.repairs()[0].kind(), RepairKind::DroppedName);
            assert_eq!(decoded.repairs()[0].attribute(), Some("MyExt"));
        }
    }
    for order in [["subject", "Subject"], ["Subject", "subject"]] {
        let decoding = DecodeOptions::lenient();
        let mut assembler = Assembler::new(&decoding);
        give(&mut assembler, &REQUIRED);
        give(&mut assembler, &order.map(|name| (name, name)));
        give(&mut assembler, &[("ID", "2"), ("SpecVersion", "0.3")]);
        let decoded = assembler.finish(None).unwrap();
        assert_eq!((decoded.value.subject(), decoded.value.id()), (Some("subject"), "1"));
        assert_eq!(decoded.value.specversion(), SpecVersion::V1);
        assert!(decoded.repairs().iter().all(|repair| repair.kind() == RepairKind::DroppedName));
    }
    // Where dropping is not allowed, it is a duplicate; and the same name twice is one in any case.
    let lower_cases =
        DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::LowerCasedName));
    for (decoding, names) in
        [(lower_cases, ["myext", "MyExt"]), (DecodeOptions::lenient(), ["myext", "myext"])]
    {
        let mut assembler = Assembler::new(&decoding);
        give(&mut assembler, &[(names[0], "a")]);
        let value = assembler.push("b").unwrap();
        let error = assembler.named(names[1], Given::Text(value)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DuplicateAttribute);
    }
}
