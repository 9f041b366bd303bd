//! Compares the speed of the sender and the receiver with rdkafka alone: the same records, the same
//! settings, one process, taking turns.
//!
//! ```text
//! CFLAGS=-g0 .ci/brokers/kafka cargo bench -p cloudevents-kafka --bench kafka_side_by_side -- [EVENTS] [ROUNDS] [ROW]
//! ```
//!
//! It needs a real broker, in `CE_TEST_KAFKA_URL`: the embedded one keeps few messages, and its time would
//! be counted with ours. With ROW, only rows whose names contain this text are measured.
//!
//! **Receiving.** All rows read the whole topic, with the fetch settings of the receiver, and commit once a
//! second. The time is measured from the first message to the last.
//!
//! - *Receiver*: `next`, the event, `accept`.
//! - *run*: `Receiver::run` with a handler that does nothing with the event, at most 64 at once.
//! - *owned*: `StreamConsumer::recv`; key, payload, topic and headers in rdkafka's own owned form
//!   (`detach`), reading every header's name and value; and `store_offset_from_message` for the automatic
//!   commit. A program that uses the data and loses no message does this.
//! - *owned, decoded*: the same, and `decode` of the message. A program that wants what a receiver returns
//!   does this: the event, and the message as received. The receiver is compared with this row.
//! - *decoded*: only `decode`, and a table of offsets instead of librdkafka's: only the event is kept.
//! - *nothing*: `BaseConsumer::poll` and the table of offsets. Headers are not read; librdkafka parses them
//!   only when requested.
//!
//! **Sending.** Idempotent, librdkafka's batching, at most 1,024 messages without a report, of which the
//! oldest is awaited. The time is measured from the first message to the last report.
//!
//! - *Sender*: `send_all` of events.
//! - *records*: `FutureProducer::send_result` of records whose headers are already text; rdkafka's list of
//!   headers is built per message.
//! - *records, encoded on the way*: the same for events, which are encoded one by one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode, Payload};
use cloudevents_kafka::{
    Record, encode,
    rdkafka039::{self, KafkaReceiverOptions, RecordExt, receiver, sender},
};
use cloudevents_transport::{Receiver, binding::log::LogOptions};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer},
    message::Headers,
    producer::{FutureProducer, Producer},
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    borrow::Cow,
    collections::VecDeque,
    hint::black_box,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const PARTITIONS: i32 = 4;
const PAYLOAD: usize = 1024;
/// The number of outcomes that `Sender::send_all` keeps open.
const UNDER_WAY: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(60);
const COMMIT_MILLIS: u64 = 1000;

const SENDER: &str = "send: Sender";
const RECORDS: &str = "send: records";
const ENCODED: &str = "send: records, encoded on the way";
const RECEIVER: &str = "receive: Receiver";
const RUN: &str = "receive: run";
const OWNED: &str = "receive: owned";
const OWNED_DECODED: &str = "receive: owned, decoded";
const DECODED: &str = "receive: decoded";
const NOTHING: &str = "receive: nothing";

