//! apache-avro as the oracle: what the schemas say, of what is written and of what is read.

use apache_avro::{
    Schema, reader::datum::GenericDatumReader, types::Value as Avro, writer::datum::GenericDatumWriter,
};
use cloudevents_core::{Data, DecodeOptions, Event, Format, Value};
use cloudevents_testkit::{
    any::event_of_1_0,
    carrier::{Carrier, carrier_form},
};
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::HashMap;

/// The schemas as they are published, but for the documentation and the default of the compact form's `data`, which is no value
/// of its first branch.
const AVRO: &str = r#"{"namespace": "io.cloudevents", "type": "record", "name": "CloudEvent", "version": "1.0", "fields": [
  {"name": "attribute", "type": {"type": "map", "values": ["null", "boolean", "int", "string", "bytes"]}},
  {"name": "data", "type": ["bytes", "null", "boolean",
    {"type": "map", "values": ["null", "boolean",
      {"type": "record", "name": "CloudEventData", "fields": [
        {"name": "value", "type": {"type": "map", "values": ["null", "boolean",
          {"type": "map", "values": "CloudEventData"}, {"type": "array", "items": "CloudEventData"}, "double", "string"]}}]},
      "double", "string"]},
    {"type": "array", "items": "CloudEventData"}, "double", "string"]}]}"#;
const COMPACT: &str = r#"{"namespace": "io.cloudevents.v1.avro.compact", "type": "record", "name": "CloudEvent", "fields": [
  {"name": "id", "type": "string"}, {"name": "source", "type": "string"}, {"name": "type", "type": "string"},
  {"name": "datacontenttype", "type": ["null", "string"]}, {"name": "dataschema", "type": ["null", "string"]},
  {"name": "subject", "type": ["null", "string"]},
  {"name": "time", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
  {"name": "extensions", "type": {"type": "map", "values":
    ["boolean", "int", {"type": "long", "logicalType": "timestamp-micros"}, "string", "bytes"]}},
  {"name": "data", "type": ["bytes", "null"]}]}"#;

fn schema(carrier: Carrier) -> Schema {
    Schema::parse_str(match carrier {
        Carrier::Avro => AVRO,
        _ => COMPACT,
    })
    .unwrap()
}

fn format(carrier: Carrier) -> &'static dyn Format {
    match carrier {
        Carrier::Avro => const { &cloudevents_avro::Avro::new() },
        _ => const { &cloudevents_avro::AvroCompact::new() },
    }
}

fn read(schema: &Schema, mut document: &[u8]) -> Option<Avro> {
    let value = GenericDatumReader::builder(schema).build().unwrap().read_value(&mut document).ok()?;
    document.is_empty().then_some(value)
}

/// In blocks of about so many bytes, with their size before them; or in one.
fn write(schema: &Schema, value: Avro, block: Option<usize>) -> Vec<u8> {
    let writer = GenericDatumWriter::builder(schema).maybe_target_block_size(block).build().unwrap();
    writer.write_value_to_vec(value).unwrap()
}

fn branch(index: u32, value: Avro) -> Avro {
    Avro::Union(index, Box::new(value))
}

