//! What other implementations write, and the repairs that read it. What is written for them.

use cloudevents_amqp::{AmqpMessage, AmqpValue, Body, Encoding, decode, encode, encode_message};
use cloudevents_core::{
    Data, DecodeOptions, Decoded, Error, ErrorKind, Event, Leniency, Message, Peer, RepairKind, Value,
};

fn text(text: &str) -> AmqpValue {
    AmqpValue::String(text.into())
}

fn required() -> AmqpMessage {
    AmqpMessage::default()
        .with_property("cloudEvents:specversion", text("1.0"))
        .with_property("cloudEvents:id", text("1"))
        .with_property("cloudEvents:source", text("/s"))
        .with_property("cloudEvents:type", text("t"))
}

fn repaired(message: &AmqpMessage, leniency: Leniency) -> Result<Decoded<Event>, Error> {
    decode(message, &DecodeOptions::strict().with_leniency(leniency))
}

fn kinds(decoded: &Decoded<Event>) -> Vec<RepairKind> {
    decoded.repairs().iter().map(|repair| repair.kind()).collect()
}

/// The Python SDK. AMQP-3.1.3.2-d allows reading it.
#[test]
fn a_time_that_is_a_number() {
    let message = |value| required().with_property("cloudEvents:time", value);
    for value in [AmqpValue::Long(1_522_949_460_120), AmqpValue::Ulong(1_522_949_460_120)] {
        let error = decode(&message(value.clone()), &DecodeOptions::strict()).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidType, Some("time")));
        let decoded = repaired(&message(value.clone()), Peer::Python2.leniency()).unwrap();
        assert_eq!(decoded.value.time().unwrap().as_str(), "2018-04-05T17:31:00.120Z");
        assert_eq!(kinds(&decoded), [RepairKind::NumericTime]);
        assert_eq!(decoded.repairs()[0].cause().unwrap().clause(), Some("AMQP-3.1.3.2-b"));
        // Without a word about the peer, its unit is not guessed.
        assert_eq!(
            kinds(&repaired(&message(value), Leniency::all()).unwrap()),
            [RepairKind::DroppedAttribute]
        );
    }
    // So are its other times; what is an Integer stays one.
    let message_of = |value| required().with_property("cloudEvents:until", value);
    let decoded =
        repaired(&message_of(AmqpValue::Long(1_522_949_460_000)), Peer::Python2.leniency()).unwrap();
    let until = decoded.value.extension("until").unwrap();
    assert_eq!(
        (until.to_canonical().as_ref(), kinds(&decoded)),
        ("2018-04-05T17:31:00Z", vec![RepairKind::NumericTime])
    );
    let decoded = repaired(&message_of(AmqpValue::Long(7)), Peer::Python2.leniency()).unwrap();
    assert_eq!(decoded.value.extension("until"), Some(Value::Integer(7)));
    // Not a time by any unit.
    let beyond = message(AmqpValue::Ulong(u64::MAX));
    assert!(repaired(&beyond, Peer::Python2.leniency()).is_err());
    assert_eq!(kinds(&repaired(&beyond, Leniency::all()).unwrap()), [RepairKind::DroppedAttribute]);
}

/// The Java SDK. AMQP-3.1.3.1-a.
#[test]
fn extensions_without_a_prefix() {
    let message = required()
        .with_property("comexampleext", text("x"))
        .with_property("comexamplenumber", AmqpValue::Int(7))
        .with_property("cloudEvents:twice", text("prefixed"))
        .with_property("twice", text("bare"))
        .with_property("JMSXGroupID", text("g"))
        .with_property("x-trace", text("t"))
        .with_property("subject", text("not the attribute"))
        .with_property("list", AmqpValue::Other);
    for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
        let decoded = decode(&message, &with).unwrap();
        assert_eq!((decoded.value.extensions().len(), decoded.repairs().len()), (1, 0));
    }
    let decoded = repaired(&message, Peer::Java4.leniency()).unwrap();
    let names: Vec<_> = decoded.value.extensions().map(|(name, _)| name.as_str().to_owned()).collect();
    assert_eq!(names, ["comexampleext", "comexamplenumber", "twice"]);
    assert_eq!(decoded.value.extension("comexamplenumber"), Some(Value::Integer(7)));
    assert_eq!(decoded.value.extension("twice"), Some(Value::String("prefixed")));
    assert_eq!(decoded.value.subject(), None);
    assert_eq!(kinds(&decoded), [RepairKind::UnprefixedExtension; 2]);
    assert_eq!(decoded.repairs()[0].attribute(), Some("comexampleext"));
    // Without a mark, a message is no event.
    let unmarked = AmqpMessage::default().with_property("id", text("1"));
    assert_eq!(repaired(&unmarked, Peer::Java4.leniency()).unwrap_err().kind(), ErrorKind::NotACloudEvent);
}

