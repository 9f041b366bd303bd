//! Compares the speed of the sender and the receiver with reqwest and the REST API alone, with the same messages and bounds, taking turns.
//!
//! ```text
//! .ci/brokers/pubsub cargo bench -p cloudevents-pubsub --bench pubsub_side_by_side -- [EVENTS] [ROUNDS] [PART OF A NAME]
//! ```
//!
//! `CE_TEST_PUBSUB_URL` names the server, an emulator. The rates are those of client and server together, limited by the slower one.
//! Processor time and allocations are those of the client alone.
//!
//! Messages are in binary mode, as the sender writes them by default. At most 1,024 are under way:
//!
//! - `Sender::send_all`: events, as a program has them. A request has the messages that come within a millisecond, or within 20 ms if
//!   another request is under way, and 256 at most.
//! - `encode, publish`: events that are encoded on the way. A request has 256 messages, and four requests are under way. `publish` alone
//!   sends bodies that were prepared before.
//!
//! The deadline of the subscription is a minute. One request for messages is open at a time, for a hundred messages at most. At most eight
//! requests that acknowledge messages are under way. The time ends with the last answer:
//!
//! - `Receiver`: `next`, the event, `accept`. 100 messages are prefetched. It also renews deadlines, and has an outcome for each message.
//!   It waits up to 20 ms for as many as a thousand messages to acknowledge together.
//! - `pull, decode, acknowledge`: a loop over the client. The next request is open while the loop decodes the messages of the last one. The
//!   loop acknowledges the messages of a request together.
//! - `pull, acknowledge`: the same without decoding: it reads the JSON of the answer, and not the Base64 in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use base64_simd::STANDARD;
use cloudevents_core::{DecodeOptions, Event, Mode};
use cloudevents_pubsub::{
    CarrierMessage, GOOGLE_PUBSUB,
    reqwest013::{PubsubSenderOptions, receiver, sender},
};
use cloudevents_testkit::speed::{Comparison, Cost, CountingAll, PAYLOAD, Run, event, receive, send_all};
use futures_util::{StreamExt, stream};
use reqwest::{Client, RequestBuilder};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    pin::pin,
};
use tokio::task::JoinHandle;

#[global_allocator]
static HEAP: CountingAll = CountingAll;

/// The messages of a request, and the requests that are under way at once: as many messages as the sender has under way.
const TOGETHER: usize = 256;
const SENDING: usize = 4;
/// The most messages that the receiver requests at once, and its requests that acknowledge.
const READ: usize = 100;
const ACKNOWLEDGING: usize = 8;
const PROJECT: &str = "tests";
const SEND: [&str; 3] = ["Sender::send_all", "encode, publish", "publish"];
const RECEIVE: [&str; 3] = ["Receiver", "pull, decode, acknowledge", "pull, acknowledge"];

#[tokio::main(worker_threads = 2)]
async fn main() {
    let server =
        std::env::var("CE_TEST_PUBSUB_URL").expect("set CE_TEST_PUBSUB_URL, as `.ci/brokers/pubsub` does");
    // A program chooses the cryptography of reqwest.
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let comparison = Comparison::from_arguments();
    let events: Vec<Event> = (0..comparison.count).map(event).collect();
    comparison
        .of(&SEND, SEND[1], async |name, place| {
            let place = Place::create(&server, &place).await;
            let batches = events.chunks(TOGETHER).map(batch);
            let cost = match name {
                "Sender::send_all" => place.send_ours(&events).await,
                "publish" => place.send_bare(batches.collect::<Vec<_>>()).await,
                _ => place.send_bare(batches).await,
            };
            place.delete().await;
            cost
        })
        .await;
    comparison
        .of(&RECEIVE, RECEIVE[1], async |name, place| {
            let place = Place::create(&server, &place).await;
            place.send_ours(&events).await;
            let cost = match name {
                "Receiver" => {
                    let url = format!("{}&reject=drop", place.url);
                    receive(receiver(&url, DecodeOptions::strict().into()).await.unwrap(), events.len()).await
                }
                _ => place.receive_bare(events.len(), name.contains("decode")).await,
            };
            place.delete().await;
            cost
        })
        .await;
}

