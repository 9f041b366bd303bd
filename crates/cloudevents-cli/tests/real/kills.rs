//! `ce bridge` between real brokers, while the bridge, the source and the target are killed with SIGKILL in turns.
//!
//! `CE_TEST_BROKERS` names the folder with the scripts that start brokers (`.ci/brokers`); without it, nothing runs.
//! `CE_KILL_ROUNDS` sets the number of kills for each pair; the default is 6.

use crate::program::command;
use cloudevents_kit::{self as kit, Event, Receiver, Sender};
use cloudevents_testkit::{patience, process::Process};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    env, fs,
    future::Future,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::block_in_place;

/// The number of keys: each has a producer of its own, which sends one event after the other.
const KEYS: usize = 8;

/// The number of events that have to arrive between two kills, so that each kill meets a bridge at work.
const BETWEEN: usize = 40;

/// How far the producers get ahead of what has arrived: the last events must not wait behind those of many minutes.
const AHEAD: usize = 2_000;

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

/// A broker or a listener, and the URLs of an address there.
struct Place {
    process: Process,
    /// For a producer, and for the bridge as target.
    to: String,
    /// For the bridge as source, with a place for what is refused.
    from: String,
    /// For the consumer; a listener is its own, and writes what arrives to its output.
    reading: Option<String>,
}

impl Place {
    /// An acknowledged record is in the page cache, which outlives the process.
    fn kafka(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "kafka", "kafka")?;
        let url = format!("kafka://127.0.0.1:{}/events", process.port());
        // A killed process stays in the group until its session ends.
        let reading =
            |group| format!("{url}?group={group}&session.timeout.ms=1500&heartbeat.interval.ms=200");
        Some(Self {
            from: reading("bridge") + "&dead-letter=rejected",
            reading: Some(reading("reader") + "&reject=drop"),
            to: url,
            process,
        })
    }

    /// A confirmed message of a durable classic queue is synchronised. (A quorum queue of RabbitMQ 3.10 that is killed within seconds of
    /// its declaration may have no leader ever after.)
    fn rabbitmq(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "rabbitmq", "classic")?;
        let to = format!("rabbitmq://guest:guest@127.0.0.1:{}/?queue=events&declare=classic", process.port());
        Some(Self {
            from: format!("{to}&reject=drop"),
            reading: Some(format!("{to}&reject=drop")),
            to,
            process,
        })
    }

    /// Mosquitto writes its state every second and when it ends: it is ended with SIGTERM, because what it has acknowledged since the last
    /// time is lost with SIGKILL.
    fn mqtt(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "mqtt", "mosquitto")?.that_ends_orderly();
        let to = format!("mqtt://127.0.0.1:{}/events", process.port());
        let from = format!("{to}?client=bridge&session=1h&qos=1&reject=drop");
        Some(Self { from, reading: None, to, process })
    }

    /// A message that was stored is in the file system.
    fn jetstream(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "nats", "wheel")?;
        create_stream(process.port());
        let to = format!("nats+jetstream://127.0.0.1:{}/events", process.port());
        let reading = format!("{to}?consumer=reader&reject=drop");
        Some(Self { from: reading.clone(), reading: Some(reading), to, process })
    }

    /// `ce listen` accepts a message when it has written it.
    fn http(folder: &Path) -> Option<Self> {
        let process = Process::start(folder, |port, folder| {
            let output = fs::File::options().create(true).append(true).open(folder.join("received")).unwrap();
            let mut listen = command(&["listen", &format!("http://127.0.0.1:{port}/events")]);
            listen.stdout(output);
            listen
        });
        let process = process.unwrap();
        let to = format!("http://127.0.0.1:{}/events", process.port());
        Some(Self { from: to.clone(), reading: None, to, process })
    }
}

