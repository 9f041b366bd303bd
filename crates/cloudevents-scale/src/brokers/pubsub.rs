//! Google Cloud Pub/Sub, by requests of its REST API with reqwest.

use super::Broker;
use crate::{
    failure::Result,
    hand::Hand,
    load::{Load, digits, number},
};
use base64_simd::STANDARD;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::convert::Infallible;
use tokio::sync::mpsc;

const PROJECT: &str = "scale";
/// The most messages of a request, and their bytes.
const MOST: usize = 1000;
const MOST_BYTES: usize = 5_000_000;
/// The bytes of a message besides its data.
const ATTRIBUTES: usize = 200;
/// The requests of a sender at a time.
const REQUESTS: usize = 16;
/// The most messages that an answer has.
const PULLED: usize = 256;

/// A server.
#[derive(Debug)]
pub(crate) struct Pubsub {
    server: String,
    client: Client,
}

impl Pubsub {
    pub(crate) fn new(server: &str) -> Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        Ok(Self { server: server.trim_end_matches('/').to_owned(), client })
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/v1/projects/{PROJECT}/{path}", self.server);
        let request = self.client.request(method, url).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    }

    /// Sends some events by one request.
    async fn send(&self, place: &str, events: Vec<String>) -> Result<()> {
        let message = |document: &String| {
            json!({
                "data": STANDARD.encode_to_string(document.as_bytes()),
                "attributes": {"content-type": "application/cloudevents+json"},
            })
        };
        let body = json!({"messages": events.iter().map(message).collect::<Vec<_>>()});
        self.ask(Method::POST, &format!("topics/{place}:publish"), &body).await.map(drop)
    }
}

impl Broker for Pubsub {
    const IS_LOG: bool = false;

    fn name(&self) -> String {
        "Google Pub/Sub".to_owned()
    }

    async fn open(&self, place: &str, _reader: &str) -> Result<()> {
        self.ask(Method::PUT, &format!("topics/{place}"), &json!({})).await?;
        let topic = format!("projects/{PROJECT}/topics/{place}");
        let subscription = json!({"topic": topic, "ackDeadlineSeconds": 300});
        self.ask(Method::PUT, &format!("subscriptions/{place}"), &subscription).await.map(drop)
    }

    async fn fill(&self, place: &str, load: Load) -> Result<()> {
        let together =
            MOST_BYTES.checked_div(load.size.saturating_add(ATTRIBUTES)).unwrap_or(1).clamp(1, MOST);
        let events = stream::iter(load.documents()).chunks(together).map(Ok);
        events.try_for_each_concurrent(REQUESTS, |some| self.send(place, some)).await
    }

    async fn read(&self, place: &str, _reader: &str, hand: &Hand) -> Result<Infallible> {
        let (done, ids) = mpsc::unbounded_channel::<String>();
        let path = format!("subscriptions/{place}:acknowledge");
        let own = Self { server: self.server.clone(), client: self.client.clone() };
        tokio::spawn(acknowledge(own, path, ids));
        loop {
            let path = format!("subscriptions/{place}:pull");
            let answer = self.ask(Method::POST, &path, &json!({"maxMessages": PULLED})).await?;
            let messages = answer.get("receivedMessages").and_then(Value::as_array);
            for message in messages.into_iter().flatten() {
                let text = |path: &str| message.pointer(path).and_then(Value::as_str).unwrap_or_default();
                let body = STANDARD.decode_to_vec(text("/message/data"))?;
                // `ce send` writes events in binary mode.
                let of_binary = || digits(text("/message/attributes/ce-id").as_bytes());
                let number = of_binary().or_else(|| number(&body)).ok_or("a message without a number")?;
                let (id, done) = (text("/ackId").to_owned(), done.clone());
                let acknowledge = async move {
                    let _ = done.send(id);
                };
                hand.give(number, body.into(), acknowledge).await;
            }
        }
    }

    fn source(&self, place: &str, _reader: &str) -> String {
        format!("{}&reject=drop", self.sink(place))
    }

    fn sink(&self, place: &str) -> String {
        format!("pubsub://{PROJECT}/{place}?endpoint={}", self.server)
    }
}

/// Acknowledges the messages of these ids, as many at once as a request takes.
async fn acknowledge(server: Pubsub, path: String, mut ids: mpsc::UnboundedReceiver<String>) -> Result<()> {
    let mut some = Vec::new();
    while ids.recv_many(&mut some, MOST).await > 0 {
        let body = json!({"ackIds": std::mem::take(&mut some)});
        server.ask(Method::POST, &path, &body).await?;
    }
    Ok(())
}
