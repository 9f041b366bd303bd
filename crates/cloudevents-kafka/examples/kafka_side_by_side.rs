//! How fast the sender and the receiver are beside rdkafka alone, with the same records and settings, in turns.
//!
//! ```text
//! .ci/brokers/kafka cargo run --release -p cloudevents-kafka --example kafka_side_by_side -- [EVENTS] [ROUNDS]
//! ```
//!
//! It needs a real broker, in `CE_TEST_KAFKA_URL`: the embedded one keeps few messages, and its time would be counted with ours.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use bytes::Bytes;
use cloudevents_core::{Decoding, Event, Mode, Payload};
use cloudevents_kafka::{
    Record, encode,
    rdkafka039::{self, KafkaReceiverOptions, RecordExt, receiver, sender},
};
use cloudevents_transport::log::LogOptions;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    producer::FutureProducer,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::VecDeque,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

const PARTITIONS: i32 = 4;
const PAYLOAD: usize = 1024;
/// As many as the sender has under way.
const UNDER_WAY: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() {
    let Ok(url) = std::env::var("CE_TEST_KAFKA_URL") else {
        println!("skipped: CE_TEST_KAFKA_URL is not set");
        return;
    };
    let servers = url.trim_start_matches("kafka://").to_owned();
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<usize>().unwrap());
    let (count, rounds) = (numbers.next().unwrap_or(100_000), numbers.next().unwrap_or(5));
    let events: Vec<Event> = (0..count).map(event).collect();
    let records: Vec<Record> = events.iter().map(|event| encode(event, Mode::Binary).unwrap().0).collect();

    let mut table = Table::default();
    for round in 0..=rounds {
        let topic = topic(&servers, round).await;
        // The order changes, so that nobody is always first. The first round is for getting warm.
        let turns = if round % 2 == 0 { [true, false] } else { [false, true] };
        for ours in turns {
            let name = if ours { "send: Sender::send_all" } else { "send: send_result" };
            let run = Run::start();
            if ours {
                send_ours(&servers, &topic, &events).await;
            } else {
                send_bare(&servers, &topic, &records).await;
            }
            table.note(round, name, &run.end(count));
        }
        let reading = 2 * count;
        let kinds: [&str; 4] = [
            "receive: Receiver",
            "receive: StreamConsumer",
            "receive: BaseConsumer",
            "receive: StreamConsumer, decoded",
        ];
        for turn in 0..kinds.len() {
            let kind = kinds[(turn + round) % kinds.len()];
            let group = format!("{topic}-{turn}");
            let measured = match kind {
                "receive: Receiver" => receive_ours(&servers, &topic, &group, reading).await,
                "receive: BaseConsumer" => receive_base(&servers, &topic, &group, reading),
                _ => receive_stream(&servers, &topic, &group, reading, kind.ends_with("decoded")).await,
            };
            table.note(round, kind, &measured);
        }
    }
    table.print(count, rounds);
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

async fn topic(servers: &str, round: usize) -> String {
    let name = format!("speed-{}-{round}", std::process::id());
    let admin: AdminClient<DefaultClientContext> = config(servers).create().unwrap();
    let topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(1));
    admin.create_topics([&topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    name
}

fn config(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config
}

async fn send_ours(servers: &str, topic: &str, events: &[Event]) {
    let sender = sender(&format!("kafka://{servers}/{topic}"), Default::default()).await.unwrap();
    sender.send_all(events.iter().cloned()).await.unwrap();
    sender.close().await.unwrap();
}

async fn send_bare(servers: &str, topic: &str, records: &[Record]) {
    let producer: FutureProducer = config(servers).set("enable.idempotence", "true").create().unwrap();
    let mut open = VecDeque::new();
    for record in records {
        if open.len() >= UNDER_WAY {
            confirmed(open.pop_front().unwrap()).await;
        }
        loop {
            match producer.send_result(record.to_future(topic)) {
                Ok(report) => break open.push_back(report),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    confirmed(open.pop_front().unwrap()).await;
                }
                Err((error, _)) => panic!("{error}"),
            }
        }
    }
    for report in open {
        confirmed(report).await;
    }
}

async fn confirmed(report: rdkafka::producer::DeliveryFuture) {
    report.await.unwrap().unwrap();
}

/// The settings that a receiver makes.
fn consuming(servers: &str, group: &str) -> ClientConfig {
    let mut config = config(servers);
    config
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.max.bytes", (16 << 20).to_string())
        .set("fetch.queue.backoff.ms", "10");
    config
}

/// The clock runs from the first message on: before it, the group is joined.
async fn receive_ours(servers: &str, topic: &str, group: &str, count: usize) -> Measured {
    let mut options = KafkaReceiverOptions::default();
    options.log = LogOptions::default().dropping_rejected();
    let mut receiver = receiver(&format!("kafka://{servers}/{topic}?group={group}"), options).await.unwrap();
    let mut run = None;
    for _ in 0..count {
        let delivery = receiver.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(delivery.event().unwrap().data_bytes().map(Bytes::len), Some(PAYLOAD));
        drop(delivery.accept());
    }
    let measured = run.unwrap().end(count);
    receiver.drain(PATIENCE).await.unwrap();
    measured
}

