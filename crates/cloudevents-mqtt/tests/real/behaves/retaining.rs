//! Retained messages.

use super::client::{Behaviour, Client, Place, expiring, message, name, retained, text};
use cloudevents_testkit::patience;
use rumqttc_v5::mqttbytes::{
    QoS::{AtLeastOnce, AtMostOnce},
    v5::{RetainForwardRule, SubscribeFilter},
};

pub(super) const ALL: &[Behaviour] = &[
    ("the last retained message is for those who come later", |place| {
        let topic = name("t");
        put(place, &topic, &["old", "new"]);
        let mut client = place.client();
        client.subscribe(&topic, AtLeastOnce);
        let sent = client.next();
        assert_eq!((text(&sent), sent.retain), ("new".into(), true));
        assert_eq!(client.texts(), [""; 0]);
    }),
    ("a message that is not retained is not kept, and does not replace one that is", |place| {
        let topic = name("t");
        put(place, &topic, &["kept"]);
        place.client().publish(&topic, AtLeastOnce, "live");
        assert_eq!(subscribed(place, &topic).texts(), ["kept"]);
    }),
    ("an empty message removes the retained one, and is not kept", |place| {
        let topic = name("t");
        put(place, &topic, &["x", ""]);
        assert_eq!(subscribed(place, &topic).received().len(), 0);
    }),
    ("a filter with wildcards gets all that match", |place| {
        let base = name("t");
        put(place, &format!("{base}/a"), &["a"]);
        put(place, &format!("{base}/b/c"), &["c"]);
        let mut texts = subscribed(place, &format!("{base}/#")).texts();
        texts.sort();
        assert_eq!(texts, ["a", "c"]);
        assert_eq!(subscribed(place, &format!("{base}/+")).texts(), ["a"]);
    }),
    ("retained messages of topics that begin with $ are for filters that do", |place| {
        let base = name("$t");
        put(place, &format!("{base}/a"), &["a"]);
        assert_eq!(subscribed(place, &format!("{base}/#")).texts(), ["a"]);
        let all = subscribed(place, "#").received();
        assert!(!all.iter().any(|publish| publish.topic.starts_with(b"$")));
    }),
    ("to those who are there, a retained message is a live one", |place| {
        let topic = name("t");
        let mut client = subscribed(place, &topic);
        put(place, &topic, &["x"]);
        assert!(!client.next().retain);
    }),
    ("Retain Handling 0: each subscription gets them again", |place| {
        let topic = name("t");
        put(place, &topic, &["x"]);
        let mut client = place.client();
        for _ in 0..2 {
            client.subscribe_as(handling(&topic, RetainForwardRule::OnEverySubscribe));
            assert_eq!(client.texts(), ["x"]);
        }
    }),
    ("Retain Handling 1: only a new subscription gets them", |place| {
        let topic = name("t");
        put(place, &topic, &["x"]);
        let mut client = place.client();
        client.subscribe_as(handling(&topic, RetainForwardRule::OnNewSubscribe));
        assert_eq!(client.texts(), ["x"]);
        client.subscribe_as(handling(&topic, RetainForwardRule::OnNewSubscribe));
        assert_eq!(client.texts(), [""; 0]);
        client.unsubscribe(&topic);
        client.subscribe_as(handling(&topic, RetainForwardRule::OnNewSubscribe));
        assert_eq!(client.texts(), ["x"]);
    }),
    ("a retained message expires", |place| {
        let topic = name("t");
        let mut short = expiring(&topic, "short", 5);
        short.retain = true;
        place.client().publish_as(short);
        assert_eq!(subscribed(place, &topic).texts(), ["short"]);
        let begin = std::time::Instant::now();
        // Whoever comes gets it, until it has expired.
        while !subscribed(place, &topic).texts().is_empty() {
            assert!(begin.elapsed() < patience(), "it does not expire");
        }
    }),
    ("a retained message has the time that is left", |place| {
        let topic = name("t");
        let mut long = expiring(&topic, "long", 100);
        long.retain = true;
        place.client().publish_as(long);
        let all = subscribed(place, &topic).received();
        let left = all[0].properties.as_ref().unwrap().message_expiry_interval.unwrap();
        assert!((95..=100).contains(&left), "{left}");
    }),
    ("a retained message has the lower of both qualities", |place| {
        let topic = name("t");
        put(place, &topic, &["x"]);
        let mut client = place.client();
        client.subscribe(&topic, AtMostOnce);
        assert_eq!(client.next().qos, AtMostOnce);
        let mut low = message(&topic, AtMostOnce, "y");
        low.retain = true;
        place.client().publish_as(low);
        let begin = std::time::Instant::now();
        // Nothing confirms it.
        while subscribed(place, &topic).texts() != ["y"] {
            assert!(begin.elapsed() < patience(), "it is not retained");
        }
        assert_eq!(subscribed(place, &topic).received()[0].qos, AtMostOnce);
    }),
];

fn put(place: &Place, topic: &str, texts: &[&str]) {
    let mut client = place.client();
    texts.iter().for_each(|text| client.publish_as(retained(topic, text)));
}

fn subscribed(place: &Place, filter: &str) -> Client {
    let mut client = place.client();
    client.subscribe(filter, AtLeastOnce);
    client
}

fn handling(topic: &str, rule: RetainForwardRule) -> rumqttc_v5::mqttbytes::v5::SubscribeFilter {
    let mut filter = SubscribeFilter::new(topic, AtLeastOnce);
    filter.retain_forward_rule = rule;
    filter
}
