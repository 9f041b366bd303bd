//! An assembler returns only valid events, however it is used.

use cloudevents_core::{
    DecodeOptions, ErrorKind, Payload, RepairKind,
    codec::{Assembler, Given},
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