async fn receive_stream(servers: &str, topic: &str, group: &str, count: usize, decoded: bool) -> Measured {
    let consumer: StreamConsumer = consuming(servers, group).create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let with = Decoding::strict();
    let mut run = None;
    let mut done = Done::new(topic);
    for _ in 0..count {
        let message = consumer.recv().await.unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(message.payload().map(<[u8]>::len), Some(PAYLOAD));
        if decoded {
            assert_eq!(
                rdkafka039::decode(&message, &with).unwrap().value.data_bytes().map(Bytes::len),
                Some(PAYLOAD)
            );
        }
        done.note(&message, |list| consumer.commit(list, CommitMode::Async).unwrap());
    }
    run.unwrap().end(count)
}

fn receive_base(servers: &str, topic: &str, group: &str, count: usize) -> Measured {
    let consumer: BaseConsumer = consuming(servers, group).create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let mut run = None;
    let mut done = Done::new(topic);
    for _ in 0..count {
        // What is no message is an answer too: a rebalance.
        let message = (0..1000).find_map(|_| consumer.poll(PATIENCE)).unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(message.payload().map(<[u8]>::len), Some(PAYLOAD));
        done.note(&message, |list| consumer.commit(list, CommitMode::Async).unwrap());
    }
    run.unwrap().end(count)
}

/// What a program has to remember that commits once a second.
struct Done<'t> {
    topic: &'t str,
    offsets: [i64; PARTITIONS as usize],
    last: Instant,
}

impl<'t> Done<'t> {
    fn new(topic: &'t str) -> Self {
        Self { topic, offsets: [0; PARTITIONS as usize], last: Instant::now() }
    }

    fn note(&mut self, message: &impl Message, commit: impl FnOnce(&TopicPartitionList)) {
        self.offsets[message.partition() as usize] = message.offset() + 1;
        if self.last.elapsed() >= Duration::from_secs(1) {
            self.last = Instant::now();
            let mut list = TopicPartitionList::new();
            for (partition, offset) in (0..).zip(self.offsets) {
                list.add_partition_offset(self.topic, partition, Offset::Offset(offset)).unwrap();
            }
            commit(&list);
        }
    }
}

struct Run {
    begin: Instant,
    cpu: f64,
    calls: usize,
}

/// Per event.
struct Measured {
    rate: f64,
    /// Microseconds of all threads of this process.
    cpu: f64,
    allocations: f64,
}

impl Run {
    fn start() -> Self {
        Self { begin: Instant::now(), cpu: cpu(), calls: CALLS.load(Ordering::Relaxed) }
    }

    fn end(&self, count: usize) -> Measured {
        let count = count as f64;
        Measured {
            rate: count / self.begin.elapsed().as_secs_f64(),
            cpu: (cpu() - self.cpu) * 1e6 / count,
            allocations: (CALLS.load(Ordering::Relaxed) - self.calls) as f64 / count,
        }
    }
}

/// Seconds of processor time that this process has used, by Linux's count of hundredths.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

#[derive(Default)]
struct Table(Vec<(&'static str, Vec<Measured>)>);

impl Table {
    fn note(&mut self, round: usize, name: &'static str, measured: &Measured) {
        println!("round {round}: {name:<34} {:>9.0}/s {:>6.2} us", measured.rate, measured.cpu);
        if round == 0 {
            return;
        }
        let measured = Measured { ..*measured };
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => all.push(measured),
            None => self.0.push((name, vec![measured])),
        }
    }

    fn print(&mut self, count: usize, rounds: usize) {
        println!("\n{count} events of {PAYLOAD} bytes, medians of {rounds} rounds\n");
        println!(
            "| what | events/s | of the same by rdkafka alone | CPU us/event | Rust allocations/event |"
        );
        println!("|---|---:|---:|---:|---:|");
        self.0.sort_by_key(|(name, _)| *name);
        let median = |all: &[Measured], of: fn(&Measured) -> f64| {
            let mut values: Vec<f64> = all.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let rate = |bare: &str| {
            let (_, all) = self.0.iter().find(|(name, _)| *name == bare).unwrap();
            median(all, |one| one.rate)
        };
        // What decodes is compared with what decodes. The others only look at the length of the payload.
        let (sent, received) = (rate("send: send_result"), rate("receive: StreamConsumer, decoded"));
        for (name, all) in &self.0 {
            let bare = if name.starts_with("send") { sent } else { received };
            let rate = median(all, |one| one.rate);
            println!(
                "| {name} | {rate:.0} | {:.2} | {:.2} | {:.1} |",
                rate / bare,
                median(all, |one| one.cpu),
                median(all, |one| one.allocations)
            );
        }
    }
}

/// Counts what all threads ask for. librdkafka asks elsewhere.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static HEAP: Counting = Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
#[allow(unsafe_code)] // a global allocator cannot be written without it
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(old, layout) }
    }
}
