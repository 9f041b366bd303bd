//! What the embedded server does as nats-server does: each behaviour holds on both. The client writes and reads lines, so that nothing
//! hides what the server sends.

mod asking;
mod client;
mod groups;
mod protocol;
mod subjects;

use client::Place;
use cloudevents_testkit::{behaviours::check, nats::Server};

#[test]
fn embedded() {
    let server = Server::start().unwrap();
    let place = Place::new(&format!("127.0.0.1:{}", server.port()));
    assert!(check("the embedded server", &place, &all()) >= 25);
}

#[test]
fn real() {
    let Ok(url) = std::env::var("CE_TEST_NATS_URL") else {
        println!("SKIPPED: CE_TEST_NATS_URL is not set");
        return;
    };
    check("nats-server", &Place::new(url.trim_start_matches("nats://")), &all());
}

fn all() -> Vec<client::Behaviour> {
    [protocol::ALL, subjects::ALL, groups::ALL, asking::ALL].concat()
}
