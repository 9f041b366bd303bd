//! Typed payloads through apache-avro.

use crate::memory::long;
use apache_avro::{BigDecimal, Schema};
use cloudevents_avro::apacheavro022::{AvroBuilderExt, AvroEventExt, CheckedSchema};
use cloudevents_core::{Error, ErrorKind, Event, EventBuilder};
use cloudevents_testkit::{heap, size};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, SeqAccess, Visitor},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::{self, Debug, Formatter},
};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Order {
    number: i32,
    items: Vec<String>,
}

fn schema() -> Schema {
    Schema::parse_str(
        r#"{"type": "record", "name": "Order", "fields": [
            {"name": "number", "type": "int"}, {"name": "items", "type": {"type": "array", "items": "string"}}]}"#,
    )
    .unwrap()
}

fn builder() -> EventBuilder {
    Event::builder().id("1").source("/s").ty("t")
}

#[test]
fn through_every_format() {
    let order = Order { number: 42, items: vec!["a".into(), "b".into()] };
    let event = builder().avro(&schema(), &order).build().unwrap();
    assert_eq!(event.datacontenttype().unwrap().as_str(), "application/avro");
    assert_eq!(event.data_bytes().unwrap().as_ref(), b"\x54\x04\x02a\x02b\0");
    let avro = cloudevents_avro::decode(cloudevents_avro::encode_lossy(&event).unwrap()).unwrap();
    let compact =
        cloudevents_avro::compact::decode(cloudevents_avro::compact::encode_lossy(&event).unwrap()).unwrap();
    let json = cloudevents_json::decode(cloudevents_json::encode_lossy(&event)).unwrap();
    for event in [avro, compact, json] {
        assert_eq!(event.data_as_avro::<Order>(&schema()).unwrap(), order);
    }
}

#[test]
fn a_content_type_that_fits_stays() {
    let order = Order { number: 42, items: vec![] };
    for (stated, expected) in [("avro/binary", "avro/binary"), ("text/plain", "application/avro")] {
        let event = builder().datacontenttype(stated).avro(&schema(), &order).build().unwrap();
        assert_eq!(event.datacontenttype().unwrap().as_str(), expected);
        assert_eq!(event.data_as_avro::<Order>(&schema()).unwrap(), order);
    }
}

#[test]
fn what_is_refused() {
    let read = |event: &Event| event.data_as_avro::<Order>(&schema()).unwrap_err().kind();
    let with = |content_type, bytes: &[u8]| builder().binary(content_type, bytes.to_vec()).build().unwrap();
    assert_eq!(read(&builder().build().unwrap()), ErrorKind::InvalidData);
    assert_eq!(read(&with("application/json", b"\x54\0")), ErrorKind::UnexpectedContentType);
    assert_eq!(read(&with("application/avro", b"\x54")), ErrorKind::InvalidData);
    assert_eq!(read(&with("application/avro", b"\x54\0\0")), ErrorKind::InvalidData);
    for content_type in ["application/avro", "Avro/Binary", "application/vnd.order+AVRO; v=1"] {
        let order = with(content_type, b"\x54\0").data_as_avro::<Order>(&schema()).unwrap();
        assert_eq!(order, Order { number: 42, items: vec![] });
    }
    let mistakes = builder().avro(&schema(), &"no order").build().unwrap_err();
    assert_eq!(
        (mistakes.errors()[0].kind(), mistakes.errors()[0].attribute()),
        (ErrorKind::InvalidData, Some("data"))
    );
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Size {
    S,
    M,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct All {
    truth: bool,
    int: i32,
    long: i64,
    float: f32,
    double: f64,
    #[serde(with = "apache_avro::serde::bytes")]
    bytes: Vec<u8>,
    #[serde(with = "apache_avro::serde::fixed")]
    fixed: [u8; 2],
    size: Size,
    array: Vec<i32>,
    map: BTreeMap<String, bool>,
    note: Option<String>,
    flag: Option<bool>,
    text: String,
}

const ALL: &str = r#"{"type": "record", "name": "All", "fields": [
    {"name": "truth", "type": "boolean"},
    {"name": "int", "type": "int"},
    {"name": "long", "type": "long"},
    {"name": "float", "type": "float"},
    {"name": "double", "type": "double"},
    {"name": "bytes", "type": "bytes"},
    {"name": "fixed", "type": {"type": "fixed", "name": "Two", "size": 2}},
    {"name": "size", "type": {"type": "enum", "name": "Size", "symbols": ["S", "M"]}},
    {"name": "array", "type": {"type": "array", "items": "int"}},
    {"name": "map", "type": {"type": "map", "values": "boolean"}},
    {"name": "note", "type": ["null", "string"]},
    {"name": "flag", "type": ["null", "boolean"]},
    {"name": "text", "type": "string"}]}"#;

