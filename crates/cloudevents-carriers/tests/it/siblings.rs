//! Rows that are written here give the same bytes as the codecs of siblings, which know one carrier each.

use bytes::Bytes;
use cloudevents_carriers::{Body, Carrier, CarrierMessage, ContentType, Empty, Limits, Text, rows::*};
use cloudevents_core::{ContentMode, Error, Event, Mode};
use cloudevents_json::Json;
use cloudevents_testkit::any;
use proptest::prelude::*;

const SQS: Carrier = Carrier {
    name: "sqs",
    text: Text::Xml10,
    body: Body::Text { without: &[] },
    empty: Empty::Refused,
    limits: Limits { headers: Some(10), ..Limits::NONE },
    ..GOOGLE_PUBSUB
};
/// The body is the field `data`.
const REDIS_STREAM: Carrier =
    Carrier { name: "redis-stream", reserved: &[], limits: Limits::NONE, ..GOOGLE_PUBSUB };
/// An object in the column `headers`, and the column `message`.
const PGMQ: Carrier = Carrier {
    name: "pgmq",
    modes: &[ContentMode::Structured],
    prefix: "",
    reserved: &[],
    limits: Limits::NONE,
    ..GOOGLE_PUBSUB
};
const KAFKA: Carrier = Carrier { name: "kafka", limits: Limits::NONE, ..PULSAR };
const HTTP: Carrier = Carrier { name: "http", any_case: true, text: Text::Percent, ..STOMP };
/// The content type is a property, beside the headers.
const RABBITMQ: Carrier =
    Carrier { name: "rabbitmq", content_type: ContentType::Native("content-type"), ..STOMP };

type Parts = (Vec<(String, Bytes)>, Option<String>, Bytes);

fn parts(message: &CarrierMessage) -> Parts {
    let headers = message.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.clone()));
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    (headers, message.content_type.as_ref().map(|text| text.as_str().to_owned()), message.body.clone())
}

fn sorted(mut headers: Vec<(String, Bytes)>, content_type: Option<String>, body: Bytes) -> Parts {
    headers.sort();
    (headers, content_type, body)
}

fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).unwrap().to_owned()
}

fn sqs(event: &Event, mode: Mode<'_>) -> Result<Parts, Error> {
    let (message, _) = cloudevents_sqs::encode(event, mode)?;
    let attributes = message.attributes.into_iter().map(|(name, value)| (name, value.value));
    Ok(sorted(attributes.collect(), None, message.body))
}

fn redis(event: &Event, mode: Mode<'_>) -> Result<Parts, Error> {
    let (message, _) = cloudevents_redis::encode(event, mode)?;
    let body = message.field("data").cloned().unwrap_or_default();
    let fields = message.fields.into_iter().filter(|(name, _)| name != "data");
    Ok(sorted(fields.map(|(name, value)| (text(&name), value)).collect(), None, body))
}

fn pgmq(event: &Event, mode: Mode<'_>) -> Result<Parts, Error> {
    let (message, _) = cloudevents_pgmq::encode(event, mode)?;
    let headers = message.headers.into_iter().map(|(name, value)| (name, value.into()));
    Ok(sorted(headers.collect(), None, message.message))
}

fn kafka(event: &Event, mode: Mode<'_>) -> Result<Parts, Error> {
    let (record, _) = cloudevents_kafka::encode(event, mode)?;
    let headers = record.headers.iter();
    let headers = headers.map(|header| (header.name.to_string(), header.value.clone().unwrap()));
    Ok(sorted(headers.collect(), None, record.value.unwrap_or_default()))
}

fn rabbitmq(event: &Event, mode: Mode<'_>) -> Result<Parts, Error> {
    let (message, _) = cloudevents_rabbitmq::encode(event, mode)?;
    let headers = message.headers.iter().map(|(name, value)| match value {
        cloudevents_rabbitmq::FieldValue::Bytes(value) => (name.as_str().to_owned(), value.clone()),
        other => panic!("{other:?}"),
    });
    let content_type = message.content_type.as_ref().map(|text| text.as_str().to_owned());
    Ok(sorted(headers.collect(), content_type, message.body))
}

fn http(event: &Event, mode: Mode<'_>) -> Result<Parts, Error> {
    let mut headers = Vec::new();
    let set =
        |name: &str, value: &str| headers.push((name.to_owned(), Bytes::copy_from_slice(value.as_bytes())));
    let (body, _) = cloudevents_http::encode_with(event, mode, set)?;
    Ok(sorted(headers, None, body))
}

proptest! {
    #[test]
    fn the_same_bytes(event in any::event()) {
        type Sibling = fn(&Event, Mode<'_>) -> Result<Parts, Error>;
        let siblings: [(Carrier, Sibling); 6] = [
            (SQS, sqs),
            (REDIS_STREAM, redis),
            (PGMQ, pgmq),
            (KAFKA, kafka),
            (RABBITMQ, rabbitmq),
            (HTTP, http),
        ];
        let json = Json::new();
        for (carrier, sibling) in siblings {
            for mode in [Mode::Binary, Mode::structured(&json)] {
                match (carrier.encode(&event, mode), sibling(&event, mode)) {
                    (Ok(row), Ok(expected)) => prop_assert_eq!(parts(&row.message), expected, "{}", carrier.name),
                    (Err(_), Err(_)) => {}
                    // Of Postgres, the row does not know the escapes that `jsonb` refuses.
                    (Ok(_), Err(error)) if carrier.name == "pgmq" => {
                        prop_assert!(error.detail().contains("`jsonb`"), "{error:?}");
                    }
                    (row, expected) => prop_assert!(false, "{}: {row:?}, {expected:?}", carrier.name),
                }
            }
        }
    }
}
