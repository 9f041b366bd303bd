//! What arrives of a message: all of it.

use super::client::{Behaviour, Place, message, next, put, put_message, take};
use fe2o3_amqp_types::{
    messaging::{
        AmqpSequence, AmqpValue, ApplicationProperties, Body, Data, Header, Message, MessageAnnotations,
        MessageId, Properties, annotations::OwnedKey,
    },
    primitives::{Binary, SimpleValue, Symbol, Timestamp, Uuid, Value},
};

pub(super) const ALL: &[Behaviour] = &[
    ("properties arrive as they were sent", |place| {
        let properties = Properties {
            message_id: Some(MessageId::String("m".into())),
            subject: Some("s".into()),
            reply_to: Some("answers".into()),
            correlation_id: Some(MessageId::Ulong(7)),
            content_type: Some(Symbol::from("text/plain")),
            content_encoding: Some(Symbol::from("identity")),
            creation_time: Some(Timestamp::from_milliseconds(1_700_000_000_000)),
            group_id: Some("g".into()),
            group_sequence: Some(3),
            reply_to_group_id: Some("r".into()),
            ..Properties::default()
        };
        let mut sent = message("x");
        sent.properties = Some(properties.clone());
        assert_eq!(echoed(place, sent).properties, Some(properties));
    }),
    ("identifiers keep their types", |place| {
        for id in [
            MessageId::Ulong(1),
            MessageId::Uuid(Uuid::from([7; 16])),
            MessageId::Binary(Binary::from(vec![0, 255])),
            MessageId::String("1".into()),
        ] {
            let mut sent = message("x");
            sent.properties = Some(Properties {
                message_id: Some(id.clone()),
                correlation_id: Some(id.clone()),
                ..Properties::default()
            });
            let properties = echoed(place, sent).properties.unwrap();
            assert_eq!((properties.message_id, properties.correlation_id), (Some(id.clone()), Some(id)));
        }
    }),
    ("a message without properties gets no identifier", |place| {
        let properties = echoed(place, message("x")).properties;
        assert!(properties.is_none_or(|properties| properties.message_id.is_none()));
    }),
    ("application properties keep their types", |place| {
        let all = [
            ("string", SimpleValue::String("text".into())),
            ("int", SimpleValue::Int(-1)),
            ("long", SimpleValue::Long(1 << 40)),
            ("ubyte", SimpleValue::Ubyte(7)),
            ("bool", SimpleValue::Bool(true)),
            ("time", SimpleValue::Timestamp(Timestamp::from_milliseconds(1_700_000_000_123))),
            ("binary", SimpleValue::Binary(Binary::from(vec![0, 255]))),
            ("uuid", SimpleValue::Uuid(Uuid::from([9; 16]))),
            ("symbol", SimpleValue::Symbol(Symbol::from("s"))),
            ("null", SimpleValue::Null),
        ];
        let mut properties = ApplicationProperties::builder();
        for (name, value) in all.clone() {
            properties = properties.insert(name, value);
        }
        let mut sent = message("x");
        sent.application_properties = Some(properties.build());
        let got = echoed(place, sent).application_properties.unwrap();
        for (name, value) in all {
            assert_eq!(got.0.get(&name.to_owned()), Some(&value), "{name}");
        }
    }),
    ("annotations of a message arrive", |place| {
        let mut annotations = MessageAnnotations(Default::default());
        annotations.0.insert(OwnedKey::from("x-opt-mine"), Value::String("1".into()));
        let mut sent = message("x");
        sent.message_annotations = Some(annotations);
        let got = echoed(place, sent).message_annotations.unwrap();
        assert_eq!(got.0.get(&OwnedKey::from("x-opt-mine")), Some(&Value::String("1".into())));
    }),
    ("durability and priority arrive", |place| {
        let mut sent = message("x");
        sent.header = Some(Header { durable: true, priority: 7.into(), ..Header::default() });
        let header = echoed(place, sent).header.unwrap();
        assert_eq!((header.durable, header.priority.0), (true, 7));
    }),
    ("a body may be of several data sections", |place| {
        let sections = [b"one".as_slice(), b"", b"two"].map(|bytes| Data(Binary::from(bytes)));
        let Body::Data(got) = echoed(place, with(Body::Data(sections.to_vec().into()))).body else {
            panic!()
        };
        assert_eq!(got.iter().map(|data| data.0.to_vec()).collect::<Vec<_>>().concat(), b"onetwo");
    }),
    ("a body may be a value", |place| {
        for value in [
            Value::String("text".into()),
            Value::Null,
            Value::Ulong(1 << 60),
            Value::List(vec![Value::Bool(true), Value::Binary(Binary::from(vec![1]))]),
        ] {
            let Body::Value(AmqpValue(got)) = echoed(place, with(Body::Value(AmqpValue(value.clone())))).body
            else {
                panic!()
            };
            assert_eq!(got, value);
        }
    }),
    ("a body may be a sequence", |place| {
        let sequence = AmqpSequence(vec![Value::Int(1), Value::String("two".into())]);
        let Body::Sequence(got) = echoed(place, with(Body::Sequence(vec![sequence.clone()].into()))).body
        else {
            panic!()
        };
        assert_eq!(got.iter().flat_map(|got| got.0.clone()).collect::<Vec<_>>(), sequence.0);
    }),
    ("a message may be large, or empty", |place| {
        place.run(async {
            let (mut client, queue, mut sender) = place.sending().await;
            let long = "0123456789".repeat(100_000);
            put(&mut sender, [&*long, ""]).await;
            let mut receiver = client.receiver(&queue, 2).await;
            assert!(take(&mut receiver).await == long);
            assert_eq!(take(&mut receiver).await, "");
        });
    }),
];

fn with(body: Body<Value>) -> Message<Body<Value>> {
    Message::builder().body(body).build()
}

/// Sends a message to a queue, and returns what arrives.
fn echoed(place: &Place, sent: Message<Body<Value>>) -> Message<Body<Value>> {
    let mut echo = None;
    place.run(async {
        let (mut client, queue, mut sender) = place.sending().await;
        put_message(&mut sender, sent).await;
        let mut receiver = client.receiver(&queue, 1).await;
        let got = next(&mut receiver).await;
        receiver.accept(&got).await.unwrap();
        echo = Some(got.into_message());
    });
    echo.unwrap()
}
