//! Parts of MQTT that the embedded broker lacks: it refuses them. And rules of MQTT 5.0 that Mosquitto 2.0 does not enforce.

use super::client::{Asks, Behaviour, Place, message, name, retained};
use cloudevents_testkit::mqtt::{Broker, BrokerOptions};
use rumqttc_v5::mqttbytes::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    v5::{
        ConnectReturnCode, DisconnectReasonCode, LastWill, Packet, PublishProperties, RetainForwardRule,
        Subscribe, SubscribeFilter, SubscribeProperties, SubscribeReasonCode,
    },
};

#[test]
fn forbidden_topics() {
    let mut options = BrokerOptions::default();
    options.forbidden = vec!["closed".into(), "closed/#".into()];
    let broker = Broker::with_options(options).unwrap();
    let place = Place::new(&format!("127.0.0.1:{}", broker.port()));
    let mut client = place.client();
    for filter in ["closed", "closed/a", "closed/#", "$share/g/closed", "$share/g/closed/+"] {
        assert_eq!(client.subscribe(filter, AtLeastOnce), SubscribeReasonCode::NotAuthorized, "{filter}");
    }
    assert_eq!(client.subscribe("open", AtLeastOnce), SubscribeReasonCode::Success(AtLeastOnce));
}

#[test]
fn a_connection_that_the_test_cuts_hears_nothing() {
    let broker = Broker::start().unwrap();
    let place = Place::new(&format!("127.0.0.1:{}", broker.port()));
    let mut client = place.client();
    broker.disconnect_all();
    assert_eq!(client.ended(), None);
}

#[test]
fn a_subscription_is_granted_no_more_than_the_maximum() {
    let mut options = BrokerOptions::default();
    options.max_qos = Some(1);
    let broker = Broker::with_options(options).unwrap();
    let place = Place::new(&format!("127.0.0.1:{}", broker.port()));
    assert_eq!(place.client().subscribe("t", ExactlyOnce), SubscribeReasonCode::Success(AtLeastOnce));
}

pub(super) const ALL: &[Behaviour] = &[
    ("subscription identifiers", |place| {
        let (mut client, ack) = place.connect(Asks::new(&name("c"))).unwrap();
        assert_eq!(ack.properties.unwrap().subscription_identifiers_available, Some(0));
        let properties = SubscribeProperties { id: Some(1), user_properties: Vec::new() };
        let mut subscribe = Subscribe::new(SubscribeFilter::new(name("t"), AtLeastOnce), Some(properties));
        subscribe.pkid = 1;
        client.write(Packet::Subscribe(subscribe));
        assert_eq!(client.ended(), Some(DisconnectReasonCode::SubscriptionIdentifiersNotSupported));
    }),
    ("topic aliases", |place| {
        let (mut client, ack) = place.connect(Asks::new(&name("c"))).unwrap();
        assert!(matches!(ack.properties.unwrap().topic_alias_max, None | Some(0)));
        client.raw(b"\x30\x07\0\x01t\x03\x23\0\x01");
        assert_eq!(client.ended(), Some(DisconnectReasonCode::TopicAliasInvalid));
    }),
    ("wills", |place| {
        let mut asks = Asks::new(&name("c"));
        asks.will = Some(LastWill {
            topic: "t".into(),
            message: "x".into(),
            qos: AtLeastOnce,
            retain: false,
            properties: None,
        });
        assert_eq!(place.connect(asks).err(), Some(ConnectReturnCode::ImplementationSpecificError));
    }),
    ("No Local, Retain As Published and Retain Handling 2", |place| {
        let of = || SubscribeFilter::new(name("t"), AtLeastOnce);
        let (mut local, mut published, mut never) = (of(), of(), of());
        local.nolocal = true;
        published.preserve_retain = true;
        never.retain_forward_rule = RetainForwardRule::Never;
        let mut client = place.client();
        for filter in [local, published, never] {
            assert_eq!(client.subscribe_as(filter), SubscribeReasonCode::ImplementationSpecific);
        }
    }),
    ("a response topic with wildcards ends the connection", |place| {
        let mut client = place.client();
        let mut publish = message(&name("t"), AtMostOnce, "x");
        publish.properties =
            Some(PublishProperties { response_topic: Some("a/#".into()), ..PublishProperties::default() });
        client.write(Packet::Publish(publish));
        assert!(client.ended().is_some());
    }),
    ("a duplicate flag with QoS 0 ends the connection", |place| {
        let mut client = place.client();
        client.raw(b"\x38\x04\0\x01t\0");
        assert!(client.ended().is_some());
    }),
    ("a shared subscription gets no retained messages", |place| {
        let topic = name("t");
        let mut client = place.client();
        client.publish_as(retained(&topic, "x"));
        client.subscribe(&format!("$share/g/{topic}"), AtLeastOnce);
        assert_eq!(client.texts(), [""; 0]);
    }),
    ("a shared subscription without a group or a filter ends the connection", |place| {
        for filter in ["$share/g", "$share//t", "$share/g/"] {
            let mut client = place.client();
            client.write_subscribe(SubscribeFilter::new(filter, AtLeastOnce));
            assert!(client.ended().is_some(), "{filter}");
        }
    }),
    ("a connection that another one takes over hears so", |place| {
        let id = name("c");
        let (mut first, _) = place.connect(Asks::new(&id)).unwrap();
        place.connect(Asks::new(&id)).unwrap();
        assert_eq!(first.ended(), Some(DisconnectReasonCode::SessionTakenOver));
    }),
    ("a second CONNECT is a protocol error", |place| {
        let mut client = place.client();
        let asks = Asks::new(&name("c"));
        client.write(Packet::Connect(asks.connect, None, asks.auth));
        assert_eq!(client.ended(), Some(DisconnectReasonCode::ProtocolError));
    }),
];
