//! Strategies of the proptest crate: any valid event, and its parts.
//!
//! The parts are generated from the grammars of the specifications, and not from the input that our own parsers accept. If a parser refuses
//! one, the test panics.

mod cbor;
mod odd;
mod time;
mod uri;
mod xml;

pub use cbor::cbor_item;
pub use odd::{large_event, repaired_event};
pub use time::timestamp;
pub use uri::{uri, uri_reference};
pub use xml::xml_element;

use cloudevents_core::{Error, Event, EventBuilder, Payload, SpecVersion, Timestamp, Uri, UriReference};
use proptest::{collection::vec, prelude::*, sample::select};

/// Any valid event of either specversion, with attributes of all types and payloads of all kinds.
///
/// ```
/// use proptest::{strategy::{Strategy, ValueTree}, test_runner::TestRunner};
///
/// let mut runner = TestRunner::deterministic();
/// let event = cloudevents_testkit::any::event().new_tree(&mut runner).unwrap().current();
/// assert!(!event.id().is_empty());
/// ```
pub fn event() -> impl Strategy<Value = Event> {
    // In boxes: values under construction would not fit on the stack of a test.
    let required = (string(1), uri_reference().boxed(), string(1)).boxed();
    let optional = (
        proptest::option::of(string(1)),
        proptest::option::of(timestamp().boxed()),
        proptest::option::of(uri().boxed()),
        proptest::option::weighted(0.8, content_type().boxed()),
    )
        .boxed();
    let payload = proptest::option::weighted(0.9, payload().boxed()).boxed();
    (
        required,
        optional,
        vec((name(), extension().boxed()), 0..6).boxed(),
        payload,
        proptest::bool::weighted(0.1),
    )
        .prop_map(
            |((id, source, ty), (subject, time, schema, content_type), extensions, payload, old)| {
                let version = if old { SpecVersion::V03 } else { SpecVersion::V1 };
                let mut builder = Event::builder().specversion(version).id(id).source(source).ty(ty);
                builder =
                    builder.subject(subject).time(time).dataschema(schema).datacontenttype(content_type);
                builder = payload.into_iter().fold(builder, |builder, payload| builder.payload_only(payload));
                builder =
                    extensions.into_iter().fold(builder, |builder, (name, value)| value.add(builder, &name));
                valid(builder.build())
            },
        )
}

/// A value that is valid by construction.
#[allow(clippy::panic)] // A refusal is the failure that tests look for.
fn valid<T, E: std::fmt::Debug>(made: Result<T, E>) -> T {
    match made {
        Ok(made) => made,
        Err(error) => panic!("a valid value was refused: {error:?}"),
    }
}

/// Any valid event of specversion 1.0, the only version that formats other than JSON support.
pub fn event_of_1_0() -> impl Strategy<Value = Event> {
    event().prop_map(|event| valid(event.upgrade()))
}

/// A String of at least `least` characters, many of which carriers have to escape.
pub fn string(least: usize) -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        2 => select(vec!['%', '"', '\\', ' ', '+', '/', '\u{a0}', 'é', '€', '😀', '\u{fffd}', '\u{10fffd}', '\u{7e}']),
        1 => any::<char>(),
    ];
    vec(character.prop_filter("no CloudEvents character", |c| is_string_character(*c)), least..20)
        .prop_map(|characters| characters.into_iter().collect())
}

/// The name of an extension attribute.
pub fn name() -> impl Strategy<Value = String> {
    "[a-z0-9]{1,24}"
        .prop_filter("a name with a meaning of its own", |name| !RESERVED.contains(&name.as_str()))
}

/// A media type of RFC 2045, section 5.1: well-known ones, and any others.
pub fn content_type() -> impl Strategy<Value = String> {
    // A token: printable ASCII without the space and the `tspecials`.
    let token = || "[!#$%&'*+.0-9A-Z^_`a-z{|}~-]{1,8}";
    let value = prop_oneof![
        token().prop_map(String::from),
        // Printable ASCII, with quotation marks and backslashes escaped, and some that need no escape.
        "([ !#-\\[\\]-~]|\\\\[ -~]){0,8}".prop_map(|text| format!("\"{text}\"")),
    ];
    let parameter = (select(vec![";", "; ", " ; "]), token(), value)
        .prop_map(|(separator, name, value)| format!("{separator}{name}={value}"));
    let any = (token(), token(), select(vec!["", "", "+json", "+cbor", "+xml"]), vec(parameter, 0..3))
        .prop_map(|(ty, subtype, suffix, parameters)| {
            format!("{ty}/{subtype}{suffix}{}", parameters.concat())
        });
    prop_oneof![4 => select(CONTENT_TYPES).prop_map(str::to_owned), 1 => any]
}

/// A JSON text of any shape, with numbers that no machine type holds.
pub fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(vec![
            "null",
            "true",
            "false",
            "0",
            "-0",
            "1.10",
            "1e400",
            "12345678901234567890123",
            "-2.5E-3",
            "\"\\ud800\"",
            "\"\\u0000\""
        ])
        .prop_map(str::to_owned),
        any::<String>().prop_map(|text| serde_json::Value::String(text).to_string()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member = (any::<String>(), inner.clone())
            .prop_map(|(name, value)| format!("{}: {value}", serde_json::Value::String(name)));
        let comma = || select(vec![",", " ,", ",\r\n\t", "\n,"]);
        prop_oneof![
            (vec(inner, 0..4), comma()).prop_map(|(items, comma)| format!("[{}]", items.join(comma))),
            (vec(member, 0..4), comma()).prop_map(|(members, comma)| format!("{{ {}}}", members.join(comma))),
        ]
    })
}

