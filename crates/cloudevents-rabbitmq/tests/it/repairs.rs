//! What other implementations write, and the repairs that read it.

use cloudevents_core::{DecodeOptions, ErrorKind, Leniency, Peer, RepairKind};
use cloudevents_rabbitmq::{FieldValue, RabbitMessage, decode};

fn message() -> RabbitMessage {
    let required = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];
    required.into_iter().fold(RabbitMessage::new("{}"), |message, (name, value)| {
        message.with_header(format!("cloudEvents:{name}"), value)
    })
}

fn with(leniency: Leniency) -> DecodeOptions {
    DecodeOptions::strict().with_leniency(leniency)
}

/// The Python SDK over AMQP 1.0, whose messages RabbitMQ converts.
#[test]
fn a_time_that_is_a_number() {
    let message = message().with_header("cloudEvents:time", FieldValue::Integer(1_522_949_460_120));
    let error = decode(&message, &DecodeOptions::strict()).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidType, Some("time")));
    assert!(error.clause().is_some());
    let decoded = decode(&message, &with(Peer::Python2.leniency())).unwrap();
    assert_eq!(decoded.value.time().unwrap().as_str(), "2018-04-05T17:31:00.120Z");
    assert_eq!(decoded.repairs()[0].kind(), RepairKind::NumericTime);
}

#[test]
fn a_content_type_among_the_headers() {
    let named = Leniency::strict().with(RepairKind::ContentTypeName);
    let message = message().with_header("contentType", "text/plain");
    let strict = decode(&message, &DecodeOptions::strict()).unwrap().value;
    assert!(strict.datacontenttype().is_none());
    let decoded = decode(&message, &with(named)).unwrap();
    assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "text/plain");
    assert_eq!(decoded.repairs()[0].kind(), RepairKind::ContentTypeName);
    // Beside attributes, it marks no document.
    let marked = self::message().with_header("contentType", "application/cloudevents+json");
    assert_eq!(decode(&marked, &with(named)).unwrap().value, strict);
    let property = message.with_content_type("text/xml");
    let decoded = decode(&property, &with(named)).unwrap();
    assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "text/xml");
    assert!(decoded.repairs().is_empty());
}

/// Its property is that of its own serializer, which is JSON for any event.
#[test]
fn spring_says_what_the_payload_is_in_the_header_of_the_attribute() {
    let message = message().with_content_type("application/json");
    let text = message.clone().with_header("cloudEvents:datacontenttype", "text/plain");
    let error = decode(&text, &DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DuplicateAttribute);
    let decoded = decode(&text, &with(Peer::Spring4.leniency())).unwrap();
    assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "text/plain");
    assert_eq!(decoded.repairs()[0].kind(), RepairKind::IgnoredHeader);
    let json = decode(&message, &with(Peer::Spring4.leniency())).unwrap();
    assert_eq!(json.value.datacontenttype().unwrap().as_str(), "application/json");
}

#[test]
fn a_document_without_its_content_type() {
    let document = RabbitMessage::new(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
    for message in [document.clone(), document.with_content_type("application/json")] {
        let error = decode(&message, &DecodeOptions::strict()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
        let decoded = decode(&message, &with(Peer::Debezium3.leniency())).unwrap();
        assert_eq!((decoded.value.id(), decoded.repairs()[0].kind()), ("1", RepairKind::AssumedJson));
    }
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    let bytes = FieldValue::Bytes(bytes::Bytes::from_static(b"\xff"));
    let error = decode(&message().with_header("cloudEvents:subject", bytes), &DecodeOptions::strict());
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidUtf8, Some("subject")));
    assert_eq!((error.detail(), error.clause()), ("the header is not UTF-8 text", Some("CE-Type-System-f")));
}

/// Several spellings have to agree, also with the attribute's own header.
#[test]
fn content_types_under_several_names_agree_or_are_refused() {
    let named = Leniency::strict().with(RepairKind::ContentTypeName);
    let ignoring = named.with(RepairKind::IgnoredHeader);
    let kinds = |message: &RabbitMessage, leniency| {
        let decoded = decode(message, &with(leniency)).unwrap();
        let kinds: Vec<_> = decoded.repairs().iter().map(|repair| repair.kind()).collect();
        (decoded.value.datacontenttype().unwrap().to_string(), kinds)
    };
    let refused = |message: &RabbitMessage| decode(message, &with(named)).unwrap_err().kind();
    let spelled =
        |first, second| message().with_header("Content-Type", first).with_header("contentType", second);
    let same = spelled("text/plain", "text/plain");
    assert_eq!(kinds(&same, named), ("text/plain".into(), vec![RepairKind::ContentTypeName]));
    let different = spelled("text/plain", "text/xml");
    assert_eq!(refused(&different), ErrorKind::DuplicateAttribute);
    let both = vec![RepairKind::ContentTypeName, RepairKind::IgnoredHeader];
    assert_eq!(kinds(&different, ignoring), ("text/plain".into(), both));
    let prefixed = message()
        .with_header("cloudEvents:datacontenttype", "text/xml")
        .with_header("contentType", "text/plain");
    assert_eq!(refused(&prefixed), ErrorKind::DuplicateAttribute);
    assert_eq!(kinds(&prefixed, ignoring), ("text/xml".into(), vec![RepairKind::IgnoredHeader]));
}
