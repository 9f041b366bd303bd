//! Filters, and who gets a message.

use super::client::{Behaviour, message, name, text};
use rumqttc_v5::mqttbytes::{
    QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce},
    v5::{
        DisconnectReasonCode, Packet, Subscribe, SubscribeFilter, SubscribeReasonCode, UnsubAckReason,
        Unsubscribe,
    },
};

pub(super) const ALL: &[Behaviour] = &[
    ("a filter without wildcards is a whole topic", |place| {
        let (mut client, base) = (place.client(), name("t"));
        client.subscribe(&format!("{base}/a"), AtLeastOnce);
        publish(place, &base, &["a", "a/", "a/b", "A", "ab"]);
        assert_eq!(client.texts(), ["a"]);
    }),
    ("+ is one level, which may be empty", |place| {
        let (mut client, base) = (place.client(), name("t"));
        client.subscribe(&format!("{base}/+"), AtLeastOnce);
        publish(place, &base, &["a", "", "a/b"]);
        assert_eq!(client.texts(), ["a", ""]);
    }),
    ("+ stands between levels", |place| {
        let (mut client, base) = (place.client(), name("t"));
        client.subscribe(&format!("{base}/+/z"), AtLeastOnce);
        publish(place, &base, &["a/z", "/z", "a/b/z", "z"]);
        assert_eq!(client.texts(), ["a/z", "/z"]);
    }),
    ("# is any number of levels, and the one above", |place| {
        let (mut client, base) = (place.client(), name("t"));
        client.subscribe(&format!("{base}/a/#"), AtLeastOnce);
        publish(place, &base, &["a", "a/", "a/b/c", "ab", "b"]);
        assert_eq!(client.texts(), ["a", "a/", "a/b/c"]);
    }),
    ("a filter that begins with $ matches topics that do", |place| {
        let (mut client, base) = (place.client(), name("$t"));
        for filter in [format!("{base}/a"), format!("{base}/+/x"), format!("{base}/b/#")] {
            assert_eq!(client.subscribe(&filter, AtLeastOnce), SubscribeReasonCode::Success(AtLeastOnce));
        }
        publish(place, &base, &["a", "q/x", "b/c/d", "c"]);
        assert_eq!(client.texts(), ["a", "q/x", "b/c/d"]);
    }),
    ("a filter that begins with a wildcard matches no topic that begins with $", |place| {
        let (mut client, level) = (place.client(), name("l"));
        client.subscribe(&format!("+/{level}"), AtLeastOnce);
        client.subscribe("#", AtMostOnce);
        let mut other = place.client();
        other.publish(&format!("$a/{level}"), AtLeastOnce, "hidden");
        other.publish(&format!("a/{level}"), AtLeastOnce, "shown");
        let texts = client.texts();
        assert!(texts.contains(&"shown".to_owned()) && !texts.contains(&"hidden".to_owned()), "{texts:?}");
    }),
    ("$ counts at the beginning of a topic only", |place| {
        let (mut client, base) = (place.client(), name("t"));
        client.subscribe(&format!("{base}/+"), AtLeastOnce);
        publish(place, &base, &["$a"]);
        assert_eq!(client.texts(), ["$a"]);
    }),
    ("a subscription is granted at the quality that was requested", |place| {
        let mut client = place.client();
        for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
            assert_eq!(client.subscribe(&name("t"), qos), SubscribeReasonCode::Success(qos));
        }
    }),
    ("a message arrives at the lower of both qualities", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        let mut other = place.client();
        for (granted, sent, arrives) in [
            (AtMostOnce, ExactlyOnce, AtMostOnce),
            (AtLeastOnce, ExactlyOnce, AtLeastOnce),
            (ExactlyOnce, AtLeastOnce, AtLeastOnce),
            (ExactlyOnce, ExactlyOnce, ExactlyOnce),
            (ExactlyOnce, AtMostOnce, AtMostOnce),
        ] {
            client.subscribe(&topic, granted);
            other.publish(&topic, sent, "x");
            assert_eq!(client.next().qos, arrives);
        }
    }),
    ("the same filter again replaces the subscription", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        client.subscribe(&topic, ExactlyOnce);
        client.subscribe(&topic, AtMostOnce);
        place.client().publish(&topic, AtLeastOnce, "x");
        let all = client.received();
        assert_eq!(all.iter().map(|publish| publish.qos).collect::<Vec<_>>(), [AtMostOnce]);
    }),
    ("a subscription that ended gets nothing", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        client.subscribe(&topic, AtLeastOnce);
        assert_eq!(client.unsubscribe(&topic), UnsubAckReason::Success);
        assert_eq!(client.unsubscribe(&topic), UnsubAckReason::NoSubscriptionExisted);
        place.client().publish(&topic, AtLeastOnce, "x");
        assert_eq!(client.texts(), [""; 0]);
    }),
    ("a client gets its own messages", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        client.subscribe(&topic, AtMostOnce);
        client.write(rumqttc_v5::mqttbytes::v5::Packet::Publish(message(&topic, AtMostOnce, "own")));
        assert_eq!(text(&client.next()), "own");
    }),
    ("a shared subscription gives each message to one member", |place| {
        let (mut one, mut two, topic) = (place.client(), place.client(), name("t"));
        let filter = format!("$share/g/{topic}");
        one.subscribe(&filter, AtLeastOnce);
        two.subscribe(&filter, AtLeastOnce);
        let mut other = place.client();
        for number in 1..=4 {
            other.publish(&topic, AtLeastOnce, &number.to_string());
        }
        let (mut all, second) = (one.texts(), two.texts());
        assert_eq!((all.len(), second.len()), (2, 2));
        all.extend(second);
        all.sort();
        assert_eq!(all, ["1", "2", "3", "4"]);
    }),
    ("groups, and subscriptions that are not shared, all get a message", |place| {
        let (mut one, mut two, mut three, topic) =
            (place.client(), place.client(), place.client(), name("t"));
        one.subscribe(&format!("$share/a/{topic}"), AtLeastOnce);
        two.subscribe(&format!("$share/b/{topic}"), AtLeastOnce);
        three.subscribe(&topic, AtLeastOnce);
        place.client().publish(&topic, AtLeastOnce, "x");
        assert_eq!([one.texts(), two.texts(), three.texts()], [["x"], ["x"], ["x"]]);
    }),
    ("filters whose wildcards stand where they may not end the connection", |place| {
        for filter in ["a/#/b", "a#", "#a", "a+", "+a/b", "a/b+/c"] {
            let mut client = place.client();
            client.write_subscribe(SubscribeFilter::new(filter, AtLeastOnce));
            assert_eq!(client.ended(), Some(DisconnectReasonCode::MalformedPacket), "{filter}");
        }
    }),
    ("shared subscriptions without a group or a filter end the connection", |place| {
        for filter in ["$share", "$share/g+/t", "$share/#/t"] {
            let mut client = place.client();
            client.write_subscribe(SubscribeFilter::new(filter, AtLeastOnce));
            assert!(client.ended().is_some(), "{filter}");
        }
    }),
    ("ending a subscription to what is no filter ends the connection", |place| {
        for filter in ["", "a/#/b", "a+"] {
            let mut client = place.client();
            let mut unsubscribe = Unsubscribe::new(filter, None);
            unsubscribe.pkid = 8;
            client.write(Packet::Unsubscribe(unsubscribe));
            assert!(client.ended().is_some(), "{filter}");
        }
    }),
    ("several filters are answered in their order", |place| {
        let (mut client, topic) = (place.client(), name("t"));
        let filters = [
            (format!("{topic}/a"), ExactlyOnce),
            (format!("{topic}/b"), AtMostOnce),
            (format!("{topic}/c"), AtLeastOnce),
        ];
        let filters = filters.map(|(filter, qos)| SubscribeFilter::new(filter, qos));
        let mut subscribe = Subscribe::new_many(filters, None);
        subscribe.pkid = 7;
        client.write(Packet::Subscribe(subscribe));
        let Some(Packet::SubAck(ack)) = client.read() else { panic!() };
        assert_eq!(
            ack.return_codes,
            [ExactlyOnce, AtMostOnce, AtLeastOnce].map(SubscribeReasonCode::Success)
        );
    }),
    ("an empty filter ends the connection", |place| {
        let mut client = place.client();
        client.write_subscribe(SubscribeFilter::new("", AtLeastOnce));
        assert_eq!(client.ended(), Some(DisconnectReasonCode::MalformedPacket));
    }),
    ("SUBSCRIBE without filters, or with wrong flags, ends the connection", |place| {
        for bytes in [&b"\x82\x03\0\x01\0"[..], b"\x80\x07\0\x01\0\0\x01a\0"] {
            let mut client = place.client();
            client.raw(bytes);
            assert!(client.ended().is_some(), "{bytes:?}");
        }
    }),
];

/// Publishes to levels below a topic. The texts are the levels.
fn publish(place: &super::client::Place, base: &str, levels: &[&str]) {
    let mut client = place.client();
    for level in levels {
        client.publish(&format!("{base}/{level}"), AtLeastOnce, level);
    }
}
