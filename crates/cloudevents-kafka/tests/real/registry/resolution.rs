//! Avro's schema resolution, compared with another implementation: `resolution.py` writes `resolution.json`
//! with fastavro 1.13.1.

use super::server::FakeRegistry;
use cloudevents_core::{CodecContext, Data, Error, ErrorKind};
use cloudevents_kafka::registry::{apacheavro022::RegistryAvro, reqwest013::HttpRegistry};
use cloudevents_transport::AsyncCodec;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor},
};
use serde_json::Value;
use std::fmt;

/// Any datum. The library requires that names of fields are requested as identifiers; JSON's own values
/// request strings.
#[derive(Serialize)]
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
    /// A symbol of the test's enumerations, or the type of a variant.
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

/// Numbers as in fastavro: it does not widen an int to a double, so 1 and 1.0 are equal.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
        }
        _ => a == b,
    }
}

fn cases(of: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("resolution.json")).unwrap();
    all[of].as_array().unwrap().clone()
}

fn framed(case: &Value) -> Vec<u8> {
    let hex = case["datum"].as_str().unwrap();
    let datum = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
    [0, 0, 0, 0, 7].into_iter().chain(datum).collect()
}

async fn decode(case: &Value, bytes: &[u8]) -> Result<Value, Error> {
    let fake = FakeRegistry::start().await;
    fake.has(7, "AVRO", &case["writer"].to_string());
    let codec: RegistryAvro<HttpRegistry> =
        RegistryAvro::new(fake.registry()).with_reader_schema(&case["reader"].to_string())?;
    let Anything(value) = codec.decode(Data::Binary(bytes), &CodecContext::default()).await?;
    Ok(value)
}

#[tokio::test]
async fn data_resolve_to_what_fastavro_says() {
    let cases = cases("cases");
    assert!(cases.len() > 20);
    for case in cases {
        let bytes = framed(&case);
        let value = decode(&case, &bytes).await.unwrap_or_else(|error| panic!("{}: {error}", case["what"]));
        assert!(alike(&value, &case["value"]), "{}: {value}", case["what"]);
        for length in 5..bytes.len() {
            let error = decode(&case, &bytes[..length]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{} of {length} bytes", case["what"]);
        }
    }
}

#[tokio::test]
async fn what_fastavro_refuses_is_refused() {
    for case in cases("refused") {
        let error = decode(&case, &framed(&case)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{}", case["what"]);
    }
}

#[tokio::test]
async fn blocks_with_a_size_are_read() {
    let array = serde_json::json!({"type": "array", "items": "int"});
    let case = serde_json::json!({"writer": array, "reader": {"type": "array", "items": "long"}});
    // -2 items in 2 bytes, 1 item, the end.
    let bytes = [0, 0, 0, 0, 7, 3, 4, 2, 4, 2, 6, 0];
    assert_eq!(decode(&case, &bytes).await.unwrap(), serde_json::json!([1, 2, 3]));
}

#[tokio::test]
async fn defaults_do_not_add_up_without_end() {
    let big = "x".repeat(1000);
    let field = serde_json::json!({"name": "big", "type": "string", "default": big});
    let empty = serde_json::json!({"type": "record", "name": "R", "fields": []});
    let full = serde_json::json!({"type": "record", "name": "R", "fields": [field]});
    let case = serde_json::json!({"writer": {"type": "array", "items": empty}, "reader": {"type": "array", "items": full}});
    // 50000 records of no bytes, which would become 50 MB.
    let bytes = [0, 0, 0, 0, 7, 0xa0, 0x8d, 0x06, 0];
    assert_eq!(decode(&case, &bytes).await.unwrap_err().kind(), ErrorKind::TooLarge);
    let value = decode(&case, &[0, 0, 0, 0, 7, 4, 0]).await.unwrap();
    assert_eq!(value.as_array().unwrap().len(), 2);
}