async fn survives(pair: &str, from: fn(&Path) -> Option<Place>, to: fn(&Path) -> Option<Place>) {
    let kills: usize = env::var("CE_KILL_ROUNDS").map_or(6, |rounds| rounds.parse().unwrap());
    let folder = env::temp_dir().join(format!("ce-kills-{}", pair.replace(' ', "-")));
    let _ = fs::remove_dir_all(&folder);
    let places = block_in_place(|| Some((from(&folder.join("from"))?, to(&folder.join("to"))?)));
    let Some((mut source, mut target)) = places else { return };

    // Both addresses exist before somebody reads from them.
    let sender = ready(|| kit::connect_sender(&source.to)).await;
    ready(|| sender.send(event("first", 0))).await;
    let arrived: Arc<Arrived> = Arc::default();
    let reading = match &target.reading {
        Some(url) => {
            let first = ready(|| kit::connect_sender(&target.to)).await;
            ready(|| first.send(event("first", 1))).await;
            let receiver = ready(|| kit::connect_receiver(url)).await;
            tokio::spawn(read(receiver, Arc::clone(&arrived)))
        }
        None => tokio::spawn(follow(folder.join("to/received"), Arc::clone(&arrived))),
    };
    let urls = (source.from.clone(), target.to.clone());
    // Not every target carries the keys of records. The order is kept by the attribute.
    let bridge = Process::start(&folder.join("bridge"), move |port, _| {
        let metrics = format!("127.0.0.1:{port}");
        command(&["bridge", "--losses", "log", "--metrics", &metrics, &urls.0, &urls.1])
    });
    let mut bridge = bridge.unwrap();
    until(&format!("{pair}: the bridge is ready"), || is_ready(bridge.port())).await;
    let load = Load::new(sender, &arrived);
    let producers = (0..KEYS).map(|key| tokio::spawn(Arc::clone(&load).produce(key))).collect::<Vec<_>>();

    let begin = Instant::now();
    for kill in 0..kills {
        let (name, victim) = match kill % 3 {
            0 => ("the bridge", &mut bridge),
            1 => ("the source", &mut source.process),
            _ => ("the target", &mut target.process),
        };
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
    println!(
        "{pair}: {kills} kills in {} s; {} events confirmed, none lost; {} arrived again, of which the producer sent {} again",
        begin.elapsed().as_secs(),
        ids().count(),
        arrived.deliveries() - arrived.events(),
        load.again.load(Ordering::Relaxed)
    );
    drop((bridge, source, target));
    let _ = fs::remove_dir_all(&folder);
}

/// What has arrived at the target, with the number of times.
#[derive(Default)]
struct Arrived(Mutex<BTreeMap<String, usize>>);

impl Arrived {
    fn add(&self, id: &str) {
        *self.0.lock().unwrap().entry(id.to_owned()).or_default() += 1;
    }

    fn events(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn deliveries(&self) -> usize {
        self.0.lock().unwrap().values().sum()
    }

    fn has_all(&self, mut ids: impl Iterator<Item = String>) -> bool {
        let arrived = self.0.lock().unwrap();
        ids.all(|id| arrived.contains_key(&id))
    }
}

fn id(key: usize, number: usize) -> String {
    format!("{key}-{number}")
}

fn event(key: &str, number: usize) -> Event {
    let builder = Event::builder().id(format!("{key}-{number}")).source("/kills").ty("com.example.kill");
    builder.extension("partitionkey", key).text("x".repeat(500)).build().unwrap()
}

/// What the producers share.
struct Load {
    sender: Sender,
    arrived: Arc<Arrived>,
    stop: AtomicBool,
    confirmed: AtomicUsize,
    again: AtomicUsize,
}

impl Load {
    fn new(sender: Sender, arrived: &Arc<Arrived>) -> Arc<Self> {
        Arc::new(Self {
            sender,
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
            while self.sender.send(event(&key.to_string(), number)).await.is_err() {
                self.again.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await; // between two tries
            }
            self.confirmed.fetch_add(1, Ordering::Relaxed);
            number += 1;
        }
        number
    }
}

/// Accepts what arrives in a broker. Outages end it only if the receiver cannot go on.
async fn read(mut receiver: Receiver, arrived: Arc<Arrived>) {
    loop {
        match receiver.next().await {
            Ok(Some(delivery)) => {
                arrived.add(delivery.event().unwrap().id());
                // What was not accepted in time comes again.
                let _ = delivery.accept().await;
            }
            Ok(None) => panic!("the receiver has ended"),
            Err(error) => println!("reading: {error}"),
        }
    }
}

/// Reads the lines that a listener writes. A line that a kill cut off is followed by another one in the same line.
async fn follow(path: PathBuf, arrived: Arc<Arrived>) {
    let mut lines = BufReader::new(fs::File::open(path).unwrap());
    let mut line = Vec::new();
    loop {
        lines.read_until(b'\n', &mut line).unwrap();
        if !line.ends_with(b"\n") {
            tokio::time::sleep(Duration::from_millis(5)).await; // between two tries
            continue;
        }
        let begin = line.windows(2).rposition(|pair| pair == b"{\"").unwrap_or(0);
        let event: Value = serde_json::from_slice(&line[begin..]).unwrap();
        arrived.add(event["id"].as_str().unwrap());
        line.clear();
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

/// Creates the stream `events` with the subject of the same name, by a request of the JetStream API.
fn create_stream(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let body = r#"{"name":"events","subjects":["events"],"storage":"file"}"#;
    let request = "CONNECT {\"verbose\":false}\r\nSUB reply 1\r\nPUB $JS.API.STREAM.CREATE.events reply";
    write!(stream, "{request} {}\r\n{body}\r\n", body.len()).unwrap();
    let message = BufReader::new(stream).lines().map(Result::unwrap).find(|line| line.starts_with('{'));
    assert!(message.as_ref().is_some_and(|message| message.contains("did_create")), "{message:?}");
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
