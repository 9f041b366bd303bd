//! What publishers hear, and what goes along.

use super::client::{Asks, Behaviour, Client, expiring, message, name, text};
use rumqttc_v5::mqttbytes::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    v5::{
        DisconnectReasonCode, Packet, PubAck, PubAckReason, PubRec, PubRecReason, PubRel, PublishProperties,
    },
};

pub(super) const ALL: &[Behaviour] = &[
    ("a message of QoS 1 is acknowledged", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtMostOnce);
        assert_eq!(client.post(message(&topic, AtLeastOnce, "x")), Some(PubAckReason::Success));
    }),
    ("a message of QoS 1 without a subscriber is acknowledged as that", |place| {
        let acknowledged = place.client().post(message(&name("t"), AtLeastOnce, "x"));
        assert_eq!(acknowledged, Some(PubAckReason::NoMatchingSubscribers));
    }),
    ("a message of QoS 2 that comes again before it is released is passed on once", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtMostOnce);
        let mut publish = message(&topic, ExactlyOnce, "x");
        publish.pkid = 5;
        for dup in [false, true] {
            publish.dup = dup;
            client.write(Packet::Publish(publish.clone()));
            assert!(matches!(client.read(), Some(Packet::PubRec(PubRec { pkid: 5, .. }))));
        }
        client.release(5);
        assert_eq!(subscriber.texts(), ["x"]);
    }),
    ("a message of QoS 2 is passed on when it is released", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, ExactlyOnce);
        unreleased(&mut client, &topic, "x");
        assert_eq!(subscriber.texts(), [""; 0]);
        client.release(5);
        assert_eq!(subscriber.texts(), ["x"]);
    }),
    ("a retained message of QoS 2 is retained when it is released", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        let mut publish = message(&topic, ExactlyOnce, "x");
        (publish.pkid, publish.retain) = (5, true);
        client.write(Packet::Publish(publish));
        assert!(matches!(client.read(), Some(Packet::PubRec(PubRec { pkid: 5, .. }))));
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtMostOnce);
        assert_eq!(subscriber.texts(), [""; 0]);
        client.release(5);
        subscriber.subscribe(&topic, AtMostOnce);
        assert!(subscriber.texts().contains(&"x".to_owned()));
    }),
    ("a message of QoS 2 that is not released is gone with its session", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtMostOnce);
        unreleased(&mut client, &topic, "x");
        client.leave();
        assert_eq!(subscriber.texts(), [""; 0]);
    }),
    ("a message of QoS 2 is released in the session that sent it, on another connection too", |place| {
        let (id, topic) = (name("c"), name("t"));
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtMostOnce);
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        unreleased(&mut client, &topic, "x");
        client.cut();
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        client.release(5);
        client.release(5);
        assert_eq!(subscriber.texts(), ["x"]);
    }),
    ("another message of QoS 2 under an identifier that was not released replaces the first", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtMostOnce);
        ["1", "2"].iter().for_each(|text| unreleased(&mut client, &topic, text));
        client.release(5);
        assert_eq!(subscriber.texts(), ["2"]);
    }),
    ("a subscriber that refuses a message of QoS 2 does not get it again", |place| {
        let (id, topic) = (name("c"), name("t"));
        let mut asks = Asks::session(&id, 60);
        asks.properties().receive_maximum = Some(1);
        let (mut client, _) = place.connect(asks).unwrap();
        client.keeps = true;
        client.subscribe(&topic, ExactlyOnce);
        let mut other = place.client();
        other.publish(&topic, ExactlyOnce, "refused");
        other.publish(&topic, ExactlyOnce, "next");
        let mut refusal = PubRec::new(client.next().pkid, None);
        refusal.reason = PubRecReason::QuotaExceeded;
        client.write(Packet::PubRec(refusal));
        // There is room again, and nothing is released.
        assert!(matches!(client.read(), Some(Packet::Publish(publish)) if text(&publish) == "next"));
        client.cut();
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        assert_eq!(client.texts(), ["next"]);
    }),
    ("a message of QoS 2 that is acknowledged as one of QoS 1 ends the connection", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        client.keeps = true;
        client.subscribe(&topic, ExactlyOnce);
        place.client().publish(&topic, ExactlyOnce, "x");
        let id = client.next().pkid;
        client.write(Packet::PubAck(PubAck::new(id, None)));
        client.ended();
    }),
    ("a message of QoS 1 that is received as one of QoS 2 ends the connection", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        client.keeps = true;
        client.subscribe(&topic, AtLeastOnce);
        place.client().publish(&topic, AtLeastOnce, "x");
        let id = client.next().pkid;
        client.write(Packet::PubRec(PubRec::new(id, None)));
        client.ended();
    }),
    ("acknowledging what is not there changes nothing", |place| {
        let mut client = place.client();
        client.write(Packet::PubAck(PubAck::new(77, None)));
        client.ping();
    }),
    ("releasing what is not there is answered", |place| {
        let mut client = place.client();
        client.write(Packet::PubRel(PubRel::new(5, None)));
        let Some(Packet::PubComp(complete)) = client.read() else { panic!() };
        assert_eq!(complete.pkid, 5);
    }),
    ("properties arrive as they were sent, user properties in their order", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        client.subscribe(&topic, AtLeastOnce);
        let properties = PublishProperties {
            payload_format_indicator: Some(1),
            response_topic: Some("answers".into()),
            correlation_data: Some(vec![0, 255].into()),
            user_properties: [("b", "1"), ("a", "2"), ("b", "3")].map(|(a, b)| (a.into(), b.into())).into(),
            content_type: Some("text/plain".into()),
            ..PublishProperties::default()
        };
        let mut publish = message(&topic, AtLeastOnce, "x");
        publish.properties = Some(properties.clone());
        place.client().publish_as(publish);
        assert_eq!(client.next().properties, Some(properties));
    }),
    ("an empty topic ends the connection", |place| {
        let mut client = place.client();
        client.raw(b"\x30\x04\0\0\0x");
        assert_eq!(client.ended(), Some(DisconnectReasonCode::ProtocolError));
    }),
    ("a topic with wildcards ends the connection", |place| {
        for topic in ["a/+", "#", "a/#"] {
            let mut client = place.client();
            let mut packet = vec![0x30, topic.len() as u8 + 3, 0, topic.len() as u8];
            packet.extend(topic.as_bytes());
            packet.push(0);
            client.raw(&packet);
            assert!(client.ended().is_some(), "{topic}");
        }
    }),
    ("a topic that is not text ends the connection", |place| {
        for topic in [&b"\xff"[..], b"a\0b"] {
            let mut client = place.client();
            let mut packet = vec![0x30, topic.len() as u8 + 3, 0, topic.len() as u8];
            packet.extend(topic);
            packet.push(0);
            client.raw(&packet);
            assert!(client.ended().is_some(), "{topic:?}");
        }
    }),
    ("a topic alias beyond the maximum ends the connection", |place| {
        let mut client = place.client();
        client.raw(b"\x30\x07\0\x01t\x03\x23\xff\xff");
        assert_eq!(client.ended(), Some(DisconnectReasonCode::TopicAliasInvalid));
    }),
    ("a quality of 3 ends the connection", |place| {
        let mut client = place.client();
        client.raw(b"\x36\x06\0\x01t\0\x01\0");
        assert_eq!(client.ended(), Some(DisconnectReasonCode::MalformedPacket));
    }),
    ("a packet identifier of 0 ends the connection", |place| {
        let mut client = place.client();
        client.raw(b"\x32\x06\0\x01t\0\0\0");
        assert!(client.ended().is_some());
    }),
    ("a message that is larger than a client takes is not sent to it", |place| {
        let topic = name("t");
        let mut asks = Asks::new(&name("c"));
        asks.properties().max_packet_size = Some(200);
        let (mut small, _) = place.connect(asks).unwrap();
        let mut large = place.client();
        small.subscribe(&topic, AtLeastOnce);
        large.subscribe(&topic, AtLeastOnce);
        let (long, mut other) = ("x".repeat(300), place.client());
        other.publish(&topic, AtLeastOnce, &long);
        other.publish(&topic, AtLeastOnce, "short");
        assert_eq!(large.texts(), [&*long, "short"]);
        assert_eq!(small.texts(), ["short"]);
    }),
    ("a message that expires arrives with the time that is left", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        client.subscribe(&topic, AtLeastOnce);
        place.client().publish_as(expiring(&topic, "x", 100));
        let left = client.next().properties.unwrap().message_expiry_interval.unwrap();
        assert!((95..=100).contains(&left), "{left}");
    }),
    ("a client holds as many messages as it takes", |place| {
        let topic = name("t");
        let mut asks = Asks::new(&name("c"));
        asks.properties().receive_maximum = Some(2);
        let (mut client, _) = place.connect(asks).unwrap();
        client.keeps = true;
        client.subscribe(&topic, AtLeastOnce);
        let mut other = place.client();
        ["1", "2", "3"].iter().for_each(|text| other.publish(&topic, AtLeastOnce, text));
        let (first, second) = (client.next(), client.next());
        assert_eq!([text(&first), text(&second)], ["1", "2"]);
        client.ping();
        assert!(client.arrived.is_empty());
        client.write(Packet::PubAck(PubAck::new(first.pkid, None)));
        assert_eq!(text(&client.next()), "3");
    }),
    ("a ping is answered", |place| place.client().ping()),
    ("messages of a publisher arrive in order", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        client.subscribe(&topic, AtLeastOnce);
        let mut other = place.client();
        let texts: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        texts.iter().for_each(|text| other.publish(&topic, AtLeastOnce, text));
        assert_eq!(client.texts(), texts);
    }),
];

/// Sends a message of QoS 2 under the identifier 5, which is received and not released.
fn unreleased(client: &mut Client, topic: &str, text: &str) {
    let mut publish = message(topic, ExactlyOnce, text);
    publish.pkid = 5;
    client.write(Packet::Publish(publish));
    assert!(matches!(client.read(), Some(Packet::PubRec(PubRec { pkid: 5, .. }))));
}
