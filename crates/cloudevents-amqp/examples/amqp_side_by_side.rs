//! How fast the sender and the receiver are beside fe2o3-amqp alone, with the same messages, pipelining and credit, in turns.
//!
//! ```text
//! CE_AMQP_BROKERS=artemis .ci/brokers/amqp cargo run --release -p cloudevents-amqp --example amqp_side_by_side -- [EVENTS] [ROUNDS]
//! ```
//!
//! Without `CE_TEST_AMQP_URL`, it is the broker in memory, whose time and allocations are counted with both sides.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use cloudevents_amqp::fe2o3_amqp018::{self, AmqpSenderOptions, Fe2o3Message, encode, receiver, sender};
use cloudevents_core::{Decoding, Event, Mode, Payload};
use cloudevents_testkit::{
    amqp::Broker,
    speed::{Cost, CountingAll, Run, Table},
};
use fe2o3_amqp::{
    Connection, Sendable, Session, connection::ConnectionHandle, link::receiver::CreditMode,
    sasl_profile::SaslProfile, session::SessionHandle,
};
use fe2o3_amqp_types::{messaging, primitives::Value};
use std::{collections::VecDeque, time::Duration};

#[global_allocator]
static HEAP: CountingAll = CountingAll;

const PAYLOAD: usize = 1024;
/// What the sender has under way, and the receiver's credit, unless told otherwise.
const UNDER_WAY: usize = 1024;
const CREDIT: u32 = 256;
const PATIENCE: Duration = Duration::from_secs(60);

const SEND: [&str; 3] = ["Sender::send_all", "send_batchable", "send_batchable, encoded on the way"];
const RECEIVE: [&str; 3] = ["Receiver", "recv and accept", "recv and accept, decoded on the way"];

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<usize>().unwrap());
    let (count, rounds) = (numbers.next().unwrap_or(20_000), numbers.next().unwrap_or(7));
    let broker = Broker::start().unwrap();
    let (url, which) = match std::env::var("CE_TEST_AMQP_URL") {
        Ok(url) => (url, std::env::var("CE_TEST_AMQP_BROKER").unwrap_or_else(|_| "a broker".into())),
        Err(_) => (broker.url(""), "the broker in memory".into()),
    };
    let events: Vec<Event> = (0..count).map(event).collect();
    let prepared: Vec<_> = events.iter().map(|event| Sendable::from(message(event))).collect();

    let (mut sent, mut received) = (Table::default(), Table::default());
    for round in 0..=rounds {
        let address = |turn: usize| format!("speed-{}-{round}-{turn}", std::process::id());
        // The order changes, so that nobody is always first. The first round is for getting warm.
        for turn in 0..SEND.len() {
            let kind = (turn + round) % SEND.len();
            let cost = match kind {
                0 => send_ours(&url, &address(turn), &events).await,
                1 => send_bare(&url, &address(turn), &prepared).await,
                _ => send_encoding(&url, &address(turn), &events).await,
            };
            note(&mut sent, round, SEND[kind], cost);
        }
        for turn in 0..RECEIVE.len() {
            let kind = (turn + round) % RECEIVE.len();
            let cost = match kind {
                0 => receive_ours(&url, &address(turn), count).await,
                _ => receive_bare(&url, &address(turn), count, kind == 2).await,
            };
            note(&mut received, round, RECEIVE[kind], cost);
        }
    }
    println!("\n{count} events of {PAYLOAD} bytes, medians of {rounds} rounds, {which}\n");
    println!("{}\n{}", sent.write(SEND[1]), received.write(RECEIVE[1]));
}

fn note(table: &mut Table, round: usize, name: &str, cost: Cost) {
    println!("round {round}: {name:<36} {:>8.0}/s {:>6.2} us", cost.rate, cost.cpu);
    if round > 0 {
        table.note(name, cost);
    }
}

fn event(number: usize) -> Event {
    Event::builder()
        .id(format!("A234-1234-{number:08}"))
        .source("https://example.com/orders")
        .ty("com.example.order.placed")
        .subject("orders/42")
        .time("2018-04-05T17:31:00.123Z")
        .extension("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .payload("application/octet-stream", Ok(Payload::binary(vec![b'x'; PAYLOAD])))
        .build()
        .unwrap()
}

/// The message that the sender makes.
fn message(event: &Event) -> Fe2o3Message {
    let mut message = encode(event, Mode::Binary).unwrap().0;
    message.header = Some(messaging::Header { durable: true, ..messaging::Header::default() });
    message
}

async fn send_ours(url: &str, address: &str, events: &[Event]) -> Cost {
    let sender = sender(&format!("{url}{address}"), AmqpSenderOptions::default()).await.unwrap();
    let run = Run::start();
    sender.send_all(events.iter().cloned()).await.unwrap();
    let cost = run.end(events.len());
    sender.close().await.unwrap();
    cost
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

/// The clock runs from the first message on, as with the others.
async fn receive_ours(url: &str, address: &str, count: usize) -> Cost {
    let mut receiver = receiver(&format!("{url}{address}"), Decoding::strict().into()).await.unwrap();
    let mut run = None;
    for _ in 0..count {
        let delivery = receiver.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(delivery.event().unwrap().data_bytes().map(Bytes::len), Some(PAYLOAD));
        drop(delivery.accept());
    }
    let cost = run.unwrap().end(count);
    receiver.drain(PATIENCE).await.unwrap();
    cost
}

async fn receive_bare(url: &str, address: &str, count: usize, decoded: bool) -> Cost {
    let mut open = Open::new(url).await;
    let mut receiver = fe2o3_amqp::Receiver::builder()
        .name("speed")
        .source(address)
        .credit_mode(CreditMode::Auto(CREDIT))
        .attach(&mut open.session)
        .await
        .unwrap();
    let with = Decoding::strict();
    let mut run = None;
    for _ in 0..count {
        let delivery = receiver.recv::<messaging::Body<Value>>().await.unwrap();
        run.get_or_insert_with(Run::start);
        receiver.accept(&delivery).await.unwrap();
        let message = delivery.into_message();
        if decoded {
            let event = fe2o3_amqp018::decode(message, &with).unwrap().value;
            assert_eq!(event.data_bytes().map(Bytes::len), Some(PAYLOAD));
        } else {
            assert!(matches!(&message.body, messaging::Body::Data(data) if data[0].0.len() == PAYLOAD));
        }
    }
    let cost = run.unwrap().end(count);
    let _ = receiver.close().await;
    open.close().await;
    cost
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
        stream.set_nodelay(true).unwrap(); // as the sender and the receiver have it
        let mut connection =
            builder.scheme("amqp").hostname("127.0.0.1").open_with_stream(stream).await.unwrap();
        let session = Session::begin(&mut connection).await.unwrap();
        Self { session, connection }
    }

    async fn close(mut self) {
        let _ = (self.session.end().await, self.connection.close().await);
    }
}
