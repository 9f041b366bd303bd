//! Other SDKs, and a client library alone, send to us and receive from us. `spec-tests/crosslang/rabbitmq`
//! lists them and the known differences; its `run.sh` starts this.

use crate::tools::{name, next, queues, strict, within};
use cloudevents_core::{DecodeOptions, Event, Message, Mode};
use cloudevents_rabbitmq::lapin4::{RabbitSenderOptions, receiver, sender};
use cloudevents_testkit::{
    crosslang::{Differing, Findings, Meeting, Peer, received},
    rabbitmq::Broker,
};
use cloudevents_transport::LossPolicy;
use std::env;

/// The modes of a peer. `native` is a permitted variant of binary mode: values of RabbitMQ's own types.
fn they_write_in(peer: &str) -> &'static [&'static str] {
    if peer == "pika" { &["binary", "native", "structured"] } else { &WE_WRITE_IN }
}

const WE_WRITE_IN: [&str; 2] = ["binary", "structured"];

/// The broker: the embedded one unless `CE_TEST_RABBITMQ_URL` names another.
struct Place {
    url: String,
    _embedded: Option<Broker>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_rabbitmq() {
    let Some(meeting) = Meeting::prepared_by("spec-tests/crosslang/rabbitmq/run.sh").unwrap() else { return };
    let samples = meeting.samples();
    let place = match env::var("CE_TEST_RABBITMQ_URL") {
        Ok(url) => Place { url, _embedded: None },
        Err(_) => {
            let broker = Broker::start().unwrap();
            Place { url: format!("rabbitmq://127.0.0.1:{}/", broker.port()), _embedded: Some(broker) }
        }
    };
    let mut findings = Findings::default();
    for peer in meeting.peers() {
        for mode in they_write_in(peer.name) {
            findings.note(peer.name, "they write", mode, they_write(&peer, &place, mode, samples).await);
        }
        for mode in WE_WRITE_IN {
            findings.note(peer.name, "we write", mode, we_write(&peer, &place, mode, samples).await);
        }
        println!("{}: {} events each way in each mode", peer.name, samples.len());
    }
    meeting.compare(&findings).unwrap_or_else(|wrong| panic!("\n{wrong}"));
}

async fn they_write<'e>(
    peer: &Peer<'_>,
    place: &Place,
    mode: &str,
    samples: &'e [(String, Event)],
) -> Differing<'e> {
    let queue = name("crosslang");
    let url = format!("{}?queue={queue}&declare={}", place.url, queues());
    let mut receiver = receiver(&url, strict()).await.unwrap();
    let sent = peer.send(&place.url, &queue, mode, samples).unwrap();
    received(samples, sent, async || {
        let delivery = next(&mut receiver).await;
        let is_structured = delivery.message().is_ok_and(|message| matches!(message, Message::Structured(_)));
        let event = delivery.event();
        within(delivery.accept()).await.unwrap();
        (event, is_structured != (mode == "structured"))
    })
    .await
}

async fn we_write<'e>(
    peer: &Peer<'_>,
    place: &Place,
    mode: &str,
    samples: &'e [(String, Event)],
) -> Differing<'e> {
    let queue = name("crosslang");
    let url = format!("{}?queue={queue}&declare={}&mode={mode}", place.url, queues());
    let mut options = RabbitSenderOptions::default();
    // What JSON carries otherwise is in the table of differences.
    options.sender.losses = LossPolicy::Allow;
    let sender = sender(&url, options).await.unwrap();
    for (_, event) in samples {
        within(sender.send(event)).await.unwrap();
    }
    within(sender.close()).await.unwrap();
    let expected = samples.iter().map(|(name, event)| (&**name, carried(event, mode))).collect();
    peer.read(&place.url, &queue, expected).unwrap()
}

/// Returns the event as the message represents it: binary mode adds the content type for JSON without one,
/// and has a payload even for an event without one.
fn carried(event: &Event, mode: &str) -> Event {
    if mode != "binary" {
        return event.clone();
    }
    let (message, _) = cloudevents_rabbitmq::encode(event, Mode::Binary).unwrap();
    cloudevents_rabbitmq::decode(&message, &DecodeOptions::strict()).unwrap().value
}
