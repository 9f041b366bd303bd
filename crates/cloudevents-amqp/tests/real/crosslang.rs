//! Other SDKs, and a client library alone, send to us and receive from us. `spec-tests/crosslang/amqp`
//! lists them and the known differences; its `run.sh` starts this.

use crate::tools::{next, strict, within};
use cloudevents_amqp::fe2o3_amqp018::{AmqpSenderOptions, receiver, sender};
use cloudevents_core::{AttributeType, Event, Message, Mode};
use cloudevents_testkit::{
    amqp::Broker,
    crosslang::{Differing, Findings, Meeting, Peer, arrived},
};
use cloudevents_transport::LossPolicy;
use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering},
};

/// The messages of peers. `text` is a permitted variant of binary mode: colons, canonical strings, and an
/// amqp-value if that can hold the payload. `peer` is binary mode, read with the repairs of the peer.
fn they_write_in(peer: &str) -> &'static [&'static str] {
    match peer {
        "proton" => &["binary", "text", "structured"],
        "jms" => &["peer"],
        _ => &["binary", "peer", "structured"],
    }
}

/// Our messages. `colon` is binary mode with the other separator, and `peer` is what is written for this one.
fn we_write_in(peer: &str) -> &'static [&'static str] {
    match peer {
        "proton" => &["binary", "colon", "structured"],
        "jms" => &["binary", "peer"],
        _ => &["binary", "colon", "peer", "structured"],
    }
}

/// The option of a URL for a mode.
fn option(peer: &str, mode: &str) -> &'static str {
    match (mode, peer) {
        ("structured", _) => "?mode=structured",
        ("colon", _) => "?separator=colon",
        ("peer", "go") => "?peer=go-2",
        ("peer", "jms") => "?peer=jms",
        ("peer", _) => "?peer=python-2",
        _ => "",
    }
}

/// The mode as the peer knows it.
fn known(mode: &str) -> &str {
    if mode == "peer" { "binary" } else { mode }
}

/// The broker: in memory unless `CE_TEST_AMQP_URL` names one without a user.
struct Place {
    url: String,
    _memory: Option<Broker>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_amqp() {
    let Some(meeting) = Meeting::prepared_by("spec-tests/crosslang/amqp/run.sh").unwrap() else { return };
    let samples = meeting.samples();
    let place = match env::var("CE_TEST_AMQP_URL") {
        Ok(url) => Place { url, _memory: None },
        Err(_) => {
            let broker = Broker::start().unwrap();
            Place { url: broker.url(""), _memory: Some(broker) }
        }
    };
    let mut findings = Findings::default();
    for peer in meeting.peers() {
        for mode in they_write_in(peer.name) {
            findings.note(peer.name, "they write", mode, they_write(&peer, &place, mode, samples).await);
        }
        for mode in we_write_in(peer.name) {
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
    let address = address();
    let sent = peer.send(&place.url, &address, known(mode), samples).unwrap();
    let option = if mode == "peer" { option(peer.name, mode) } else { "" };
    let mut receiver = receiver(&format!("{}{address}{option}", place.url), strict()).await.unwrap();
    let mut found = Vec::new();
    for ((name, event), is_sent) in samples.iter().zip(sent) {
        if !is_sent {
            found.push((&**name, vec!["does not write it".into()]));
            continue;
        }
        let delivery = next(&mut receiver).await;
        let is_structured = delivery.message().is_ok_and(|message| matches!(message, Message::Structured(_)));
        let mut items = arrived(event, delivery.event(), is_structured != (mode == "structured"));
        if let (Ok(got), "binary") = (delivery.event(), known(mode)) {
            items.extend(types(event, &got));
        }
        within(delivery.accept()).await.unwrap();
        found.push((&**name, items));
    }
    found
}

async fn we_write<'e>(
    peer: &Peer<'_>,
    place: &Place,
    mode: &str,
    samples: &'e [(String, Event)],
) -> Differing<'e> {
    let address = address();
    let option = option(peer.name, mode);
    let mut options = AmqpSenderOptions::default();
    // What JSON carries otherwise is in the table of differences.
    options.sender.losses = LossPolicy::Allow;
    let sender = sender(&format!("{}{address}{option}", place.url), options).await.unwrap();
    for (_, event) in samples {
        within(sender.send(event)).await.unwrap();
    }
    within(sender.close()).await.unwrap();
    let expected = samples.iter().map(|(name, event)| (&**name, carried(event, mode))).collect();
    peer.read(&place.url, &address, expected).unwrap()
}

/// Returns the event as the message represents it: binary mode adds the content type for JSON without one,
/// and has a payload even for an event without one.
fn carried(event: &Event, mode: &str) -> Event {
    if mode == "structured" {
        return event.clone();
    }
    let (message, _) = cloudevents_amqp::encode(event, Mode::Binary).unwrap();
    cloudevents_amqp::decode(&message, &cloudevents_core::DecodeOptions::strict()).unwrap().value
}

/// The attributes whose type changes although AMQP has it.
fn types(event: &Event, got: &Event) -> Vec<String> {
    let native = |kind| match kind {
        AttributeType::Uri | AttributeType::UriReference => AttributeType::String,
        other => other,
    };
    let mut items = Vec::new();
    for (name, value) in event.attributes() {
        let (sent, got) =
            (value.attribute_type(), got.attribute(name.as_str()).map(|value| value.attribute_type()));
        if got.is_some_and(|got| native(got) != native(sent)) {
            items.push(format!("type of {}", name.as_str()));
        }
    }
    items
}

fn address() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("crosslang-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
