//! Wills.

use super::client::{Asks, Behaviour, Client, Place, name, text};
use rumqttc_v5::mqttbytes::{
    QoS::{AtLeastOnce, AtMostOnce},
    v5::{Disconnect, DisconnectReasonCode, LastWill},
};

pub(super) const ALL: &[Behaviour] = &[
    ("the will of a client that is cut off is published", |place| {
        let topic = name("t");
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtLeastOnce);
        willing(place, &topic, false).cut();
        let will = subscriber.next();
        assert_eq!((text(&will), will.qos, will.retain), ("will".into(), AtLeastOnce, false));
    }),
    ("the will of a client that leaves is not published", |place| {
        let topic = name("t");
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtLeastOnce);
        willing(place, &topic, false).leave();
        assert_eq!(subscriber.texts(), [""; 0]);
    }),
    ("a client may leave with its will", |place| {
        let topic = name("t");
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtLeastOnce);
        let disconnect = Disconnect::new(DisconnectReasonCode::DisconnectWithWillMessage);
        willing(place, &topic, false).leave_with(disconnect);
        assert_eq!(text(&subscriber.next()), "will");
    }),
    ("a will may be retained", |place| {
        let topic = name("t");
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtLeastOnce);
        willing(place, &topic, true).cut();
        subscriber.next();
        let mut late = place.client();
        late.subscribe(&topic, AtMostOnce);
        assert!(late.next().retain);
    }),
    ("the will of a client whose packets are broken is published", |place| {
        let topic = name("t");
        let mut subscriber = place.client();
        subscriber.subscribe(&topic, AtLeastOnce);
        let mut client = willing(place, &topic, false);
        client.raw(b"\x36\x06\0\x01t\0\x01\0");
        client.ended();
        assert_eq!(text(&subscriber.next()), "will");
    }),
];

fn willing(place: &Place, topic: &str, retain: bool) -> Client {
    let mut asks = Asks::new(&name("c"));
    asks.will = Some(LastWill {
        topic: topic.to_owned().into(),
        message: "will".into(),
        qos: AtLeastOnce,
        retain,
        properties: None,
    });
    place.connect(asks).unwrap().0
}