/// Written by hand, after Avro's "Binary Encoding"; the array in two blocks, of which one has its size before it.
fn all() -> (All, Vec<u8>) {
    let value = All {
        truth: true,
        int: -65,
        long: 8192,
        float: 1.0,
        double: -2.0,
        bytes: vec![0, 0xff],
        fixed: [1, 2],
        size: Size::M,
        array: vec![1, 2, 3],
        map: BTreeMap::from([("a".to_owned(), true)]),
        note: Some("né".to_owned()),
        flag: Some(false),
        text: "end".to_owned(),
    };
    let datum: [&[u8]; 13] = [
        &[1],
        &[0x81, 0x01],
        &[0x80, 0x80, 0x01],
        &[0, 0, 0x80, 0x3f],
        &[0, 0, 0, 0, 0, 0, 0, 0xc0],
        &[4, 0, 0xff],
        &[1, 2],
        &[2],
        &[3, 4, 2, 4, 2, 6, 0],
        &[2, 2, b'a', 1, 0],
        b"\x02\x06n\xc3\xa9",
        &[2, 0],
        b"\x06end",
    ];
    (value, datum.concat())
}

fn payload(datum: &[u8]) -> Event {
    builder().binary("application/avro", datum.to_vec()).build().unwrap()
}

fn refused<T: DeserializeOwned + Debug>(schema: &str, datum: &[u8]) -> Error {
    payload(datum).data_as_avro::<T>(&Schema::parse_str(schema).unwrap()).unwrap_err()
}

