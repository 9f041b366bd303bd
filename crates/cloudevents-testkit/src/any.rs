//! Strategies of the proptest crate: any valid event, and its parts.

use cloudevents_core::{Event, Name, Payload, SpecVersion, Timestamp, UriReference};
use proptest::{collection::vec, prelude::*, sample::select};

/// Any valid event: of both spec versions, with attributes of all types and payloads of all kinds.
///
/// ```
/// use proptest::{strategy::{Strategy, ValueTree}, test_runner::TestRunner};
///
/// let mut runner = TestRunner::deterministic();
/// let event = cloudevents_testkit::any::event().new_tree(&mut runner).unwrap().current();
/// assert!(!event.id().is_empty());
/// ```
pub fn event() -> impl Strategy<Value = Event> {
    let required = (string(1), uri_reference(), string(1));
    let optional = (
        proptest::option::of(string(1)),
        proptest::option::of(timestamp()),
        proptest::option::of(select(SCHEMAS)),
        proptest::option::weighted(0.8, select(CONTENT_TYPES)),
    );
    let payload = proptest::option::weighted(0.9, payload());
    (required, optional, vec((name(), extension()), 0..6), payload, proptest::bool::weighted(0.1))
        .prop_filter_map(
            "a value that does not fit",
            |((id, source, ty), (subject, time, schema, content_type), extensions, payload, old)| {
                let mut builder = Event::builder();
                if old {
                    builder = builder.specversion(SpecVersion::V03);
                }
                builder = builder.id(id).source(source).ty(ty);
                builder = subject.into_iter().fold(builder, |builder, subject| builder.subject(subject));
                builder = time.into_iter().fold(builder, |builder, time| builder.time(time));
                builder = schema.into_iter().fold(builder, |builder, schema| builder.dataschema(schema));
                builder = content_type.into_iter().fold(builder, |builder, ct| builder.datacontenttype(ct));
                builder =
                    payload.into_iter().fold(builder, |builder, payload| builder.payload_only(Ok(payload)));
                builder =
                    extensions.into_iter().fold(builder, |builder, (name, value)| value.add(builder, &name));
                builder.build().ok()
            },
        )
}

/// Any valid event of specversion 1.0: the only one that formats other than JSON have.
pub fn event_of_1_0() -> impl Strategy<Value = Event> {
    event().prop_filter_map("not to be upgraded", |event| event.upgrade().ok())
}

/// A String of at least so many characters, rich in those that carriers have to escape.
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
    "[a-z0-9]{1,24}".prop_filter("a name with a meaning of its own", |name| {
        Name::parse(name).is_ok() && !RESERVED.contains(&name.as_str())
    })
}

/// A URI-reference that is not empty.
pub fn uri_reference() -> impl Strategy<Value = String> {
    prop_oneof![
        select(SOURCES).prop_map(str::to_owned),
        "(/[a-z0-9._~%!$&'()*+,;=:@-]{0,8}){1,4}(\\?[a-z=&/?]{0,6})?(#[a-z]{0,4})?",
    ]
    .prop_filter("not a URI-reference", |text| UriReference::parse(text).is_ok())
}

/// A timestamp of any spelling.
pub fn timestamp() -> impl Strategy<Value = String> {
    let date = (0..10_000_u16, 1..13_u8, 1..32_u8).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}"));
    let time = (0..24_u8, 0..60_u8, 0..60_u8, "(\\.[0-9]{1,12})?")
        .prop_map(|(h, m, s, f)| format!("{h:02}:{m:02}:{s:02}{f}"));
    let offset = prop_oneof![
        3 => Just("Z".to_owned()),
        1 => Just("z".to_owned()),
        2 => (0..24_u8, 0..60_u8, any::<bool>()).prop_map(|(h, m, east)| format!("{}{h:02}:{m:02}", if east { '+' } else { '-' })),
    ];
    (date, select(vec!['T', 't']), time, offset)
        .prop_map(|(date, t, time, offset)| format!("{date}{t}{time}{offset}"))
        .prop_filter("a day that does not exist", |text| Timestamp::parse(text).is_ok())
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
        prop_oneof![
            vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            vec(member, 0..4).prop_map(|members| format!("{{ {}}}", members.join(","))),
        ]
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        3 => json().prop_filter_map("not JSON", |text| Payload::json(text).ok()),
        2 => any::<String>().prop_map(Payload::text),
        1 => json().prop_map(Payload::text),
        2 => vec(any::<u8>(), 0..64).prop_map(Payload::binary),
        1 => vec(any::<u8>(), 0..64).prop_map(Payload::body),
        1 => json().prop_map(Payload::body),
        1 => select(ELEMENTS).prop_map(Payload::xml),
        1 => select(ITEMS).prop_filter_map("not CBOR", |item| Payload::cbor(item.to_vec()).ok()),
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
    Uri(&'static str),
    UriReference(String),
    Timestamp(String),
}

impl Extension {
    fn add(self, builder: cloudevents_core::EventBuilder, name: &str) -> cloudevents_core::EventBuilder {
        match self {
            Self::Boolean(value) => builder.extension(name, value),
            Self::Integer(value) => builder.extension(name, value),
            Self::String(value) => builder.extension(name, value),
            Self::Binary(value) => builder.extension(name, value),
            Self::Uri(text) => match cloudevents_core::Uri::parse(text) {
                Ok(uri) => builder.extension(name, uri),
                Err(_) => builder,
            },
            Self::UriReference(text) => match UriReference::parse(&text) {
                Ok(reference) => builder.extension(name, reference),
                Err(_) => builder,
            },
            Self::Timestamp(text) => match Timestamp::parse(&text) {
                Ok(timestamp) => builder.extension(name, timestamp),
                Err(_) => builder,
            },
        }
    }
}

fn extension() -> impl Strategy<Value = Extension> {
    prop_oneof![
        any::<bool>().prop_map(Extension::Boolean),
        any::<i32>().prop_map(Extension::Integer),
        string(0).prop_map(Extension::String),
        vec(any::<u8>(), 0..12).prop_map(Extension::Binary),
        select(SCHEMAS).prop_map(Extension::Uri),
        uri_reference().prop_map(Extension::UriReference),
        timestamp().prop_map(Extension::Timestamp),
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
const SOURCES: &[&str] = &[
    "/",
    "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
    "https://Example.com:80/a%2Fb?q=%20",
    "1-555-123-4567",
    "//h/p",
    "#f",
];
const SCHEMAS: &[&str] = &["https://example.com/schema/1", "urn:x:y", "HTTP://EXAMPLE.com/%7Ea?b"];
const CONTENT_TYPES: &[&str] = &[
    "application/json",
    "Application/Vnd.Order+JSON; charset=utf-8",
    "text/plain; charset=\"utf-8\"",
    "application/octet-stream",
    "application/xml",
    "application/cbor",
    "application/protobuf",
];
const ELEMENTS: &[&str] =
    &["<a/>", "<x:order xmlns:x='urn:x' id=\"1\">&amp;<!-- c --><![CDATA[<]]>é</x:order>"];
const ITEMS: &[&[u8]] = &[
    &[0xf6],
    &[0x83, 1, 2, 3],
    &[0xa1, 0x61, 0x61, 0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
    &[0x40],
];
