//! Other SDKs send to us and receive from us. `spec-tests/crosslang/kafka` lists them and the known
//! differences; its `run.sh` starts this.

use crate::broker::{Topic, next, record, soon};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Message, Mode};
use cloudevents_json::Json;
use cloudevents_kafka::{Record, encode, rdkafka039::KafkaSenderOptions};
use cloudevents_testkit::crosslang::{Differing, Findings, Meeting, Peer, arrived};
use cloudevents_transport::LossPolicy;
use std::sync::Arc;

const MODES: [&str; 2] = ["binary", "structured"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_kafka() {
    let Some(meeting) = Meeting::prepared_by("spec-tests/crosslang/kafka/run.sh").unwrap() else { return };
    let samples = meeting.samples();
    let mut findings = Findings::default();
    for peer in meeting.peers() {
        for mode in MODES {
            findings.note(peer.name, "they write", mode, they_write(&peer, mode, samples).await);
            findings.note(peer.name, "we write", mode, we_write(&peer, mode, samples).await);
        }
        findings.note(peer.name, "we write", "by-hand", records_by_hand(&peer).await);
        println!("{}: {} events each way in each mode", peer.name, samples.len());
    }
    meeting.compare(&findings).unwrap_or_else(|wrong| panic!("\n{wrong}"));
}

async fn they_write<'e>(peer: &Peer<'_>, mode: &str, samples: &'e [(String, Event)]) -> Differing<'e> {
    let topic = topic().await;
    let sent = peer.send(&topic.servers, &topic.name, mode, samples).unwrap();
    let mut receiver = topic.receiver().await;
    let mut found = Vec::new();
    for ((name, event), is_sent) in samples.iter().zip(sent) {
        if !is_sent {
            found.push((&**name, vec!["does not write it".into()]));
            continue;
        }
        let delivery = next(&mut receiver).await;
        let is_structured = delivery.message().is_ok_and(|message| matches!(message, Message::Structured(_)));
        let mut items = arrived(event, delivery.event(), is_structured != (mode == "structured"));
        let mapped = event.extension("partitionkey").map(|key| key.to_string().into_bytes());
        if delivery.key().as_deref() != mapped.as_deref() {
            items.push("key".into());
        }
        delivery.accept().await.unwrap();
        found.push((&**name, items));
    }
    found
}

async fn we_write<'e>(peer: &Peer<'_>, mode: &str, samples: &'e [(String, Event)]) -> Differing<'e> {
    let topic = topic().await;
    let mut options = KafkaSenderOptions::default();
    // What JSON carries otherwise is in the table of differences.
    options.sender.losses = LossPolicy::Allow;
    if mode == "structured" {
        options.sender.format = Some(Arc::new(Json::new()));
    }
    let sender = topic.sender_with(options).await.unwrap();
    for (_, event) in samples {
        soon(sender.send(event)).await.unwrap();
    }
    // Binary mode adds the content type for JSON without one.
    let carried = |event: &Event| match mode {
        "binary" => {
            let record = encode(event, Mode::Binary).unwrap().0;
            cloudevents_kafka::decode(&record, &DecodeOptions::strict()).unwrap().value
        }
        _ => event.clone(),
    };
    let expected = samples.iter().map(|(name, event)| (&**name, carried(event))).collect();
    peer.read(&topic.servers, &topic.name, expected).unwrap()
}

/// Records that our sender does not write, but others may.
async fn records_by_hand(peer: &Peer<'_>) -> Differing<'static> {
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let plain = encode(&event, Mode::Binary).unwrap().0;
    let document = encode(&event, Mode::structured(&Json::new())).unwrap().0;
    let text = record(&[("content-type", "text/plain")], b"");
    let records: [(&str, Record); 6] = [
        ("a-key-of-its-own", plain.clone().with_key(Bytes::from("k"))),
        ("a-key-that-is-no-text", plain.clone().with_key(Bytes::from_static(b"\xff\xfe"))),
        ("document-with-a-key", document.with_key(Bytes::from("k"))),
        ("foreign-null-header", plain.clone().with_header("trace", None)),
        ("another-case", plain.clone().with_header("CE_Comment", Bytes::from("x"))),
        (
            "empty-value",
            text.headers.into_iter().fold(plain.with_value(Bytes::new()), |record, header| {
                record.with_header(header.name, header.value)
            }),
        ),
    ];
    let topic = topic().await;
    for (_, record) in &records {
        topic.produce(record).await;
    }
    let decoding = DecodeOptions::strict();
    let expected = records
        .iter()
        .map(|(name, record)| (*name, cloudevents_kafka::decode(record, &decoding).unwrap().value));
    peer.read(&topic.servers, &topic.name, expected.collect()).unwrap()
}

/// On the real broker, where available.
async fn topic() -> Topic {
    match Topic::real(1).await {
        Some(topic) => topic,
        None => Topic::new(1),
    }
}
