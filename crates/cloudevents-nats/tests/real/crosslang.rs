//! Other SDKs, and a client library alone, send to us and receive from us. `spec-tests/crosslang/nats`
//! lists them and the known differences; its `run.sh` starts this.

use crate::tools::{create_stream, name, next, strict, within};
use cloudevents_core::{DecodeOptions, Event, Message, Mode};
use cloudevents_nats::async_nats051::{NatsSenderOptions, receiver, sender};
use cloudevents_testkit::{
    crosslang::{Differing, Findings, Meeting, Peer, received},
    nats::Server,
};
use cloudevents_transport::LossPolicy;
use std::env;

/// `bare` is structured mode without headers, as over servers before NATS 2.2.
const MODES: [&str; 3] = ["binary", "structured", "bare"];

/// The modes of a peer. The Go SDK writes structured messages without headers only. `peer` is what is read with the repairs of the peer.
fn they_write_in(peer: &str) -> &'static [&'static str] {
    match peer {
        "go" => &["bare"],
        "go-jetstream" => &["binary", "peer", "bare"],
        _ => &MODES,
    }
}

/// Our modes. `peer` is what is written for the peer.
fn we_write_in(peer: &str) -> &'static [&'static str] {
    if peer == "nats-py" { &MODES } else { &["binary", "peer", "structured", "bare"] }
}

/// The server: the embedded one, without JetStream, unless `CE_TEST_NATS_URL` names another.
struct Place {
    url: String,
    embedded: Option<Server>,
}

impl Place {
    /// The URL for our clients, and the subject; over JetStream, it is in a new stream.
    async fn subject(&self, peer: &Peer<'_>) -> (String, String) {
        let name = name("crosslang");
        let subject = format!("{name}.x");
        if !peer.name.ends_with("jetstream") {
            return (format!("{}/{subject}", self.url), subject);
        }
        create_stream(&self.url, &name).await;
        (format!("{}/{subject}", self.url.replacen("nats:", "nats+jetstream:", 1)), subject)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_nats() {
    let Some(meeting) = Meeting::prepared_by("spec-tests/crosslang/nats/run.sh").unwrap() else { return };
    let samples = meeting.samples();
    let place = match env::var("CE_TEST_NATS_URL") {
        Ok(url) => Place { url, embedded: None },
        Err(_) => {
            let server = Server::start().unwrap();
            Place { url: format!("nats://127.0.0.1:{}", server.port()), embedded: Some(server) }
        }
    };
    let mut findings = Findings::default();
    for peer in meeting.peers() {
        if peer.name.ends_with("jetstream") && place.embedded.is_some() {
            println!("   SKIPPED: {}, because the embedded server has no JetStream", peer.name);
            continue;
        }
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
    let (url, subject) = place.subject(peer).await;
    let (option, known) = if mode == "peer" { ("?peer=go-2", "binary") } else { ("", mode) };
    let mut receiver = receiver(&format!("{url}{option}"), strict()).await.unwrap();
    let sent = peer.send(&place.url, &subject, known, samples).unwrap();
    received(samples, sent, async || {
        let delivery = next(&mut receiver).await;
        let is_structured = delivery.message().is_ok_and(|message| matches!(message, Message::Structured(_)));
        let event = delivery.event();
        within(delivery.accept()).await.unwrap();
        (event, is_structured != (known != "binary"))
    })
    .await
}

async fn we_write<'e>(
    peer: &Peer<'_>,
    place: &Place,
    mode: &str,
    samples: &'e [(String, Event)],
) -> Differing<'e> {
    let (url, subject) = place.subject(peer).await;
    let known = if mode == "peer" { "structured" } else { mode };
    let subscribed = peer.subscribe(&place.url, &subject, known, samples.len()).unwrap();
    let option = match mode {
        "peer" => "?peer=go-2",
        "structured" => "?mode=structured",
        "bare" => "?mode=structured&headers=false",
        _ => "",
    };
    let mut options = NatsSenderOptions::default();
    // What JSON carries otherwise is in the table of differences.
    options.sender.losses = LossPolicy::Allow;
    let sender = sender(&format!("{url}{option}"), options).await.unwrap();
    for (_, event) in samples {
        within(sender.send(event)).await.unwrap();
    }
    within(sender.close()).await.unwrap();
    let expected = samples.iter().map(|(name, event)| (&**name, carried(event, mode))).collect();
    subscribed.read(expected).unwrap()
}

/// Returns the event as the message represents it: binary mode adds the content type for JSON without one,
/// and has a payload even for an event without one.
fn carried(event: &Event, mode: &str) -> Event {
    if mode != "binary" {
        return event.clone();
    }
    let (message, _) = cloudevents_nats::encode(event, Mode::Binary).unwrap();
    cloudevents_nats::decode(&message, &DecodeOptions::strict()).unwrap().value
}
