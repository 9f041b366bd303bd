//! Compares the speed of the sender and the receiver with rumqttc-v5-next alone, with the same messages and bounds, taking turns.
//!
//! ```text
//! cargo run --profile bench -p cloudevents-mqtt --example mqtt_side_by_side -- [EVENTS] [ROUNDS]
//! .ci/brokers/mqtt cargo run --profile bench -p cloudevents-mqtt --example mqtt_side_by_side -- [EVENTS] [ROUNDS]
//! ```
//!
//! Without `CE_TEST_MQTT_URL`, the broker is the testkit's, in its own process, so that processor time and allocations are those of the
//! client alone. The rates are those of client and broker together, limited by the slower one.
//!
//! All messages have QoS 1, and at most 1,024 are unconfirmed:
//!
//! - `Sender::send_all`: events, as a program has them.
//! - `publish_tracked`: messages that were encoded before, with a notice for each, which is awaited.
//! - `publish`: the same without notices; PUBACKs are counted.
//! - `Receiver`: `next`, the event, `accept`, from a session in which the messages wait.
//! - `poll, ack`: the event loop is polled, and each message acknowledged by hand, without looking at it.
//! - `poll, decode, ack`: the same with the event, decoded by this crate's `decode`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode, Payload};
use cloudevents_mqtt::rumqttc_next034::{MqttSenderOptions, Qos, encode, receiver, sender};
use cloudevents_testkit::{
    mqtt::Broker,
    speed::{Cost, CountingAll, Run, Table},
};
use rumqttc_v5::{
    AckMode, AsyncClient, BrokerSessionResumePolicy, Event as Polled, EventLoop, Incoming, MqttOptions,
    PublishOptions, mqttbytes::v5::Publish,
};
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    time::Duration,
};

#[global_allocator]
static HEAP: CountingAll = CountingAll;

const PAYLOAD: usize = 1024;
/// The bound for unconfirmed messages, in both directions.
const UNDER_WAY: u16 = 1024;
const PATIENCE: Duration = Duration::from_secs(60);
const SEND: [&str; 3] = ["Sender::send_all", "publish_tracked", "publish"];
const RECEIVE: [&str; 3] = ["Receiver", "poll, ack", "poll, decode, ack"];
/// The first argument of the broker's process.
const BROKER: &str = "broker";

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == BROKER) {
        return be_the_broker();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(compare(&arguments));
}

async fn compare(arguments: &[String]) {
    let number = |at: usize, unless| arguments.get(at).map_or(unless, |number| number.parse().unwrap());
    let (count, rounds) = (number(0, 20_000), number(1, 7));
    let (url, which, mut broker) = match std::env::var("CE_TEST_MQTT_URL") {
        Ok(url) => (url, std::env::var("CE_TEST_MQTT_BROKER").unwrap_or_else(|_| "a broker".into()), None),
        Err(_) => {
            let (url, broker) = start_broker();
            (url, "the broker in memory, in another process".into(), Some(broker))
        }
    };
    let events: Vec<Event> = (0..count).map(event).collect();
    let (mut sent, mut received) = (Table::default(), Table::default());
    for round in 0..=rounds {
        // The order rotates, so that no row is always first. The first round is a warm-up.
        for turn in 0..SEND.len() {
            let name = SEND[(turn + round) % SEND.len()];
            let cost = match name {
                "Sender::send_all" => send_ours(&url, "speed", &events).await,
                _ => send_bare(&url, &events, name == "publish_tracked").await,
            };
            note(&mut sent, round, name, cost);
        }
        for turn in 0..RECEIVE.len() {
            let name = RECEIVE[(turn + round) % RECEIVE.len()];
            let session = format!("speed-{}-{round}-{turn}", std::process::id());
            let from =
                format!("{url}{session}?client={session}&reject=drop&receive-maximum={UNDER_WAY}&session=1h");
            drop(receiver(&from, DecodeOptions::strict().into()).await.unwrap()); // begins the session
            tokio::time::sleep(Duration::from_millis(100)).await; // it is left
            send_ours(&url, &session, &events).await;
            let cost = match name {
                "Receiver" => receive_ours(&from, count).await,
                _ => receive_bare(&url, &session, count, name.contains("decode")).await,
            };
            note(&mut received, round, name, cost);
        }
    }
    println!("\n{count} events of {PAYLOAD} bytes, medians of {rounds} rounds, {which}\n");
    println!("{}\n{}", sent.write(SEND[1]), received.write(RECEIVE[1]));
    if let Some(broker) = &mut broker {
        broker.kill().unwrap();
        broker.wait().unwrap();
    }
}