#[derive(Serialize)]
struct Publish<'a> {
    messages: Vec<Outgoing<'a>>,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    data: String,
    attributes: BTreeMap<&'a str, &'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    message_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pulled {
    #[serde(default)]
    received_messages: Vec<Incoming>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Incoming {
    ack_id: String,
    message: Content,
}

#[derive(Deserialize)]
struct Content {
    data: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Acknowledge {
    ack_ids: Vec<String>,
}

/// The body of a request that sends the messages that the sender would send.
fn batch(events: &[Event]) -> Vec<u8> {
    let message = |event: &Event| GOOGLE_PUBSUB.encode(event, Mode::Binary).unwrap().message;
    let messages: Vec<CarrierMessage> = events.iter().map(message).collect();
    let outgoing = messages.iter().map(|message| Outgoing {
        data: STANDARD.encode_to_string(&message.body),
        attributes: message.texts().collect(),
    });
    serde_json::to_vec(&Publish { messages: outgoing.collect() }).unwrap()
}

/// The message that the receiver would decode.
fn message(Content { data, attributes }: Content) -> CarrierMessage {
    let message = CarrierMessage::new(STANDARD.decode_to_vec(data).unwrap());
    attributes.into_iter().fold(message, |message, (name, value)| message.with_header(name, value))
}

/// Makes a request with JSON, and returns the body of its answer.
async fn asked(request: RequestBuilder, body: Vec<u8>) -> impl AsRef<[u8]> {
    let request = request.header("content-type", "application/json").body(body);
    let answer = request.send().await.unwrap().error_for_status().unwrap();
    answer.bytes().await.unwrap()
}

/// A topic, a subscription of the same name, and a client of their own.
struct Place {
    client: Client,
    /// URLs of the server.
    topic: String,
    subscription: String,
    /// The URL of the toolkit.
    url: String,
}

impl Place {
    async fn create(server: &str, name: &str) -> Self {
        let place = Self {
            client: Client::builder().no_proxy().build().unwrap(),
            topic: format!("{server}/v1/projects/{PROJECT}/topics/{name}"),
            subscription: format!("{server}/v1/projects/{PROJECT}/subscriptions/{name}"),
            url: format!("pubsub://{PROJECT}/{name}?endpoint={server}"),
        };
        asked(place.client.put(&place.topic), b"{}".to_vec()).await;
        let body = format!(r#"{{"topic":"projects/{PROJECT}/topics/{name}","ackDeadlineSeconds":60}}"#);
        asked(place.client.put(&place.subscription), body.into_bytes()).await;
        place
    }

    /// The server keeps messages in memory.
    async fn delete(self) {
        for url in [&self.subscription, &self.topic] {
            self.client.delete(url).send().await.unwrap().error_for_status().unwrap();
        }
    }

    async fn send_ours(&self, events: &[Event]) -> Cost {
        send_all(sender(&self.url, PubsubSenderOptions::default()).await.unwrap(), events).await
    }

    async fn send_bare(&self, batches: impl IntoIterator<Item = Vec<u8>>) -> Cost {
        let run = Run::start();
        let requests = stream::iter(batches).map(|body| self.publish(body));
        let mut answers = pin!(requests.buffer_unordered(SENDING));
        let mut count = 0;
        while let Some(stored) = answers.next().await {
            count += stored.unwrap();
        }
        run.end(count)
    }

    async fn receive_bare(&self, count: usize, decoded: bool) -> Cost {
        let with = DecodeOptions::strict();
        let mut reading = self.pull();
        let (mut run, mut seen) = (None, 0);
        let mut acknowledging: VecDeque<JoinHandle<()>> = VecDeque::new();
        while seen < count {
            let messages = (&mut reading).await.unwrap();
            seen += messages.len();
            if seen < count {
                reading = self.pull();
            }
            if messages.is_empty() {
                continue; // there may be some later
            }
            run.get_or_insert_with(Run::start);
            let mut ids = Vec::with_capacity(messages.len());
            for incoming in messages {
                ids.push(incoming.ack_id);
                if decoded {
                    let event = GOOGLE_PUBSUB.decode(&message(incoming.message), &with).unwrap().value;
                    assert_eq!(event.data_bytes().map(|data| data.len()), Some(PAYLOAD));
                } else {
                    assert!(!incoming.message.data.is_empty());
                }
            }
            if acknowledging.len() >= ACKNOWLEDGING {
                acknowledging.pop_front().unwrap().await.unwrap();
            }
            acknowledging.push_back(self.acknowledge(ids));
        }
        for answer in acknowledging {
            answer.await.unwrap();
        }
        run.unwrap().end(count)
    }

    /// Sends messages, and returns how many are stored. The request is under way when this returns, as below.
    fn publish(&self, body: Vec<u8>) -> JoinHandle<usize> {
        let request = self.client.post(format!("{}:publish", self.topic));
        tokio::spawn(async move {
            let answer = asked(request, body).await;
            serde_json::from_slice::<Published>(answer.as_ref()).unwrap().message_ids.len()
        })
    }

    fn pull(&self) -> JoinHandle<Vec<Incoming>> {
        let request = self.client.post(format!("{}:pull", self.subscription));
        let body = format!(r#"{{"maxMessages":{READ}}}"#).into_bytes();
        tokio::spawn(async move {
            let answer = asked(request, body).await;
            serde_json::from_slice::<Pulled>(answer.as_ref()).unwrap().received_messages
        })
    }

    fn acknowledge(&self, ack_ids: Vec<String>) -> JoinHandle<()> {
        let request = self.client.post(format!("{}:acknowledge", self.subscription));
        let body = serde_json::to_vec(&Acknowledge { ack_ids }).unwrap();
        tokio::spawn(async move {
            asked(request, body).await;
        })
    }
}
