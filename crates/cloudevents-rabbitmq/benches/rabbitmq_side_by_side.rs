//! Compares the speed of the sender and the receiver with lapin alone, with the same messages and bounds, taking turns.
//!
//! ```text
//! cargo bench -p cloudevents-rabbitmq --bench rabbitmq_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! CE_RABBITMQ_BROKERS=classic .ci/brokers/rabbitmq cargo bench -p cloudevents-rabbitmq --bench rabbitmq_side_by_side -- [EVENTS] [ROUNDS]
//! ```
//!
//! Without `CE_TEST_RABBITMQ_URL`, the broker is the testkit's, in its own process, so that processor time and allocations are those of the
//! client alone. The rates are those of client and broker together, limited by the slower one.
//!
//! Messages are persistent, mandatory and confirmed, at most 1,024 of them unconfirmed; 256 are prefetched. The time of receiving ends when
//! the broker has confirmed that the channel is closed, and so has read every acknowledgement:
//!
//! - `Sender::send_all`: events, as a program has them.
//! - `basic_publish`: messages that were encoded before; `encode, basic_publish` also encodes the events.
//! - `Receiver`: `next`, the event, `accept`.
//! - `next, ack`: the consumer's deliveries, acknowledged one by one, without looking at them; `next, decode, ack` also decodes them with
//!   this crate's `decode`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_rabbitmq::lapin4::{LapinMessage, RabbitSenderOptions, decode, encode, receiver, sender};
use cloudevents_testkit::{
    rabbitmq::Broker,
    speed::{Comparison, Cost, CountingAll, Elsewhere, PAYLOAD, Run, event, is_elsewhere, send_all},
};
use futures_util::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties, PublisherConfirm,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    },
    types::FieldTable,
};
use std::{collections::VecDeque, time::Duration};

#[global_allocator]
static HEAP: CountingAll = CountingAll;

/// The sender's bound for messages in flight, and the receiver's prefetch.
const UNDER_WAY: usize = 1024;
const PREFETCH: u16 = 256;
const PATIENCE: Duration = Duration::from_secs(60);
const SEND: [&str; 3] = ["Sender::send_all", "basic_publish", "encode, basic_publish"];
const RECEIVE: [&str; 3] = ["Receiver", "next, ack", "next, decode, ack"];

fn main() {
    if is_elsewhere(|| Broker::start().map(|broker| (broker.url(""), broker))).unwrap() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(compare());
}

async fn compare() {
    let (url, _broker) = match std::env::var("CE_TEST_RABBITMQ_URL") {
        Ok(url) => (url + "?", None),
        Err(_) => {
            let broker = Elsewhere::start().unwrap();
            (broker.url().to_owned(), Some(broker))
        }
    };
    let comparison = Comparison::from_arguments();
    let events: Vec<Event> = (0..comparison.count).map(event).collect();
    comparison
        .of(&SEND, SEND[1], async |name, queue| {
            // The queue is there before the time is measured.
            let from = format!("{url}queue={queue}&declare=classic&reject=drop");
            drop(receiver(&from, DecodeOptions::strict().into()).await.unwrap());
            let cost = match name {
                "Sender::send_all" => send_ours(&url, &queue, &events).await,
                "basic_publish" => {
                    let messages: Vec<_> = events.iter().map(message).collect();
                    send_bare(&url, &queue, messages).await
                }
                _ => send_bare(&url, &queue, events.iter().map(message)).await,
            };
            receive_bare(&url, &queue, events.len(), false).await; // a broker keeps things in memory
            cost
        })
        .await;
    comparison
        .of(&RECEIVE, RECEIVE[1], async |name, queue| {
            send_ours(&url, &queue, &events).await;
            match name {
                "Receiver" => receive_ours(&url, &queue, events.len()).await,
                _ => receive_bare(&url, &queue, events.len(), name.contains("decode")).await,
            }
        })
        .await;
}

/// Creates the message that the sender would create.
fn message(event: &Event) -> LapinMessage {
    let mut message = encode(event, Mode::Binary).unwrap().0;
    message.properties = message.properties.with_delivery_mode(2);
    message
}

async fn send_ours(url: &str, queue: &str, events: &[Event]) -> Cost {
    let url = format!("{url}queue={queue}&declare=classic");
    let sender = sender(&url, RabbitSenderOptions::default()).await.unwrap();
    send_all(sender, events).await
}

async fn open(url: &str) -> (Connection, Channel) {
    let (at, _) = url.split_once('?').unwrap();
    let url = format!("{}/%2f", at.replacen("rabbitmq://", "amqp://", 1).trim_end_matches('/'));
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

async fn send_bare(url: &str, queue: &str, messages: impl IntoIterator<Item = LapinMessage>) -> Cost {
    let (connection, channel) = open(url).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let run = Run::start();
    let (mut under_way, mut count) = (VecDeque::new(), 0);
    for LapinMessage { payload, properties } in messages {
        if under_way.len() >= UNDER_WAY {
            confirmed(under_way.pop_front().unwrap()).await;
        }
        let sent = channel.basic_publish("".into(), queue.into(), options, &payload, properties).await;
        under_way.push_back(sent.unwrap());
        count += 1;
    }
    for sent in under_way {
        confirmed(sent).await;
    }
    let cost = run.end(count);
    connection.close(200, "OK".into()).await.unwrap();
    cost
}

async fn confirmed(sent: PublisherConfirm) {
    let confirmation = sent.await.unwrap();
    assert!(confirmation.is_ack() && confirmation.take_message().is_none());
}

async fn receive_ours(url: &str, queue: &str, count: usize) -> Cost {
    let url = format!("{url}queue={queue}&reject=drop&prefetch={PREFETCH}");
    let mut receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let mut run = None;
    for _ in 0..count {
        let delivery = receiver.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(delivery.event().unwrap().data_bytes().map(Bytes::len), Some(PAYLOAD));
        drop(delivery.accept());
    }
    receiver.drain(PATIENCE).await.unwrap();
    run.unwrap().end(count)
}

async fn receive_bare(url: &str, queue: &str, count: usize, decoded: bool) -> Cost {
    let (connection, channel) = open(url).await;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await.unwrap();
    let consuming =
        channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default());
    let mut consumer = consuming.await.unwrap();
    let with = DecodeOptions::strict();
    let mut run = None;
    for _ in 0..count {
        let delivery = consumer.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        let number = delivery.delivery_tag;
        if decoded {
            let event = decode(delivery, &with).unwrap().value;
            assert_eq!(event.data_bytes().map(Bytes::len), Some(PAYLOAD));
        } else {
            assert_eq!(delivery.data.len(), PAYLOAD);
        }
        channel.basic_ack(number, BasicAckOptions::default()).await.unwrap();
    }
    channel.close(200, "OK".into()).await.unwrap();
    let cost = run.unwrap().end(count);
    connection.close(200, "OK".into()).await.unwrap();
    cost
}
