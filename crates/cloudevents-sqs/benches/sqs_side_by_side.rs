//! Compares the speed of the sender and the receiver with aws-sdk-sqs alone, with the same messages and bounds, taking turns.
//!
//! ```text
//! .ci/brokers/sqs cargo bench -p cloudevents-sqs --bench sqs_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! ```
//!
//! `CE_TEST_SQS_URL` names the server. `CE_SQS_SERVERS=elasticmq .ci/brokers/sqs` starts another one. Both are emulators, far slower than
//! the client: 2,000 events are enough, and the processor time says more than the rate. Processor time and allocations are those of the
//! client alone.
//!
//! Messages are JSON documents, as the sender writes them by default. A request sends ten of them, and at most 16 requests are under way.
//! Each request is a task of its own:
//!
//! - `Sender::send_all`: events, as a program has them.
//! - `encode, SendMessageBatch`: events that are encoded on the way. `SendMessageBatch` alone sends entries that were prepared before.
//!
//! One request for messages is open at a time, for ten messages at most, and with a wait of a second. A request deletes ten messages at
//! most, and at most eight such requests are under way. The time ends with the last answer:
//!
//! - `Receiver`: `next`, the event, `accept`. 100 messages are prefetched. It also renews locks, and has an outcome for each message.
//! - `ReceiveMessage, decode, DeleteMessageBatch`: a loop over the client. The next request is open while the loop decodes the messages of
//!   the last one. The loop deletes the messages of a request together. The receiver waits up to 20 ms for ten messages to delete.
//! - `ReceiveMessage, DeleteMessageBatch`: the same without decoding.
//!
//! The bare client has its default timeouts and retries. The sender makes no request again. The bare client has no TLS, which the server
//! does not have either.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use aws_config::BehaviorVersion;
use aws_sdk_sqs::{
    Client, Config,
    config::{Credentials, Region},
    types::{
        DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
        SendMessageBatchRequestEntry,
    },
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_json::Json;
use cloudevents_sqs::{
    SqsMessage,
    awssdk1::{Login, SqsConnection, SqsReceiverOptions, SqsSenderOptions, receiver, sender},
    decode, encode,
};
use cloudevents_testkit::speed::{Comparison, Cost, CountingAll, PAYLOAD, Run, event, receive, send_all};
use futures_util::{StreamExt, stream};
use std::{collections::VecDeque, pin::pin};
use tokio::task::JoinHandle;

#[global_allocator]
static HEAP: CountingAll = CountingAll;

/// The most messages of a request, and the requests of the sender and the receiver that are under way at once.
const TOGETHER: usize = 10;
const SENDING: usize = 16;
const DELETING: usize = 8;
const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "123456789012";
const SEND: [&str; 3] = ["Sender::send_all", "encode, SendMessageBatch", "SendMessageBatch"];
const RECEIVE: [&str; 3] =
    ["Receiver", "ReceiveMessage, decode, DeleteMessageBatch", "ReceiveMessage, DeleteMessageBatch"];

#[tokio::main(worker_threads = 2)]
async fn main() {
    let server = std::env::var("CE_TEST_SQS_URL").expect("set CE_TEST_SQS_URL, as `.ci/brokers/sqs` does");
    let comparison = Comparison::from_arguments();
    let events: Vec<Event> = (0..comparison.count).map(event).collect();
    comparison
        .of(&SEND, SEND[1], async |name, place| {
            let queue = Queue::create(&server, &place).await;
            let batches = events.chunks(TOGETHER).map(batch);
            let cost = match name {
                "Sender::send_all" => queue.send_ours(&events).await,
                "SendMessageBatch" => queue.send_bare(batches.collect::<Vec<_>>()).await,
                _ => queue.send_bare(batches).await,
            };
            queue.delete().await;
            cost
        })
        .await;
    comparison
        .of(&RECEIVE, RECEIVE[1], async |name, place| {
            let queue = Queue::create(&server, &place).await;
            queue.send_ours(&events).await;
            let cost = match name {
                "Receiver" => queue.receive_ours(events.len()).await,
                _ => queue.receive_bare(events.len(), name.contains("decode")).await,
            };
            queue.delete().await;
            cost
        })
        .await;
}

/// The entries that the sender would send for these events.
fn batch(events: &[Event]) -> Vec<SendMessageBatchRequestEntry> {
    events.iter().enumerate().map(|(number, event)| entry(number, event)).collect()
}

fn entry(number: usize, event: &Event) -> SendMessageBatchRequestEntry {
    let message = encode(event, Mode::structured(&Json::new())).unwrap().0;
    let body = String::from_utf8(message.body.into()).unwrap();
    let mut entry = SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body);
    for (name, value) in message.attributes {
        let typed = MessageAttributeValue::builder().data_type(&value.data_type);
        let typed = typed.string_value(value.text().unwrap());
        entry = entry.message_attributes(name, typed.build().unwrap());
    }
    entry.build().unwrap()
}