/// A JSON value, at times with white space around it, which is part of a text and not of the value.
fn json_text() -> impl Strategy<Value = String> {
    let around = || select(vec!["", "", "", " ", "\r\n", "\t"]);
    (around(), json(), around()).prop_map(|(before, value, after)| format!("{before}{value}{after}"))
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        3 => json_text().prop_map(|text| valid(Payload::json(text))),
        2 => any::<String>().prop_map(Payload::text),
        1 => Just(Payload::text("")),
        1 => vec(proptest::char::range(' ', 'ÿ'), 1..12)
            .prop_map(|text| Payload::text(text.into_iter().collect::<String>())),
        1 => json_text().prop_map(Payload::text),
        2 => vec(any::<u8>(), 0..64).prop_map(Payload::binary),
        1 => vec(any::<u8>(), 0..64).prop_map(Payload::body),
        1 => json_text().prop_map(Payload::body),
        2 => xml_element().boxed().prop_map(Payload::xml),
        2 => cbor_item().prop_map(|item| valid(Payload::cbor(item))),
        1 => cbor_item().prop_map(Payload::body),
        1 => ("[a-z./]{0,12}", vec(any::<u8>(), 0..16)).prop_map(|(url, value)| Payload::proto(url, value)),
    ]
}

/// The value of an extension attribute.
#[derive(Clone, Debug)]
enum Extension {
    Boolean(bool),
    Integer(i32),
    String(String),
    Binary(Vec<u8>),
    Uri(String),
    UriReference(String),
    Timestamp(String),
}

impl Extension {
    fn add(self, builder: EventBuilder, name: &str) -> EventBuilder {
        fn view<'a, T>(text: &'a str, parse: fn(&'a str) -> Result<T, Error>) -> T {
            valid(parse(text))
        }
        match self {
            Self::Boolean(value) => builder.extension(name, value),
            Self::Integer(value) => builder.extension(name, value),
            Self::String(value) => builder.extension(name, value),
            Self::Binary(value) => builder.extension(name, value),
            Self::Uri(text) => builder.extension(name, view(&text, Uri::parse)),
            Self::UriReference(text) => builder.extension(name, view(&text, UriReference::parse)),
            Self::Timestamp(text) => builder.extension(name, view(&text, Timestamp::parse)),
        }
    }
}

fn extension() -> impl Strategy<Value = Extension> {
    prop_oneof![
        any::<bool>().prop_map(Extension::Boolean),
        any::<i32>().prop_map(Extension::Integer),
        string(0).prop_map(Extension::String),
        vec(any::<u8>(), 0..12).prop_map(Extension::Binary),
        uri().boxed().prop_map(Extension::Uri),
        uri_reference().boxed().prop_map(Extension::UriReference),
        timestamp().boxed().prop_map(Extension::Timestamp),
    ]
}

/// The specification's own words, not the implementation's: "Type System", String.
fn is_string_character(character: char) -> bool {
    let code = u32::from(character);
    !matches!(code, 0..=0x1F | 0x7F..=0x9F | 0xFDD0..=0xFDEF) && !matches!(code & 0xFFFF, 0xFFFE | 0xFFFF)
}

const RESERVED: &[&str] = &[
    "id",
    "source",
    "type",
    "specversion",
    "datacontenttype",
    "dataschema",
    "subject",
    "time",
    "data",
    "schemaurl",
    "datacontentencoding",
];
const CONTENT_TYPES: &[&str] = &[
    "application/json",
    "Application/Vnd.Order+JSON; charset=utf-8",
    "text/plain; charset=\"utf-8\"",
    "text/plain; charset=iso-8859-1",
    "text/csv; Charset=\"US-ASCII\"",
    "application/xml; charset=utf-16",
    "text/plain;charset=UTF-16LE",
    "text/html; charset=koi8-r",
    "application/octet-stream",
    "application/xml",
    "application/cbor",
    "application/protobuf",
];

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::Data;
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    fn many<T: std::fmt::Debug>(number: usize, any: impl Strategy<Value = T>) -> Vec<T> {
        let mut runner = TestRunner::deterministic();
        (0..number).map(|_| any.new_tree(&mut runner).unwrap().current()).collect()
    }

    // What is rare in the field is not rare here.
    #[test]
    fn odd_things_come_in_quantity() {
        let events = many(1000, event());
        let count = |has: &dyn Fn(&Event) -> bool| events.iter().filter(|event| has(event)).count();
        assert!(count(&|event| event.time().is_some_and(|time| time.instant().leap_second)) > 20);
        assert!(count(&|event| event.source().as_str().contains('[')) > 10);
        assert!(count(&|event| event.source().as_str().contains('%')) > 50);
        assert!(count(&|event| event.datacontenttype().is_some_and(|ct| ct.as_str().contains('\\'))) > 5);
        let non_ascii = |text: &str| text.chars().nth(1).is_some_and(|first| !first.is_ascii());
        assert!(count(&|event| matches!(event.data(), Some(Data::Xml(text)) if non_ascii(text))) > 10);
        assert!(count(&|event| matches!(event.data(), Some(Data::Cbor(_)))) > 20);
        let items = many(1000, cbor_item());
        for major in 0..8 {
            let is = |item: &&Vec<u8>| item.first().is_some_and(|first| first >> 5 == major);
            assert!(items.iter().filter(is).count() > 20, "{major}");
        }
        let indefinite = |item: &&Vec<u8>| item.first().is_some_and(|first| first & 0x1f == 31);
        assert!(items.iter().filter(indefinite).count() > 20);
    }
}
