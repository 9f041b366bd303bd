//! What errors say: the clause that is violated, and what is wrong with a value.

use cloudevents_core::{
    AttributeType, ErrorKind, Event, MediaType, Name, Timestamp, Uri, UriReference, Value,
};

#[test]
fn missing_and_empty_attributes_name_their_clause() {
    let clauses = |mistakes: cloudevents_core::BuildError| -> Vec<_> {
        mistakes.errors().iter().map(|error| (error.kind(), error.clause().unwrap())).collect()
    };
    let missing = ErrorKind::MissingAttribute;
    assert_eq!(
        clauses(Event::builder().build().unwrap_err()),
        [(missing, "CE-id-a"), (missing, "CE-source-a"), (missing, "CE-type-a")]
    );
    let empty = ErrorKind::EmptyAttribute;
    let builder = Event::builder().id("").source("").ty("").datacontenttype("").subject("");
    let mut found = clauses(builder.build().unwrap_err());
    found.sort_unstable_by_key(|(_, clause)| *clause);
    assert_eq!(
        found,
        ["CE-datacontenttype-b", "CE-id-b", "CE-source-b", "CE-subject-b", "CE-type-b"]
            .map(|clause| (empty, clause))
    );
}

#[test]
fn names() {
    for (name, clause, attribute) in [
        ("data", "CE-Naming-f", Some("data")),
        ("", "CE-Naming-c", None),
        ("a-b", "CE-Naming-a", Some("a-b")),
    ] {
        let error = Name::parse(name).unwrap_err();
        assert_eq!((error.clause(), error.attribute()), (Some(clause), attribute));
    }
}

#[test]
fn timestamps() {
    for (text, expected) in [
        ("2026-02-29T00:00:00Z", "February 2026 has 28 days"),
        ("2024-02-30T00:00:00Z", "February 2024 has 29 days"),
        ("2100-02-29T00:00:00Z", "February 2100 has 28 days"),
        ("2000-11-31T00:00:00Z", "November 2000 has 30 days"),
        ("2018-04-05T17:31:00", "the zone is missing"),
        ("2018-04-05T17:31:00.5", "the zone is missing"),
    ] {
        let error = Timestamp::parse(text).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
    for last in ["2026-02-28T00:00:00Z", "2024-02-29T00:00:00Z", "2000-11-30T00:00:00Z"] {
        assert!(Timestamp::parse(last).is_ok(), "{last}");
    }
}

/// RFC 3986, section 2: what a URI has no place for is percent-encoded.
#[test]
fn characters_of_uris() {
    for (text, expected) in [
        ("urn:a:b c", "' ' at byte 7"),
        ("urn:a:<", "'<' at byte 6"),
        ("urn:é", "'é' at byte 4"),
        ("urn:a:\u{7f}", "at byte 6"),
        ("urn:a:{b}", "'{' at byte 6"),
    ] {
        for error in [Uri::parse(text).unwrap_err(), UriReference::parse(text).unwrap_err()] {
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }
    let error = UriReference::parse("urn:%zz").unwrap_err();
    assert!(!error.to_string().contains("at byte"), "{error}");
}

/// The names of the type system in the specification.
#[test]
fn types_are_shown_by_name() {
    let shown: Vec<_> = AttributeType::ALL.iter().map(ToString::to_string).collect();
    for name in ["Boolean", "Integer", "String", "Binary", "URI", "URI-reference", "Timestamp"] {
        assert!(shown.iter().any(|shown| shown == name), "{name}: {shown:?}");
    }
    let media_type = MediaType::parse("Text/Plain; charset=utf-8").unwrap();
    assert_eq!((media_type.type_(), media_type.subtype()), ("Text", "Plain"));
}

#[test]
fn values_beside_rust_values() {
    assert!(Value::String("1") == *"1" && Value::String("1") == "1");
    assert!(Value::String("1") != *"2" && Value::String("1") != "2");
    assert!(Value::Integer(1) != *"1" && Value::Integer(1) != "1" && Value::String("1") != 1);
    assert!(Value::Integer(1) == 1 && Value::Integer(1) != 2);
    assert!(Value::Boolean(true) == true && Value::Boolean(true) != false);
    assert!(Value::Binary(&[1]) == [1][..] && Value::Binary(&[1]) != [2][..]);
}
