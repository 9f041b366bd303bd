//! Compares the speed of the sender and the receiver with fe2o3-amqp alone, with the same messages,
//! pipelining and credit, taking turns.
//!
//! ```text
//! cargo bench -p cloudevents-amqp --bench amqp_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! CE_AMQP_BROKERS=artemis .ci/brokers/amqp cargo bench -p cloudevents-amqp --bench amqp_side_by_side -- [EVENTS] [ROUNDS]
//! ```
//!
//! Without `CE_TEST_AMQP_URL`, the broker is the testkit's, in its own process, so that processor time and
//! allocations are those of the client alone. The rates are those of client and broker together, limited by
//! the slower one.
//!
//! All rows use one receiver on its own connection, a credit of 256 that is granted again when half of it
//! is used, and unsettled deliveries that the receiver settles first. The time is measured from the first
//! delivery until the session has the last acceptance:
//!
//! - `Receiver`: `next`, the event, `accept`, as in a program. Acceptances that arrive while another is on
//!   its way share a disposition.
//! - `recv, accept`: the message as fe2o3-amqp returns it, with all sections in owned values, accepted one
//!   by one, as in a program on fe2o3-amqp.
//! - `recv, accept_all`: the same, but accepted in groups with one disposition each: all that are there
//!   without waiting, at most 64.
//! - `recv, decode, ...`: the same with the event, decoded by this crate's `decode`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use cloudevents_amqp::fe2o3_amqp018::{self, AmqpSenderOptions, Fe2o3Message, encode, receiver, sender};
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_testkit::{
    amqp::Broker,
    speed::{Comparison, Cost, CountingAll, Elsewhere, PAYLOAD, Run, event, is_elsewhere, receive, send_all},
};
use fe2o3_amqp::{
    Connection, Sendable, Session,
    connection::ConnectionHandle,
    link::{delivery::DeliveryInfo, receiver::CreditMode},
    sasl_profile::SaslProfile,
    session::SessionHandle,
};
use fe2o3_amqp_types::{messaging, primitives::Value};
use futures_util::FutureExt;
use std::collections::VecDeque;

#[global_allocator]
static HEAP: CountingAll = CountingAll;

/// The sender's bound for messages in flight, and the receiver's credit, unless set otherwise.
const UNDER_WAY: usize = 1024;
const CREDIT: u32 = 256;

const SEND: [&str; 3] = ["Sender::send_all", "send_batchable", "send_batchable, encoded on the way"];
const RECEIVE: [&str; 5] =
    ["Receiver", "recv, accept", "recv, accept_all", "recv, decode, accept", "recv, decode, accept_all"];
/// The most deliveries accepted with one call.
const GROUP: usize = 64;

fn main() {
    if is_elsewhere(|| Broker::start().map(|broker| (broker.url(""), broker))).unwrap() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(compare());
}

async fn compare() {
    let (url, _broker) = match std::env::var("CE_TEST_AMQP_URL") {
        Ok(url) => (url, None),
        Err(_) => {
            let broker = Elsewhere::start().unwrap();
            (broker.url().to_owned(), Some(broker))
        }
    };
    let comparison = Comparison::from_arguments();
    let count = comparison.count;
    let events: Vec<Event> = (0..count).map(event).collect();
    let prepared: Vec<_> = events.iter().map(|event| Sendable::from(message(event))).collect();
    comparison
        .of(&SEND, SEND[1], async |name, address| {
            let cost = match name {
                "Sender::send_all" => send_ours(&url, &address, &events).await,
                "send_batchable" => send_bare(&url, &address, &prepared).await,
                _ => send_encoding(&url, &address, &events).await,
            };
            receive_bare(&url, &address, count, false, GROUP).await; // a broker may keep things in memory
            cost
        })
        .await;
    comparison
        .of(&RECEIVE, RECEIVE[1], async |name, address| {
            send_bare(&url, &address, &prepared).await;
            let (decoded, group) = (name.contains("decode"), if name.ends_with("all") { GROUP } else { 1 });
            match name {
                "Receiver" => receive_ours(&url, &address, count).await,
                _ => receive_bare(&url, &address, count, decoded, group).await,
            }
        })
        .await;
}

/// Creates the message that the sender would create.
fn message(event: &Event) -> Fe2o3Message {
    let mut message = encode(event, Mode::Binary).unwrap().0;
    message.header = Some(messaging::Header { durable: true, ..messaging::Header::default() });
    message
}

async fn send_ours(url: &str, address: &str, events: &[Event]) -> Cost {
    let sender = sender(&format!("{url}{address}"), AmqpSenderOptions::default()).await.unwrap();
    send_all(sender, events).await
}