/// A property of another program, with the name of a core attribute of version 0.3, does not change the payload.
#[test]
fn attributes_of_version_0_3_without_a_prefix_are_none() {
    let mut message = AmqpMessage::default()
        .with_property("cloudEvents:specversion", text("0.3"))
        .with_property("cloudEvents:id", text("1"))
        .with_property("cloudEvents:source", text("/s"))
        .with_property("cloudEvents:type", text("t"))
        .with_property("datacontentencoding", text("base64"))
        .with_property("schemaurl", text("urn:x"));
    message.body = Body::Data(bytes::Bytes::from_static(b"aGk="));
    let strict = decode(&message, &DecodeOptions::strict()).unwrap();
    let repaired = repaired(&message, Peer::Java4.leniency()).unwrap();
    assert_eq!(repaired.value, strict.value);
    assert!(repaired.repairs().is_empty());
}

/// SmallRye writes the content type twice. Where both are equal, nothing is wrong, as in the other bindings.
#[test]
fn a_content_type_among_the_application_properties() {
    let message = |named: &str| {
        let mut message = required().with_property("cloudEvents:datacontenttype", text(named));
        message.properties.content_type = Some("text/plain".into());
        message
    };
    let event = decode(&message("text/plain"), &DecodeOptions::strict()).unwrap();
    assert_eq!(event.value.datacontenttype().unwrap().as_str(), "text/plain");
    assert!(event.repairs().is_empty());
    let twice = message("text/plain").with_property("cloudEvents:datacontenttype", text("text/plain"));
    let strict = |message: &AmqpMessage| decode(message, &DecodeOptions::strict()).unwrap_err().kind();
    assert_eq!(strict(&twice), ErrorKind::DuplicateAttribute);
    assert_eq!(strict(&message("text/html")), ErrorKind::DuplicateAttribute);
    let decoded = repaired(&message("text/html"), Leniency::all()).unwrap();
    assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "text/plain");
    assert_eq!(kinds(&decoded), [RepairKind::IgnoredHeader]);
    let alone = required().with_property("cloudEvents:datacontenttype", text("text/plain"));
    assert_eq!(strict(&alone), ErrorKind::InvalidName);
}

