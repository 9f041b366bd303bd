//! Compares the speed of the sender and the receiver with tokio-postgres alone, with the same messages and bounds, taking turns.
//!
//! ```text
//! .ci/brokers/postgres cargo bench -p cloudevents-pgmq --bench pgmq_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! ```
//!
//! `CE_TEST_POSTGRES_URL` names the server, and `CE_TEST_PGMQ_SQL` the file with the functions of pgmq. The program has a database of its
//! own there, until it ends. The rates are those of client and server together, limited by the slower one. Processor time and allocations
//! are those of the client alone.
//!
//! A statement sends a hundred messages, and one statement follows the other. The next messages are encoded while a statement is under way:
//!
//! - `Sender::send_all`: events, as a program has them.
//! - `encode, send_batch`: events that are encoded on the way, with the sender's statement. The server parses the statement each time, as
//!   for the sender. `send_batch` alone sends messages that were prepared before.
//! - `encode, prepared send_batch`: the same with a statement that the server has parsed before. A pooler may not allow that.
//!
//! Messages are read and deleted over one connection. One statement that reads is open at a time, for a hundred messages at most, and one
//! that deletes. The time ends with the last answer:
//!
//! - `Receiver`: `next`, the event, `accept`. 200 messages are prefetched. The receiver reads in a transaction, so that no message is
//!   hidden whose answer was lost. It reads all headers, deletes a message only if no other receiver has read it since, renews locks, and
//!   has an outcome for each message.
//! - `read, decode, delete`: a loop over the client without these guarantees: `pgmq.read` with the header that the codec needs, and
//!   `pgmq.delete`. The next messages are read while the loop decodes the last ones. The loop deletes the messages of an answer together.
//! - `prepared read, decode, delete`: the same with statements that the server has parsed before.
//! - `read, delete`: the first loop without decoding.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_json::Json;
use cloudevents_pgmq::{
    PgmqMessage, decode, encode,
    tokio_postgres07::{PgmqSenderOptions, receiver, sender},
};
use cloudevents_testkit::speed::{Comparison, Cost, CountingAll, PAYLOAD, Run, event, receive, send_all};
use futures_util::TryStreamExt;
use std::{collections::BTreeMap, env, fs, sync::Arc};
use tokio::task::JoinHandle;
use tokio_postgres::{
    Client, NoTls, Row, Statement,
    types::{ToSql, Type},
};

#[global_allocator]
static HEAP: CountingAll = CountingAll;

/// The most messages that a statement of the sender sends, and that the receiver has before the program takes them.
const TOGETHER: usize = 100;
const SEND: [&str; 4] =
    ["Sender::send_all", "encode, send_batch", "encode, prepared send_batch", "send_batch"];
const RECEIVE: [&str; 4] =
    ["Receiver", "read, decode, delete", "prepared read, decode, delete", "read, delete"];

#[tokio::main(worker_threads = 2)]
async fn main() {
    let unset = "set CE_TEST_POSTGRES_URL and CE_TEST_PGMQ_SQL, as `.ci/brokers/postgres` does";
    let server = env::var("CE_TEST_POSTGRES_URL").expect(unset);
    let sql = fs::read_to_string(env::var("CE_TEST_PGMQ_SQL").expect(unset)).unwrap();
    let database = format!("speed_{}", std::process::id());
    let url = format!("{}/{database}", server.rsplit_once('/').unwrap().0);
    run(&server, &format!("CREATE DATABASE {database}")).await;
    run(&url, &sql).await;
    compare(&url).await;
    run(&server, &format!("DROP DATABASE {database} WITH (FORCE)")).await;
}