/// What the schema's document of an event is, from the table of forms.
fn datum(event: &Event, carrier: Carrier) -> Avro {
    let form = carrier_form(event, carrier);
    let string = |text: &str| Avro::String(text.to_owned());
    let bytes = form.data_bytes().map(|bytes| bytes.to_vec());
    match carrier {
        Carrier::Avro => {
            let mut map: HashMap<String, Avro> = form
                .attributes()
                .map(|(name, value)| {
                    let value = match value {
                        Value::Boolean(boolean) => branch(1, Avro::Boolean(boolean)),
                        Value::Integer(number) => branch(2, Avro::Int(number)),
                        Value::Binary(bytes) => branch(4, Avro::Bytes(bytes.to_vec())),
                        _ => branch(3, string(value.as_str().unwrap())),
                    };
                    (name.as_str().to_owned(), value)
                })
                .collect();
            map.insert("specversion".into(), branch(3, string("1.0")));
            let data = match (event.data(), bytes) {
                (Some(Data::Text(text) | Data::Xml(text)), _) => branch(6, string(text)),
                (_, Some(bytes)) => branch(0, Avro::Bytes(bytes)),
                (_, None) => branch(1, Avro::Null),
            };
            Avro::Record(vec![("attribute".into(), Avro::Map(map)), ("data".into(), data)])
        }
        _ => {
            let text =
                |text: Option<&str>| text.map_or(branch(0, Avro::Null), |text| branch(1, string(text)));
            let micros = |time: cloudevents_core::Timestamp<'_>| {
                let instant = time.instant();
                Avro::TimestampMicros(instant.seconds * 1_000_000 + i64::from(instant.nanosecond()) / 1000)
            };
            let extensions = form.extensions().map(|(name, value)| {
                let value = match value {
                    Value::Boolean(boolean) => branch(0, Avro::Boolean(boolean)),
                    Value::Integer(number) => branch(1, Avro::Int(number)),
                    Value::Timestamp(time) => branch(2, micros(time)),
                    Value::Binary(bytes) => branch(4, Avro::Bytes(bytes.to_vec())),
                    _ => branch(3, string(value.as_str().unwrap())),
                };
                (name.as_str().to_owned(), value)
            });
            Avro::Record(vec![
                ("id".into(), string(form.id())),
                ("source".into(), string(form.source().as_str())),
                ("type".into(), string(form.ty())),
                ("datacontenttype".into(), text(form.datacontenttype().map(|ct| ct.as_str()))),
                ("dataschema".into(), text(form.dataschema().map(|uri| uri.as_str()))),
                ("subject".into(), text(form.subject())),
                ("time".into(), form.time().map_or(branch(0, Avro::Null), |time| branch(1, micros(time)))),
                ("extensions".into(), Avro::Map(extensions.collect())),
                ("data".into(), bytes.map_or(branch(1, Avro::Null), |bytes| branch(0, Avro::Bytes(bytes)))),
            ])
        }
    }
}

fn carriers() -> impl Strategy<Value = Carrier> {
    select(vec![Carrier::Avro, Carrier::AvroCompact])
}

fn blocks() -> impl Strategy<Value = Option<usize>> {
    select(vec![None, Some(1), Some(20), Some(1000)])
}

proptest! {
    #[test]
    fn what_is_written_is_of_the_schema(event in event_of_1_0(), carrier in carriers()) {
        let mut document = Vec::new();
        let _ = format(carrier).encode(&event, &mut document)?;
        prop_assert_eq!(read(&schema(carrier), &document), Some(datum(&event, carrier)));
    }

    #[test]
    fn what_is_of_the_schema_is_read(event in event_of_1_0(), carrier in carriers(), block in blocks()) {
        let document = write(&schema(carrier), datum(&event, carrier), block);
        let decoded = format(carrier).decode(document.into(), &DecodeOptions::strict())?;
        prop_assert_eq!(decoded.value, carrier_form(&event, carrier));
    }

    #[test]
    fn what_is_not_of_the_schema_is_refused(
        event in event_of_1_0(), carrier in carriers(), block in blocks(),
        at in any::<prop::sample::Index>(), byte in any::<u8>(), remove in 0..3_usize,
    ) {
        let schema = schema(carrier);
        let mut document = write(&schema, datum(&event, carrier), block);
        let at = at.index(document.len());
        let end = (at + remove).min(document.len());
        document.splice(at..end, [byte]);
        if format(carrier).decode(document.clone().into(), &DecodeOptions::strict()).is_ok() {
            prop_assert!(read(&schema, &document).is_some());
        }
    }

    #[test]
    fn json_values_are_read(value in data(), block in blocks()) {
        let attribute = [("specversion", "1.0"), ("id", "1"), ("source", "/"), ("type", "t")];
        let attribute = attribute.map(|(name, text)| (name.to_owned(), branch(3, Avro::String(text.into()))));
        let (index, datum, json) = value;
        let record = Avro::Record(vec![
            ("attribute".into(), Avro::Map(attribute.into())),
            ("data".into(), branch(index, datum)),
        ]);
        let document = write(&schema(Carrier::Avro), record, block);
        let event = cloudevents_avro::decode(document)?;
        let Some(Data::Json(text)) = event.data() else { panic!("{:?}", event.data()) };
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(text.as_str())?, json);
    }
}

