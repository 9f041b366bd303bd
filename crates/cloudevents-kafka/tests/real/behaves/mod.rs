//! What the embedded broker, librdkafka's mock cluster, does as Apache Kafka does: each behaviour holds on both.

mod client;
mod consuming;
mod differing;
mod groups;
mod producing;

use client::Place;
use cloudevents_testkit::{behaviours::check, kafka::Broker};

#[test]
fn embedded() {
    let place = Place::embedded(Broker::start().unwrap());
    assert!(check("the embedded broker", &place, &all()) >= 25);
    // What Kafka has and the embedded broker does not, and where it differs.
    check("the embedded broker", &place, differing::ALL);
}

#[test]
fn real() {
    let Ok(url) = std::env::var("CE_TEST_KAFKA_URL") else {
        println!("SKIPPED: CE_TEST_KAFKA_URL is not set");
        return;
    };
    let servers = url.trim_start_matches("kafka://").trim_end_matches('/');
    check("Kafka", &Place::real(servers), &all());
}

fn all() -> Vec<client::Behaviour> {
    [producing::ALL, consuming::ALL, groups::ALL].concat()
}