async fn compare(url: &str) {
    let comparison = Comparison::from_arguments();
    let events: Vec<Event> = (0..comparison.count).map(event).collect();
    comparison
        .of(&SEND, SEND[1], async |name, place| {
            let queue = created(url, &place).await;
            let batches = events.chunks(TOGETHER).map(batch);
            let cost = match name {
                "Sender::send_all" => send_ours(url, &queue, &events).await,
                _ => {
                    let bare = Bare::open(url, &queue, name.contains("prepared")).await;
                    match name {
                        "send_batch" => bare.send_all(batches.collect::<Vec<_>>()).await,
                        _ => bare.send_all(batches).await,
                    }
                }
            };
            run(url, &format!("SELECT pgmq.drop_queue('{queue}')")).await;
            cost
        })
        .await;
    comparison
        .of(&RECEIVE, RECEIVE[1], async |name, place| {
            let queue = created(url, &place).await;
            send_ours(url, &queue, &events).await;
            let cost = match name {
                "Receiver" => {
                    let from = format!("{url}?queue={queue}&reject=drop");
                    receive(receiver(&from, DecodeOptions::strict().into()).await.unwrap(), events.len())
                        .await
                }
                _ => {
                    let bare = Bare::open(url, &queue, name.contains("prepared")).await;
                    bare.receive(events.len(), name.contains("decode")).await
                }
            };
            run(url, &format!("SELECT pgmq.drop_queue('{queue}')")).await;
            cost
        })
        .await;
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn run(url: &str, sql: &str) {
    connect(url).await.batch_execute(sql).await.unwrap();
}

/// Creates a queue. Returns its name, which SQL does not have to quote.
async fn created(url: &str, place: &str) -> String {
    let queue = place.replace('-', "_");
    run(url, &format!("SELECT pgmq.create('{queue}')")).await;
    queue
}

async fn send_ours(url: &str, queue: &str, events: &[Event]) -> Cost {
    let sender = sender(&format!("{url}?queue={queue}"), PgmqSenderOptions::default()).await.unwrap();
    send_all(sender, events).await
}

/// Documents, and objects of headers.
type Batch = (Vec<String>, Vec<String>);

/// Creates the messages that the sender would create.
fn batch(events: &[Event]) -> Batch {
    let message = |event: &Event| {
        let message = encode(event, Mode::structured(&Json::new())).unwrap().0;
        let headers: BTreeMap<_, _> = message.headers.into_iter().collect();
        (String::from_utf8(message.message.into()).unwrap(), serde_json::to_string(&headers).unwrap())
    };
    events.iter().map(message).unzip()
}

/// A statement, which the server parses once if it is prepared.
struct Call {
    text: &'static str,
    types: Vec<Type>,
    prepared: Option<Statement>,
}

impl Call {
    async fn new(client: &Client, text: &'static str, types: Vec<Type>, is_prepared: bool) -> Self {
        let prepared = match is_prepared {
            true => Some(client.prepare_typed(text, &types).await.unwrap()),
            false => None,
        };
        Self { text, types, prepared }
    }

    async fn rows(&self, client: &Client, values: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        match &self.prepared {
            Some(statement) => client.query(statement, values).await.unwrap(),
            None => {
                let values: Vec<_> = values.iter().copied().zip(self.types.iter().cloned()).collect();
                client
                    .query_typed_raw(self.text, values)
                    .await
                    .unwrap()
                    .try_collect::<Vec<_>>()
                    .await
                    .unwrap()
            }
        }
    }
}

/// The client alone, for one queue.
struct Bare {
    client: Client,
    queue: String,
    send: Call,
    read: Call,
    delete: Call,
}

impl Bare {
    async fn open(url: &str, queue: &str, is_prepared: bool) -> Arc<Self> {
        let client = connect(url).await;
        // The statement of the sender.
        let send = "SELECT s.id FROM pgmq.send_batch($1, $2::jsonb[], $3::jsonb[]) AS s (id)";
        let read = "SELECT msg_id, message::text, headers->>'content-type' FROM pgmq.read($1, $2, $3)";
        let delete = "SELECT pgmq.delete($1, $2)";
        let of_send = vec![Type::TEXT, Type::TEXT_ARRAY, Type::TEXT_ARRAY];
        let of_read = vec![Type::TEXT, Type::INT4, Type::INT4];
        let of_delete = vec![Type::TEXT, Type::INT8_ARRAY];
        Arc::new(Self {
            send: Call::new(&client, send, of_send, is_prepared).await,
            read: Call::new(&client, read, of_read, is_prepared).await,
            delete: Call::new(&client, delete, of_delete, is_prepared).await,
            queue: queue.to_owned(),
            client,
        })
    }

    async fn send_all(self: Arc<Self>, batches: impl IntoIterator<Item = Batch>) -> Cost {
        let run = Run::start();
        let (mut count, mut sending): (usize, Option<JoinHandle<usize>>) = (0, None);
        for batch in batches {
            if let Some(sent) = sending.take() {
                count += sent.await.unwrap();
            }
            sending = Some(self.send(batch));
        }
        if let Some(sent) = sending {
            count += sent.await.unwrap();
        }
        run.end(count)
    }

    async fn receive(self: Arc<Self>, count: usize, decoded: bool) -> Cost {
        let with = DecodeOptions::strict();
        let mut reading = self.read();
        let (mut run, mut seen, mut deleted) = (None, 0, 0);
        let mut deleting: Option<JoinHandle<usize>> = None;
        while seen < count {
            let rows = (&mut reading).await.unwrap();
            run.get_or_insert_with(Run::start);
            seen += rows.len();
            if seen < count {
                reading = self.read();
            }
            let mut ids: Vec<i64> = Vec::with_capacity(rows.len());
            for row in &rows {
                ids.push(row.get(0));
                if decoded {
                    let (text, content_type): (String, String) = (row.get(1), row.get(2));
                    let message = PgmqMessage::new(text).with_header("content-type", content_type);
                    let event = decode(&message, &with).unwrap().value;
                    assert_eq!(event.data_bytes().map(Bytes::len), Some(PAYLOAD));
                } else {
                    assert!(!row.get::<_, &str>(1).is_empty());
                }
            }
            if let Some(answer) = deleting.take() {
                deleted += answer.await.unwrap();
            }
            deleting = Some(self.delete(ids));
        }
        if let Some(answer) = deleting {
            deleted += answer.await.unwrap();
        }
        let cost = run.unwrap().end(count);
        assert_eq!(deleted, count);
        cost
    }

    /// Sends messages together, and returns how many are stored. The statement is under way when this returns, as below.
    fn send(self: &Arc<Self>, (texts, headers): Batch) -> JoinHandle<usize> {
        let bare = Arc::clone(self);
        tokio::spawn(async move {
            let rows = bare.send.rows(&bare.client, &[&bare.queue, &texts, &headers]).await;
            assert_eq!(rows.len(), texts.len());
            rows.len()
        })
    }

    fn read(self: &Arc<Self>) -> JoinHandle<Vec<Row>> {
        let bare = Arc::clone(self);
        let (lock, most) = (30_i32, TOGETHER as i32);
        tokio::spawn(async move { bare.read.rows(&bare.client, &[&bare.queue, &lock, &most]).await })
    }

    fn delete(self: &Arc<Self>, ids: Vec<i64>) -> JoinHandle<usize> {
        let bare = Arc::clone(self);
        tokio::spawn(async move { bare.delete.rows(&bare.client, &[&bare.queue, &ids]).await.len() })
    }
}
