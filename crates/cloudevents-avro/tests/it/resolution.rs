//! Schema resolution against an independent implementation: `Resolution.java` adds the values to `resolution.jsonl`. The generated
//! cases are a sample of some 40,000, without those where Avro for Java differs from the specification.

use cloudevents_avro::apacheavro022::CheckedSchema;
use cloudevents_core::{Error, ErrorKind};
use serde::{
    Deserialize, Deserializer,
    de::{EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor},
};
use serde_json::Value;
use std::fmt;

#[test]
fn data_resolve_as_in_java() {
    let cases: Vec<Value> =
        include_str!("resolution.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(cases.len() > 100);
    for case in cases {
        match (read(&case), case.get("value")) {
            (Ok(value), Some(expected)) => assert!(alike(&value, expected), "{value} for {case}"),
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::InvalidData, "{error} for {case}"),
            (result, _) => panic!("{result:?} for {case}"),
        }
    }
}

#[test]
fn a_union_read_as_itself_stays_as_it_is() {
    let size = |namespace| serde_json::json!({"type": "enum", "name": "Size", "namespace": namespace, "symbols": ["S", "M"]});
    let union = serde_json::json!([size("a"), size("b"), "long"]).to_string();
    let schema = CheckedSchema::parse(&union, []).unwrap();
    #[derive(Deserialize, PartialEq, Debug)]
    enum Union {
        #[serde(rename = "a.Size")]
        A(Size),
        #[serde(rename = "b.Size")]
        B(Size),
    }
    #[derive(Deserialize, PartialEq, Debug)]
    enum Size {
        S,
        M,
    }
    assert_eq!(schema.read_as::<Union>(b"\x00\x02", &schema).unwrap(), Union::A(Size::M));
    assert_eq!(schema.read_as::<Union>(b"\x02\x00", &schema).unwrap(), Union::B(Size::S));
}

#[test]
fn a_field_of_the_readers_name_comes_before_an_alias() {
    let writer = r#"{"type": "record", "name": "R", "fields": [{"name": "old", "type": "int"}, {"name": "new", "type": "int"}]}"#;
    let reader =
        r#"{"type": "record", "name": "R", "fields": [{"name": "new", "type": "int", "aliases": ["old"]}]}"#;
    #[derive(Deserialize)]
    #[serde(rename = "R")]
    struct Record {
        new: i32,
    }
    let writer = CheckedSchema::parse(writer, []).unwrap();
    let read: Record = writer.read_as(b"\x02\x04", &CheckedSchema::parse(reader, []).unwrap()).unwrap();
    assert_eq!(read.new, 2);
}

fn read(case: &Value) -> Result<Value, Error> {
    let hex = case["datum"].as_str().unwrap();
    let datum: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let schema = |whose: &str| CheckedSchema::parse(&case[whose].to_string(), []).unwrap();
    schema("writer").read_as::<Anything>(&datum, &schema("reader")).map(|Anything(value)| value)
}

/// JSON has one type of numbers.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
        }
        _ => a == b,
    }
}

/// Any datum. The library takes names of fields as identifiers only, which JSON's own values do not request.
struct Anything(Value);

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor).map(Self)
    }
}

struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_identifier(AnyVisitor)? {
            Value::String(key) => Ok(Self(key)),
            other => panic!("a key is {other}"),
        }
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i32<E>(self, value: i32) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f32<E>(self, value: f32) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(value.into())
    }
    /// A symbol of the enumerations of the cases, or the type of a variant.
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        let (Key(name), variant) = data.variant()?;
        if ["S", "M", "L", "XL"].contains(&name.as_str()) {
            variant.unit_variant()?;
            return Ok(name.into());
        }
        variant.newtype_variant().map(|Anything(value)| value)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Anything(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(array.into())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some((Key(key), Anything(value))) = members.next_entry()? {
            object.insert(key, value);
        }
        Ok(object.into())
    }
}