#[test]
fn what_is_cut_off_is_refused_at_every_byte() {
    let (value, datum) = all();
    let schema = Schema::parse_str(ALL).unwrap();
    let event = payload(&datum);
    assert_eq!(event.data_as_avro::<All>(&schema).unwrap(), value);
    let again = builder().avro(&schema, &value).build().unwrap();
    assert_eq!(again.data_as_avro::<All>(&schema).unwrap(), value);
    for length in 0..datum.len() {
        let error = payload(&datum[..length]).data_as_avro::<All>(&schema).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{length}: {error}");
        assert!(error.offset().unwrap() <= length as u64, "{length}: {error}");
    }
    let more = payload(&[&datum[..], &[0]].concat()).data_as_avro::<All>(&schema).unwrap_err();
    assert_eq!((more.kind(), more.offset()), (ErrorKind::InvalidData, Some(datum.len() as u64)));

    // Alone, each of these is a null to the library.
    for (schema, datum) in [
        ("\"string\"", &b"\x06ab"[..]),
        ("\"boolean\"", b""),
        (r#"["null", "string"]"#, b""),
        (r#"["null", "string"]"#, b"\x02\x06ab"),
        (r#"["null", "boolean"]"#, b"\x02"),
    ] {
        assert_eq!(refused::<Option<String>>(schema, datum).kind(), ErrorKind::InvalidData, "{schema}");
        let schema = CheckedSchema::parse(schema, []).unwrap();
        assert_eq!(schema.check(datum).unwrap_err().kind(), ErrorKind::InvalidData, "{datum:x?}");
    }
}

#[test]
fn what_is_no_value_of_its_type_is_refused() {
    for (schema, datum) in [
        ("\"boolean\"", &b"\x02"[..]),
        ("\"int\"", b"\x80\x80\x80\x80\x20"), // 2^32
        ("\"long\"", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        ("\"bytes\"", b"\x01"), // a length of -1
        (r#"{"type": "enum", "name": "Size", "symbols": ["S", "M"]}"#, b"\x04"),
        (r#"["null", "int"]"#, b"\x04"),
        (r#"["null", "int"]"#, b"\x01"),
        // A block of one item in two bytes, and of an invalid size.
        (r#"{"type": "array", "items": "int"}"#, b"\x01\x04\x02\0"),
        (r#"{"type": "array", "items": "int"}"#, b"\x01\x01\x02\0"),
        (r#"{"type": "map", "values": "int"}"#, b"\x01\x02\x02a\x02\0"),
    ] {
        let error = CheckedSchema::parse(schema, []).unwrap().check(datum).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{schema}: {error}");
    }
    // Text that is not UTF-8 is found by who makes text of it.
    assert_eq!(refused::<String>("\"string\"", b"\x02\xff").kind(), ErrorKind::InvalidData);
}

#[test]
fn what_a_length_claims_is_not_allocated() {
    let claimed = long(400_000_000); // less than the library's own limit
    let array = r#"{"type": "array", "items": "null"}"#;
    let map = r#"{"type": "map", "values": "null"}"#;
    let fixed = r#"{"type": "fixed", "name": "Big", "size": 400000000}"#;
    for (schema, datum) in [
        ("\"string\"", claimed.clone()),
        ("\"bytes\"", claimed.clone()),
        (r#"["null", "string"]"#, [&[2], &claimed[..]].concat()),
        (fixed, vec![0; 10]),
        (array, claimed.clone()),
        (array, long(i64::MIN)),
        (array, [long(-400_000_000), long(0), long(0)].concat()),
        (map, claimed.clone()),
        (map, [&long(1)[..], &claimed].concat()),
    ] {
        let schema = Schema::parse_str(schema).unwrap();
        let event = payload(&datum);
        let heap = heap::of(|| match &schema {
            Schema::Array(_) => event.data_as_avro::<Vec<()>>(&schema).unwrap_err(),
            Schema::Map(_) => event.data_as_avro::<BTreeMap<String, ()>>(&schema).unwrap_err(),
            Schema::Union(_) => event.data_as_avro::<Option<String>>(&schema).unwrap_err(),
            _ => event.data_as_avro::<String>(&schema).unwrap_err(),
        });
        assert!(heap.peak > 0 && heap.peak < 10_000, "{heap:?} for {schema:?}");
    }
}

#[test]
fn nesting_has_an_end() {
    #[derive(Deserialize, Debug)]
    struct List {
        next: Option<Box<List>>,
    }
    let text =
        r#"{"type": "record", "name": "List", "fields": [{"name": "next", "type": ["null", "List"]}]}"#;
    let nested = |links: usize| [&vec![2; links][..], &[0]].concat();
    let schema = Schema::parse_str(text).unwrap();
    let mut list = payload(&nested(20)).data_as_avro::<List>(&schema).unwrap();
    let mut links = 0;
    while let Some(next) = list.next {
        list = *next;
        links += 1;
    }
    assert_eq!(links, 20);
    assert_eq!(refused::<List>(text, &nested(1_000_000)).kind(), ErrorKind::TooDeep);

    // A record of itself takes no bytes at all.
    #[derive(Deserialize, Debug)]
    struct Loop {
        #[expect(dead_code, reason = "there is none")]
        next: Box<Loop>,
    }
    let text = r#"{"type": "record", "name": "Loop", "fields": [{"name": "next", "type": "Loop"}]}"#;
    assert_eq!(refused::<Loop>(text, b"").kind(), ErrorKind::TooDeep);
}

#[test]
fn what_takes_no_bytes_has_an_end() {
    // 2^30 nulls in no bytes.
    let mut text = "\"null\"".to_owned();
    for level in 0..30 {
        text = match level {
            0 => {
                format!(r#"{{"type": "record", "name": "R0", "fields": [{{"name": "a", "type": {text}}}]}}"#)
            }
            _ => format!(
                r#"{{"type": "record", "name": "R{level}", "fields": [{{"name": "a", "type": {text}}}, {{"name": "b", "type": "R{}"}}]}}"#,
                level - 1
            ),
        };
    }
    let schema = CheckedSchema::parse(&text, []).unwrap();
    assert_eq!(schema.check(b"").unwrap_err().kind(), ErrorKind::TooMany);

    let nulls = CheckedSchema::parse(r#"{"type": "array", "items": "null"}"#, []).unwrap();
    assert_eq!(nulls.read::<Vec<()>>(&[long(1000), long(0)].concat()).unwrap().len(), 1000);
    assert_eq!(nulls.check(&[long(100_000), long(0)].concat()).unwrap_err().kind(), ErrorKind::TooMany);
}

#[test]
fn a_type_that_leaves_bytes_is_refused() {
    /// Takes the first item only.
    #[derive(Debug)]
    struct First;
    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Items;
            impl<'de> Visitor<'de> for Items {
                type Value = First;
                fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                    f.write_str("items")
                }
                fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<First, A::Error> {
                    items.next_element::<i32>().map(|_| First)
                }
            }
            deserializer.deserialize_seq(Items)
        }
    }
    let error = refused::<First>(r#"{"type": "array", "items": "int"}"#, b"\x04\x02\x04\0");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[test]
fn a_schema_may_refer_to_others() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Line {
        sku: String,
    }
    let line = r#"{"type": "record", "name": "Line", "namespace": "shop", "fields": [{"name": "sku", "type": "string"}]}"#;
    let schema = CheckedSchema::parse(r#"{"type": "array", "items": "shop.Line"}"#, [line]).unwrap();
    let lines = vec![Line { sku: "a".into() }];
    let datum = schema.write(&lines).unwrap();
    assert_eq!(datum, b"\x02\x02a\0");
    assert_eq!(schema.read::<Vec<Line>>(&datum).unwrap(), lines);
    for length in 0..datum.len() {
        assert!(schema.read::<Vec<Line>>(&datum[..length]).is_err(), "{length}");
    }
    for (text, others) in [("{", vec![]), (r#"{"type": "array", "items": "shop.Line"}"#, vec![])] {
        assert_eq!(CheckedSchema::parse(text, others).unwrap_err().kind(), ErrorKind::InvalidData, "{text}");
    }
}

#[test]
fn a_reader_has_a_schema_of_its_own() {
    #[derive(Deserialize, PartialEq, Debug)]
    #[serde(rename = "Order")]
    struct New {
        number: i64,
        currency: String,
    }
    let writer = CheckedSchema::parse(
        r#"{"type": "record", "name": "Order", "fields": [
            {"name": "old", "type": "string"}, {"name": "number", "type": "int"}]}"#,
        [],
    )
    .unwrap();
    let reader = CheckedSchema::parse(
        r#"{"type": "record", "name": "Order", "fields": [
            {"name": "number", "type": "long"}, {"name": "currency", "type": "string", "default": "EUR"}]}"#,
        [],
    )
    .unwrap();
    let new: New = writer.read_as(b"\x02x\x54", &reader).unwrap();
    assert_eq!(new, New { number: 42, currency: "EUR".into() });
    assert_eq!(writer.read_as::<New>(b"\x02x", &reader).unwrap_err().kind(), ErrorKind::InvalidData);
    // The other way round, `old` has no default.
    assert_eq!(reader.read_as::<New>(b"\x54\0", &writer).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn a_record_read_as_a_map_is_refused_with_help() {
    let record = CheckedSchema::parse(
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}"#,
        [],
    )
    .unwrap();
    for error in [
        record.read::<serde_json::Value>(b"\x02").unwrap_err(),
        record.read::<BTreeMap<String, i32>>(b"\x02").unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.help().unwrap().contains("structs"), "{error}");
    }
    let map = CheckedSchema::parse(r#"{"type": "map", "values": ["null", "int"]}"#, []).unwrap();
    let value: serde_json::Value = map.read(b"\x02\x02a\x02\x02\0").unwrap();
    assert_eq!(value, serde_json::json!({"a": 1}));
}

#[test]
fn the_length_in_a_big_decimal_is_not_trusted() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Price {
        amount: Number,
    }
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(transparent)]
    struct Number(#[serde(with = "apache_avro::serde::bigdecimal")] BigDecimal);

    let of = |logical: &str| {
        let amount = format!(r#"{{"type": "bytes"{logical}}}"#);
        format!(
            r#"{{"type": "record", "name": "Price", "fields": [{{"name": "amount", "type": {amount}}}]}}"#
        )
    };
    let big = CheckedSchema::parse(&of(r#", "logicalType": "big-decimal""#), []).unwrap();
    let plain = CheckedSchema::parse(&of(""), []).unwrap();
    // 1.10: the digits 110 in one byte, and a scale of 2.
    let price = Price { amount: Number("1.10".parse().unwrap()) };
    assert_eq!(big.write(&price).unwrap(), b"\x06\x02\x6e\x04");
    assert_eq!(big.read::<Price>(b"\x06\x02\x6e\x04").unwrap(), price);
    assert_eq!(plain.read_as::<Price>(b"\x06\x02\x6e\x04", &big).unwrap(), price);

    let claimed = long(400_000_000);
    let datum = [&long(claimed.len() as i64)[..], &claimed].concat();
    for writer in [&big, &plain] {
        let heap = heap::of(|| writer.read_as::<Price>(&datum, &big).unwrap_err());
        assert!(heap.peak > 0 && heap.peak < 10_000, "{heap:?}");
    }
    for datum in [&b"\x04\x02\x6e"[..], b"\x08\x02\x6e\x04\0"] {
        assert_eq!(big.read::<Price>(datum).unwrap_err().kind(), ErrorKind::InvalidData, "{datum:x?}");
    }
}

/// Schemas of peers, some hundred bytes each, for which the library overflowed its stack, or took all memory.
#[test]
fn what_the_library_would_copy_or_fill_in_without_a_limit_is_refused() {
    let record = |name: &str, fields: Vec<Value>| json!({"type": "record", "name": name, "fields": fields});
    let field = |name: &str, ty: Value, default: Value| json!({"name": name, "type": ty, "default": default});
    let plain = |name: &str, ty: Value| json!({"name": name, "type": ty});
    // Two types whose defaults need each other, because one of them is defined again.
    let number = field("a", json!("int"), json!(0));
    let again = record(
        "R",
        vec![
            plain("f0", record("X", vec![number.clone()])),
            plain("f1", record("Y", vec![field("a", json!("X"), json!({}))])),
            plain("f2", record("X", vec![field("a", json!("Y"), json!({}))])),
            field("f3", json!("Y"), json!({})),
        ],
    );
    // Each default fills in two of the type before.
    let doubling = |levels: usize| {
        let mut fields = vec![plain("f0", record("R0", vec![number.clone()]))];
        fields.extend((1..=levels).map(|level| {
            let of = |name: &str| field(name, json!(format!("R{}", level - 1)), json!({}));
            plain(&format!("f{level}"), record(&format!("R{level}"), vec![of("a"), of("b")]))
        }));
        record("All", fields)
    };
    // The library looks at a default of a union more than once.
    let unions = |levels: usize| {
        let mut fields = vec![plain("f0", record("R0", vec![number.clone()]))];
        fields.extend((1..=levels).map(|level| {
            let of = json!([format!("R{}", level - 1), "null"]);
            plain(&format!("f{level}"), record(&format!("R{level}"), vec![field("a", of, json!({}))]))
        }));
        record("All", fields)
    };
    // Types that are named as kinds of types are.
    let mut fields = vec![plain("f0", record("record", vec![number.clone()]))];
    fields.extend((1..40).map(|level| {
        let [name, other] = if level % 2 == 0 { ["record", "enum"] } else { ["enum", "record"] };
        let of = |name: &str| plain(name, json!({"type": other}));
        plain(&format!("f{level}"), record(name, vec![of("a"), of("b")]))
    }));
    let copies = record("All", fields);
    let lacks = |kind: &str| record("R", vec![plain("a", json!({"type": kind, "name": "X"}))]);
    // Each type within has the namespace, each alias is another copy, and so is each type within another one.
    let spaces = json!({"type": "record", "name": "R", "namespace": "n".repeat(1_000_000), "fields": [plain("a", json!("int"))]});
    let numbers: Vec<Value> = (0..2000).map(|at| plain(&format!("f{at}"), json!("int"))).collect();
    let aliases: Vec<String> = (0..2000).map(|at| format!("a{at}")).collect();
    let aliases = json!({"type": "record", "name": "R", "aliases": aliases, "fields": numbers});
    let within = (0..30).fold(record("R", numbers.clone()), |within, level| {
        let mut fields = numbers.clone();
        fields.push(plain("within", within));
        record(&format!("R{level}"), fields)
    });
    let (invalid, large) = (ErrorKind::InvalidData, ErrorKind::TooLarge);
    for (schema, kind, words) in [
        (again, invalid, "defines `X` in two ways"),
        (doubling(40), large, "defaults of the schema"),
        (copies, invalid, "has no `"),
        (lacks("record"), invalid, "has no `fields`"),
        (lacks("enum"), invalid, "has no `symbols`"),
        (lacks("fixed"), invalid, "has no `size`"),
        (record("int", vec![number.clone()]), invalid, "primitive"),
        (json!({"type": "record", "name": "R", "fields": 1}), invalid, "no list"),
        (spaces, large, "1024 bytes"),
        (aliases, large, "takes too much"),
        (within, large, "takes too much"),
    ] {
        let text = schema.to_string();
        let mut parsed = None;
        let peak = heap::of(|| parsed = Some(CheckedSchema::parse(&text, []))).peak;
        let error = parsed.unwrap().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert!(peak < 150 << 20, "{words}: {peak}");
    }
    // Usual ones.
    let list = record("L", vec![number.clone(), field("next", json!(["null", "L"]), Value::Null)]);
    for schema in [list, doubling(6), unions(25)] {
        CheckedSchema::parse(&schema.to_string(), []).unwrap();
    }
}

/// Its types use each other in a row that is longer than a stack is deep for the library: to say what is wrong, it follows them all.
#[test]
fn a_wrong_default_of_a_type_that_leads_to_many_others() {
    let field = |at: usize, of: Value| json!({"name": format!("f{at}"), "type": of});
    let mut fields: Vec<Value> = (0..20_000)
        .map(|at| {
            let before = if at == 0 { json!("int") } else { json!(format!("R{}", at - 1)) };
            field(at, json!({"type": "record", "name": format!("R{at}"), "fields": [field(0, before)]}))
        })
        .collect();
    fields.push(json!({"name": "last", "type": "R19999", "default": 1}));
    let schema = json!({"type": "record", "name": "All", "fields": fields});
    let error = CheckedSchema::parse(&schema.to_string(), []).unwrap_err();
    assert!(error.to_string().contains("default of `last` of `All`"), "{error}");
}

/// As many as a registry may have for one, each of which uses the one before, with types within each other.
#[test]
fn a_long_row_of_texts() {
    let texts: Vec<String> = (0..256)
        .map(|at| {
            let before = if at == 0 { json!("int") } else { json!(format!("S{}", at - 1)) };
            let within = (0..25).fold(before, |within, level| {
                json!({"type": "record", "name": format!("S{at}L{level}"), "fields": [{"name": "a", "type": within}]})
            });
            json!({"type": "record", "name": format!("S{at}"), "fields": [{"name": "a", "type": within}]}).to_string()
        })
        .collect();
    let (last, before) = texts.split_last().unwrap();
    CheckedSchema::parse(last, before.iter().map(String::as_str)).unwrap();
    // What comes later is not there yet.
    let error = CheckedSchema::parse(&texts[1], []).unwrap_err();
    assert!(error.to_string().contains("S0"), "{error}");
}

/// Generators write a type again where it is used again.
#[test]
fn types_that_are_repeated_are_read_and_written() {
    let size = json!({"type": "enum", "name": "Size", "symbols": ["S", "M"]});
    let text = json!({"type": "record", "name": "Sizes", "namespace": "a.b", "fields": [
        {"name": "first", "type": size}, {"name": "second", "type": size}]});
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Sizes {
        first: Size,
        second: Size,
    }
    let schema = CheckedSchema::parse(&text.to_string(), []).unwrap();
    let sizes = Sizes { first: Size::M, second: Size::S };
    let datum = schema.write(&sizes).unwrap();
    assert_eq!(datum, b"\x02\0");
    assert_eq!(schema.read::<Sizes>(&datum).unwrap(), sizes);
}

/// What a value leaves out is written as the default of its field.
#[test]
fn defaults_are_written() {
    #[derive(Serialize)]
    struct Order {
        number: i32,
    }
    let text = r#"{"type": "record", "name": "Order", "fields": [
        {"name": "note", "type": ["null", "string"], "default": null, "aliases": ["remark"]}, {"name": "number", "type": "int"},
        {"name": "currency", "type": "string", "default": "EUR"},
        {"name": "last", "type": ["null", {"type": "record", "name": "Last", "fields": [{"name": "of", "type": "Order"}]}], "default": null},
        {"name": "before", "type": ["null", "Last"], "default": null},
        {"name": "after", "type": ["string", "Last"], "default": "a"},
        {"name": "count", "type": ["Last", "int"], "default": 1}]}"#;
    let schema = CheckedSchema::parse(text, []).unwrap();
    assert_eq!(schema.write(&Order { number: 1 }).unwrap(), b"\0\x02\x06EUR\0\0\0\x02a\x02\x02");
}

/// Avro 1.12, "Complex Types": what is a default of which type.
#[test]
fn defaults_are_of_the_types_of_their_fields() {
    let parse = |ty: Value, default: Value| {
        let fields = json!([{"name": "a", "type": ty, "default": default}]);
        CheckedSchema::parse(&json!({"type": "record", "name": "R", "fields": fields}).to_string(), [])
    };
    let fixed = json!({"type": "fixed", "name": "F", "size": 2});
    let size = json!({"type": "enum", "name": "Size", "symbols": ["S", "M"]});
    let decimal = json!({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2});
    let record = json!({"type": "record", "name": "P", "fields": [{"name": "x", "type": "int"}]});
    let with = |ty: &str, default: Value| json!({"type": "record", "name": "P", "fields": [{"name": "x", "type": ty, "default": default}]});
    let uuid = json!({"type": "string", "logicalType": "uuid"});
    #[derive(Serialize)]
    struct R {}
    // With the bytes that are written where the field is left out. The library would write other bytes for some: these are an error.
    for (ty, default, datum) in [
        (json!("null"), Value::Null, Some(&b""[..])),
        (json!("boolean"), json!(true), Some(b"\x01")),
        (json!("long"), json!(1), Some(b"\x02")),
        (json!("double"), json!(0.5), Some(b"\0\0\0\0\0\0\xe0\x3f")),
        (json!("float"), json!(1), Some(b"\0\0\x80\x3f")),
        (json!("bytes"), json!("\u{ff}"), None),
        (json!("string"), json!("foo"), Some(b"\x06foo")),
        (record.clone(), json!({"x": 1}), Some(b"\x02")),
        (size.clone(), json!("M"), Some(b"\x02")),
        (json!({"type": "array", "items": "int"}), json!([1]), Some(b"\x02\x02\0")),
        (json!({"type": "map", "values": "int"}), json!({"a": 1}), Some(b"\x02\x02a\x02\0")),
        (fixed.clone(), json!("\u{ff}\0"), None),
        (decimal, json!("\u{ff}"), None),
        (json!(["string", "null"]), Value::Null, Some(b"\x02")),
        (json!(["null", size]), json!("S"), Some(b"\x02\0")),
        (json!(["null", fixed, "string"]), json!("\u{ff}a"), None),
        (json!(["null", "bytes"]), Value::Null, Some(b"\0")),
        (json!(["bytes", fixed, "null"]), Value::Null, Some(b"\x04")),
        (json!({"type": "array", "items": "bytes"}), json!([]), Some(b"\0")),
        (json!({"type": "map", "values": ["null", "bytes"]}), json!({"a": null}), Some(b"\x02\x02a\0\0")),
        (json!(["int", "bytes"]), json!(1), Some(b"\0\x02")),
        (json!(["string", "bytes"]), json!("EUR"), Some(b"\0\x06EUR")),
        (json!(["string", fixed]), json!("ab"), Some(b"\0\x04ab")),
        (json!(["bytes", "string"]), json!("EUR"), None),
        (
            uuid,
            json!("6f1c7d0e-8f0b-4a53-9f0a-0d8a5d3b1c2e"),
            Some(b"\x486f1c7d0e-8f0b-4a53-9f0a-0d8a5d3b1c2e"),
        ),
        // What the default of a record leaves out has a default in turn.
        (with("int", json!(7)), json!({}), Some(b"\x0e")),
        (with("bytes", json!("a")), json!({}), None),
        // As in Java, though no datum has these: a field that is missing is an error then.
        (fixed.clone(), json!(""), None),
        (json!("bytes"), json!("\u{100}"), None),
    ] {
        let schema = parse(ty.clone(), default).unwrap_or_else(|error| panic!("{ty}: {error}"));
        assert_eq!(schema.write(&R {}).ok().as_deref(), datum, "{ty}");
    }
    for (ty, default) in [
        (json!("int"), json!("1")),
        (json!("int"), json!(2_147_483_648_u64)),
        (json!("string"), Value::Null),
        (json!("bytes"), json!([1])),
        (record, json!({})),
        (size, json!("L")),
        (json!({"type": "array", "items": "int"}), json!(["a"])),
        (fixed, json!(1)),
        (json!(["null", "int"]), json!("x")),
    ] {
        let error = parse(ty.clone(), default).expect_err(&ty.to_string());
        assert!(error.to_string().contains("default of `a` of `R`"), "{error}");
    }
}

/// The library takes a `Ref` without a namespace for one in the namespace around it. And aliases are no names (Avro 1.12, "Aliases").
#[test]
fn names_and_aliases_as_avro_has_them() {
    let field = |ty: Value| json!([{"name": "a", "type": ty}]);
    let bare = json!({"type": "record", "name": "X", "fields": []});
    let within = |ty: Value| json!({"type": "record", "name": "n.X", "fields": field(ty)});
    for ty in [json!(".X"), bare.clone(), json!({"type": ".X"})] {
        let all = json!([bare, within(ty)]);
        let error = CheckedSchema::parse(&all.to_string(), []).unwrap_err();
        assert!(error.to_string().contains("`n.X`"), "{error}");
    }
    // What is within a record without a namespace is looked up in the one around it, too.
    let lines = json!({"type": "array", "items": {"type": "record", "name": "Line", "fields": []}});
    let many = json!({"type": "record", "name": "Y", "fields": field(lines)}).to_string();
    let one = json!({"type": "record", "name": "Y", "fields": field(json!("long"))});
    let cart = json!({"type": "record", "name": ".Cart", "fields": field(json!("Y"))});
    let fields = json!([{"name": "first", "type": one}, {"name": "cart", "type": cart}]);
    let order = json!({"type": "record", "name": "n.Order", "fields": fields}).to_string();
    let error = CheckedSchema::parse(&order, [&*many]).unwrap_err();
    assert!(error.to_string().contains("`n.Y`"), "{error}");

    let order =
        |name: &str, alias: &str| json!({"type": "record", "name": name, "aliases": [alias], "fields": []});
    for all in [
        json!([order("OrderV2", "Order"), {"type": "record", "name": "Order", "fields": []}]),
        json!([order("OrderCreated", "OrderEvent"), order("OrderUpdated", "OrderEvent")]),
    ] {
        let schema = CheckedSchema::parse(&all.to_string(), []).unwrap();
        schema.check(b"\x02").unwrap();
    }
}

/// A registry's references, in their order: as fields of a record would be.
#[test]
fn references_are_read_in_their_order() {
    let status = json!({"type": "enum", "name": "Status", "symbols": ["A", "B"]});
    let with = |name: &str, ty: Value| {
        json!({"type": "record", "name": name, "fields": [{"name": "status", "type": ty}]}).to_string()
    };
    let (first, second) = (with("First", status), with("Second", json!("Status")));
    let list = r#"["null", {"type": "fixed", "name": "Two", "size": 2}]"#;
    let named = r#"{"name": "X", "type": {"type": "record", "name": "Y", "fields": []}}"#;
    for _ in 0..20 {
        let schema =
            CheckedSchema::parse(r#"["Second", "Two", "Y"]"#, [&*first, &*second, list, named]).unwrap();
        schema.check(b"\0\x02").unwrap();
    }
    assert_eq!(
        CheckedSchema::parse(&second, [&*second, &*first]).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}

/// Each is a megabyte at most, as a registry's client takes them, and has more values than bytes for each.
#[test]
fn texts_are_read_one_after_the_other() {
    let attributes = vec![json!({"": 0}); 20_000];
    let text = json!({"type": "array", "items": "int", "of": attributes}).to_string();
    let texts = vec![text.as_str(); size(200)];
    let mut schema = None;
    let heap = heap::of(|| schema = Some(CheckedSchema::parse("\"int\"", texts).unwrap()));
    assert!(heap.peak < 50 << 20, "{}", heap.peak);
    assert!(heap.held < 1 << 20, "{}", heap.held);
}

/// The library writes such enumerations with an attribute of its own.
#[test]
fn enumerations_with_values() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    enum Value {
        Double(f64),
        Text(String),
    }
    let variant = |name: &str, ty: &str| {
        json!({"type": "record", "name": name, "org.apache.avro.rust.union_of_records": true,
            "fields": [{"name": "field_0", "type": ty}]})
    };
    let schema = json!([variant("Double", "double"), variant("Text", "string")]);
    let schema = CheckedSchema::parse(&schema.to_string(), []).unwrap();
    let datum = schema.write(&Value::Text("a".to_owned())).unwrap();
    assert_eq!(datum, b"\x02\x02a");
    assert_eq!(schema.read::<Value>(&datum).unwrap(), Value::Text("a".to_owned()));
}

/// Large models have thousands of fields that may be null.
#[test]
fn many_fields_with_defaults() {
    let fields: Vec<Value> = (0..20_000)
        .map(|at| json!({"name": format!("f{at}"), "type": ["null", "string"], "default": null}))
        .collect();
    let schema = json!({"type": "record", "name": "R", "fields": fields});
    CheckedSchema::parse(&schema.to_string(), []).unwrap();
}

/// Of each value, all variants may be asked, of which the first one that fits is a default; and each level may have a default in turn.
#[test]
fn defaults_of_others_take_no_time() {
    let record = |name: &str, fields: Value| json!({"type": "record", "name": name, "fields": fields});
    let all =
        |ty: Value, default: Value| record("All", json!([{"name": "f", "type": ty, "default": default}]));
    let list = |items: Value| json!({"type": "array", "items": items});
    let empty = || json!(vec![json!({}); 10]);
    let map = json!({"type": "map", "values": "int"});
    let of_level = |within: Value, level: usize| {
        let default = if level == 1 { json!(vec![1; 10]) } else { empty() };
        let fields = json!([{"name": "f", "type": within, "default": default}]);
        list(json!([map, record(&format!("R{level}"), fields)]))
    };
    let levels = all((1..=15).fold(list(json!("int")), of_level), empty());
    let mut variants: Vec<Value> = (0..12_000).map(|at| record(&format!("R{at}"), json!([]))).collect();
    variants.insert(0, json!("int"));
    let variants = all(list(json!(variants)), json!(vec![1; 200_000]));
    let fields: Vec<Value> =
        (0..12_000).map(|at| json!({"name": format!("f{at}"), "type": "int", "default": 0})).collect();
    let fields = all(list(json!([map, record("R", json!(fields))])), json!(vec![json!({}); 100_000]));
    for schema in [levels, variants, fields] {
        let text = schema.to_string();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(CheckedSchema::parse(&text, []).map(drop)));
        receiver.recv_timeout(std::time::Duration::from_secs(30)).unwrap().unwrap();
    }
}

/// A record that is too deep is the first variant all the same: the library would fill it in, ten times in each level.
#[test]
fn defaults_that_are_too_deep_are_no_other_variant() {
    let list = |items: Value| json!({"type": "array", "items": items});
    let deep = (0..62).fold(json!("int"), |items, _| list(items));
    let empty = (0..61).fold(json!([]), |items, _| json!([items]));
    let union = |record: Value| list(json!([record, {"type": "map", "values": "int"}]));
    for (levels, times) in [(0, 1), (3, 10)] {
        let default = || json!(vec![json!({}); times]);
        let of_level = |within: Option<Value>, level: usize| {
            let mut fields = vec![json!({"name": "g", "type": deep, "default": empty})];
            fields.extend(within.map(|ty| json!({"name": "h", "type": union(ty), "default": default()})));
            Some(json!({"type": "record", "name": format!("A{level}"), "fields": fields}))
        };
        let record = (0..=levels).fold(None, of_level).unwrap();
        let fields = json!([{"name": "f", "type": union(record), "default": default()}]);
        let all = json!({"type": "record", "name": "All", "fields": fields});
        let error = CheckedSchema::parse(&all.to_string(), []).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{levels}: {error}");
    }
}

/// Avro 1.12, "Unions".
#[test]
fn a_union_has_bytes_once() {
    let decimal = json!({"type": "bytes", "logicalType": "big-decimal"});
    for union in [json!(["bytes", decimal]), json!([decimal, {"type": {"type": "bytes"}}])] {
        let error = CheckedSchema::parse(&union.to_string(), []).unwrap_err();
        assert!(error.to_string().contains("`bytes`"), "{error}");
    }
    CheckedSchema::parse(&json!(["null", decimal]).to_string(), []).unwrap();
}
