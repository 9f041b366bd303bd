//! Compares the speed of the sender and the receiver with async-nats alone, with the same messages and
//! pipelining, taking turns.
//!
//! ```text
//! cargo bench -p cloudevents-nats --bench nats_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! .ci/brokers/nats cargo bench -p cloudevents-nats --bench nats_side_by_side -- [EVENTS] [ROUNDS]
//! ```
//!
//! Without `CE_TEST_NATS_URL`, the server is the testkit's, in its own process, and JetStream is left out. The
//! rates are those of client and server together, limited by the slower one.
//!
//! - `core Sender::send_all`: until the server has read everything; `publish, flush` publishes prepared messages and flushes once; `encode,
//!   publish, flush` also encodes the events. `encode, publish, report` does what the sender does: it reports of each message that it was
//!   written, by a task that flushes for all that wait, and at most 1,024 reports are awaited at a time.
//! - `core Receiver`: `next`, the event, `accept`; `next` takes messages from the client's subscription, and
//!   `next, decode` also decodes them.
//! - `stream Sender::send_all`: 1,024 messages may be unconfirmed, as in `send_publish` and `encode,
//!   send_publish`.
//! - `stream Receiver`: as above, with 256 prefetched messages, as in `messages, ack` and `messages, decode,
//!   ack`, the client's pull consumer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use async_nats::{
    Client, ConnectOptions,
    client::traits::Publisher,
    jetstream::{self, consumer::pull, context::PublishAckFuture, message::PublishMessage, stream},
    message::OutboundMessage,
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_nats::async_nats051::{NatsSenderOptions, decode, encode, receiver, sender};
use cloudevents_testkit::{
    nats::Server,
    speed::{Comparison, Cost, CountingAll, Elsewhere, PAYLOAD, Run, event, is_elsewhere, receive, send_all},
};
use futures_util::StreamExt;
use std::collections::VecDeque;
use tokio::sync::{mpsc, oneshot};

#[global_allocator]
static HEAP: CountingAll = CountingAll;

/// The sender's bound for messages in flight, and the receiver's prefetch, unless set otherwise.
const UNDER_WAY: usize = 1024;
const PREFETCH: usize = 256;

const CORE_SEND: [&str; 4] = [
    "core Sender::send_all",
    "core encode, publish, report",
    "core encode, publish, flush",
    "core publish, flush",
];
const CORE_RECEIVE: [&str; 3] = ["core Receiver", "core next", "core next, decode"];
const STREAM_SEND: [&str; 3] =
    ["stream Sender::send_all", "stream send_publish", "stream encode, send_publish"];
const STREAM_RECEIVE: [&str; 3] = ["stream Receiver", "stream messages, ack", "stream messages, decode, ack"];

fn main() {
    if is_elsewhere(|| Server::start().map(|server| (server.url(""), server))).unwrap() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(compare());
}

async fn compare() {
    let (url, server) = match std::env::var("CE_TEST_NATS_URL") {
        Ok(url) => (url, None),
        Err(_) => {
            let server = Elsewhere::start().unwrap();
            (server.url().trim_end_matches('/').to_owned(), Some(server))
        }
    };
    let comparison = Comparison::from_arguments();
    let events: Vec<Event> = (0..comparison.count).map(event).collect();
    let groups: &[&[&str]] = match server {
        Some(_) => &[&CORE_SEND, &CORE_RECEIVE],
        None => &[&CORE_SEND, &CORE_RECEIVE, &STREAM_SEND, &STREAM_RECEIVE],
    };
    for group in groups {
        comparison
            .of(group, group[1], async |name, subject| measure(&url, &subject, name, &events).await)
            .await;
    }
}

