//! What the embedded broker does as Eclipse Mosquitto does: each behaviour holds on both. The client writes and reads single packets, so
//! that nothing hides what the broker sends.

mod client;
mod publishing;
mod refusing;
mod retaining;
mod sessions;
mod subscribing;
mod wills;

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
    check("the real broker", &Place::new(address), &all());
}

fn all() -> Vec<client::Behaviour> {
    [subscribing::ALL, publishing::ALL, retaining::ALL, sessions::ALL, wills::ALL].concat()
}