async fn send_bare(url: &str, address: &str, messages: &[Sendable<messaging::Body<Value>>]) -> Cost {
    let mut open = Open::new(url).await;
    let mut sender = fe2o3_amqp::Sender::attach(&mut open.session, "speed", address).await.unwrap();
    let run = Run::start();
    let mut under_way = VecDeque::new();
    for message in messages {
        if under_way.len() >= UNDER_WAY {
            accepted(under_way.pop_front().unwrap()).await;
        }
        under_way.push_back(sender.send_batchable_ref(message).await.unwrap());
    }
    for outcome in under_way {
        accepted(outcome).await;
    }
    let cost = run.end(messages.len());
    let _ = sender.close().await;
    open.close().await;
    cost
}

async fn send_encoding(url: &str, address: &str, events: &[Event]) -> Cost {
    let mut open = Open::new(url).await;
    let mut sender = fe2o3_amqp::Sender::attach(&mut open.session, "speed", address).await.unwrap();
    let run = Run::start();
    let mut under_way = VecDeque::new();
    for event in events {
        if under_way.len() >= UNDER_WAY {
            accepted(under_way.pop_front().unwrap()).await;
        }
        under_way.push_back(sender.send_batchable(message(event)).await.unwrap());
    }
    for outcome in under_way {
        accepted(outcome).await;
    }
    let cost = run.end(events.len());
    let _ = sender.close().await;
    open.close().await;
    cost
}

async fn accepted(outcome: impl Future<Output = Result<messaging::Outcome, fe2o3_amqp::link::SendError>>) {
    assert!(matches!(outcome.await.unwrap(), messaging::Outcome::Accepted(_)));
}

async fn receive_ours(url: &str, address: &str, count: usize) -> Cost {
    let receiver =
        receiver(&format!("{url}{address}?reject=broker"), DecodeOptions::strict().into()).await.unwrap();
    receive(receiver, count).await
}

async fn receive_bare(url: &str, address: &str, count: usize, decoded: bool, group: usize) -> Cost {
    let mut open = Open::new(url).await;
    let mut receiver = fe2o3_amqp::Receiver::builder()
        .name("speed")
        .source(address)
        .credit_mode(CreditMode::Auto(CREDIT))
        .attach(&mut open.session)
        .await
        .unwrap();
    let with = DecodeOptions::strict();
    let mut run = None;
    let mut accepted: Vec<DeliveryInfo> = Vec::with_capacity(group);
    for _ in 0..count {
        let delivery = match receiver.recv::<messaging::Body<Value>>().now_or_never() {
            Some(delivery) => delivery,
            None => {
                accept(&receiver, &mut accepted).await; // before it waits
                receiver.recv().await
            }
        };
        run.get_or_insert_with(Run::start);
        let (info, message) = delivery.unwrap().into_parts();
        if decoded {
            let event = fe2o3_amqp018::decode(message, &with).unwrap().value;
            assert_eq!(event.data_bytes().map(Bytes::len), Some(PAYLOAD));
        } else {
            assert!(matches!(&message.body, messaging::Body::Data(data) if data[0].0.len() == PAYLOAD));
        }
        accepted.push(info);
        if accepted.len() == group {
            accept(&receiver, &mut accepted).await;
        }
    }
    accept(&receiver, &mut accepted).await;
    let cost = run.unwrap().end(count);
    let _ = receiver.close().await;
    open.close().await;
    cost
}

async fn accept(receiver: &fe2o3_amqp::Receiver, deliveries: &mut Vec<DeliveryInfo>) {
    match deliveries.len() {
        0 => {}
        1 => receiver.accept(deliveries.remove(0)).await.unwrap(),
        _ => receiver.accept_all(deliveries.drain(..)).await.unwrap(),
    }
}

struct Open {
    session: SessionHandle<()>,
    connection: ConnectionHandle<()>,
}

impl Open {
    async fn new(url: &str) -> Self {
        let builder = Connection::builder().container_id("speed").sasl_profile(SaslProfile::Anonymous);
        let address = url.trim_start_matches("amqp://").trim_end_matches('/').to_owned();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap(); // as the sender and the receiver set it
        let mut connection =
            builder.scheme("amqp").hostname("127.0.0.1").open_with_stream(stream).await.unwrap();
        let session = Session::begin(&mut connection).await.unwrap();
        Self { session, connection }
    }

    async fn close(mut self) {
        let _ = (self.session.end().await, self.connection.close().await);
    }
}
