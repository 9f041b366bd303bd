//! The ends of a bridge whose processes are killed: brokers and a listener.

use super::ready;
use crate::program::command;
use cloudevents_kit::{
    self as kit, Error, Receiver, Sender,
    sqs::awssdk1::{self, Login, SqsReceiverOptions, SqsSenderOptions},
};
use cloudevents_testkit::{patience, process::Process};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;
use tokio_postgres::NoTls;

/// The credentials of a server that takes any.
pub(super) const KEY: &str = "test";

/// A broker or a listener, and the URLs of an address there.
pub(super) struct Place {
    pub(super) process: Process,
    /// For a producer, and for the bridge as target.
    pub(super) to: String,
    /// For the bridge as source, with a place for refused events.
    pub(super) from: String,
    /// For the consumer; a listener is its own, and writes the arriving events to its output.
    pub(super) reading: Option<String>,
    /// Whether it keeps confirmed messages when it is killed. If not, it is not killed.
    pub(super) is_killed: bool,
    /// Whether the messages of a key come in their order to one consumer, also after kills.
    pub(super) has_order: bool,
    /// Whether the order needs a key of the message.
    pub(super) wants_keys: bool,
}

impl Place {
    /// An acknowledged record is in the page cache, which outlives the process.
    pub(super) fn kafka(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "kafka", "kafka")?;
        let url = format!("kafka://127.0.0.1:{}/events", process.port());
        // A killed process stays in the group until its session ends.
        let reading =
            |group| format!("{url}?group={group}&session.timeout.ms=1500&heartbeat.interval.ms=200");
        let from = reading("bridge") + "&dead-letter=rejected";
        let consumer = reading("reader") + "&reject=drop";
        Some(Self::new(process, url, from, Some(consumer)))
    }

    /// A confirmed message of a durable classic queue is synchronised. (A quorum queue of RabbitMQ 3.10 that is killed within seconds of
    /// its declaration may have no leader ever after.)
    pub(super) fn rabbitmq(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "rabbitmq", "classic")?;
        let to = format!("rabbitmq://guest:guest@127.0.0.1:{}/?queue=events&declare=classic", process.port());
        let from = format!("{to}&reject=drop");
        let reading = Some(from.clone());
        Some(Self::new(process, to, from, reading))
    }

    /// Mosquitto writes its state every second and when it ends: it is ended with SIGTERM, because what it has acknowledged since the last
    /// time is lost with SIGKILL. Redelivered messages may come later.
    pub(super) fn mqtt(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "mqtt", "mosquitto")?.that_ends_orderly();
        let to = format!("mqtt://127.0.0.1:{}/events", process.port());
        let from = format!("{to}?client=bridge&session=1h&qos=1&reject=drop");
        Some(Self { has_order: false, ..Self::new(process, to, from, None) })
    }

    /// A message that was stored is in the file system. Messages that were on their way when it was killed come behind later ones.
    pub(super) fn jetstream(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "nats", "wheel")?;
        create_stream(process.port());
        let to = format!("nats+jetstream://127.0.0.1:{}/events", process.port());
        let reading = format!("{to}?consumer=reader&reject=drop");
        Some(Self { has_order: false, ..Self::new(process, to, reading.clone(), Some(reading)) })
    }

    /// `ce listen` accepts a message when it has written it.
    pub(super) fn http(folder: &Path) -> Option<Self> {
        let process = Process::start(folder, |port, folder| {
            let output = fs::File::options().create(true).append(true).open(folder.join("received")).unwrap();
            let mut listen = command(&["listen", &format!("http://127.0.0.1:{port}/events")]);
            listen.stdout(output);
            listen
        });
        let process = process.unwrap();
        let to = format!("http://127.0.0.1:{}/events", process.port());
        Some(Self::new(process, to.clone(), to, None))
    }

    /// Redis writes an entry to its file before it confirms it. A consumer with a name has its entries as soon as it is back.
    pub(super) fn redis(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "redis", "redis")?;
        let to = format!("redis://127.0.0.1:{}/?stream=events", process.port());
        let from = format!("{to}&group=bridge&consumer=bridge&reject=drop");
        let reading = format!("{to}&group=reader&reject=drop");
        Some(Self::new(process, to, from, Some(reading)))
    }

    /// Postgres synchronises a message before it confirms it. The messages of a killed bridge come after `lock`, and `groups=true` holds
    /// the messages behind them in their group.
    pub(super) fn pgmq(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "postgres", "pgmq")?;
        let database = format!("postgres://ci@127.0.0.1:{}/postgres", process.port());
        let functions = fs::read_to_string(folder.join("pgmq/pgmq.sql")).unwrap();
        Handle::current().block_on(create_queue(&database, &functions));
        let to = format!("{database}?queue=events");
        let from = format!("{to}&groups=true&lock=3s&reject=drop");
        let reading = format!("{to}&poll=20ms&lock=3s&reject=drop");
        Some(Self { wants_keys: true, ..Self::new(process, to, from, Some(reading)) })
    }

    /// A FIFO queue of ElasticMQ, whose database writes a message before it is confirmed. SQS keeps the order of a group. ElasticMQ does
    /// not when it is killed: it gives out later messages of a group although it has given out earlier ones.
    pub(super) fn fifo(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "sqs", "elasticmq")?;
        let created = r#"{"QueueName":"events.fifo","Attributes":{"FifoQueue":"true"}}"#;
        let target = "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.CreateQueue";
        request(process.port(), "POST /", target, created);
        let server = format!("http://127.0.0.1:{}", process.port());
        let to = format!("sqs://eu-central-1/123456789012/events.fifo?endpoint={server}");
        let from = format!("{to}&lock=3s&wait=1s&reject=drop");
        let reading = Some(from.clone());
        Some(Self { has_order: false, ..Self::new(process, to, from, reading) })
    }

    /// The same queue, where only the other processes are killed. So it keeps the order of each group.
    pub(super) fn fifo_that_stays(folder: &Path) -> Option<Self> {
        let fifo = Self::fifo(folder)?;
        Some(Self { is_killed: false, has_order: true, ..fifo })
    }

    /// The emulator of Pub/Sub has its messages in memory, and a kill would lose them. The messages of a killed bridge come after the
    /// deadline of the subscription, and so do the messages behind them.
    pub(super) fn pubsub(folder: &Path) -> Option<Self> {
        let process = Process::broker(folder, "pubsub", "emulator")?;
        let of = "/v1/projects/ce-kills";
        let subscription = r#"{"topic":"projects/ce-kills/topics/events","enableMessageOrdering":true,"ackDeadlineSeconds":10}"#;
        for (path, body) in [("topics/events", "{}"), ("subscriptions/events", subscription)] {
            request(process.port(), &format!("PUT {of}/{path}"), "Content-Type: application/json", body);
        }
        let url = format!("pubsub://ce-kills/events?endpoint=http://127.0.0.1:{}", process.port());
        let from = format!("{url}&wait=1s&reject=drop");
        Some(Self { is_killed: false, ..Self::new(process, url + "&ordered=true", from, None) })
    }

    fn new(process: Process, to: String, from: String, reading: Option<String>) -> Self {
        Self { process, to, from, reading, is_killed: true, has_order: true, wants_keys: false }
    }

    pub(super) async fn sender(&self) -> Result<Sender, Error> {
        if !self.to.starts_with("sqs:") {
            return kit::connect_sender(&self.to).await;
        }
        let mut options = SqsSenderOptions::default();
        options.connection.login = Some(Login::new(KEY, KEY));
        awssdk1::sender(&*self.to, options).await
    }

    /// A receiver of the arrived events, unless it is a listener.
    pub(super) async fn receiver(url: &str) -> Result<Receiver, Error> {
        if !url.starts_with("sqs:") {
            return kit::connect_receiver(url).await;
        }
        let mut options = SqsReceiverOptions::from(kit::decoding());
        options.connection.login = Some(Login::new(KEY, KEY));
        awssdk1::receiver(url, options).await
    }
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

/// Creates the functions of pgmq, and the queue `events`.
async fn create_queue(database: &str, functions: &str) {
    let (client, connection) = ready(|| tokio_postgres::connect(database, NoTls)).await;
    tokio::spawn(connection);
    client.batch_execute(functions).await.unwrap();
    client.batch_execute("SELECT pgmq.create('events')").await.unwrap();
}

/// Makes a request of an emulator, which may accept connections before it is ready for more.
fn request(port: u16, line: &str, headers: &str, body: &str) {
    let begin = Instant::now();
    while !is_done(port, line, headers, body) {
        assert!(begin.elapsed() < patience(), "it is refused: {line}");
        sleep(Duration::from_millis(50)); // between two tries
    }
}

fn is_done(port: u16, line: &str, headers: &str, body: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let head = format!("{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\nConnection: close");
    // The emulator of Pub/Sub leaves the connection open.
    let mut answer = String::new();
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).is_ok()
        && BufReader::new(stream).read_line(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
