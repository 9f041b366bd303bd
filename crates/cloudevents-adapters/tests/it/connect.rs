//! Envelopes of the `JsonConverter` of Kafka Connect. The forms of values are those of
//! <https://github.com/apache/kafka/blob/trunk/connect/json/src/main/java/org/apache/kafka/connect/json/JsonConverter.java>: bytes are
//! Base64, a Decimal is the Base64 of its digits without the scale, and a map with text keys is an object.

use crate::tools::{all, attribute, data, named, one};
use cloudevents_adapters::Adapter;
use cloudevents_core::{Data, DecodeOptions, Error, ErrorKind, Event};

fn envelope(schema: &str, payload: &str) -> String {
    format!(r#"{{"schema":{schema},"payload":{payload}}}"#)
}

/// An event as a Struct, with one more field of this schema.
fn structure(field: &str, schema: &str, value: &str) -> String {
    let texts = ["specversion", "id", "source", "type", "datacontenttype"];
    let texts =
        texts.map(|name| format!(r#"{{"type":"string","optional":true,"field":"{name}"}}"#)).join(",");
    let schema = schema.replace("FIELD", &format!(r#""field":"{field}""#));
    envelope(
        &format!(r#"{{"type":"struct","optional":false,"name":"event","fields":[{texts},{schema}]}}"#),
        &format!(
            r#"{{"specversion":"1.0","id":"7","source":"/s","type":"t","datacontenttype":"image/png","{field}":{value}}}"#
        ),
    )
}

fn of(document: &str) -> Result<Event, Error> {
    let mut events = all("kafka-connect", &[], document);
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[test]
fn a_field_of_bytes_is_a_payload_of_bytes() {
    let bytes = r#"{"type":"bytes","optional":true,FIELD}"#;
    let event = of(&structure("data", bytes, r#""AAECAw==""#)).unwrap();
    assert_eq!(named(&event), ["7", "/s", "t", ""]);
    assert!(matches!(event.data(), Some(Data::Binary(&[0, 1, 2, 3]))), "{event:?}");
    assert_eq!(attribute(&event, "datacontenttype"), "image/png");
    // The same bytes as a text are a text.
    let text = r#"{"type":"string","optional":true,FIELD}"#;
    let event = of(&structure("data", text, r#""AAECAw==""#)).unwrap();
    assert!(matches!(event.data(), Some(Data::Text("AAECAw=="))), "{event:?}");
    // A field that has no value is no payload.
    assert!(of(&structure("data", bytes, "null")).unwrap().data().is_none());
    // A Binary attribute is Base64 in the JSON format, too.
    let event = of(&structure("checksum", bytes, r#""AAECAw==""#)).unwrap();
    assert_eq!(attribute(&event, "checksum"), "AAECAw==");
    let event = of(&structure("data_base64", bytes, r#""AAECAw==""#)).unwrap();
    assert!(matches!(event.data(), Some(Data::Binary(&[0, 1, 2, 3]))), "{event:?}");
}

#[test]
fn bytes_within_a_payload_stay_text() {
    let schema = r#"{"type":"struct","optional":true,FIELD,"fields":[{"type":"bytes","field":"raw"}]}"#;
    let document =
        structure("data", schema, r#"{"raw":"AAECAw=="}"#).replace("image/png", "application/json");
    assert_eq!(data(&of(&document).unwrap()), r#"{"raw":"AAECAw=="}"#);
}

#[test]
fn a_value_of_bytes_or_text_is_a_document() {
    let inner = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","data":{"n":1.50}}"#;
    let base64 = base64_simd::STANDARD.encode_to_string(inner);
    let bytes = envelope(r#"{"type":"bytes","optional":false}"#, &format!("\"{base64}\""));
    let text = envelope(r#"{"type":"string","optional":false}"#, &serde_json::json!(inner).to_string());
    let schema = r#"{"type":"map","optional":false,"keys":{"type":"string"},"values":{"type":"string"}}"#;
    let map = envelope(schema, r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#);
    for (document, wanted) in [(bytes, r#"{"n":1.50}"#), (text, r#"{"n":1.50}"#), (map, "")] {
        let event = one("kafka-connect", &[], &document);
        assert_eq!((named(&event), data(&event)), (["7", "/s", "t", ""], wanted), "{document}");
    }
    // Bytes that are no event are a payload for a mapping of one's own.
    let other = envelope(r#"{"type":"bytes","optional":false}"#, r#""AAECAw==""#);
    assert_eq!(of(&other).unwrap_err().kind(), ErrorKind::NotACloudEvent);
    let own = r#"{"name": "raw", "what": "bytes", "reference": "r", "mappings": [{"where": {"schema.type": "bytes", "payload": "*"},
        "id": "{$digest}", "source": "/connect", "type": "t", "base64": "payload"}]}"#;
    let events = Adapter::parse(own).unwrap().events(&[], &other.into(), &DecodeOptions::strict());
    let event = &events[0].as_ref().unwrap().value;
    assert!(matches!(event.data(), Some(Data::Binary(&[0, 1, 2, 3]))), "{event:?}");
}

#[test]
fn a_decimal_is_not_misread() {
    let decimal = r#"{"type":"bytes","optional":true,FIELD,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}}"#;
    for field in ["data", "price"] {
        // 156 with a scale of 2.
        let error = of(&structure(field, decimal, r#""AJw=""#)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.detail().contains(&format!("`payload.{field}` is a Decimal")), "{error}");
        assert!(error.help().unwrap().contains("decimal.format"), "{error:#}");
    }
    // With `decimal.format=NUMERIC`.
    let number = structure("data", decimal, "1.56").replace("image/png", "application/json");
    assert_eq!(data(&of(&number).unwrap()), "1.56");
}

/// The payload has no schema: the scale would be lost.
#[test]
fn a_decimal_within_the_payload_is_not_misread() {
    let decimal = |more: &str| {
        format!(
            r#"{{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","parameters":{{"scale":"2"}}{more}}}"#
        )
    };
    let amount = decimal(r#","field":"amount""#);
    let order = format!(
        r#"{{"type":"struct","optional":true,"fields":[{{"type":"bytes","field":"raw"}},{amount}]MORE}}"#
    );
    let lines = format!(r#"{{"type":"array","optional":true,"items":{},FIELD}}"#, order.replace("MORE", ""));
    let text_map = format!(r#"{{"type":"map","keys":{{"type":"string"}},"values":{},FIELD}}"#, decimal(""));
    let pairs = format!(r#"{{"type":"map","keys":{{"type":"int32"}},"values":{},FIELD}}"#, decimal(""));
    let order = order.replace("MORE", ",FIELD");
    // 500 with a scale of 2.
    for (schema, value, place) in [
        (&order, r#"{"raw":"AA==","amount":"AfQ="}"#, "payload.data.amount"),
        (&lines, r#"[{"amount":null},{"amount":"AfQ="}]"#, "payload.data.1.amount"),
        (&text_map, r#"{"eur":"AfQ="}"#, "payload.data.eur"),
        (&pairs, r#"[[1,5.00],[2,"AfQ="]]"#, "payload.data.1.1"),
    ] {
        let error = of(&structure("data", schema, value)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.detail().starts_with(&format!("`{place}` is a Decimal")), "{error}");
        // With `decimal.format=NUMERIC`.
        let numeric = value.replace(r#""AfQ=""#, "5.00");
        let document = structure("data", schema, &numeric).replace("image/png", "application/json");
        assert_eq!(data(&of(&document).unwrap()), numeric);
    }
    let mut deep = decimal("");
    for _ in 0..40 {
        deep = format!(r#"{{"type":"array","items":{deep}}}"#);
    }
    let deep = format!(r#"{{"type":"array","items":{deep},FIELD}}"#);
    let value = |inner: &str| format!("{}{inner}{}", "[".repeat(41), "]".repeat(41));
    let error = of(&structure("data", &deep, &value(r#""AfQ=""#))).unwrap_err();
    assert!(error.detail().contains("more than 32 schemas"), "{error}");
}

/// As `data` and `data_base64` that are null in the JSON format.
#[test]
fn an_optional_payload_that_is_null_is_read_as_in_the_json_format() {
    for ty in ["string", "struct", "int32", "boolean", "array"] {
        let schema = format!(r#"{{"type":"{ty}","optional":true,FIELD}}"#);
        let document = structure("data", &schema, "null");
        let event = of(&document.replace("image/png", "application/json")).unwrap();
        assert!(matches!(event.data(), Some(Data::Json(_))) && data(&event) == "null", "{ty}");
        assert_eq!(of(&document).unwrap_err().clause(), Some("JSON-3.1.1-k"), "{ty}");
    }
    let bytes = r#"{"type":"bytes","optional":true,FIELD}"#;
    assert!(of(&structure("data", bytes, "null")).unwrap().data().is_none());
}

#[test]
fn a_payload_that_does_not_fit_its_schema_is_an_error() {
    let with = |ty: &str| format!(r#"{{"type":"{ty}","optional":false,FIELD}}"#);
    let event = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#;
    for (document, place) in [
        (structure("data", &with("bytes"), r#""no base64""#), "`payload.data` does not fit"),
        (structure("data", &with("bytes"), "[1]"), "`payload.data` does not fit"),
        (structure("data", &with("string"), "{}"), "`payload.data` does not fit"),
        (structure("data", &with("struct"), r#""x""#), "`payload.data` does not fit"),
        (structure("n", &with("int32"), r#""7""#), "`payload.n` does not fit"),
        (structure("yes", &with("boolean"), "1"), "`payload.yes` does not fit"),
        (structure("data", &with("string"), "null"), "`payload.data` is null"),
        (structure("data", &with("bytes"), "null"), "`payload.data` is null"),
        (structure("data", &with("uuid"), "1"), "the schema of `payload.data`"),
        (structure("data", &with("string"), r#""x","more":"x""#), "`payload.more` is not in the schema"),
        (structure("subject", &with("bytes"), r#""AAEC""#), "`payload.subject` is of type `bytes`"),
        (envelope(r#"{"type":"string"}"#, event), "`payload` does not fit"),
        (envelope(r#"{"type":"bytes"}"#, r#""no base64""#), "`payload` does not fit"),
        (envelope(r#"{"type":"bytes"}"#, "7"), "`payload` does not fit"),
    ] {
        let error = of(&document).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{document}");
        assert!(error.detail().contains(place), "{document}: {error}");
    }
    let misfit = structure("data", &with("bytes"), r#""no base64""#);
    let error = of(&misfit).unwrap_err();
    assert_eq!(error.offset(), misfit.find(r#""no base64""#).map(|at| at as u64));
}

/// A value has one type.
#[test]
fn a_field_is_in_the_schema_once() {
    let twice = r#"{"type":"string","optional":true,FIELD},{"type":"bytes","field":"data"}"#;
    let error = of(&structure("data", twice, r#""AAECAw==""#)).unwrap_err();
    assert_eq!(
        (error.kind(), error.detail()),
        (ErrorKind::InvalidData, "the schema has the field `data` twice")
    );
}

#[test]
fn a_null_payload_has_no_event() {
    for ty in ["struct", "string", "bytes"] {
        let error = of(&envelope(&format!(r#"{{"type":"{ty}","optional":true}}"#), "null")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
        assert!(error.help().unwrap().contains("null"), "{error:#}");
    }
}

#[test]
fn a_flood_of_members_is_too_many() {
    let members: String = (0..300).map(|at| format!(r#","a{at}":"x""#)).collect();
    let document = structure("data", r#"{"type":"string",FIELD}"#, r#""x""#)
        .replace(r#""x"}}"#, &format!(r#""x"{members}}}}}"#));
    assert_eq!(of(&document).unwrap_err().kind(), ErrorKind::TooMany);
}
