//! The limits of decoding, at their edges.

use cloudevents_core::{
    DecodeOptions, Error, ErrorKind, Event, Limits,
    codec::{Assembler, AttributeName, Given},
};

fn assemble(limits: Limits, extensions: &[(&str, &str)]) -> Result<Event, Error> {
    let decoding = DecodeOptions::strict().with_limits(limits);
    let mut assembler = Assembler::new(&decoding);
    let required = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];
    for (name, value) in required.iter().chain(extensions) {
        let value = assembler.push(value)?;
        assembler.named(name, Given::Text(value))?;
    }
    assembler.complete()?;
    Ok(assembler.finish(None)?.value)
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[test]
fn attributes() {
    let limits = limits(|limits| limits.attributes = 6);
    assert!(assemble(limits, &[("a", ""), ("b", "")]).is_ok());
    assert_eq!(assemble(limits, &[("a", ""), ("b", ""), ("c", "")]).unwrap_err().kind(), ErrorKind::TooMany);
}

/// The same with texts that are copied and taken at once.
#[test]
fn attributes_as_text() {
    let decoding =
        DecodeOptions::strict().with_limits(limits(|limits| (limits.attributes, limits.value) = (3, 4)));
    for names in [["id", "source", "type", "subject", "x"], ["id", "specversion", "x", "source", "type"]] {
        let mut assembler = Assembler::new(&decoding);
        let mut take = |name: &str, value: &str| {
            assembler.text_named(AttributeName::of(name.as_bytes()), value.as_bytes())
        };
        for (index, name) in names.into_iter().enumerate() {
            let taken = take(name, if name == "specversion" { "1.0" } else { "/abc" });
            assert_eq!(taken.err().map(|error| error.kind()), (index >= 3).then_some(ErrorKind::TooMany));
        }
    }
    let mut assembler = Assembler::new(&decoding);
    let error = assembler.text_named(AttributeName::of(b"id"), b"12345").unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("id")));
}

#[test]
fn the_last_attribute_that_fits_has_the_other_limits() {
    let limits = limits(|limits| (limits.attributes, limits.name, limits.value) = (5, 3, 4));
    for attribute in [("abcd", ""), ("abc", "12345")] {
        assert_eq!(assemble(limits, &[attribute]).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

#[test]
fn names_and_values() {
    let limits = limits(|limits| (limits.name, limits.value) = (3, 4));
    assert!(assemble(limits, &[("abc", "1234")]).is_ok());
    assert_eq!(assemble(limits, &[("abcd", "")]).unwrap_err().kind(), ErrorKind::TooLarge);
    let error = assemble(limits, &[("abc", "12345")]).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("abc")));
    assert!(error.to_string().contains("a value of 5 bytes, and the limit is 4"), "{error}");
    let error = assemble(limits, &[("subject", "12345")]).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::TooLarge, Some("subject")));
}

#[test]
fn duplicates_in_any_order() {
    assert_eq!(
        assemble(Limits::default(), &[("b", ""), ("a", ""), ("c", ""), ("a", "")]).unwrap_err().attribute(),
        Some("a")
    );
    assert_eq!(
        assemble(Limits::default(), &[("id", "2")]).unwrap_err().kind(),
        ErrorKind::DuplicateAttribute
    );
    assert_eq!(
        assemble(Limits::default(), &[("specversion", "1.0")]).unwrap_err().kind(),
        ErrorKind::DuplicateAttribute
    );
}

#[test]
fn two_hundred_extensions_come_out_sorted() {
    let names: Vec<String> = (0..200).map(|n| format!("x{}", (n * 77) % 200)).collect();
    let extensions: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let event = assemble(Limits::default(), &extensions).unwrap();
    let found: Vec<_> = event.extensions().map(|(name, _)| name.as_str()).collect();
    let mut sorted = found.clone();
    sorted.sort_unstable();
    assert_eq!(found, sorted);
    assert_eq!(found.len(), 200);
    for name in &names {
        assert_eq!(event.extension(name).and_then(|value| value.as_str()), Some(name.as_str()));
    }
}
