//! What the embedded broker does as Eclipse Mosquitto does: each behaviour holds on both, and on HiveMQ but for those that are listed. The
//! client writes and reads single packets, so that nothing hides what the broker sends.

mod client;
mod publishing;
mod refusing;
mod retaining;
mod sessions;
mod subscribing;

use client::Place;
use cloudevents_testkit::{behaviours::check, mqtt::Broker};

#[test]
fn embedded() {
    let broker = Broker::start().unwrap();
    let place = Place::new(&format!("127.0.0.1:{}", broker.port()));
    assert!(check("the embedded broker", &place, &all()) >= 40);
    // What Mosquitto has and the embedded broker does not.
    check("the embedded broker", &place, refusing::ALL);
}

#[test]
fn real() {
    let Ok(url) = std::env::var("CE_TEST_MQTT_URL") else {
        println!("SKIPPED: CE_TEST_MQTT_URL is not set");
        return;
    };
    let address = url.trim_start_matches("mqtt://").trim_end_matches('/');
    let mut all = all();
    if std::env::var("CE_TEST_MQTT_BROKER").is_ok_and(|broker| broker == "hivemq") {
        for differs in HIVEMQ {
            assert!(
                all.iter().any(|(says, _)| says == differs),
                "there is no behaviour of this name: {differs}"
            );
        }
        all.retain(|(says, _)| !HIVEMQ.contains(says));
    }
    check("the real broker", &Place::new(address), &all);
}

/// What HiveMQ Community Edition 2025.5 does otherwise than Mosquitto.
const HIVEMQ: &[&str] = &[
    // It sends a session what it has, and more when all of that is acknowledged; a member of a shared subscription likewise.
    "a client holds as many messages as it takes",
    "what was not acknowledged comes again, as a duplicate and in order",
    "a subscriber that refuses a message of QoS 2 does not get it again",
    "a shared subscription gives each message to one member",
    // It ends the connection when a client publishes to a topic that begins with $ (MQTT 5.0, section 4.7.2).
    "a filter that begins with $ matches topics that do",
    "a filter that begins with a wildcard matches no topic that begins with $",
    "retained messages of topics that begin with $ are for filters that do",
    // It passes a message of QoS 2 on when it comes (MQTT 5.0, section 4.3.3).
    "a message of QoS 2 is passed on when it is released",
    "a retained message of QoS 2 is retained when it is released",
    "a message of QoS 2 that is not released is gone with its session",
    "another message of QoS 2 under an identifier that was not released replaces the first",
    // It has another reason code or another answer.
    "filters whose wildcards stand where they may not end the connection",
    "an empty filter ends the connection",
    "a subscription that ended gets nothing",
    "a protocol that is none ends the connection",
    "an unknown version is refused with 1",
    // It takes what Mosquitto refuses.
    "shared subscriptions without a group or a filter end the connection",
    "ending a subscription to what is no filter ends the connection",
    "a message of QoS 2 that is acknowledged as one of QoS 1 ends the connection",
    "a message of QoS 1 that is received as one of QoS 2 ends the connection",
    "an unknown way to authenticate is refused",
    "a client that leaves has nothing more to send", // sometimes
];

fn all() -> Vec<client::Behaviour> {
    [subscribing::ALL, publishing::ALL, retaining::ALL, sessions::ALL].concat()
}
