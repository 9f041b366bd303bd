//! Compares bridges with what one would write by hand on the clients alone, with the same confirms, taking turns: HTTP to Kafka, and Kafka
//! to AMQP 1.0, in binary mode, with payloads of 1 KiB.
//!
//! ```text
//! CFLAGS=-g0 .ci/brokers/kafka cargo bench -p cloudevents-kafka --bench bridge_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! ```
//!
//! It needs a real Kafka, in `CE_TEST_KAFKA_URL`. The AMQP broker is the testkit's in its own process, and so is what sends the requests,
//! so that processor time and allocations are those of moving alone.
//!
//! - *bridge*: `Bridge` with the default policy: at most 256 on their way, in order by key.
//! - *by hand, HTTP to Kafka*: an axum handler that reads the body, copies the attributes from `ce-` headers to those of a record, sends it
//!   with rdkafka's `FutureProducer` and responds when the broker has it.
//! - *by hand, Kafka to AMQP*: messages of rdkafka's `StreamConsumer`, whose headers become application properties of a message of
//!   fe2o3-amqp, which is sent with at most 256 outcomes open; offsets are stored when the outcome is there.
//!
//! - *bridge, 10,000 filters*: the same bridge, which forwards what one of 10,000 subscriptions wants: filters of the Subscriptions API in
//!   an index. All events are wanted.
//!
//! The latencies are those of responses, from 32 connections; and from the production of a record to the outcome of its message, at 2,000
//! records a second, for the second half of the records: the first ones wait until the consumer has joined its group.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use axum::{Router, body::Bytes, extract::State, routing};
use cloudevents_amqp::fe2o3_amqp018::{AmqpSenderOptions, sender as amqp_sender};
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_http::{HttpReceiver, HttpReceiverOptions};
use cloudevents_kafka::{
    encode,
    rdkafka039::{KafkaReceiverOptions, RecordExt, receiver, sender},
};
use cloudevents_subscriptions::{FilterIndex, Filters};
use cloudevents_testkit::{
    amqp::Broker,
    speed::{Comparison, Cost, CountingAll, Elsewhere, Run, event, is_elsewhere},
};
use cloudevents_transport::{
    Bridge, EventFilter, ReceiverOptions,
    binding::log::LogOptions,
    bridge::{BridgePolicy, Fate},
};
use fe2o3_amqp::{Connection, Session, sasl_profile::SaslProfile};
use fe2o3_amqp_types::{
    messaging::{ApplicationProperties, Body, Data, Header, Message, Outcome, Properties},
    primitives::{Binary, OrderedMap, SimpleValue, Symbol},
};
use futures_util::{StreamExt, stream::FuturesOrdered};
use http::{HeaderMap, StatusCode};
use rdkafka::{
    ClientConfig, Message as _,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{Consumer, StreamConsumer},
    message::{Header as RecordHeader, Headers, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer},
};
use std::{
    collections::VecDeque,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

#[global_allocator]
static HEAP: CountingAll = CountingAll;

const CONNECTIONS: usize = 32;
const UNDER_WAY: usize = 256;
const PER_SECOND: u64 = 2_000;
const PATIENCE: Duration = Duration::from_secs(60);

const TO_KAFKA: [&str; 3] =
    ["HTTP to Kafka: bridge", "HTTP to Kafka: by hand", "HTTP to Kafka: bridge, 10,000 filters"];
const TO_AMQP: [&str; 2] = ["Kafka to AMQP: bridge", "Kafka to AMQP: by hand"];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match arguments.get(1).map(String::as_str) {
        Some("requests") => runtime.block_on(requests(&arguments[2], arguments[3].parse().unwrap())),
        Some("records") => {
            let paced = arguments[5] == "paced";
            runtime.block_on(records(&arguments[2], &arguments[3], arguments[4].parse().unwrap(), paced));
        }
        _ if is_elsewhere(|| Broker::start().map(|broker| (broker.url(""), broker))).unwrap() => {}
        _ => runtime.block_on(compare()),
    }
}

