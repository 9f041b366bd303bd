//! Helpers for the tests of the client.

use cloudevents_core::DecodeOptions;
use cloudevents_pubsub::reqwest013::{PubsubReceiverOptions, PubsubSenderOptions, receiver, sender};
use cloudevents_testkit::{deliveries::server, service::Answer};
pub(crate) use cloudevents_testkit::{
    deliveries::{event, id, large, name, next, take, until, within},
    patience,
};
use cloudevents_transport::{Receiver, Sender, binding::queue::QueueOptions};
use serde_json::{Value, json};
use std::time::Duration;

const PROJECT: &str = "tests";

/// The type of answers.
pub(crate) const JSON: &str = "application/json";

/// The server that `CE_TEST_PUBSUB_URL` names: `http://127.0.0.1:8085`.
pub(crate) fn real() -> Option<String> {
    server("CE_TEST_PUBSUB_URL")
}

/// A topic of a server, and a subscription of the same name.
pub(crate) struct Place {
    pub(crate) server: String,
    pub(crate) name: String,
}

impl Place {
    /// Creates them, if there is a server.
    pub(crate) async fn new(what: &str) -> Option<Self> {
        Self::with(what, json!({})).await
    }

    /// The same, with members of the subscription.
    pub(crate) async fn with(what: &str, subscription: Value) -> Option<Self> {
        let place = Self { server: real()?, name: name(what) };
        place.create(&place.name, subscription).await;
        Some(place)
    }

    /// Creates another topic, and a subscription of it.
    pub(crate) async fn create(&self, name: &str, mut subscription: Value) {
        self.ask("PUT", &format!("topics/{name}"), json!({})).await.unwrap();
        subscription["topic"] = format!("projects/{PROJECT}/topics/{name}").into();
        self.ask("PUT", &format!("subscriptions/{name}"), subscription).await.unwrap();
    }

    /// Makes a request for a path below the project. An error is the status.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Result<Value, u16> {
        let url = format!("{}/v1/projects/{PROJECT}/{path}", self.server);
        let request = http().request(method.parse().unwrap(), url);
        let request = match method {
            "GET" | "DELETE" => request,
            _ => request.header("content-type", "application/json").body(body.to_string()),
        };
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        match status.is_success() {
            true => Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))),
            false => {
                println!("{method} {path}: {status}: {text}");
                Err(status.as_u16())
            }
        }
    }

    /// Publishes a message as it is.
    pub(crate) async fn publish(&self, message: Value) {
        let path = format!("topics/{}:publish", self.name);
        self.ask("POST", &path, json!({"messages": [message]})).await.unwrap();
    }

    /// Takes messages of a subscription, at once.
    pub(crate) async fn messages(&self, subscription: &str) -> Vec<Value> {
        let body = json!({"maxMessages": 100, "returnImmediately": true});
        let answer = self.ask("POST", &format!("subscriptions/{subscription}:pull"), body).await.unwrap();
        answer["receivedMessages"].as_array().cloned().unwrap_or_default()
    }

    /// The same, until there are so many.
    pub(crate) async fn some_messages(&self, subscription: &str, count: usize) -> Vec<Value> {
        let mut found = Vec::new();
        until(async || {
            found.extend(self.messages(subscription).await);
            found.len() >= count
        })
        .await;
        found
    }

    pub(crate) fn url(&self, query: &str) -> String {
        url(&self.server, &self.name, query)
    }

    pub(crate) async fn sender(&self, query: &str) -> Sender {
        within(sender(&self.url(query), sending())).await.unwrap()
    }

    /// Rejected messages are dropped, unless the query says otherwise.
    pub(crate) async fn receiver(&self, query: &str) -> Receiver {
        within(receiver(&self.url(query), strict())).await.unwrap()
    }

    /// Whether the subscription has nothing for others, also after its deadline.
    pub(crate) async fn is_empty_for(&self, time: Duration) -> bool {
        let begun = std::time::Instant::now();
        while begun.elapsed() < time {
            if !self.messages(&self.name).await.is_empty() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(100)).await; // between two looks
        }
        true
    }
}

/// A client for requests of tests.
pub(crate) fn http() -> reqwest::Client {
    provider();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A program chooses the cryptography of reqwest.
pub(crate) fn provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(crate) fn url(server: &str, name: &str, query: &str) -> String {
    provider();
    format!("pubsub://{PROJECT}/{name}?endpoint={server}&{query}")
}

pub(crate) fn sending() -> PubsubSenderOptions {
    PubsubSenderOptions::default()
}

pub(crate) fn strict() -> PubsubReceiverOptions {
    let mut options = PubsubReceiverOptions::from(DecodeOptions::strict());
    options.queue = QueueOptions::default().dropping_rejected();
    options
}

/// An error as Google writes it.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Some((status, format!(r#"{{"error":{{"code":{status},"message":"{message}","status":"{code}"}}}}"#)))
}
