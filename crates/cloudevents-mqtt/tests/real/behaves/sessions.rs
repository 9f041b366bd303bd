//! Connecting, and what a session keeps.

use super::client::{Asks, Behaviour, expiring, message, name, text};
use cloudevents_testkit::patience;
use rumqttc_v5::mqttbytes::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    v5::{
        ConnectReturnCode, Disconnect, DisconnectProperties, DisconnectReasonCode, Packet, PubComp, PubRec,
    },
};

pub(super) const ALL: &[Behaviour] = &[
    ("a session that is kept has its subscriptions, and what came meanwhile", |place| {
        let (id, topic) = (name("c"), name("t"));
        let (mut client, ack) = place.connect(Asks::session(&id, 60)).unwrap();
        assert!(!ack.session_present);
        client.subscribe(&topic, AtLeastOnce);
        client.leave();
        let mut other = place.client();
        other.publish(&topic, AtLeastOnce, "1");
        other.publish(&topic, AtLeastOnce, "2");
        let (mut client, ack) = place.connect(Asks::session(&id, 60)).unwrap();
        assert!(ack.session_present);
        assert_eq!([text(&client.next()), text(&client.next())], ["1", "2"]);
    }),
    ("a session of 0 seconds ends with its connection", |place| {
        let (id, topic) = (name("c"), name("t"));
        let (mut client, _) = place.connect(Asks::session(&id, 0)).unwrap();
        client.subscribe(&topic, AtLeastOnce);
        client.leave();
        place.client().publish(&topic, AtLeastOnce, "x");
        let (mut client, ack) = place.connect(Asks::session(&id, 0)).unwrap();
        assert!(!ack.session_present);
        assert_eq!(client.texts(), [""; 0]);
    }),
    ("a clean start ends the session before", |place| {
        let (id, topic) = (name("c"), name("t"));
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        client.subscribe(&topic, AtLeastOnce);
        client.leave();
        let (mut client, ack) = place.connect(Asks::new(&id)).unwrap();
        assert!(!ack.session_present);
        place.client().publish(&topic, AtLeastOnce, "x");
        assert_eq!(client.texts(), [""; 0]);
    }),
    ("messages of QoS 0 are not for a client that is away", |place| {
        let (id, topic) = (name("c"), name("t"));
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        client.subscribe(&topic, AtMostOnce);
        client.leave();
        place.client().publish(&topic, AtLeastOnce, "x");
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        assert_eq!(client.texts(), [""; 0]);
    }),
    ("what was not acknowledged comes again, as a duplicate and in order", |place| {
        let (id, topic) = (name("c"), name("t"));
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        client.keeps = true;
        client.subscribe(&topic, AtLeastOnce);
        let mut other = place.client();
        other.publish(&topic, AtLeastOnce, "1");
        other.publish(&topic, AtLeastOnce, "2");
        let first = client.next();
        client.next();
        client.cut();
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        let (one, two) = (client.next(), client.next());
        assert_eq!((text(&one), one.dup, one.pkid), ("1".into(), true, first.pkid));
        assert_eq!((text(&two), two.dup), ("2".into(), true));
    }),
    ("of what was received, the release comes again", |place| {
        let (id, topic) = (name("c"), name("t"));
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        client.keeps = true;
        client.subscribe(&topic, ExactlyOnce);
        place.client().publish(&topic, ExactlyOnce, "x");
        let sent = client.next();
        client.write(Packet::PubRec(PubRec::new(sent.pkid, None)));
        assert!(matches!(client.read(), Some(Packet::PubRel(release)) if release.pkid == sent.pkid));
        client.cut();
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        assert!(matches!(client.read(), Some(Packet::PubRel(release)) if release.pkid == sent.pkid));
        client.write(Packet::PubComp(PubComp::new(sent.pkid, None)));
        assert_eq!(client.texts(), [""; 0]);
    }),
    ("a message that expires while the client is away is not sent", |place| {
        let (id, topic) = (name("c"), name("t"));
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        client.subscribe(&topic, AtLeastOnce);
        client.leave();
        let mut other = place.client();
        other.publish_as(expiring(&topic, "short", 1));
        other.publish_as(expiring(&topic, "long", 100));
        // A retained message of the same time is gone before.
        let mut clock = expiring(&name("t"), "x", 2);
        clock.retain = true;
        let at = String::from_utf8(clock.topic.to_vec()).unwrap();
        other.publish_as(clock);
        let begin = std::time::Instant::now();
        let is_there = || {
            let mut late = place.client();
            late.subscribe(&at, AtLeastOnce);
            !late.texts().is_empty()
        };
        while is_there() {
            assert!(begin.elapsed() < patience(), "it does not expire");
        }
        let (mut client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        assert_eq!(client.texts(), ["long"]);
    }),
    ("a second connection of a client ends the first one", |place| {
        let id = name("c");
        let (mut first, _) = place.connect(Asks::new(&id)).unwrap();
        let (mut second, _) = place.connect(Asks::new(&id)).unwrap();
        // Mosquitto 2.0 sends no reason.
        assert!(matches!(first.ended(), None | Some(DisconnectReasonCode::SessionTakenOver)));
        second.ping();
    }),
    ("a second connection takes the session over", |place| {
        let (id, topic) = (name("c"), name("t"));
        let (mut first, _) = place.connect(Asks::session(&id, 60)).unwrap();
        first.subscribe(&topic, AtLeastOnce);
        let (mut second, ack) = place.connect(Asks::session(&id, 60)).unwrap();
        assert!(ack.session_present);
        place.client().publish(&topic, AtLeastOnce, "x");
        assert_eq!(text(&second.next()), "x");
    }),
    ("a session of 0 seconds ends when another connection takes it over", |place| {
        let (id, topic) = (name("c"), name("t"));
        let (mut first, _) = place.connect(Asks::session(&id, 0)).unwrap();
        first.subscribe(&topic, AtLeastOnce);
        let (mut second, ack) = place.connect(Asks::session(&id, 60)).unwrap();
        assert!(!ack.session_present);
        place.client().publish(&topic, AtLeastOnce, "x");
        assert_eq!(second.texts(), [""; 0]);
    }),
    ("a connection that was taken over gets nothing more, though it did not read", |place| {
        let (id, topic) = (name("c"), name("t"));
        let (mut first, _) = place.connect(Asks::session(&id, 60)).unwrap();
        first.keeps = true;
        first.subscribe(&topic, AtLeastOnce);
        let mut other = place.client();
        // More than sockets hold, so that the broker waits in the middle.
        for number in 0..300 {
            other.publish(&topic, AtLeastOnce, &format!("{number:060000}"));
        }
        let (mut second, ack) = place.connect(Asks::session(&id, 60)).unwrap();
        assert!(ack.session_present);
        let reading = std::thread::spawn(move || first.drained());
        for number in 0..300 {
            assert_eq!(text(&second.next()).parse(), Ok(number));
        }
        assert!(reading.join().unwrap() < 300 * 60_000);
    }),
    ("a client that sends nothing is lost, though messages come for it", |place| {
        let topic = name("t");
        let mut asks = Asks::new(&name("c"));
        asks.connect.keep_alive = 3;
        let (mut silent, _) = place.connect(asks).unwrap();
        silent.subscribe(&topic, AtMostOnce);
        let lost = std::thread::spawn(move || silent.ended());
        let (mut other, begin) = (place.client(), std::time::Instant::now());
        while !lost.is_finished() {
            assert!(begin.elapsed() < patience(), "it is not lost");
            other.publish(&topic, AtMostOnce, "x");
        }
        lost.join().unwrap();
    }),
    ("DISCONNECT may shorten the session", |place| {
        let id = name("c");
        let (client, _) = place.connect(Asks::session(&id, 60)).unwrap();
        client.leave_with(expires(0));
        assert!(!place.connect(Asks::session(&id, 60)).unwrap().1.session_present);
    }),
    ("DISCONNECT may not keep a session that was to end", |place| {
        let id = name("c");
        let (client, _) = place.connect(Asks::session(&id, 0)).unwrap();
        client.leave_with(expires(60));
        assert!(!place.connect(Asks::session(&id, 60)).unwrap().1.session_present);
    }),
    ("a client without an identifier gets one", |place| {
        let (_, one) = place.connect(Asks::new("")).unwrap();
        let (_, two) = place.connect(Asks::new("")).unwrap();
        let assigned = |ack: rumqttc_v5::mqttbytes::v5::ConnAck| {
            ack.properties.unwrap().assigned_client_identifier.unwrap()
        };
        assert_ne!(assigned(one), assigned(two));
    }),
    ("a client that can receive nothing is refused", |place| {
        let mut asks = Asks::new(&name("c"));
        asks.properties().receive_maximum = Some(0);
        let mut client = place.open();
        client.write(Packet::Connect(asks.connect, None, asks.auth));
        client.ended();
        let mut asks = Asks::new(&name("c"));
        asks.properties().max_packet_size = Some(0);
        let mut client = place.open();
        client.write(Packet::Connect(asks.connect, None, asks.auth));
        client.ended();
    }),
    ("a packet before CONNECT ends the connection", |place| {
        let mut client = place.open();
        client.write(Packet::PingReq);
        assert_eq!(client.bytes(1), [0; 0]);
    }),
    ("a second CONNECT ends the connection", |place| {
        let mut client = place.client();
        let asks = Asks::new(&name("c"));
        client.write(Packet::Connect(asks.connect, None, asks.auth));
        client.ended();
    }),
    ("an unknown way to authenticate is refused", |place| {
        let mut asks = Asks::new(&name("c"));
        asks.properties().authentication_method = Some("SCRAM".into());
        assert_eq!(place.connect(asks).err(), Some(ConnectReturnCode::BadAuthenticationMethod));
    }),
    ("a protocol that is none ends the connection", |place| {
        let mut client = place.open();
        client.raw(b"\x10\x0e\0\x04MQTX\x05\x02\0\x3c\0\0\x01c");
        assert_eq!(client.bytes(1), [0; 0]);
    }),
    ("an unknown version is refused with 1", |place| {
        let mut client = place.open();
        client.raw(b"\x10\x0e\0\x04MQTT\x09\x02\0\x3c\0\0\x01c");
        assert_eq!(client.bytes(4), [0x20, 2, 0, 1]);
        assert_eq!(client.bytes(1), [0; 0]);
    }),
    ("over MQTT 3.1.1, an empty identifier is for a clean session", |place| {
        let mut client = place.open();
        client.raw(b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0");
        assert_eq!(client.bytes(4), [0x20, 2, 0, 0]);
    }),
    ("over MQTT 3.1.1, an empty identifier and a session that is kept are refused with 2", |place| {
        let mut client = place.open();
        client.raw(b"\x10\x0c\0\x04MQTT\x04\x00\0\x3c\0\0");
        assert_eq!(client.bytes(4), [0x20, 2, 0, 2]);
        assert_eq!(client.bytes(1), [0; 0]);
    }),
    ("over MQTT 3.1.1, a session that is not clean is kept", |place| {
        let id = &name("c");
        for present in [0, 1] {
            let mut client = place.open();
            let mut connect =
                vec![0x10, 12 + id.len() as u8, 0, 4, b'M', b'Q', b'T', b'T', 4, 0, 0, 60, 0, id.len() as u8];
            connect.extend(id.as_bytes());
            client.raw(&connect);
            assert_eq!(client.bytes(4), [0x20, 2, present, 0]);
            client.raw(b"\xe0\0");
            assert_eq!(client.bytes(1), [0; 0]);
        }
    }),
    ("over MQTT 3.1.1, properties are not sent", |place| {
        let topic = name("t");
        let mut client = place.open();
        client.raw(b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0");
        client.bytes(4);
        let mut subscribe = vec![0x82, 5 + topic.len() as u8, 0, 1, 0, topic.len() as u8];
        subscribe.extend(topic.as_bytes());
        subscribe.push(0);
        client.raw(&subscribe);
        assert_eq!(client.bytes(5), [0x90, 3, 0, 1, 0]);
        let mut publish = expiring(&topic, "x", 100);
        publish.qos = AtMostOnce;
        place.client().publish_as(publish);
        let mut expected = vec![0x30, 3 + topic.len() as u8, 0, topic.len() as u8];
        expected.extend(topic.as_bytes());
        expected.push(b'x');
        assert_eq!(client.bytes(expected.len()), expected);
    }),
    ("a client that leaves has nothing more to send", |place| {
        let topic = name("t");
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtMostOnce);
        let mut client = place.client();
        client.write(Packet::Disconnect(Disconnect::new(DisconnectReasonCode::NormalDisconnection)));
        client.write(Packet::Publish(message(&topic, AtMostOnce, "x")));
        client.ended();
        assert_eq!(subscriber.texts(), [""; 0]);
    }),
];

fn expires(seconds: u32) -> Disconnect {
    let properties = DisconnectProperties {
        session_expiry_interval: Some(seconds),
        reason_string: None,
        user_properties: Vec::new(),
        server_reference: None,
    };
    let mut disconnect = Disconnect::new(DisconnectReasonCode::NormalDisconnection);
    disconnect.properties = Some(properties);
    disconnect
}
