//! Compares the speed of the sender and the receiver with the crate redis alone, with the same messages and bounds, taking turns.
//!
//! ```text
//! .ci/brokers/redis cargo bench -p cloudevents-redis --bench redis_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! ```
//!
//! `CE_TEST_REDIS_URL` names the server. `CE_REDIS_SERVERS=valkey .ci/brokers/redis` starts another one. The rates are those of client and
//! server together, limited by the slower one. Processor time and allocations are those of the client alone.
//!
//! Entries are JSON documents, as the sender writes them by default. All connections are multiplexed and have `TCP_NODELAY`. At most 1,024
//! commands of a sender have no answer:
//!
//! - `Sender::send_all`: events, as a program has them.
//! - `encode, XADD`: events that are encoded on the way, with a command for each. `XADD` alone sends commands that were prepared before.
//! - `encode, pipe XADD`: the same as pipelines of the client with 1,024 commands. Each pipeline waits for the answers of the one before.
//!
//! A receiver has two connections. One request for entries is open at a time, for 128 entries at most. Entries that were read are accepted
//! with one XACK over the other connection, and the next request does not wait for its answer. The time ends with the last answer:
//!
//! - `Receiver`: `next`, the event, `accept`. 256 entries are prefetched. It also renews entries, looks for entries of dead consumers, and
//!   has an outcome for each entry.
//! - `XREADGROUP, decode, XACK`: a loop over the client. The next request is open while the loop decodes the entries of the last one. The
//!   loop accepts the entries of a request together. The receiver may accept fewer together.
//! - `XREADGROUP, XACK`: the same without decoding.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_json::Json;
use cloudevents_redis::{
    Field, RedisMessage, decode, encode,
    redis1::{RedisSenderOptions, receiver, sender},
};
use cloudevents_testkit::speed::{Comparison, Cost, CountingAll, PAYLOAD, Run, event, receive, send_all};
use futures_util::{StreamExt, stream};
use redis::{
    AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo, aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use std::pin::pin;
use tokio::task::JoinHandle;

#[global_allocator]
static HEAP: CountingAll = CountingAll;

/// The sender's bound for messages in flight, and the most entries that the receiver requests at once.
const UNDER_WAY: usize = 1024;
const READ: usize = 128;
const GROUP: &str = "speed";
const SEND: [&str; 4] = ["Sender::send_all", "encode, XADD", "encode, pipe XADD", "XADD"];
const RECEIVE: [&str; 3] = ["Receiver", "XREADGROUP, decode, XACK", "XREADGROUP, XACK"];

/// The id and the fields of an entry, and the entries of streams.
type Entry = (String, Vec<(Vec<u8>, Vec<u8>)>);
type Answer = Vec<(String, Vec<Entry>)>;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let server =
        std::env::var("CE_TEST_REDIS_URL").expect("set CE_TEST_REDIS_URL, as `.ci/brokers/redis` does");
    let comparison = Comparison::from_arguments();
    let events: Vec<Event> = (0..comparison.count).map(event).collect();
    comparison
        .of(&SEND, SEND[1], async |name, place| {
            let commands = events.iter().map(|event| added(&place, event));
            let cost = match name {
                "Sender::send_all" => send_ours(&server, &place, &events).await,
                "XADD" => send_bare(&server, commands.collect::<Vec<_>>()).await,
                "encode, pipe XADD" => send_pipelines(&server, commands).await,
                _ => send_bare(&server, commands).await,
            };
            delete(&server, &place).await;
            cost
        })
        .await;
    comparison
        .of(&RECEIVE, RECEIVE[1], async |name, place| {
            send_ours(&server, &place, &events).await;
            let cost = match name {
                "Receiver" => {
                    let url = format!("{server}/?stream={place}&group={GROUP}&reject=drop");
                    let receiver = receiver(&url, DecodeOptions::strict().into()).await.unwrap();
                    receive(receiver, events.len()).await
                }
                _ => receive_bare(&server, &place, events.len(), name.contains("decode")).await,
            };
            delete(&server, &place).await;
            cost
        })
        .await;
}

async fn open(server: &str) -> MultiplexedConnection {
    let tcp = TcpSettings::default().set_nodelay(true); // as the sender and the receiver set it
    let client = Client::open(server.into_connection_info().unwrap().set_tcp_settings(tcp)).unwrap();
    // A request for entries may wait for longer than the client does by default.
    let config =
        AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(UNDER_WAY + 16);
    client.get_multiplexed_async_connection_with_config(&config).await.unwrap()
}