/// The message that the receiver would decode.
fn message(incoming: Message) -> SqsMessage {
    let mut message = SqsMessage::new(incoming.body.unwrap());
    for (name, value) in incoming.message_attributes.unwrap_or_default() {
        message = message.with_attribute(name, value.string_value.unwrap());
    }
    message
}

/// A queue, and a client of its own.
struct Queue {
    client: Client,
    /// How SQS names the queue, and the URL of the toolkit.
    name: String,
    url: String,
}

impl Queue {
    async fn create(server: &str, name: &str) -> Self {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("speed", "speed", None, None, "speed"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(server)
            .build();
        let client = Client::from_conf(config);
        client.create_queue().queue_name(name).send().await.unwrap();
        let url = format!("sqs://{REGION}/{ACCOUNT}/{name}?endpoint={server}");
        Self { client, name: format!("{server}/{ACCOUNT}/{name}"), url }
    }

    /// The server keeps queues in memory.
    async fn delete(self) {
        self.client.delete_queue().queue_url(self.name).send().await.unwrap();
    }

    async fn send_ours(&self, events: &[Event]) -> Cost {
        let mut options = SqsSenderOptions::default();
        options.connection = connection();
        send_all(sender(&self.url, options).await.unwrap(), events).await
    }

    async fn send_bare(&self, batches: impl IntoIterator<Item = Vec<SendMessageBatchRequestEntry>>) -> Cost {
        let run = Run::start();
        let requests = stream::iter(batches).map(|entries| self.send(entries));
        let mut answers = pin!(requests.buffer_unordered(SENDING));
        let mut count = 0;
        while let Some(stored) = answers.next().await {
            count += stored.unwrap();
        }
        run.end(count)
    }

    async fn receive_ours(&self, count: usize) -> Cost {
        let mut options = SqsReceiverOptions::from(DecodeOptions::strict());
        options.connection = connection();
        let url = format!("{}&wait=1s&reject=drop", self.url);
        receive(receiver(&url, options).await.unwrap(), count).await
    }

    async fn receive_bare(&self, count: usize, decoded: bool) -> Cost {
        let with = DecodeOptions::strict();
        let mut reading = self.read();
        let (mut run, mut seen, mut deleted) = (None, 0, 0);
        let mut deleting: VecDeque<JoinHandle<usize>> = VecDeque::new();
        while seen < count {
            let messages = (&mut reading).await.unwrap();
            seen += messages.len();
            if seen < count {
                reading = self.read();
            }
            if messages.is_empty() {
                continue; // there may be some later
            }
            run.get_or_insert_with(Run::start);
            let mut handles = Vec::with_capacity(messages.len());
            for mut incoming in messages {
                handles.push(incoming.receipt_handle.take().unwrap());
                let message = message(incoming);
                if decoded {
                    let event = decode(&message, &with).unwrap().value;
                    assert_eq!(event.data_bytes().map(Bytes::len), Some(PAYLOAD));
                } else {
                    assert!(!message.body.is_empty());
                }
            }
            if deleting.len() >= DELETING {
                deleted += deleting.pop_front().unwrap().await.unwrap();
            }
            deleting.push_back(self.delete_all(handles));
        }
        for answer in deleting {
            deleted += answer.await.unwrap();
        }
        let cost = run.unwrap().end(count);
        assert_eq!(deleted, count);
        cost
    }

    /// Sends messages together, and returns how many are stored. The request is under way when this returns, as below.
    fn send(&self, entries: Vec<SendMessageBatchRequestEntry>) -> JoinHandle<usize> {
        let request = self.client.send_message_batch().queue_url(&self.name).set_entries(Some(entries));
        tokio::spawn(async move {
            let answer = request.send().await.unwrap();
            assert!(answer.failed.is_empty());
            answer.successful.len()
        })
    }

    fn read(&self) -> JoinHandle<Vec<Message>> {
        let request = self.client.receive_message().queue_url(&self.name);
        let request = request
            .max_number_of_messages(TOGETHER as i32)
            .wait_time_seconds(1)
            .visibility_timeout(30)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        tokio::spawn(async move { request.send().await.unwrap().messages.unwrap_or_default() })
    }

    fn delete_all(&self, handles: Vec<String>) -> JoinHandle<usize> {
        let mut request = self.client.delete_message_batch().queue_url(&self.name);
        for (number, handle) in handles.into_iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
            request = request.entries(entry.receipt_handle(handle).build().unwrap());
        }
        tokio::spawn(async move {
            let answer = request.send().await.unwrap();
            assert!(answer.failed.is_empty());
            answer.successful.len()
        })
    }
}

fn connection() -> SqsConnection {
    let mut connection = SqsConnection::default();
    connection.login = Some(Login::new("speed", "speed"));
    connection
}