async fn compare() {
    let Ok(url) = std::env::var("CE_TEST_KAFKA_URL") else {
        println!("skipped: CE_TEST_KAFKA_URL is not set");
        return;
    };
    let servers = url.trim_start_matches("kafka://").to_owned();
    let comparison = Comparison::from_arguments();
    let count = comparison.count;
    let latencies = Latencies::default();
    comparison
        .of(&TO_KAFKA, TO_KAFKA[1], async |name, topic| {
            create(&servers, &topic).await;
            let (cost, late) = match name {
                "HTTP to Kafka: by hand" => hand_to_kafka(&servers, &topic, count).await,
                name => bridge_to_kafka(&servers, &topic, count, name.contains("filters")).await,
            };
            latencies.note(name, late);
            cost
        })
        .await;
    let broker = Elsewhere::start().unwrap();
    comparison
        .of(&TO_AMQP, TO_AMQP[1], async |name, topic| {
            let mut both = None;
            for paced in [true, false] {
                let topic = format!("{topic}-{paced}");
                create(&servers, &topic).await;
                let count = if paced { count.min(10_000) } else { count };
                let mut filling = child(&[
                    "records",
                    &servers,
                    &topic,
                    &count.to_string(),
                    if paced { "paced" } else { "full" },
                ]);
                if !paced {
                    filling.wait().unwrap();
                }
                let (cost, late) = match name {
                    "Kafka to AMQP: bridge" => bridge_to_amqp(&servers, broker.url(), &topic, count).await,
                    _ => hand_to_amqp(&servers, broker.url(), &topic, count).await,
                };
                let _ = filling.wait();
                empty(broker.url(), &topic, count).await;
                match paced {
                    true => latencies.note(name, late),
                    false => both = Some(cost),
                }
            }
            both.unwrap()
        })
        .await;
    latencies.print();
}

/// This program again, for a part of the work that is not measured.
fn child(arguments: &[&str]) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap()).args(arguments).stdout(Stdio::piped()).spawn().unwrap()
}

fn config(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config
}