/// A server keeps streams in memory.
async fn delete(server: &str, stream: &str) {
    redis::cmd("DEL").arg(stream).exec_async(&mut open(server).await).await.unwrap();
}

/// Creates the command that the sender would create.
fn added(stream: &str, event: &Event) -> Cmd {
    let message = encode(event, Mode::structured(&Json::new())).unwrap().0;
    let mut command = redis::cmd("XADD");
    command.arg(stream).arg("*");
    for (name, value) in &message.fields {
        command.arg(&name[..]).arg(&value[..]);
    }
    command
}

async fn send_ours(server: &str, stream: &str, events: &[Event]) -> Cost {
    let sender = sender(&format!("{server}/?stream={stream}"), RedisSenderOptions::default()).await.unwrap();
    send_all(sender, events).await
}

async fn send_bare(server: &str, commands: impl IntoIterator<Item = Cmd>) -> Cost {
    let connection = open(server).await;
    let run = Run::start();
    let answers = stream::iter(commands).map(|command| {
        let mut connection = connection.clone();
        async move { command.query_async::<String>(&mut connection).await }
    });
    let mut answers = pin!(answers.buffered(UNDER_WAY));
    let mut count = 0;
    while let Some(id) = answers.next().await {
        assert!(!id.unwrap().is_empty());
        count += 1;
    }
    run.end(count)
}

async fn send_pipelines(server: &str, mut commands: impl Iterator<Item = Cmd>) -> Cost {
    let mut connection = open(server).await;
    let run = Run::start();
    let mut count = 0;
    loop {
        let mut pipeline = redis::pipe();
        for command in commands.by_ref().take(UNDER_WAY) {
            pipeline.add_command(command);
        }
        if pipeline.is_empty() {
            return run.end(count);
        }
        let ids: Vec<String> = pipeline.query_async(&mut connection).await.unwrap();
        assert_eq!(ids.len(), pipeline.len());
        count += ids.len();
    }
}

async fn receive_bare(server: &str, stream: &str, count: usize, decoded: bool) -> Cost {
    let (asking, mut settling) = (open(server).await, open(server).await);
    redis::cmd("XGROUP").arg(&["CREATE", stream, GROUP, "0"]).exec_async(&mut settling).await.unwrap();
    let with = DecodeOptions::strict();
    let mut reading = read(&asking, stream);
    let (mut run, mut seen, mut accepting) = (None, 0, Vec::new());
    while seen < count {
        let entries = (&mut reading).await.unwrap();
        run.get_or_insert_with(Run::start);
        seen += entries.len();
        if seen < count {
            reading = read(&asking, stream);
        }
        let mut ids = Vec::with_capacity(entries.len());
        for (id, fields) in entries {
            let fields: Vec<Field> =
                fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            let message = RedisMessage::from(fields);
            if decoded {
                let event = decode(&message, &with).unwrap().value;
                assert_eq!(event.data_bytes().map(Bytes::len), Some(PAYLOAD));
            } else {
                assert!(message.field("data").is_some());
            }
            ids.push(id);
        }
        accepting.push(accept(&settling, stream, &ids));
    }
    let mut accepted = 0;
    for answer in accepting {
        accepted += answer.await.unwrap();
    }
    let cost = run.unwrap().end(count);
    assert_eq!(accepted, count);
    cost
}

/// Requests entries. The request is under way when this returns.
fn read(connection: &MultiplexedConnection, stream: &str) -> JoinHandle<Vec<Entry>> {
    let mut command = redis::cmd("XREADGROUP");
    command.arg(&["GROUP", GROUP, "bare", "COUNT"]).arg(READ);
    command.arg(&["BLOCK", "1000", "STREAMS", stream, ">"]);
    let mut connection = connection.clone();
    tokio::spawn(async move {
        let answer: Answer = command.query_async(&mut connection).await.unwrap();
        answer.into_iter().flat_map(|(_, entries)| entries).collect()
    })
}

/// Accepts entries together. The request is under way when this returns.
fn accept(connection: &MultiplexedConnection, stream: &str, ids: &[String]) -> JoinHandle<usize> {
    let mut command = redis::cmd("XACK");
    command.arg(&[stream, GROUP]).arg(ids);
    let mut connection = connection.clone();
    tokio::spawn(async move { command.query_async(&mut connection).await.unwrap() })
}