/// A branch of `data` that stands for a JSON value, and that value.
fn data() -> impl Strategy<Value = (u32, Avro, serde_json::Value)> {
    let scalar = || (any::<bool>(), double(), any::<String>());
    let records = || vec((any::<String>(), record()), 0..4);
    prop_oneof![
        any::<bool>().prop_map(|boolean| (2, Avro::Boolean(boolean), boolean.into())),
        double().prop_map(|double| (5, Avro::Double(double), number(double))),
        any::<String>().prop_map(|text| (6, Avro::String(text.clone()), text.into())),
        vec(record(), 0..4).prop_map(|items| {
            let (items, json): (Vec<_>, Vec<_>) = items.into_iter().unzip();
            (4, Avro::Array(items), json.into())
        }),
        (vec((any::<String>(), 0..4_u8, scalar()), 0..4), records()).prop_map(|(scalars, records)| {
            let mut map = HashMap::new();
            let mut json = serde_json::Map::new();
            for (name, kind, (boolean, double, text)) in scalars {
                let (value, as_json) = match kind {
                    0 => (branch(0, Avro::Null), serde_json::Value::Null),
                    1 => (branch(1, Avro::Boolean(boolean)), boolean.into()),
                    2 => (branch(3, Avro::Double(double)), number(double)),
                    _ => (branch(4, Avro::String(text.clone())), text.into()),
                };
                map.insert(name.clone(), value);
                json.insert(name, as_json);
            }
            for (name, (record, as_json)) in records {
                map.insert(name.clone(), branch(2, record));
                json.insert(name, as_json);
            }
            (3, Avro::Map(map), json.into())
        }),
    ]
}

/// A `CloudEventData`, and the object that it is.
fn record() -> impl Strategy<Value = (Avro, serde_json::Value)> {
    let leaf = prop_oneof![
        Just((branch(0, Avro::Null), serde_json::Value::Null)),
        any::<bool>().prop_map(|boolean| (branch(1, Avro::Boolean(boolean)), boolean.into())),
        double().prop_map(|double| (branch(4, Avro::Double(double)), number(double))),
        any::<String>().prop_map(|text| (branch(5, Avro::String(text.clone())), text.into())),
    ];
    let object = |members: Vec<(String, (Avro, serde_json::Value))>| {
        let map: HashMap<_, _> =
            members.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect();
        let json: serde_json::Map<_, _> = members.into_iter().map(|(name, (_, json))| (name, json)).collect();
        (Avro::Map(map), serde_json::Value::from(json))
    };
    let record = move |members| {
        let (map, json) = object(members);
        (Avro::Record(vec![("value".into(), map)]), json)
    };
    vec((any::<String>(), leaf), 0..4).prop_map(record).prop_recursive(4, 24, 4, move |inner| {
        let member = prop_oneof![
            vec((any::<String>(), inner.clone()), 0..4).prop_map(move |members| {
                let (map, json) = object(members);
                (branch(2, map), json)
            }),
            vec(inner, 0..4).prop_map(|items| {
                let (items, json): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                (branch(3, Avro::Array(items)), json.into())
            }),
        ];
        vec((any::<String>(), member), 0..4).prop_map(record)
    })
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1000_i32..1000).prop_map(f64::from),
        prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
    ]
}

/// serde_json keeps whole numbers apart from others; the digits decide which.
fn number(double: f64) -> serde_json::Value {
    let text = if (1e-6..1e21).contains(&double.abs()) || double == 0.0 {
        format!("{double}")
    } else {
        format!("{double:e}")
    };
    serde_json::from_str(&text).unwrap()
}