#[tokio::main]
async fn main() {
    let Ok(url) = std::env::var("CE_TEST_KAFKA_URL") else {
        println!("skipped: CE_TEST_KAFKA_URL is not set");
        return;
    };
    let servers = url.trim_start_matches("kafka://").to_owned();
    // `cargo bench` adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let mut number = |default| arguments.next().map_or(default, |number| number.parse::<usize>().unwrap());
    let (count, rounds) = (number(100_000), number(5));
    let wanted = arguments.next().unwrap_or_default();
    let events: Vec<Event> = (0..count).map(event).collect();
    let records: Vec<Record> = events.iter().map(record).collect();

    let mut table = Table::default();
    for round in 0..=rounds {
        let topic = topic(&servers, round).await;
        // The order rotates, so that no row is always first. The first round is a warm-up.
        let kinds = |all: &[&'static str]| {
            let mut kinds: Vec<_> = all.iter().copied().filter(|kind| kind.contains(&wanted)).collect();
            let turns = kinds.len().max(1);
            kinds.rotate_left(round % turns);
            kinds
        };
        let sending = kinds(&[SENDER, RECORDS, ENCODED]);
        for kind in &sending {
            let measured = match *kind {
                SENDER => send_ours(&servers, &topic, &events).await,
                RECORDS => send_bare(&servers, &topic, records.iter().map(Cow::Borrowed)).await,
                _ => send_bare(&servers, &topic, events.iter().map(|event| Cow::Owned(record(event)))).await,
            };
            table.note(round, kind, &measured);
        }
        if sending.is_empty() {
            send_bare(&servers, &topic, records.iter().map(Cow::Borrowed)).await;
        }
        let reading = sending.len().max(1) * count;
        let receiving = kinds(&[RECEIVER, RUN, OWNED, OWNED_DECODED, DECODED, NOTHING]);
        for (turn, kind) in receiving.into_iter().enumerate() {
            let group = format!("{topic}-{turn}");
            let measured = match kind {
                RECEIVER => receive_ours(&servers, &topic, &group, reading).await,
                RUN => receive_run(&servers, &topic, &group, reading).await,
                OWNED => receive_owned(&servers, &topic, &group, reading, false).await,
                OWNED_DECODED => receive_owned(&servers, &topic, &group, reading, true).await,
                DECODED => receive_decoded(&servers, &topic, &group, reading).await,
                _ => receive_nothing(&servers, &topic, &group, reading),
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
        .payload("application/octet-stream", Payload::binary(vec![b'x'; PAYLOAD]))
        .build()
        .unwrap()
}

fn record(event: &Event) -> Record {
    encode(event, Mode::Binary).unwrap().0
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

async fn send_ours(servers: &str, topic: &str, events: &[Event]) -> Measured {
    let sender = sender(&format!("kafka://{servers}/{topic}"), Default::default()).await.unwrap();
    let owned = events.to_vec(); // a copy is not the work of the sender
    let run = Run::start();
    sender.send_all(owned).await.unwrap();
    let measured = run.end(events.len());
    sender.close().await.unwrap();
    measured
}

async fn send_bare(
    servers: &str,
    topic: &str,
    records: impl ExactSizeIterator<Item = Cow<'_, Record>>,
) -> Measured {
    let producer: FutureProducer = config(servers).set("enable.idempotence", "true").create().unwrap();
    producer.client().fetch_metadata(Some(topic), PATIENCE).unwrap();
    let run = Run::start();
    let count = records.len();
    let mut open = VecDeque::new();
    for record in records {
        if open.len() >= UNDER_WAY {
            confirmed(open.pop_front().unwrap()).await;
        }
        open.push_back(producer.send_result(record.to_future(topic)).map_err(|(error, _)| error).unwrap());
    }
    for report in open {
        confirmed(report).await;
    }
    run.end(count)
}

async fn confirmed(report: rdkafka::producer::DeliveryFuture) {
    report.await.unwrap().unwrap();
}

/// The settings of a receiver.
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

async fn open(servers: &str, topic: &str, group: &str) -> Receiver {
    let mut options = KafkaReceiverOptions::default();
    options.log = LogOptions::default().dropping_rejected();
    options.commit_interval = Duration::from_millis(COMMIT_MILLIS);
    receiver(&format!("kafka://{servers}/{topic}?group={group}"), options).await.unwrap()
}

async fn receive_run(servers: &str, topic: &str, group: &str, count: usize) -> Measured {
    let receiver = open(servers, topic, group).await;
    let (stopper, seen) = (receiver.stopper(), AtomicUsize::new(0));
    let (run, measured) = (OnceLock::new(), OnceLock::new());
    let handle = async |event: Event| {
        let run = run.get_or_init(Run::start);
        assert_eq!(length(&event), Some(PAYLOAD));
        if seen.fetch_add(1, Ordering::Relaxed) + 1 == count {
            let _ = measured.set(run.end(count));
            stopper.stop();
        }
    };
    receiver.run(handle).await.unwrap();
    measured.into_inner().unwrap()
}

async fn receive_ours(servers: &str, topic: &str, group: &str, count: usize) -> Measured {
    let mut receiver = open(servers, topic, group).await;
    let mut run = None;
    for _ in 0..count {
        let delivery = receiver.next().await.unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(length(&delivery.event().unwrap()), Some(PAYLOAD));
        drop(delivery.accept());
    }
    let measured = run.unwrap().end(count);
    receiver.drain(PATIENCE).await.unwrap();
    measured
}

async fn receive_owned(servers: &str, topic: &str, group: &str, count: usize, decoded: bool) -> Measured {
    let mut config = consuming(servers, group);
    config.set("enable.auto.commit", "true").set("auto.commit.interval.ms", COMMIT_MILLIS.to_string());
    let consumer: StreamConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let with = DecodeOptions::strict();
    let mut run = None;
    for _ in 0..count {
        let message = consumer.recv().await.unwrap();
        run.get_or_insert_with(Run::start);
        let owned = message.detach();
        assert_eq!(owned.payload().map(<[u8]>::len), Some(PAYLOAD));
        for header in owned.headers().unwrap().iter() {
            black_box((header.key, header.value));
        }
        if decoded {
            assert_eq!(length(&rdkafka039::decode(&message, &with).unwrap().value), Some(PAYLOAD));
        }
        consumer.store_offset_from_message(&message).unwrap();
        drop(owned);
    }
    run.unwrap().end(count)
}

async fn receive_decoded(servers: &str, topic: &str, group: &str, count: usize) -> Measured {
    let consumer: StreamConsumer = consuming(servers, group).create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let with = DecodeOptions::strict();
    let mut run = None;
    let mut done = Done::new(topic);
    for _ in 0..count {
        let message = consumer.recv().await.unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(length(&rdkafka039::decode(&message, &with).unwrap().value), Some(PAYLOAD));
        done.note(&message, |list| consumer.commit(list, CommitMode::Async).unwrap());
    }
    run.unwrap().end(count)
}

fn receive_nothing(servers: &str, topic: &str, group: &str, count: usize) -> Measured {
    let consumer: BaseConsumer = consuming(servers, group).create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let mut run = None;
    let mut done = Done::new(topic);
    for _ in 0..count {
        // `poll` also returns nothing for events other than messages, such as a rebalance.
        let message = (0..1000).find_map(|_| consumer.poll(PATIENCE)).unwrap().unwrap();
        run.get_or_insert_with(Run::start);
        assert_eq!(message.payload().map(<[u8]>::len), Some(PAYLOAD));
        done.note(&message, |list| consumer.commit(list, CommitMode::Async).unwrap());
    }
    run.unwrap().end(count)
}

fn length(event: &Event) -> Option<usize> {
    event.data_bytes().map(Bytes::len)
}

/// What a program that commits once a second must remember.
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
        if self.last.elapsed() >= Duration::from_millis(COMMIT_MILLIS) {
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
    /// Microseconds of processor time of all threads of this process.
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

/// Returns the processor time of this process in seconds, which Linux counts in hundredths.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

#[derive(Default)]
struct Table(Vec<(&'static str, Vec<Measured>)>);

impl Table {
    fn note(&mut self, round: usize, name: &'static str, measured: &Measured) {
        println!(
            "round {round}: {name:<34} {:>9.0}/s {:>6.2} us {:>5.1} allocations",
            measured.rate, measured.cpu, measured.allocations
        );
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
            "| what | events/s | of rdkafka alone | CPU us/event | of rdkafka alone | Rust allocations/event |"
        );
        println!("|---|---:|---:|---:|---:|---:|");
        self.0.sort_by_key(|(name, _)| *name);
        for (name, all) in &self.0 {
            let bare = if name.starts_with("send") { RECORDS } else { OWNED_DECODED };
            // Within a round, so that the machine's other load affects both.
            let bare = self.0.iter().find(|(known, _)| *known == bare);
            let ratio = |of: fn(&Measured) -> f64| match bare {
                Some((_, bare)) => median(all.iter().zip(bare).map(|(one, bare)| of(one) / of(bare))),
                None => f64::NAN,
            };
            println!(
                "| {name} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} |",
                median(all.iter().map(|one| one.rate)),
                ratio(|one| one.rate),
                median(all.iter().map(|one| one.cpu)),
                ratio(|one| one.cpu),
                median(all.iter().map(|one| one.allocations))
            );
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Counts the allocations of all threads, except those in librdkafka.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static HEAP: Counting = Counting;

// SAFETY: every call is passed on unchanged to the system's allocator.
#[allow(unsafe_code)] // a global allocator cannot be written without it
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller upholds the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller upholds the contract.
        unsafe { System.dealloc(old, layout) }
    }
}