async fn measure(url: &str, subject: &str, name: &str, events: &[Event]) -> Cost {
    let jetstream = url.replacen("nats:", "nats+jetstream:", 1);
    let prepared = || events.iter().map(|event| message(subject, event)).collect::<Vec<_>>();
    if name.starts_with("stream") {
        create_stream(url, subject).await;
    }
    match name {
        "core Sender::send_all" => send_ours(&format!("{url}/{subject}"), events).await,
        "core publish, flush" => {
            let client = async_nats::connect(url).await.unwrap();
            let messages = prepared();
            let run = Run::start();
            publish(&client, messages).await;
            run.end(events.len())
        }
        "core encode, publish, flush" => {
            let client = async_nats::connect(url).await.unwrap();
            let run = Run::start();
            publish(&client, events.iter().map(|event| message(subject, event))).await;
            run.end(events.len())
        }
        "core encode, publish, report" => report(url, subject, events).await,
        "core Receiver" => {
            let url = format!("{url}/{subject}?reject=drop&prefetch={}", events.len());
            let receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
            let client = async_nats::connect(&url).await.unwrap();
            let publishing = tokio::spawn(publish(client, prepared()));
            let cost = receive(receiver, events.len()).await;
            publishing.await.unwrap();
            cost
        }
        "core next" | "core next, decode" => {
            let options = ConnectOptions::new().subscription_capacity(events.len());
            let client = options.connect(url).await.unwrap();
            let mut messages = client.subscribe(subject.to_owned()).await.unwrap();
            client.flush().await.unwrap();
            let publishing = tokio::spawn(publish(client, prepared()));
            let mut run = None;
            for _ in 0..events.len() {
                let message = messages.next().await.unwrap();
                run.get_or_insert_with(Run::start);
                check(&message, name.ends_with("decode"));
            }
            let cost = run.unwrap().end(events.len());
            publishing.await.unwrap();
            cost
        }
        "stream Sender::send_all" => send_ours(&format!("{jetstream}/{subject}"), events).await,
        "stream send_publish" => {
            let messages = prepared();
            send_bare(url, messages.into_iter(), events.len()).await
        }
        "stream encode, send_publish" => {
            send_bare(url, events.iter().map(|event| message(subject, event)), events.len()).await
        }
        "stream Receiver" => {
            send_bare(url, prepared().into_iter(), events.len()).await;
            let url = format!("{jetstream}/{subject}?consumer=c&reject=broker");
            let receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
            receive(receiver, events.len()).await
        }
        _ => {
            send_bare(url, prepared().into_iter(), events.len()).await;
            receive_bare(url, subject, events.len(), name.contains("decode")).await
        }
    }
}

fn message(subject: &str, event: &Event) -> OutboundMessage {
    encode(subject.to_owned(), event, Mode::Binary).unwrap().0
}

fn check(message: &async_nats::Message, decoded: bool) {
    if decoded {
        let event = decode(message, &DecodeOptions::strict()).unwrap().value;
        assert_eq!(event.data_bytes().map(Bytes::len), Some(PAYLOAD));
    } else {
        assert_eq!(message.payload.len(), PAYLOAD);
    }
}

async fn create_stream(url: &str, subject: &str) {
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    let config = stream::Config {
        name: subject.into(),
        subjects: vec![subject.into()],
        storage: stream::StorageType::Memory,
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
}

async fn publish(
    client: impl std::borrow::Borrow<Client>,
    messages: impl IntoIterator<Item = OutboundMessage>,
) {
    for message in messages {
        client.borrow().publish_message(message).await.unwrap();
    }
    client.borrow().flush().await.unwrap();
}

async fn report(url: &str, subject: &str, events: &[Event]) -> Cost {
    let client = async_nats::connect(url).await.unwrap();
    let (written, mut taken) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
    let flushed = client.clone();
    tokio::spawn(async move {
        let mut reports = Vec::new();
        while taken.recv_many(&mut reports, UNDER_WAY).await > 0 {
            flushed.flush().await.unwrap();
            reports.drain(..).for_each(|report| report.send(()).unwrap());
        }
    });
    let run = Run::start();
    let mut under_way: VecDeque<oneshot::Receiver<()>> = VecDeque::new();
    for event in events {
        if under_way.len() >= UNDER_WAY {
            under_way.pop_front().unwrap().await.unwrap();
        }
        client.publish_message(message(subject, event)).await.unwrap();
        let (report, reported) = oneshot::channel();
        written.send(report).unwrap();
        under_way.push_back(reported);
    }
    for reported in under_way {
        reported.await.unwrap();
    }
    run.end(events.len())
}

async fn send_ours(url: &str, events: &[Event]) -> Cost {
    let sender = sender(url, NatsSenderOptions::default()).await.unwrap();
    send_all(sender, events).await
}

async fn send_bare(url: &str, messages: impl Iterator<Item = OutboundMessage>, count: usize) -> Cost {
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    let run = Run::start();
    let mut under_way: VecDeque<PublishAckFuture> = VecDeque::new();
    for message in messages {
        if under_way.len() >= UNDER_WAY {
            under_way.pop_front().unwrap().await.unwrap();
        }
        let publish = PublishMessage::build().payload(message.payload).headers(message.headers.unwrap());
        under_way.push_back(context.send_publish(message.subject, publish).await.unwrap());
    }
    for acked in under_way {
        acked.await.unwrap();
    }
    run.end(count)
}

async fn receive_bare(url: &str, subject: &str, count: usize, decoded: bool) -> Cost {
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    let config =
        pull::Config { durable_name: Some("c".into()), max_ack_pending: -1, ..pull::Config::default() };
    let consumer = context.create_consumer_on_stream(config, subject).await.unwrap();
    let mut messages = consumer.stream().max_messages_per_batch(PREFETCH).messages().await.unwrap();
    let mut run = None;
    for _ in 0..count {
        let message = messages.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        check(&message, decoded);
        message.ack().await.unwrap();
    }
    run.unwrap().end(count)
}
