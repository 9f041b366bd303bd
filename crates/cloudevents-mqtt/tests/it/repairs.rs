//! What other implementations write, and the repairs that read it. What is written for them.

use cloudevents_core::{DecodeOptions, ErrorKind, Event, Leniency, Message, Peer, RepairKind};
use cloudevents_mqtt::{Encoding, MqttMessage, decode, encode, encode_message};

fn with(leniency: Leniency) -> DecodeOptions {
    DecodeOptions::strict().with_leniency(leniency)
}

/// The Go SDK. MQTT-3.1.3.1-a.
#[test]
fn the_prefix_of_http() {
    let required = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t"), ("myext", "x")];
    let message = required.into_iter().fold(MqttMessage::new("21.5"), |message, (name, value)| {
        message.with_user_property(format!("ce-{name}"), value)
    });
    let message = message.with_content_type("text/plain").with_user_property("other", "not of the event");
    let error = decode(&message, &DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
    let decoded = decode(&message, &with(Peer::Go2.leniency())).unwrap();
    assert_eq!((decoded.value.id(), decoded.value.extensions().len()), ("1", 1));
    assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "text/plain");
    assert_eq!(decoded.repairs()[0].kind(), RepairKind::ForeignPrefix);
    assert!(decode(&message, &DecodeOptions::lenient()).is_err());
    // Names without a prefix take precedence: then the others are no attributes.
    let required = [("specversion", "1.0"), ("id", "2"), ("source", "/s"), ("type", "t")];
    let both =
        required.into_iter().fold(message, |message, (name, value)| message.with_user_property(name, value));
    let decoded = decode(&both, &with(Peer::Go2.leniency())).unwrap();
    assert_eq!((decoded.value.id(), decoded.repairs().len()), ("2", 0));
}

#[test]
fn a_document_without_its_content_type() {
    let document = MqttMessage::new(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
    for message in [document.clone(), document.with_content_type("application/json")] {
        let error = decode(&message, &DecodeOptions::strict()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
        let decoded = decode(&message, &with(Peer::Dapr.leniency())).unwrap();
        assert_eq!((decoded.value.id(), decoded.repairs()[0].kind()), ("1", RepairKind::AssumedJson));
    }
}

#[test]
fn what_the_peer_that_reads_a_prefix_gets() {
    let event =
        Event::builder().id("1").source("/s").ty("t").subject("x").extension("a", "b").build().unwrap();
    let encoding = Encoding::binary().for_peer(Peer::Go2);
    let (message, _) = encode(&event, encoding).unwrap();
    let names: Vec<_> = message.user_properties.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-subject", "ce-a"]);
    let same = encode_message(&Message::from(&event), encoding).unwrap();
    assert_eq!(format!("{same:?}"), format!("{message:?}"));
    assert_eq!(decode(&message, &with(Peer::Go2.leniency())).unwrap().value, event);
    let (message, _) = encode(&event, Encoding::binary().for_peer(Peer::Java4)).unwrap();
    assert!(message.user_property("id").is_some());
}

/// MQTT-3.1.1-a: the Content Type has it in any case.
#[test]
fn what_the_peer_that_does_not_read_the_content_type_gets() {
    let event = Event::builder().id("1").source("/s").ty("t").text("x").build().unwrap();
    for (peer, repeated) in [(Peer::JavaScript10, Some("text/plain")), (Peer::Java4, None)] {
        let (message, _) = encode(&event, Encoding::binary().for_peer(peer)).unwrap();
        assert_eq!(message.content_type.as_ref().map(|text| text.as_str()), Some("text/plain"));
        assert_eq!(message.user_property("datacontenttype"), repeated);
        let read = decode(&message, &DecodeOptions::strict()).unwrap().value;
        assert_eq!(
            (read.datacontenttype(), read.data_bytes()),
            (event.datacontenttype(), event.data_bytes())
        );
    }
}
