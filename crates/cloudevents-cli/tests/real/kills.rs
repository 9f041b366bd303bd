//! `ce bridge` between real brokers, while the bridge, the source and the target are killed with SIGKILL in turns. An emulator that would
//! lose its messages is not killed.
//!
//! Each event that a producer has sent arrives. Where both ends keep an order, the events of a key arrive in their order for the first
//! time.
//!
//! `CE_TEST_BROKERS` names the folder with the scripts that start brokers (`.ci/brokers`); without it, nothing runs.
//! `CE_KILL_ROUNDS` sets the number of kills for each pair; the default is 6.

mod arrived;
mod places;

use crate::program::command;
use arrived::{Arrived, follow, read};
use cloudevents_kit::{Event, Outgoing, Sender};
use cloudevents_testkit::{patience, process::Process};
use places::{KEY, Place};
use std::{
    env, fs,
    future::Future,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::block_in_place;

/// The number of keys: each has a producer of its own, which sends one event after the other.
const KEYS: usize = 8;

/// The number of events that have to arrive between two kills, so that each kill meets a bridge at work.
const BETWEEN: usize = 40;

/// How far the producers get ahead of the arrived events: the last events must not wait behind those of many minutes.
const AHEAD: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_to_a_queue() {
    survives("Kafka to RabbitMQ", Place::kafka, Place::rabbitmq).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_to_a_log() {
    survives("RabbitMQ to Kafka", Place::rabbitmq, Place::kafka).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_to_http() {
    survives("RabbitMQ to HTTP", Place::rabbitmq, Place::http).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mqtt_to_a_log() {
    survives("MQTT to Kafka", Place::mqtt, Place::kafka).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_to_jetstream() {
    survives("Kafka to JetStream", Place::kafka, Place::jetstream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_to_pgmq() {
    survives("Redis Streams to pgmq", Place::redis, Place::pgmq).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pgmq_to_redis() {
    survives("pgmq to Redis Streams", Place::pgmq, Place::redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_to_a_fifo_queue() {
    survives("Kafka to SQS FIFO", Place::kafka, Place::fifo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_queue_to_http() {
    survives("SQS FIFO to HTTP", Place::fifo, Place::http).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_queue_that_stays_to_http() {
    survives("SQS FIFO that stays to HTTP", Place::fifo_that_stays, Place::http).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pubsub_to_a_log() {
    survives("Pub-Sub to Kafka", Place::pubsub, Place::kafka).await;
}

async fn survives(pair: &str, from: fn(&Path) -> Option<Place>, to: fn(&Path) -> Option<Place>) {
    // As the program does it. Another test may have done so.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kills: usize = env::var("CE_KILL_ROUNDS").map_or(6, |rounds| rounds.parse().unwrap());
    let folder = env::temp_dir().join(format!("ce-kills-{}", pair.replace(' ', "-")));
    let _ = fs::remove_dir_all(&folder);
    let places = block_in_place(|| Some((from(&folder.join("from"))?, to(&folder.join("to"))?)));
    let Some((mut source, mut target)) = places else { return };

    // Both addresses exist before somebody reads from them.
    let sender = ready(|| source.sender()).await;
    ready(|| sender.send(event("first", 0))).await;
    let arrived: Arc<Arrived> = Arc::default();
    let reading = match &target.reading {
        Some(url) => {
            let first = ready(|| target.sender()).await;
            ready(|| first.send(event("first", 1))).await;
            let receiver = ready(|| Place::receiver(url)).await;
            tokio::spawn(read(receiver, Arc::clone(&arrived)))
        }
        None => tokio::spawn(follow(folder.join("to/received"), Arc::clone(&arrived))),
    };
    let urls = (source.from.clone(), target.to.clone());
    // Not every target carries the keys of records. The order is kept by the attribute.
    let bridge = Process::start(&folder.join("bridge"), move |port, _| {
        let metrics = format!("127.0.0.1:{port}");
        let mut bridge = command(&["bridge", "--losses", "log", "--metrics", &metrics, &urls.0, &urls.1]);
        bridge.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", KEY);
        bridge
    });
    let mut bridge = bridge.unwrap();
    until(&format!("{pair}: the bridge is ready"), || is_ready(bridge.port())).await;
    let load = Load::new(sender, &arrived, source.wants_keys);
    let producers = (0..KEYS).map(|key| tokio::spawn(Arc::clone(&load).produce(key))).collect::<Vec<_>>();

    let begin = Instant::now();
    let mut victims = vec![("the bridge", &mut bridge)];
    if source.is_killed {
        victims.push(("the source", &mut source.process));
    }
    if target.is_killed {
        victims.push(("the target", &mut target.process));
    }
    for kill in 0..kills {
        let turn = kill % victims.len();
        let (name, victim) = &mut victims[turn];
        let before = arrived.events();
        let what = format!("{pair}: events arrive before kill {kill}, of {name}");
        until(&what, || arrived.events() >= before + BETWEEN).await;
        block_in_place(|| victim.kill_and_restart()).unwrap();
    }
    load.stop.store(true, Ordering::Relaxed);
    let mut sent = Vec::new();
    for producer in producers {
        sent.push(tokio::time::timeout(6 * patience(), producer).await.unwrap().unwrap());
    }
    let ids =
        || sent.iter().enumerate().flat_map(|(key, count)| (0..*count).map(move |number| id(key, number)));
    until(&format!("{pair}: the last events arrive"), || arrived.has_all(ids())).await;
    reading.abort();
    let has_order = source.has_order && target.has_order;
    let inverted = arrived.inverted();
    assert!(!has_order || inverted.is_empty(), "{pair}: {} are inverted: {inverted:?}", inverted.len());
    println!(
        "{pair}: {kills} kills in {} s; {} events confirmed, none lost, {} inverted{}; {} arrived again, of which the producer sent {} again",
        begin.elapsed().as_secs(),
        ids().count(),
        inverted.len(),
        if has_order { "" } else { " (they have no order)" },
        arrived.deliveries() - arrived.events(),
        load.again.load(Ordering::Relaxed)
    );
    drop((bridge, source, target));
    let _ = fs::remove_dir_all(&folder);
}

fn id(key: usize, number: usize) -> String {
    format!("{key}-{number}")
}

fn event(key: &str, number: usize) -> Event {
    let builder = Event::builder().id(format!("{key}-{number}")).source("/kills").ty("com.example.kill");
    builder.extension("partitionkey", key).text("x".repeat(500)).build().unwrap()
}

/// The state that the producers share.
struct Load {
    sender: Sender,
    /// Whether events are sent with their keys.
    has_keys: bool,
    arrived: Arc<Arrived>,
    stop: AtomicBool,
    confirmed: AtomicUsize,
    again: AtomicUsize,
}

impl Load {
    fn new(sender: Sender, arrived: &Arc<Arrived>, has_keys: bool) -> Arc<Self> {
        Arc::new(Self {
            sender,
            has_keys,
            arrived: Arc::clone(arrived),
            stop: AtomicBool::new(false),
            confirmed: AtomicUsize::new(0),
            again: AtomicUsize::new(0),
        })
    }

    /// Sends the events of a key, one after the other, each until it is confirmed. Returns their number.
    async fn produce(self: Arc<Self>, key: usize) -> usize {
        let mut number = 0;
        while !self.stop.load(Ordering::Relaxed) {
            if self.confirmed.load(Ordering::Relaxed) > self.arrived.events() + AHEAD {
                tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
                continue;
            }
            while self.sender.send(self.outgoing(key, number)).await.is_err() {
                self.again.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await; // between two tries
            }
            self.confirmed.fetch_add(1, Ordering::Relaxed);
            number += 1;
        }
        number
    }

    fn outgoing(&self, key: usize, number: usize) -> Outgoing {
        let key = key.to_string();
        let outgoing = Outgoing::from(event(&key, number));
        if self.has_keys { outgoing.key(key) } else { outgoing }
    }
}

/// Whether `ce bridge` has both ends.
fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut response = String::new();
    write!(stream, "GET /ready HTTP/1.1\r\nhost: x\r\n\r\n").is_ok()
        && stream.read_to_string(&mut response).is_ok()
        && response.starts_with("HTTP/1.1 200 ")
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < (6 * patience()), "it takes too long: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await; // between two tries
    }
}

/// Tries until it succeeds: a broker that accepts connections may not be ready for more.
async fn ready<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    mut attempt: impl FnMut() -> F,
) -> T {
    let begin = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(begin.elapsed() < (6 * patience()), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await; // between two tries
    }
}
