//! What a delivery consists of when the message has headers that belong to another exchange, sent directly and from an outbox.

use crate::tools::{SECRET, TOKEN, soon};
use cloudevents_core::Event;
use cloudevents_outbox::{Entry, Outbox, OutboxOptions, rusqlite041::SqliteStore};
use cloudevents_testkit::webhook::{Respond, TargetRequest, TestTarget};
use cloudevents_transport::{Outgoing, Sender};
use cloudevents_webhook::{
    guard::{SystemResolver, UrlGuard},
    handshake::Rate,
    reqwest013::{self, GuardedClient, Target, WebhookSenderOptions},
    signature::StandardSigner,
};
use std::collections::HashMap;

/// What the target may not see.
const PRODUCERS: &str = "of-the-producer";

fn message() -> Outgoing {
    let event =
        Event::builder().id("1").source("/tests").ty("com.example.test").text("payload").build().unwrap();
    let names = [
        "authorization",
        "connection",
        "content-digest",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "idempotency-key",
        "proxy-authorization",
        "signature",
        "signature-input",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "webhook-id",
        "webhook-request-origin",
        "webhook-signature",
        "webhook-timestamp",
        "x-api-key",
        "x-forwarded-for",
        "x-real-ip",
    ];
    let outgoing =
        names.iter().fold(Outgoing::from(event), |outgoing, name| outgoing.header(*name, PRODUCERS));
    outgoing.header("traceparent", "kept").header("x-tenant", "kept")
}

async fn sender(target: &TestTarget) -> Sender {
    let guard = UrlGuard::new().allow_http().allow_any_port().allow_network("127.0.0.1".parse().unwrap());
    let client = GuardedClient::new(guard, SystemResolver::new(), reqwest::Client::builder()).unwrap();
    let hook = Target::new(target.url("/hook"))
        .agreed(Rate::unlimited())
        .token(TOKEN)
        .sign(StandardSigner::new(SECRET).unwrap());
    let options = WebhookSenderOptions::new("eventemitter.example.com".parse().unwrap());
    reqwest013::sender(hook, client, options).unwrap()
}

fn check(request: &TargetRequest) {
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "traceparent",
        "webhook-id",
        "webhook-request-origin",
        "webhook-signature",
        "webhook-timestamp",
        "x-tenant",
    ];
    assert_eq!(names, expected, "{request:?}");
    assert!(request.headers.iter().all(|(_, value)| value != PRODUCERS), "{request:?}");
    assert_eq!(request.header("authorization"), Some("Bearer mF_9.B5f-4.1JqM"));
    assert_eq!(request.header("webhook-request-origin"), Some("eventemitter.example.com"));
}

#[tokio::test]
async fn a_message_sets_no_header_of_a_delivery() {
    let target = TestTarget::start(Respond::HangUp, [Respond::status("204 No Content", "")]).await;
    soon(sender(&target).await.send(message())).await.unwrap();
    check(&target.deliveries()[0]);
}

#[tokio::test]
async fn a_message_from_an_outbox_sets_no_header_of_a_delivery() {
    let target = TestTarget::start(Respond::HangUp, [Respond::status("204 No Content", "")]).await;
    let outbox = Outbox::new(SqliteStore::in_memory().unwrap());
    outbox.enqueue(Entry::new("hook", message())).await.unwrap();
    let senders = HashMap::from([("hook".to_owned(), sender(&target).await)]);
    soon(outbox.run(senders, OutboxOptions::default()).until(target.wait_for(1))).await.unwrap();
    check(&target.deliveries()[0]);
}