async fn create(servers: &str, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = config(servers).create().unwrap();
    let topic = NewTopic::new(topic, 4, TopicReplication::Fixed(1));
    admin.create_topics([&topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
}

/// Percentiles of latencies in microseconds.
#[derive(Clone, Copy)]
struct Late {
    half: u64,
    most: u64,
}

fn late(mut all: Vec<u64>) -> Late {
    all.sort_unstable();
    Late { half: all[all.len() / 2], most: all[all.len() * 99 / 100] }
}

// --- HTTP to Kafka ---

async fn bridge_to_kafka(servers: &str, topic: &str, count: usize, filtered: bool) -> (Cost, Late) {
    let options = HttpReceiverOptions::from(ReceiverOptions::from(DecodeOptions::strict()));
    let source = HttpReceiver::bind("http://127.0.0.1:0/events", options).await.unwrap();
    let url = source.local_addr().to_string();
    let target = sender(&format!("kafka://{servers}/{topic}"), Default::default()).await.unwrap();
    let mut source = source.into_receiver();
    if filtered {
        source = source.filter(filter()).unwrap();
    }
    let bridge = Bridge::new(source, target, BridgePolicy::default()).unwrap();
    let stop = bridge.stopper();
    let bridge = tokio::spawn(async move { bridge.run().await });
    let measured = requested(&url, count).await;
    stop.stop();
    bridge.await.unwrap().unwrap();
    measured
}

/// Passes what one of 10,000 subscriptions wants.
fn filter() -> EventFilter {
    let mut index = FilterIndex::new();
    for number in 0..10_000 {
        let filters = match number {
            0 => r#"[{"prefix":{"type":"com.example."}}]"#.to_owned(),
            _ => format!(
                r#"[{{"exact":{{"type":"com.example.order.{number}"}}}},{{"prefix":{{"subject":"orders/"}}}}]"#
            ),
        };
        index.insert(number, Filters::parse(filters).unwrap());
    }
    EventFilter::new(move |message, with| {
        let mut wanted = false;
        match message {
            cloudevents_core::Message::Binary(event) => index.for_each_match(event, |_| wanted = true),
            other => index.for_each_match(&other.event(with)?.value, |_| wanted = true),
        }
        Ok(wanted)
    })
}

async fn hand_to_kafka(servers: &str, topic: &str, count: usize) -> (Cost, Late) {
    let producer: FutureProducer = config(servers).set("enable.idempotence", "true").create().unwrap();
    producer.client().fetch_metadata(Some(topic), PATIENCE).unwrap();
    let state = Arc::new((producer, topic.to_owned()));
    let app = Router::new().route("/events", routing::post(produce)).with_state(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let measured = requested(&url, count).await;
    server.abort();
    measured
}

async fn produce(
    State(state): State<Arc<(FutureProducer, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut record = OwnedHeaders::new_with_capacity(headers.len());
    for (name, value) in &headers {
        if let Some(attribute) = name.as_str().strip_prefix("ce-") {
            let key = format!("ce_{attribute}");
            record = record.insert(RecordHeader { key: &key, value: Some(value.as_bytes()) });
        } else if name == "content-type" {
            record = record.insert(RecordHeader { key: "content-type", value: Some(value.as_bytes()) });
        }
    }
    let record = FutureRecord::<(), [u8]>::to(&state.1).payload(&body[..]).headers(record);
    let Ok(report) = state.0.send_result(record) else { return StatusCode::SERVICE_UNAVAILABLE };
    match report.await {
        Ok(Ok(_)) => StatusCode::NO_CONTENT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Has another process send requests, and measures this one meanwhile.
async fn requested(address: &str, count: usize) -> (Cost, Late) {
    let warm = child(&["requests", address, "2000"]).wait_with_output().unwrap();
    assert!(warm.status.success());
    let run = Run::start();
    let (address, count_text) = (address.to_owned(), count.to_string());
    let output = tokio::task::spawn_blocking(move || {
        child(&["requests", &address, &count_text]).wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    let cost = run.end(count);
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    (cost, Late { half: numbers[0], most: numbers[1] })
}

/// Sends requests over several connections, each one after the other, and prints the percentiles of their latencies.
async fn requests(address: &str, count: usize) {
    let mut tasks = Vec::new();
    for connection in 0..CONNECTIONS {
        let address = address.to_owned();
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut latencies, mut buffer) = (Vec::new(), [0_u8; 2048]);
            for number in (connection..count).step_by(CONNECTIONS) {
                let request = request(&event(number));
                let begin = Instant::now();
                stream.write_all(&request).await.unwrap();
                let mut read = 0;
                while !buffer[..read].ends_with(b"\r\n\r\n") {
                    let more = stream.read(&mut buffer[read..]).await.unwrap();
                    assert!(more > 0, "the server hangs up");
                    read += more;
                }
                assert!(buffer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&buffer[..read]));
                latencies.push(u64::try_from(begin.elapsed().as_micros()).unwrap());
            }
            latencies
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    let late = late(all);
    println!("{} {}", late.half, late.most);
}

fn request(event: &Event) -> Vec<u8> {
    let mut headers = HeaderMap::new();
    let body = cloudevents_http::encode(event, Mode::Binary, &mut headers).unwrap().0;
    let mut request = b"POST /events HTTP/1.1\r\nhost: test\r\n".to_vec();
    for (name, value) in &headers {
        request.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    request.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(&body);
    request
}

// --- Kafka to AMQP ---

/// Produces records. Paced ones have the time of their production in their id.
async fn records(servers: &str, topic: &str, count: usize, paced: bool) {
    let producer: FutureProducer = config(servers).set("enable.idempotence", "true").create().unwrap();
    let begin = Instant::now();
    let mut open = VecDeque::new();
    for number in 0..count {
        let mut event = event(number);
        if paced {
            let due = Duration::from_micros(1_000_000 / PER_SECOND * number as u64);
            tokio::time::sleep(due.saturating_sub(begin.elapsed())).await;
            event = event.into_builder().id(now().to_string()).build().unwrap();
        }
        let record = encode(&event, Mode::Binary).unwrap().0;
        open.push_back(producer.send_result(record.to_future(topic)).map_err(|(error, _)| error).unwrap());
        if open.len() > 1024 {
            open.pop_front().unwrap().await.unwrap().unwrap();
        }
    }
    for report in open {
        report.await.unwrap().unwrap();
    }
}

/// In microseconds.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

/// How long ago an event with this id was produced.
fn age(id: &str) -> u64 {
    id.parse().map_or(0, |then| now().saturating_sub(then))
}

async fn bridge_to_amqp(servers: &str, amqp: &str, topic: &str, count: usize) -> (Cost, Late) {
    let mut options = KafkaReceiverOptions::default();
    options.log = LogOptions::default().dropping_rejected();
    let source = receiver(&format!("kafka://{servers}/{topic}?group={topic}"), options).await.unwrap();
    let target = amqp_sender(&format!("{amqp}{topic}"), AmqpSenderOptions::default()).await.unwrap();
    let (ages, ended) = (Arc::new(Mutex::new((None, Vec::with_capacity(count)))), Arc::new(Notify::new()));
    let mut policy = BridgePolicy::default();
    policy.observer = Some({
        let (ages, ended) = (Arc::clone(&ages), Arc::clone(&ended));
        Arc::new(move |received: &cloudevents_transport::Received, fate: &Fate| {
            assert!(matches!(fate, Fate::Confirmed), "{fate}");
            let mut ages = ages.lock().unwrap();
            ages.0.get_or_insert_with(Run::start);
            // Both sides have the id already when they send the message.
            let Ok(cloudevents_core::Message::Binary(event)) = received.message() else {
                panic!("not in binary mode")
            };
            ages.1.push(age(event.id()));
            if ages.1.len() == count {
                ended.notify_one();
            }
        })
    });
    let bridge = Bridge::new(source, target, policy).unwrap();
    let stop = bridge.stopper();
    let bridge = tokio::spawn(async move { bridge.run().await });
    ended.notified().await;
    let (run, mut all) = std::mem::take(&mut *ages.lock().unwrap());
    let cost = run.unwrap().end(count);
    stop.stop();
    bridge.await.unwrap().unwrap();
    (cost, late(all.split_off(count / 2)))
}

async fn hand_to_amqp(servers: &str, amqp: &str, topic: &str, count: usize) -> (Cost, Late) {
    let mut config = config(servers);
    config
        .set("group.id", topic)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.offset.store", "false")
        .set("auto.commit.interval.ms", "1000")
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.max.bytes", (16 << 20).to_string())
        .set("fetch.queue.backoff.ms", "10");
    let consumer: StreamConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let stream = TcpStream::connect(amqp.trim_start_matches("amqp://").trim_end_matches('/')).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let builder = Connection::builder().container_id("by hand").sasl_profile(SaslProfile::Anonymous);
    let mut connection = builder.scheme("amqp").hostname("127.0.0.1").open_with_stream(stream).await.unwrap();
    let mut session = Session::begin(&mut connection).await.unwrap();
    let mut target = fe2o3_amqp::Sender::attach(&mut session, "by hand", topic).await.unwrap();

    let (mut run, mut ages, mut taken) = (None, Vec::with_capacity(count), 0);
    let mut open = FuturesOrdered::new();
    while ages.len() < count {
        tokio::select! {
            message = consumer.recv(), if taken < count && open.len() < UNDER_WAY => {
                let message = message.unwrap();
                let (sendable, id) = message_of(&message);
                let place = (message.partition(), message.offset());
                let outcome = target.send_batchable(sendable).await.unwrap();
                open.push_back(async move { (outcome.await, place, id) });
                taken += 1;
            }
            Some((outcome, (partition, offset), id)) = open.next() => {
                assert!(matches!(outcome.unwrap(), Outcome::Accepted(_)));
                run.get_or_insert_with(Run::start);
                consumer.store_offset(topic, partition, offset).unwrap();
                ages.push(age(&id));
            }
        }
    }
    let cost = run.unwrap().end(count);
    let _ = (target.close().await, session.end().await, connection.close().await);
    (cost, late(ages.split_off(count / 2)))
}

/// The message for a record in binary mode, and the id of its event.
fn message_of(record: &impl rdkafka::Message) -> (Message<Body<Data>>, String) {
    let mut properties = Properties::default();
    let mut attributes = OrderedMap::new();
    let mut id = String::new();
    for header in record.headers().unwrap().iter() {
        let value = std::str::from_utf8(header.value.unwrap()).unwrap();
        match header.key.strip_prefix("ce_") {
            Some(name) => {
                if name == "id" {
                    id = value.to_owned();
                }
                attributes.insert(format!("cloudEvents:{name}"), SimpleValue::String(value.to_owned()));
            }
            None if header.key == "content-type" => properties.content_type = Some(Symbol::from(value)),
            None => {}
        }
    }
    let body = Body::Data(vec![Data(Binary::from(record.payload().unwrap().to_vec()))].into());
    let message = Message::builder()
        .header(Header { durable: true, ..Header::default() })
        .properties(properties)
        .application_properties(ApplicationProperties(attributes))
        .body(body)
        .build();
    (message, id)
}

/// Takes everything from the broker, which keeps it in memory.
async fn empty(amqp: &str, address: &str, count: usize) {
    let url = format!("{amqp}{address}?reject=broker");
    let mut receiver =
        cloudevents_amqp::fe2o3_amqp018::receiver(&url, DecodeOptions::strict().into()).await.unwrap();
    let mut last = None;
    for _ in 0..count {
        last = Some(receiver.next().await.unwrap().unwrap().accept());
    }
    last.unwrap().await.unwrap();
    receiver.drain(PATIENCE).await.unwrap();
}

/// The latencies of each row, in all rounds.
#[derive(Default)]
struct Latencies(Mutex<Vec<(String, Late)>>);

impl Latencies {
    fn note(&self, name: &str, late: Late) {
        println!("   {name}: {} us, 99 of 100 within {} us", late.half, late.most);
        self.0.lock().unwrap().push((name.to_owned(), late));
    }

    /// The medians of the rounds after the first.
    fn print(&self) {
        println!("\n| what | median latency, us | 99th percentile, us |\n|---|---:|---:|");
        for name in TO_KAFKA.iter().chain(&TO_AMQP) {
            let all: Vec<Late> = self
                .0
                .lock()
                .unwrap()
                .iter()
                .filter(|(known, _)| known == name)
                .skip(1)
                .map(|(_, late)| *late)
                .collect();
            if !all.is_empty() {
                let median = |of: fn(&Late) -> u64| {
                    let mut all: Vec<u64> = all.iter().map(of).collect();
                    all.sort_unstable();
                    all[all.len() / 2]
                };
                println!("| {name} | {} | {} |", median(|late| late.half), median(|late| late.most));
            }
        }
    }
}
