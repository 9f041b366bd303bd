//! What serde formats keep of an event: it is read back as it was, or writing it fails.

use cloudevents_core::{Event, Payload};
use cloudevents_json::serde::{AsJson, AsTyped};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, fmt::Debug};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    number: u8,
    #[serde(with = "cloudevents_json::serde")]
    event: Event,
    #[serde(with = "cloudevents_json::serde", default)]
    none: Option<Event>,
    #[serde(with = "cloudevents_json::serde")]
    some: Vec<Event>,
    map: BTreeMap<String, AsJson>,
    typed: AsTyped,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    number: u8,
    #[serde(flatten)]
    event: AsJson,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct FlatTyped {
    number: u8,
    #[serde(flatten)]
    event: AsTyped,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Optional {
    #[serde(flatten)]
    event: Option<AsJson>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(clippy::large_enum_variant, reason = "a program may have an event in a variant")]
enum Untagged {
    Number(u8),
    Event(AsJson),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Event(AsJson),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of")]
enum Beside {
    Event(AsJson),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct In<T> {
    of: T,
}

/// What became of a value.
#[derive(Debug, PartialEq)]
enum Came {
    Same,
    /// It was not written.
    Refused(String),
    /// It was written, and cannot be read.
    Unreadable(String),
}

/// Writes a value with a format, and reads it. Another value ends the test.
fn through<T: PartialEq + Debug, B>(
    value: &T,
    written: Result<B, impl ToString>,
    read: impl Fn(&B) -> Result<T, String>,
) -> Came {
    match written.map(|written| read(&written)) {
        Err(error) => Came::Refused(error.to_string()),
        Ok(Err(error)) => Came::Unreadable(error),
        Ok(Ok(came)) => {
            assert_eq!(&came, value);
            Came::Same
        }
    }
}

fn text<E: ToString>(error: E) -> String {
    error.to_string()
}

/// The formats of the table in the documentation of the module, by name.
fn formats<T: PartialEq + Debug + Serialize + DeserializeOwned>(value: &T) -> Vec<(&'static str, Came)> {
    let mut human = Vec::new();
    let mut messagepack = rmp_serde::Serializer::new(&mut human).with_human_readable().with_struct_map();
    let human = value.serialize(&mut messagepack).map(|()| human.clone());
    let mut cbor = Vec::new();
    let cbor = ciborium::into_writer(value, &mut cbor).map(|()| cbor);
    vec![
        (
            "serde_json",
            through(value, serde_json::to_vec(value), |bytes| serde_json::from_slice(bytes).map_err(text)),
        ),
        (
            "serde_json, a reader",
            through(value, serde_json::to_vec_pretty(value), |bytes| {
                serde_json::from_reader(bytes.as_slice()).map_err(text)
            }),
        ),
        (
            "simd-json",
            through(value, simd_json::to_vec(value), |bytes| {
                simd_json::from_slice(&mut bytes.clone()).map_err(text)
            }),
        ),
        (
            "simd-json, then serde_json",
            through(value, simd_json::to_vec(value), |bytes| serde_json::from_slice(bytes).map_err(text)),
        ),
        (
            "YAML",
            through(value, serde_yaml_ng::to_string(value), |yaml| {
                serde_yaml_ng::from_str(yaml).map_err(text)
            }),
        ),
        ("TOML", through(value, toml::to_string(value), |toml| toml::from_str(toml).map_err(text))),
        ("RON", through(value, ron::to_string(value), |ron| ron::from_str(ron).map_err(text))),
        (
            "BSON",
            through(value, bson::serialize_to_vec(value), |bytes| {
                bson::deserialize_from_slice(bytes).map_err(text)
            }),
        ),
        (
            "BSON, a document",
            through(value, bson::serialize_to_document(value), |document| {
                bson::deserialize_from_document(document.clone()).map_err(text)
            }),
        ),
        (
            "MessagePack",
            through(value, rmp_serde::to_vec(value), |bytes| rmp_serde::from_slice(bytes).map_err(text)),
        ),
        (
            "MessagePack, human-readable",
            through(value, human, |bytes| {
                let mut messagepack = rmp_serde::Deserializer::new(bytes.as_slice()).with_human_readable();
                T::deserialize(&mut messagepack).map_err(text)
            }),
        ),
        ("CBOR", through(value, cbor, |bytes| ciborium::from_reader(bytes.as_slice()).map_err(text))),
    ]
}

/// And those that do not describe themselves, whose buffered enums and structures nothing reads.
fn postcard<T: PartialEq + Debug + Serialize + DeserializeOwned>(value: &T) -> Came {
    through(value, postcard::to_stdvec(value), |bytes| postcard::from_bytes(bytes).map_err(text))
}

/// The names of the formats that did not write it. All others gave it back.
fn refused(came: Vec<(&'static str, Came)>) -> Vec<&'static str> {
    let unreadable: Vec<_> = came.iter().filter(|(_, came)| matches!(came, Came::Unreadable(_))).collect();
    assert!(unreadable.is_empty(), "{unreadable:?}");
    came.into_iter().filter(|(_, came)| *came != Came::Same).map(|(name, _)| name).collect()
}

/// With numbers that no machine type has, or in another spelling.
fn event() -> Event {
    let json = r#"{"b":1.10,"a":[null,12345678901234567890123,true,"x\ny",[],{}]}"#;
    let builder = Event::builder().id("1").source("/s").ty("t").extension("n", 3).extension("flag", true);
    builder.payload("application/json", Payload::json(json)).build().unwrap()
}

/// What a buffer of serde holds.
fn plain() -> Event {
    let json = r#"{"b":1.5,"a":[null,-7,18446744073709551615,true,"x\ny",[],{}],"":{"d":[[0]]}}"#;
    let builder = Event::builder().id("1").source("/s").ty("t").extension("n", 3).extension("flag", true);
    builder.payload("application/json", Payload::json(json)).build().unwrap()
}

#[test]
fn fields_come_back_in_every_format() {
    let row = Row {
        number: 7,
        event: event(),
        none: None,
        some: vec![event(), plain()],
        map: [("key".into(), AsJson(event()))].into(),
        typed: AsTyped(event()),
    };
    // RON has no names like that of a raw value.
    assert_eq!(refused(formats(&row)), ["RON"]);
    assert_eq!(postcard(&row), Came::Same);
    assert_eq!(refused(formats(&In { of: AsJson(event()) })), ["RON"]);
    assert!(refused(formats(&In { of: AsTyped(event()) })).is_empty());
}

/// Its members would stand among the others, which could be taken for its extensions.
#[test]
fn a_document_is_not_flattened() {
    let flat = formats(&Flat { number: 7, event: AsJson(event()) });
    assert!(flat.iter().all(|(_, came)| matches!(came, Came::Refused(_))), "{flat:?}");
    let flat = formats(&Optional { event: Some(AsJson(event())) });
    assert!(flat.iter().all(|(_, came)| matches!(came, Came::Refused(_))), "{flat:?}");
    assert_ne!(postcard(&Flat { number: 7, event: AsJson(event()) }), Came::Same);
    let tagged = formats(&Tagged::Event(AsJson(event())));
    assert!(tagged.iter().all(|(_, came)| matches!(came, Came::Refused(_))), "{tagged:?}");

    // YAML has a tag for each variant of an enum, which the buffer of serde does not take.
    let flat = formats(&FlatTyped { number: 7, event: AsTyped(event()) });
    let lost =
        |came: &Came| matches!(came, Came::Unreadable(error) if error.contains("do not support enum input"));
    assert!(
        flat.iter().all(|(name, came)| if *name == "YAML" { lost(came) } else { *came == Came::Same }),
        "{flat:?}"
    );
}

/// Serde reads them into a buffer first, which has the numbers of machine types.
#[test]
fn untagged_and_adjacently_tagged_enums_come_back() {
    assert_eq!(refused(formats(&In { of: Untagged::Event(AsJson(plain())) })), ["RON"]);
    assert_eq!(refused(formats(&In { of: Untagged::Number(7) })), [""; 0]);
    assert_eq!(refused(formats(&Beside::Event(AsJson(plain())))), ["RON"]);
}

/// `serde_json::Value` has the numbers of machine types, too.
#[test]
fn a_tree_gives_the_event_back() {
    let event = AsJson(
        Event::builder()
            .id("1")
            .source("/s")
            .ty("t")
            .payload_only(Payload::json("[1.5,null]"))
            .build()
            .unwrap(),
    );
    let tree = serde_json::to_value(&event).unwrap();
    assert_eq!(tree["data"], serde_json::json!([1.5, null]));
    assert_eq!(serde_json::from_value::<AsJson>(tree).unwrap(), event);
}

/// Configuration, written by hand.
#[test]
fn a_map_is_an_event() {
    let yaml = "specversion: '1.0'\nid: '1'\nsource: /s\ntype: t\nn: 3\ndata: {a: [1, 2.5, null, true, 12345678901234567890123]}\n";
    let event = serde_yaml_ng::from_str::<AsJson>(yaml).unwrap().0;
    assert_eq!(event.extension_as::<i32>("n").unwrap(), Some(3));
    assert_eq!(event.data_bytes().unwrap(), r#"{"a":[1,2.5,null,true,12345678901234567890123]}"#);
    let toml = "specversion = '1.0'\nid = '1'\nsource = '/s'\ntype = 't'\n[data]\na = [1, 2.5]\n";
    assert_eq!(toml::from_str::<AsJson>(toml).unwrap().0.data_bytes().unwrap(), r#"{"a":[1,2.5]}"#);
    for (yaml, problem) in [
        ("specversion: '1.0'\nid: '1'\nsource: /s\ntype: t\ndata: .nan\n", "floating point `NaN`"),
        ("specversion: '1.0'\nid: '1'\nsource: /s\n", "type"),
        ("id: '1'\nid: '2'\n", "id"),
        ("7", "an event, as a document"),
    ] {
        let error = serde_yaml_ng::from_str::<AsJson>(yaml).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
    // Of a format whose own limit is larger.
    let deep = [&b"\x81\xa2of"[..], &[0x91; 200], &[1]].concat();
    let mut messagepack = rmp_serde::Deserializer::new(deep.as_slice()).with_human_readable();
    let error = AsJson::deserialize(&mut messagepack).unwrap_err().to_string();
    assert!(error.contains("nested too deeply"), "{error}");
}

/// Documents were once written so in other formats, and could not be read.
#[test]
fn what_was_written_as_a_raw_value_is_read() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","n":3}"#;
    let event = serde_json::from_str::<AsJson>(document).unwrap();
    let yaml = format!("number: 7\nevent:\n  $serde_json::private::RawValue: '{document}'\n");
    let read: BTreeMap<String, serde_yaml_ng::Value> = serde_yaml_ng::from_str(&yaml).unwrap();
    assert_eq!(serde_yaml_ng::from_value::<AsJson>(read["event"].clone()).unwrap(), event);
    let bson = bson::doc! { "of": { "$serde_json::private::RawValue": document } };
    assert_eq!(bson::deserialize_from_document::<In<AsJson>>(bson.clone()).unwrap().of, event);
    assert_eq!(bson::deserialize_from_slice::<In<AsJson>>(&bson.to_vec().unwrap()).unwrap().of, event);
    let flat = serde_json::json!({"number": 7, "$serde_json::private::RawValue": document}).to_string();
    assert_eq!(serde_json::from_str::<Flat>(&flat).unwrap(), Flat { number: 7, event });
}
