//! Documents and events that look for trouble.

use crate::{tagged, vectors};
use cloudevents_core::{AttributeType, Event, Payload, SpecVersion};
use proptest::{prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};

/// So many values, the same in every run: tests can require what they must cover.
pub(crate) fn sample<T: std::fmt::Debug>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

pub(crate) const TIMES: &[&str] = &[
    "2018-04-05T17:31:00Z",
    "2018-04-05T17:31:00.123Z",
    "2018-04-05T17:31:00.1Z",
    "2018-04-05T17:31:00.000Z",
    "2018-04-05T17:31:00.123456789Z",
    "2018-04-05T17:31:00.1234567891Z",
    "2018-04-05T17:31:00+01:00",
    "2018-04-05T17:31:00-00:00",
    "2018-04-05t17:31:00z",
    "2018-04-05T17:31:00.25+05:30",
    "2016-12-31T23:59:60Z",
    "2016-12-31T15:59:60.5-08:00",
    "0000-01-01T00:00:00Z",
    "0000-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-00:01",
];

const NO_TIMES: &[&str] = &[
    "2018-04-05T18:31Z",
    "2018-04-05 17:31:00Z",
    "2018-04-05T17:31:00",
    "2018-04-05T17:31:60Z",
    "2018-02-30T17:31:00Z",
    "2018-04-05T24:00:00Z",
    "2018-04-05T17:31:00+24:00",
    "2018-04-05T17:31:00+05",
    "2018-04-05T17:31:00+0500",
    "2018-04-05T17:31:00\u{2212}05:00",
    "+12018-04-05T17:31:00Z",
    "yesterday",
    "",
];

pub(crate) const SCHEMAS: &[&str] = &[
    "https://example.com/schemas/order",
    "http://Example.com",
    "HTTP://example.com/x",
    "http://example.com/a/../b",
    "http://example.com:80/",
    "http://example.com/%7e?q=1'2",
    "http://user:@example.com/",
    "urn:example:schema",
    "mailto:a@example.com",
    "http://[::1]:8080/x",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://0x7f.1/",
    "http://example.com:99999/",
    "http://256.256.256.256/",
    "http://exa%6dple.com/",
    "http://xn--a/",
    "http:example",
    "file:///c/x",
    "x:",
    "a:/..//b",
    "http:///x",
];

const NO_SCHEMAS: &[&str] = &[
    "#",
    "",
    "/schemas/order",
    "schemas/order",
    "http://example.com/x#y",
    "http://example.com/a b",
    "http://example.com/\u{e9}",
    "http://example.com/a|b",
    "http://example.com/%zz",
    "http://",
    " http://example.com/",
    "http:\\\\example.com",
];

pub(crate) const CONTENT_TYPES: &[&str] = &[
    "application/json",
    "Application/JSON",
    "application/json; charset=utf-8",
    "application/vnd.example+json",
    "application/vnd.example+json; charset=utf-8",
    "application/vnd.example+JSON",
    "text/json",
    "application/json-seq",
    "application/jsonfoo",
    "text/plain; profile=example+json",
    "text/plain",
    "application/xml",
    "application/cbor",
    "application/octet-stream",
];

pub(crate) const JSON: &[&str] = &[
    "null",
    "true",
    "0",
    "-0",
    "1.10",
    "1e2",
    "12345678901234567890123",
    "0.1234567890123456789012",
    "1E400",
    "1e-400",
    "\"placed\"",
    "\"42\"",
    "\"\"",
    "\"{\\\"order\\\":42}\"",
    "{}",
    "{\"order\":42}",
    " { \"b\" : [ 1 , 2 ] , \"a\" : { } } ",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"\\u0061\":1}",
    "[1,\"a\",null,true]",
    "\"a\\ud800b\"",
    "\"\\u00e9\\ud83d\\ude00\\u0000\"",
];

const BASE64: &[&str] =
    &["AAH/", "eyJvcmRlciI6NDJ9", "MQ==", "e29vcHM=", "", "_-8=", "AP8", "AP9=", "AP8A\\nAP8A"];

