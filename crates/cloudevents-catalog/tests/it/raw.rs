//! Messages that are no CloudEvents, as events.

use cloudevents_catalog::{Catalog, LoadOptions, RawMessage};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Raw, Received};

const CATALOG: &str = r#"{"messagegroups": {"g": {"messages": {
    "mqtt": {
        "protocol": "MQTT/5.0",
        "protocoloptions": {
            "qos": 1, "topic_name": "/store/{storeid}/cashierdesk/{cdid}",
            "user_properties": [{"name": "eventType", "type": "uritemplate", "value": "{eventType}"}]
        },
        "envelope": "CloudEvents/1.0",
        "envelopemetadata": {
            "type": {"type": "uritemplate", "value": "{eventType}"}, "source": {"type": "uritemplate", "value": "{storeid}"},
            "subject": {"type": "uritemplate", "value": "{cdid}"}
        }
    },
    "any-mqtt": {
        "protocol": "MQTT", "protocoloptions": {"topic_name": {"value": "/store/{storeid}/cashierdesk/{cdid}"}},
        "envelope": "CloudEvents/1.0", "envelopemetadata": {"source": {"value": "/any/{storeid}"}}
    },
    "kafka": {
        "protocol": "KAFKA", "protocoloptions": {"topic": "orders", "key": "{customer}", "headers": {"kind": {"value": "order"}}},
        "envelope": "CloudEvents/1.0", "envelopemetadata": {"source": {"value": "/customers/{customer}"}}, "datacontenttype": "application/json"
    },
    "amqp": {
        "protocol": "AMQP/1.0",
        "protocoloptions": {
            "properties": {"content-type": {"value": "text/plain"}},
            "application-properties": {"tenant": {"type": "uritemplate", "value": "{tenant}"}, "trace": {"required": true}}
        },
        "envelope": "CloudEvents/1.0", "envelopemetadata": {"source": {"value": "/tenants/{tenant}"}}
    },
    "says-nothing": {"protocol": "NATS", "protocoloptions": {}, "envelope": "CloudEvents/1.0"}
}}}}"#;

fn catalog() -> Catalog {
    Catalog::read(CATALOG, &LoadOptions::strict()).unwrap().catalog
}

/// The example of the specification, and definitions of other protocols.
#[test]
fn become_events() {
    let catalog = catalog();
    let with = |mut message: RawMessage, headers: &[(&str, &str)]| {
        message.headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        message.body = b"{}".to_vec();
        message
    };
    let mut record = with(RawMessage::at("orders"), &[("Kind", "order")]);
    record.key = Some("42".to_owned());
    let desk = RawMessage::at("/store/7/cashierdesk/2");
    for (protocol, message, wanted) in [
        // The one with more that matches.
        ("mqtt", with(desk.clone(), &[("eventType", "sale")]), Some(("mqtt", "sale", "7", Some("2"), None))),
        ("MQTT/3.1.1", with(desk.clone(), &[]), Some(("any-mqtt", "any-mqtt", "/any/7", None, None))),
        ("MQTT", with(RawMessage::at("/store/7"), &[("eventType", "sale")]), None),
        ("KAFKA", record.clone(), Some(("kafka", "kafka", "/customers/42", None, Some("application/json")))),
        ("KAFKA", with(RawMessage::at("orders"), &[("kind", "order")]), None),
        ("KAFKA", with(record, &[("kind", "return")]), None),
        (
            "AMQP",
            with(RawMessage::at("q"), &[("content-type", "text/plain"), ("tenant", "a"), ("trace", "x")]),
            Some(("amqp", "amqp", "/tenants/a", None, Some("text/plain"))),
        ),
        ("AMQP", with(RawMessage::at("q"), &[("content-type", "text/plain"), ("tenant", "a")]), None),
        ("NATS", with(RawMessage::at("s"), &[]), None),
    ] {
        let found = catalog.event_of(protocol, &message).map(|(definition, event)| {
            let event = event.id("1").build().unwrap();
            assert_eq!(event.data().unwrap().as_bytes(), b"{}");
            let content_type = event.datacontenttype().map(|name| name.as_str().to_owned());
            (
                definition.id().to_owned(),
                event.ty().to_owned(),
                event.source().as_str().to_owned(),
                event.subject().map(str::to_owned),
                content_type,
            )
        });
        let wanted = wanted.map(|(id, ty, source, subject, content_type)| {
            (
                id.to_owned(),
                ty.to_owned(),
                source.to_owned(),
                subject.map(str::to_owned),
                content_type.map(str::to_owned),
            )
        });
        assert_eq!(found, wanted, "{protocol} {message:?}");
    }
}

/// What is encoded in a topic is in the event as it is there.
#[test]
fn values_are_encoded_once() {
    let catalog = catalog();
    let (_, event) = catalog.event_of("MQTT", &RawMessage::at("/store/7%2f8/cashierdesk/2")).unwrap();
    assert_eq!(event.id("1").build().unwrap().source().as_str(), "/any/7%2f8");
}

/// A message without an id has none.
#[test]
fn nothing_is_invented() {
    let catalog = catalog();
    let (_, event) = catalog.event_of("MQTT", &RawMessage::at("/store/7/cashierdesk/2")).unwrap();
    assert_eq!(event.attribute("time"), None);
    let mistakes = event.build().unwrap_err();
    assert_eq!(mistakes.errors()[0].attribute(), Some("id"));
}

#[test]
fn of_a_receiver() {
    let mut raw = Raw::default();
    raw.topic = Some("orders".into());
    raw.key = Some("42".into());
    raw.headers = vec![
        ("kind".into(), Some("order".into())),
        ("blob".into(), Some(vec![0xFF].into())),
        ("none".into(), None),
    ];
    raw.body = Some("{}".into());
    let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw);
    let message = RawMessage::from(&received);
    assert_eq!(message.headers, [("kind".to_owned(), "order".to_owned())]);
    let (_, event) = catalog()
        .event_of("Kafka", &message)
        .map(|(definition, event)| (definition.id().to_owned(), event))
        .unwrap();
    assert_eq!(event.id("1").build().unwrap().source().as_str(), "/customers/42");
}
