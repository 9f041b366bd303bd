//! Other SDKs, and a client library alone, send to us and receive from us. `spec-tests/crosslang/mqtt`
//! lists them and the known differences; its `run.sh` starts this.

use crate::tools::{next, strict, within};
use cloudevents_core::{DecodeOptions, Event, Message, Mode};
use cloudevents_mqtt::rumqttc_next034::{MqttSenderOptions, receiver, sender};
use cloudevents_testkit::{
    crosslang::{Differing, Findings, Meeting, Peer, received},
    mqtt::Broker,
};
use cloudevents_transport::LossPolicy;
use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering},
};

/// The modes of a peer. `v3` is structured mode over MQTT 3.1.1, which the Go SDK does not have. `peer` is binary mode with the repairs and
/// the dialect of the peer.
fn modes(peer: &str) -> &'static [&'static str] {
    if peer == "go" { &["binary", "peer", "structured"] } else { &["binary", "structured", "v3"] }
}

/// The mode as the peer knows it.
fn known(mode: &str) -> &str {
    if mode == "peer" { "binary" } else { mode }
}

/// The broker: the embedded one unless `CE_TEST_MQTT_URL` names another.
struct Place {
    url: String,
    _embedded: Option<Broker>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_mqtt() {
    let Some(meeting) = Meeting::prepared_by("spec-tests/crosslang/mqtt/run.sh").unwrap() else { return };
    let samples = meeting.samples();
    let place = match env::var("CE_TEST_MQTT_URL") {
        Ok(url) => Place { url, _embedded: None },
        Err(_) => {
            let broker = Broker::start().unwrap();
            Place { url: broker.url(""), _embedded: Some(broker) }
        }
    };
    let mut findings = Findings::default();
    for peer in meeting.peers() {
        for mode in modes(peer.name) {
            findings.note(peer.name, "they write", mode, they_write(&peer, &place, mode, samples).await);
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
    let topic = topic();
    let mut receiver = receiver(&format!("{}{topic}{}", place.url, version(mode)), strict()).await.unwrap();
    let sent = peer.send(&place.url, &topic, known(mode), samples).unwrap();
    received(samples, sent, async || {
        let delivery = next(&mut receiver).await;
        let is_structured = delivery.message().is_ok_and(|message| matches!(message, Message::Structured(_)));
        let event = delivery.event();
        within(delivery.accept()).await.unwrap();
        (event, is_structured != (known(mode) != "binary"))
    })
    .await
}

async fn we_write<'e>(
    peer: &Peer<'_>,
    place: &Place,
    mode: &str,
    samples: &'e [(String, Event)],
) -> Differing<'e> {
    let topic = topic();
    let subscribed = peer.subscribe(&place.url, &topic, known(mode), samples.len()).unwrap();
    let option = if mode == "structured" { "?mode=structured" } else { version(mode) };
    let mut options = MqttSenderOptions::default();
    // What JSON carries otherwise is in the table of differences.
    options.sender.losses = LossPolicy::Allow;
    let sender = sender(&format!("{}{topic}{option}", place.url), options).await.unwrap();
    for (_, event) in samples {
        within(sender.send(event)).await.unwrap();
    }
    let expected = samples.iter().map(|(name, event)| (&**name, carried(event, mode))).collect();
    subscribed.read(expected).unwrap()
}

/// Returns the event as the message represents it: binary mode adds the content type for JSON without one,
/// and has a payload even for an event without one.
fn carried(event: &Event, mode: &str) -> Event {
    if known(mode) != "binary" {
        return event.clone();
    }
    let (message, _) = cloudevents_mqtt::encode(event, Mode::Binary).unwrap();
    cloudevents_mqtt::decode(&message, &DecodeOptions::strict()).unwrap().value
}

fn version(mode: &str) -> &'static str {
    match mode {
        "v3" => "?version=3.1.1",
        "peer" => "?peer=go-2",
        _ => "",
    }
}

fn topic() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("crosslang/{}/{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