#[test]
fn a_document_without_its_content_type() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    for body in [Body::Data(document.into()), Body::Value(text(document))] {
        let mut message = AmqpMessage::new(body);
        for content_type in [None, Some("application/json")] {
            message.properties.content_type = content_type.map(Into::into);
            let error = decode(&message, &DecodeOptions::strict()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
            let decoded = repaired(&message, Peer::Debezium3.leniency()).unwrap();
            assert_eq!((decoded.value.id(), kinds(&decoded)), ("1", vec![RepairKind::AssumedJson]));
        }
    }
    for other in [Body::Sequence, Body::Absent, Body::Data("{}".into())] {
        let error = repaired(&AmqpMessage::new(other), Peer::Debezium3.leniency()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
    }
}

/// AMQP-3.1.3.2-b and -g: canonical strings; AMQP-3.1.3.1-a: the colon.
#[test]
fn what_the_peers_that_read_colons_and_strings_get() {
    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .time("2018-04-05T17:31:00Z")
        .extension("bytes", &b"\x00\xff"[..])
        .extension("flag", true)
        .extension("number", -3)
        .build()
        .unwrap();
    for peer in [Peer::Go2, Peer::Java4, Peer::SmallRye4, Peer::Xrcg] {
        let with = Encoding::binary().for_peer(peer);
        let (message, losses) = encode(&event, with).unwrap();
        assert_eq!(losses.len(), 3); // the types of the extensions
        let again = encode_message(&Message::from(&event), with).unwrap();
        assert_eq!(
            format!("{:?}", again.application_properties),
            format!("{:?}", message.application_properties)
        );
        for (name, expected) in [
            ("time", "2018-04-05T17:31:00Z"),
            ("bytes", "AP8="),
            ("flag", "true"),
            ("number", "-3"),
            ("specversion", "1.0"),
        ] {
            let value = message.property(&format!("cloudEvents:{name}"));
            assert!(
                matches!(value, Some(AmqpValue::String(text)) if text.as_str() == expected),
                "{name}: {value:?}"
            );
        }
        let read = decode(&message, &DecodeOptions::strict()).unwrap().value;
        assert_eq!(read.time(), event.time());
    }
    let (message, _) = encode(&event, Encoding::binary().for_peer(Peer::Python2)).unwrap();
    assert!(matches!(message.property("cloudEvents_number"), Some(AmqpValue::String(_))));
    let (message, _) = encode(&event, Encoding::binary().for_peer(Peer::JavaScript10)).unwrap();
    assert!(matches!(message.property("cloudEvents_number"), Some(AmqpValue::Long(-3))));
}

/// What no extension can be belongs to something else, and stays there.
#[test]
fn properties_that_no_extension_can_be_are_left_alone() {
    let everything = RepairKind::ALL.iter().fold(Leniency::strict(), |all, repair| all.with(*repair));
    for value in [
        AmqpValue::Null,
        AmqpValue::Long(1_522_949_460_000),
        AmqpValue::Timestamp(i64::MAX),
        text("a\u{1}b"),
        text(&"x".repeat(65 << 10)),
    ] {
        let message = required().with_property("other", value);
        for leniency in [Peer::Java4.leniency(), everything] {
            let decoded = repaired(&message, leniency).unwrap();
            assert_eq!((decoded.value.extensions().len(), decoded.repairs().len()), (0, 0));
        }
    }
    let long = required().with_property("x".repeat(300), text("x"));
    assert!(repaired(&long, Peer::Java4.leniency()).unwrap().repairs().is_empty());
    // Nor do many of them make an event too large.
    let many = (0..300).fold(required(), |message, at| message.with_property(format!("x{at}"), text("x")));
    let decoded = repaired(&many, Peer::Java4.leniency()).unwrap();
    assert_eq!(decoded.value.extensions().len(), decoded.repairs().len());
    assert!(decoded.value.extensions().len() < 256);
}

/// A repair is reported if it was made.
#[test]
fn a_number_that_is_no_time_by_any_unit_is_not_reported_as_one() {
    let message = required().with_property("cloudEvents:time", AmqpValue::Long(i64::MAX));
    let leniency = Peer::Python2.leniency().union(Leniency::all());
    assert_eq!(kinds(&repaired(&message, leniency).unwrap()), [RepairKind::DroppedAttribute]);
}

fn binary(text: &'static str) -> AmqpValue {
    AmqpValue::Binary(bytes::Bytes::from_static(text.as_bytes()))
}

/// Event Hubs passes headers of Kafka to consumers of AMQP. AMQP-3.1.3.2-b.
#[test]
fn text_of_type_binary() {
    let message = |prefix: &str| {
        AmqpMessage::default()
            .with_property(format!("{prefix}specversion"), binary("1.0"))
            .with_property(format!("{prefix}id"), binary("eh2"))
            .with_property(format!("{prefix}source"), binary("/eh"))
            .with_property(format!("{prefix}type"), binary("reading"))
            .with_property(format!("{prefix}site"), binary("a"))
            .with_property(format!("{prefix}bytes"), AmqpValue::Binary(bytes::Bytes::from_static(b"\xff")))
    };
    let hubs = Peer::EventHubs.leniency();
    let of_text = [RepairKind::BinaryText; 5];
    for prefix in ["cloudEvents:", "cloudEvents_"] {
        let message = message(prefix);
        let error = decode(&message, &DecodeOptions::strict()).unwrap_err();
        assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidType, Some("specversion")));
        for leniency in [hubs, Leniency::all()] {
            let decoded = repaired(&message, leniency).unwrap();
            assert_eq!((decoded.value.id(), decoded.value.source().as_str()), ("eh2", "/eh"));
            assert_eq!(decoded.value.extension("site"), Some(Value::String("a")));
            assert_eq!(decoded.value.extension("bytes"), Some(Value::Binary(b"\xff")));
            assert_eq!(kinds(&decoded), of_text);
        }
    }
    // If the text of a message is text, bytes are bytes.
    let bytes = required().with_property("cloudEvents:bytes", binary("a"));
    let decoded = repaired(&bytes, hubs).unwrap();
    assert_eq!((decoded.value.extension("bytes"), kinds(&decoded)), (Some(Value::Binary(b"a")), vec![]));

    // With the names of Kafka, and its header content-type.
    for prefix in ["ce_", "ce-"] {
        let mut message = message(prefix).with_property("content-type", binary("application/json"));
        message.body = Body::Data("{}".into());
        let error = decode(&message, &DecodeOptions::strict()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
        // The repair alone does not read it.
        assert_eq!(error.help().unwrap(), format!("the prefix `{prefix}` is that of another protocol"));
        let decoded = repaired(&message, hubs).unwrap();
        assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "application/json");
        assert_eq!(kinds(&decoded), [&[RepairKind::ForeignPrefix][..], &of_text].concat());
        let typed = message.clone().with_property("cloudEvents:id", text("2"));
        assert!(repaired(&typed, hubs).is_err(), "the mark of the binding takes precedence");
    }
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let mut structured = AmqpMessage::new(Body::Data(document.into()))
        .with_property("ce_id", binary("2"))
        .with_property("content-type", binary("application/cloudevents+json"));
    let decoded = repaired(&structured, hubs).unwrap();
    assert_eq!((decoded.value.id(), kinds(&decoded)), ("1", vec![RepairKind::ForeignPrefix]));
    structured = structured.with_property("content-type", binary("application/cloudevents-batch+json"));
    structured.application_properties.remove(1);
    assert_eq!(repaired(&structured, hubs).unwrap_err().kind(), ErrorKind::Batched);
}