/// A document: members in any order, some of them wrong, some of them twice.
pub(crate) fn document() -> impl Strategy<Value = String> {
    let text = |good: &'static [&'static str], bad: &'static [&'static str]| {
        prop_oneof![8 => select(good), 1 => select(bad)].prop_map(quoted)
    };
    // Most events are wrong in no more than one place: what is wrong elsewhere would hide it.
    let required = prop_oneof![
        12 => Just(None),
        1 => (select(&["id", "source", "type"][..]), select(WRONG)).prop_map(Some)
    ];
    let specversion = prop_oneof![8 => Just("\"1.0\""), 4 => Just("\"0.3\""), 1 => select(&["\"1.0.2\"", "1.0", "null", "\"\""][..])];
    let maybe = |weight: f64, strategy: BoxedStrategy<String>| prop::option::weighted(weight, strategy);
    let content_type = text(CONTENT_TYPES, &["xyz", "", "a/b;", "a/b c"]).boxed();
    let payload = prop_oneof![
        3 => Just(Vec::new()),
        8 => select(JSON).prop_map(|json| vec![("data", json.to_owned())]),
        4 => select(BASE64).prop_map(|base64| vec![("data_base64", format!("\"{base64}\""))]),
        1 => select(&["null", "42", "{}"][..]).prop_map(|other| vec![("data_base64", other.to_owned())]),
        1 => Just(vec![("data", "1".to_owned()), ("data_base64", "\"AAH/\"".to_owned())]),
        3 => (select(BASE64), select(&["\"base64\"", "\"Base64\"", "\"\"", "null", "\"quoted-printable\"", "1"][..]))
            .prop_map(|(base64, encoding)| {
                vec![("data", format!("\"{base64}\"")), ("datacontentencoding", encoding.to_owned())]
            }),
        1 => Just(vec![("datacontentencoding", "\"base64\"".to_owned())]),
    ];
    let optional = (
        maybe(0.3, text(&["orders/42", "\u{e9}"], &["", "a\u{7}b", "\u{fffe}"]).boxed()),
        maybe(0.4, text(TIMES, NO_TIMES).boxed()),
        maybe(0.3, text(SCHEMAS, NO_SCHEMAS).boxed()),
        maybe(0.1, text(SCHEMAS, NO_SCHEMAS).boxed()),
        maybe(0.7, content_type),
        prop::option::weighted(0.4, (select(NAMES), select(VALUES))),
    );
    (specversion, required, optional, payload, any::<u64>(), 0..40_u8).prop_map(
        |(specversion, wrong, optional, payload, order, twice)| {
            let (subject, time, dataschema, schemaurl, content_type, extension) = optional;
            let mut members = vec![
                ("specversion", specversion.to_owned()),
                ("id", "\"A-1\"".to_owned()),
                ("source", "\"/orders\"".to_owned()),
                ("type", "\"com.example\"".to_owned()),
            ];
            if let Some((name, value)) = wrong {
                members.retain(|(n, _)| *n != name);
                members.push((name, value.to_owned()));
            }
            for (name, value) in [
                ("subject", subject),
                ("time", time),
                ("dataschema", dataschema),
                ("schemaurl", schemaurl),
                ("datacontenttype", content_type),
            ] {
                members.extend(value.map(|value| (name, value)));
            }
            members.extend(extension.map(|(name, value)| (name, value.to_owned())));
            members.extend(payload);
            if twice == 0 {
                members.push(members[order as usize % members.len()].clone());
            }
            let length = members.len();
            members.rotate_left(order as usize % length);
            if order % 2 == 0 {
                members.reverse();
            }
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        },
    )
}

const WRONG: &[&str] = &[
    "\"\"",
    "null",
    "7",
    "true",
    "[]",
    "\"not a uri\"",
    "\"a\\u0007b\"",
    "\"\\ufdd0\"",
    "\"\\ud800\"",
    "\"\u{e9}\"",
    "\"/a%zz\"",
    "\"urn:x:y#z\"",
];

pub(crate) const NAMES: &[&str] = &[
    "ext",
    "comexampleothervalueofatlength",
    "1abc",
    "traceparent",
    "MyExt",
    "my-ext",
    "my_ext",
    "",
    "data_base65",
    "\u{e9}",
];