/// Prints its address, and lives as long as the process that started it.
fn be_the_broker() {
    let broker = Broker::start().unwrap();
    println!("{}", broker.url(""));
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn start_broker() -> (String, Child) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut broker = command.arg(BROKER).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(broker.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (url.trim_end().to_owned(), broker)
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
        .payload("application/octet-stream", Payload::binary(vec![b'x'; PAYLOAD]))
        .build()
        .unwrap()
}

async fn send_ours(url: &str, topic: &str, events: &[Event]) -> Cost {
    let sender = sender(&format!("{url}{topic}"), MqttSenderOptions::default()).await.unwrap();
    let run = Run::start();
    sender.send_all(events.iter().cloned()).await.unwrap();
    let cost = run.end(events.len());
    sender.close().await.unwrap();
    cost
}

fn open(url: &str, client: &str) -> (AsyncClient, EventLoop) {
    let address = url.trim_start_matches("mqtt://").split('/').next().unwrap();
    let (host, port) = address.split_once(':').unwrap();
    let mut options = MqttOptions::new(client, (host, port.parse().unwrap()));
    options
        .set_keep_alive(30)
        .set_ack_mode(AckMode::Manual)
        .set_receive_maximum(Some(UNDER_WAY))
        .set_outgoing_inflight_upper_limit(UNDER_WAY)
        .set_clean_start(client.is_empty())
        .set_session_expiry_interval(Some(3600))
        .set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly);
    AsyncClient::builder(options).capacity(usize::from(UNDER_WAY)).build()
}

async fn send_bare(url: &str, events: &[Event], tracked: bool) -> Cost {
    let (client, mut polled) = open(url, "");
    while !matches!(polled.poll().await.unwrap(), Polled::Incoming(Incoming::ConnAck(_))) {}
    let messages: Vec<Publish> = events
        .iter()
        .map(|event| encode(event, Mode::Binary, "speed", Qos::AtLeastOnce).unwrap().0)
        .collect();
    let count = messages.len();
    let (done, counted) = tokio::sync::oneshot::channel();
    let driving = tokio::spawn(async move {
        let (mut done, mut confirmed) = (Some(done), 0);
        while let Ok(event) = polled.poll().await {
            confirmed += usize::from(matches!(event, Polled::Incoming(Incoming::PubAck(_))));
            if let Some(done) = done.take_if(|_| confirmed == count) {
                let _ = done.send(());
            }
        }
    });
    let run = Run::start();
    let mut notices = VecDeque::new();
    for message in messages {
        let options = PublishOptions::new(message.qos).properties(message.properties.unwrap());
        if tracked {
            if notices.len() >= usize::from(UNDER_WAY) {
                confirmed(notices.pop_front().unwrap()).await;
            }
            notices.push_back(client.publish_tracked("speed", message.payload, options).await.unwrap());
        } else {
            client.publish("speed", message.payload, options).await.unwrap();
        }
    }
    for notice in notices {
        confirmed(notice).await;
    }
    counted.await.unwrap();
    let cost = run.end(count);
    driving.abort();
    cost
}

async fn confirmed(notice: rumqttc_v5::PublishNotice) {
    notice.wait_completion_async().await.unwrap();
}

async fn receive_ours(url: &str, count: usize) -> Cost {
    let mut receiver = receiver(url, DecodeOptions::strict().into()).await.unwrap();
    let mut run = None;
    for _ in 0..count {
        let delivery = receiver.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(delivery.event().unwrap().data_bytes().map(Bytes::len), Some(PAYLOAD));
        drop(delivery.accept());
    }
    receiver.drain(PATIENCE).await.unwrap(); // the broker has read the acknowledgements
    run.unwrap().end(count)
}

async fn receive_bare(url: &str, session: &str, count: usize, decoded: bool) -> Cost {
    let (client, mut polled) = open(url, session);
    let with = DecodeOptions::strict();
    let mut run = None;
    let (mut seen, mut acknowledged) = (0, 0);
    while acknowledged < count {
        match polled.poll().await.unwrap() {
            Polled::Incoming(Incoming::Publish(publish)) => {
                run.get_or_insert_with(Run::start);
                seen += 1;
                if decoded {
                    let event = cloudevents_mqtt::decode(&publish, &with).unwrap().value;
                    assert_eq!(event.data_bytes().map(Bytes::len), Some(PAYLOAD));
                } else {
                    assert_eq!(publish.payload.len(), PAYLOAD);
                }
                client.try_ack(&publish).unwrap();
            }
            Polled::Outgoing(rumqttc_v5::Outgoing::PubAck(_)) => acknowledged += 1,
            _ => {}
        }
    }
    assert_eq!(seen, count);
    run.unwrap().end(count)
}