/// A TextMessage of JMS has no content type, and a BytesMessage has one that says nothing. AMQP-3.1.1-a.
#[test]
fn a_content_type_that_jms_cannot_set() {
    let json = "{\"n\":1}";
    let message = |content_type: Option<&str>, body| {
        let mut message = required().with_property("cloudEvents:datacontenttype", text("application/json"));
        message.properties.content_type = content_type.map(Into::into);
        message.body = body;
        message
    };
    let of_text = message(None, Body::Value(text(json)));
    let of_bytes = message(Some("application/octet-stream"), Body::Data(json.into()));
    for message in [&of_text, &of_bytes] {
        assert!(decode(message, &DecodeOptions::strict()).is_err());
        for leniency in [Peer::Jms.leniency(), Leniency::all()] {
            let decoded = repaired(message, leniency).unwrap();
            assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "application/json");
            assert_eq!(decoded.value.data().unwrap().as_bytes(), json.as_bytes());
            assert!(matches!(decoded.value.data(), Some(Data::Json(_))));
            assert_eq!(kinds(&decoded), [RepairKind::NamedContentType]);
        }
    }
    // Another content type is one that somebody has set.
    let stated = message(Some("text/plain"), Body::Data(json.into()));
    let error = repaired(&stated, Peer::Jms.leniency()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DuplicateAttribute);
    let twice = of_bytes.with_property("cloudEvents:datacontenttype", text("application/json"));
    assert!(repaired(&twice, Peer::Jms.leniency()).is_err());
    let twice = of_text.with_property("cloudEvents:datacontenttype", text("application/json"));
    assert!(repaired(&twice, Peer::Jms.leniency()).is_err());
}

/// Selectors of JMS compare numbers and booleans, and its properties have no times and no bytes.
#[test]
fn what_jms_gets() {
    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .time("2018-04-05T17:31:00Z")
        .extension("bytes", &b"\x00\xff"[..])
        .extension("flag", true)
        .extension("number", -3)
        .build()
        .unwrap();
    let (message, losses) = encode(&event, Encoding::binary().for_peer(Peer::Jms)).unwrap();
    assert_eq!(losses.len(), 1); // the type of the bytes
    let property = |name: &str| message.property(&format!("cloudEvents_{name}"));
    for (name, expected) in [("time", "2018-04-05T17:31:00Z"), ("bytes", "AP8=")] {
        assert!(
            matches!(property(name), Some(AmqpValue::String(text)) if text.as_str() == expected),
            "{name}"
        );
    }
    assert!(matches!(property("number"), Some(AmqpValue::Long(-3))));
    assert!(matches!(property("flag"), Some(AmqpValue::Boolean(true))));
    assert_eq!(decode(&message, &DecodeOptions::strict()).unwrap().value.time(), event.time());
}

/// Help names the repair only if it reads the message.
#[test]
fn help_about_a_foreign_prefix_is_tried() {
    let names = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];
    let help = |names: &[(&'static str, &'static str)]| {
        let message = names
            .iter()
            .fold(AmqpMessage::default(), |message, (name, value)| message.with_property(*name, text(value)));
        decode(&message, &DecodeOptions::strict()).unwrap_err().help().unwrap().to_owned()
    };
    let prefix = "the prefix `ce_` is that of another protocol";
    assert_eq!(help(&names), format!("{prefix}; the repair `foreign-prefix` reads it"));
    assert_eq!(help(&names[..2]), prefix);
}
