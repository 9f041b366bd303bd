//! What errors say: the clause that is violated, and what is wrong with a value.

use cloudevents_core::{
    AttributeType, Error, ErrorKind, Event, MediaType, Name, SpecVersion, Timestamp, Uri, UriReference, Value,
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
fn an_empty_dataschema() {
    let mistakes = Event::builder().id("1").source("/s").ty("t").dataschema("").build().unwrap_err();
    let found: Vec<_> = mistakes.errors().iter().map(|error| (error.kind(), error.clause())).collect();
    assert_eq!(found, [(ErrorKind::EmptyAttribute, Some("CE-dataschema-b"))]);
    let old = Event::builder().specversion(SpecVersion::V03).id("1").source("/s").ty("t");
    assert_eq!(old.dataschema("").build().unwrap_err().errors()[0].kind(), ErrorKind::EmptyAttribute);
}

#[test]
fn the_first_mistake_has_the_others() {
    let one = Error::from(Event::builder().id("1").source("/s").build().unwrap_err());
    assert_eq!((one.attribute(), one.others().len()), (Some("type"), 0));
    let three = Error::from(Event::builder().build().unwrap_err());
    assert_eq!(three.attribute(), Some("id"));
    let others: Vec<_> = three.others().iter().map(Error::attribute).collect();
    assert_eq!(others, [Some("source"), Some("type")]);
}

#[test]
fn no_extension_has_the_name_of_a_core_attribute() {
    for name in ["specversion", "id", "time", "dataschema", "data"] {
        let builder = Event::builder().id("1").source("/s").ty("t").extension(name, "x");
        let mistakes = builder.build().unwrap_err();
        assert_eq!(mistakes.errors()[0].kind(), ErrorKind::InvalidName, "{name}");
        let mut event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
        assert_eq!(event.set_extension(name, "x").unwrap_err().kind(), ErrorKind::InvalidName, "{name}");
    }
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

/// RFC 3339, section 5.6: digits are digits, in every place.
#[test]
fn what_looks_like_a_digit() {
    for two in ["2018-04-05T17:1::0:Z", "2018-04-05T17:31:00+0:::0"] {
        assert!(Timestamp::parse(two).is_err(), "{two}");
    }
    for good in ["2018-04-05T17:31:00Z", "2018-04-05T17:31:00.120Z", "2018-04-05T17:31:00+10:30"] {
        assert!(Timestamp::parse(good).is_ok());
        for (at, _) in good.match_indices(|character: char| character.is_ascii_digit()) {
            for other in ["/", ":", " ", "a", "-"] {
                let mut text = good.to_owned();
                text.replace_range(at..at + 1, other);
                assert!(Timestamp::parse(&text).is_err(), "{text}");
            }
        }
    }
}

/// The days are counted one by one, by the rule of leap years of the Gregorian calendar.
#[test]
fn every_month_of_every_year() {
    let mut day = -719_528; // 0000-01-01, counted from 1970-01-01
    for year in 0..10_000 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for (month, days) in
            [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate()
        {
            for (date, seconds) in [(1, day * 86_400), (days, (day + days) * 86_400 - 86_400)] {
                let text = format!("{year:04}-{:02}-{date:02}T00:00:00Z", month + 1);
                assert_eq!(Timestamp::format_utc(seconds, 0).unwrap(), text);
            }
            day += days;
        }
    }
    assert_eq!(Timestamp::format_utc(0, 0).unwrap(), "1970-01-01T00:00:00Z");
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
    let absolute = |text| UriReference::parse(text).unwrap().as_uri().map(|uri| uri.as_str().to_owned());
    assert_eq!(absolute("urn:a:b").as_deref(), Some("urn:a:b"));
    assert_eq!((absolute("/a"), absolute("//example.com/a")), (None, None));
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
    assert_eq!(media_type.to_string(), "Text/Plain; charset=utf-8");
    assert!(media_type == *"text/plain; charset=UTF-8" || media_type == *"text/plain; charset=utf-8");
    assert!(media_type != *"text/html; charset=utf-8" && media_type != *"text");
    assert_eq!([SpecVersion::V1, SpecVersion::V03].map(|version| version.to_string()), ["1.0", "0.3"]);
    assert!(MediaType::parse("text").unwrap_err().detail().contains("no slash"));
    assert!(!MediaType::parse("text/").unwrap_err().detail().contains("no slash"));
    let error = MediaType::parse("text/plainé").unwrap_err();
    assert!(error.detail().contains("'é' at byte 10"), "{error}");
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