const VALUES: &[&str] = &[
    "\"value\"",
    "\"\"",
    "true",
    "false",
    "5",
    "-2147483648",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "1.5",
    "5.0",
    "5e0",
    "-0",
    "null",
    "{\"a\":1}",
    "[1]",
    "\"a\\nb\"",
    "\"\\uffff\"",
];

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Events of ours: from documents, from the test vectors, and with every type of attribute and payload.
pub(crate) fn events(count: usize) -> Vec<Event> {
    let documents =
        sample(count, document()).into_iter().filter_map(|document| cloudevents_json::decode(document).ok());
    let vectors = ["json", "http", "core"].into_iter().flat_map(vectors::cases).filter_map(|case| {
        if case["request"]["op"] == "encode" { tagged::event(&case["request"]["events"][0]) } else { None }
    });
    documents.chain(vectors).chain(sample(count, event())).collect()
}

fn event() -> impl Strategy<Value = Event> {
    let content_type = prop::option::weighted(0.8, select(CONTENT_TYPES));
    let extensions = prop::collection::btree_map("[a-z0-9]{1,8}", extension(), 0..4);
    let attributes = (
        any::<bool>(),
        "[ -~é€😀]{1,8}",
        prop::option::of(select(TIMES)),
        prop::option::of(select(SCHEMAS)),
        prop::option::of("[ -~]{1,8}"),
        content_type,
    );
    (attributes, extensions, prop::option::weighted(0.9, payload()), 0..20_u8).prop_filter_map(
        "not an event",
        |((old, id, time, schema, subject, content_type), extensions, payload, encoding)| {
            let version = if old { SpecVersion::V03 } else { SpecVersion::V1 };
            let mut builder = Event::builder().specversion(version).id(id).source("/s?q").ty("t");
            if let Some(time) = time {
                builder = builder.time(time);
            }
            if let Some(schema) = schema {
                builder = builder.dataschema(schema);
            }
            if let Some(subject) = subject {
                builder = builder.subject(subject);
            }
            if let Some(content_type) = content_type {
                builder = builder.datacontenttype(content_type);
            }
            for (name, (ty, text)) in extensions {
                let mut scratch = Vec::new();
                builder = builder.extension(&name, ty.parse(&text, &mut scratch).unwrap());
            }
            // In 1.0 an extension like any other; in 0.3 documents could not tell it from their own.
            if encoding == 0 && payload.is_none() {
                builder = builder.extension("datacontentencoding", "base64");
            }
            if let Some(payload) = payload {
                builder = builder.payload_only(payload);
            }
            builder.build().ok()
        },
    )
}

fn extension() -> impl Strategy<Value = (AttributeType, String)> {
    prop_oneof![
        any::<bool>().prop_map(|boolean| (AttributeType::Boolean, boolean.to_string())),
        any::<i32>().prop_map(|number| (AttributeType::Integer, number.to_string())),
        "[ -~é€]{0,8}".prop_map(|text| (AttributeType::String, text)),
        select(&["AAH/", "", "MQ=="][..]).prop_map(|text| (AttributeType::Binary, text.to_owned())),
        Just((AttributeType::Uri, "https://Example.com".to_owned())),
        select(&["/a", "#f", "urn:x:y"][..]).prop_map(|text| (AttributeType::UriReference, text.to_owned())),
        select(TIMES).prop_map(|text| (AttributeType::Timestamp, text.to_owned())),
    ]
}

fn payload() -> impl Strategy<Value = Payload> {
    let bytes = select(BYTES);
    prop_oneof![
        4 => select(JSON).prop_map(|json| Payload::json(json).unwrap()),
        2 => select(JSON).prop_map(Payload::text),
        1 => select(&["placed", "", "{oops"][..]).prop_map(Payload::text),
        2 => bytes.clone().prop_map(Payload::binary),
        2 => bytes.prop_map(Payload::body),
        1 => Just(Payload::xml("<much wow=\"xml\"/>")),
        1 => Just(Payload::cbor(&b"\x82\x01\x02"[..]).unwrap()),
        1 => select(&["type.example/x", ""][..]).prop_map(|url| Payload::proto(url, &b"\x08\x01"[..])),
    ]
}

const BYTES: &[&[u8]] =
    &[b"\x01", b"\xff\xfe", b"", b"{}", b" [1.50, 2]", b"{\"a\":1,\"a\":2}", b"\x82\x01\x02"];
