//! What the embedded broker does as ActiveMQ Artemis does: each behaviour holds on both.

mod carrying;
mod client;
mod receiving;
mod refusing;
mod settling;

use client::Place;
use cloudevents_testkit::{amqp::Broker, behaviours::check};

#[test]
fn embedded() {
    let broker = Broker::start().unwrap();
    let place = Place::new(&broker.url(""));
    assert!(check("the embedded broker", &place, &all()) >= 25);
    // What Artemis has and the embedded broker does not.
    check("the embedded broker", &place, refusing::ALL);
}

#[test]
fn real() {
    let Ok(url) = std::env::var("CE_TEST_AMQP_URL") else {
        println!("SKIPPED: CE_TEST_AMQP_URL is not set");
        return;
    };
    // Others differ in what AMQP leaves open: annotations of a failure, addresses, priorities.
    match std::env::var("CE_TEST_AMQP_BROKER").as_deref() {
        Ok("artemis") | Err(_) => drop(check("Artemis", &Place::new(&url), &all())),
        Ok(other) => println!("SKIPPED: behaviours of Artemis, because this is {other}"),
    }
}

fn all() -> Vec<client::Behaviour> {
    [receiving::ALL, settling::ALL, carrying::ALL].concat()
}
