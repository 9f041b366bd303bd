//! What the extractors of axum take, and how they refuse.

use crate::tools::{Answer, client, event, post, serve};
use axum::{
    Router,
    body::Body,
    extract::{FromRequest, Request},
    routing,
};
use cloudevents_core::{DecodeOptions, Event, EventData, RepairKind, SpecVersion};
use cloudevents_http::{
    axum08::{
        CloudEvent, CloudEventMessage, CloudEvents, DecodingLayer, RepairedCloudEvent, RepairedCloudEvents,
        Typed,
    },
    reqwest013::{RequestBuilderExt, ResponseExt},
};
use cloudevents_json::{Json, JsonBuilderExt};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

#[derive(Debug, Serialize, Deserialize)]
struct OrderPlaced {
    order: u64,
}

impl EventData for OrderPlaced {
    const TYPE: &'static str = "com.example.order.placed";
    type Codec = Json;
}

async fn app() -> SocketAddr {
    let lenient = Router::new()
        .route("/lenient", routing::post(repairs))
        .route("/lenient-events", routing::post(repairs_of_events))
        .layer(DecodingLayer::new(DecodeOptions::lenient()));
    let mut small = DecodeOptions::strict();
    small.limits.bytes = 10;
    let small = Router::new()
        .route("/small", routing::post(async |CloudEvent(event): CloudEvent| event.id().to_owned()))
        .layer(DecodingLayer::new(small));
    let strict = Router::new()
        .route("/event", routing::post(async |CloudEvent(event): CloudEvent| event.id().to_owned()))
        .route("/events", routing::post(async |CloudEvents(events): CloudEvents| events.len().to_string()))
        .route("/message", routing::post(async |message: CloudEventMessage| message))
        .route("/strict", routing::post(repairs))
        .route("/typed", routing::post(typed))
        .route("/typed-echo", routing::post(async |order: Typed<OrderPlaced>| order))
        .route("/maybe", routing::post(maybe));
    serve(strict.merge(lenient).merge(small)).await
}

async fn repairs(RepairedCloudEvent(decoded): RepairedCloudEvent) -> String {
    decoded.repairs.iter().map(|repair| repair.kind().code()).collect::<Vec<_>>().join(",")
}

async fn repairs_of_events(RepairedCloudEvents(decoded): RepairedCloudEvents) -> String {
    let repairs = decoded.repairs.iter().map(|repair| format!("{:?} {}", repair.index(), repair.kind()));
    format!("{}: {}", decoded.value.len(), repairs.collect::<Vec<_>>().join(","))
}

async fn typed(Typed(order): Typed<OrderPlaced>) -> String {
    format!("{} {}", order.event().id(), order.data().order)
}

async fn maybe(event: Option<CloudEvent>) -> String {
    event.map_or_else(|| "none".into(), |CloudEvent(event)| event.id().to_owned())
}

async fn raw(address: SocketAddr, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request =
        format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    post(address, request).await.unwrap()
}

const REQUIRED: &str = "ce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n";

#[tokio::test]
async fn typed_events() {
    let (address, client) = (app().await, client());
    let builder = || Event::builder().id("1").source("/shop").ty(OrderPlaced::TYPE);
    let good = builder().json(&OrderPlaced { order: 42 }).build().unwrap();
    for request in [
        client.post(format!("http://{address}/typed")).event(&good),
        client.post(format!("http://{address}/typed")).structured_event(&good, &Json::new()),
    ] {
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), "1 42");
    }
    let response = client.post(format!("http://{address}/typed-echo")).event(&good).send().await.unwrap();
    assert_eq!(response.event(&DecodeOptions::strict()).await.unwrap().value, good);

    let other =
        Event::builder().id("1").source("/shop").ty("other").json(&OrderPlaced { order: 1 }).build().unwrap();
    let text = builder().text("42").datacontenttype("text/plain").build().unwrap();
    let wrong = builder().json(&"no order").build().unwrap();
    for (event, status, code) in [
        (other, 422, "unexpected-event-type"),
        (text, 415, "unexpected-content-type"),
        (wrong, 422, "invalid-data"),
    ] {
        let response = client.post(format!("http://{address}/typed")).event(&event).send().await.unwrap();
        assert_eq!(response.status(), status, "{code}");
        assert!(response.headers().get("accept").is_none());
        let problem: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(problem["code"], code);
    }
}

#[tokio::test]
async fn mixed_endpoints() {
    let address = app().await;
    let answer = raw(address, "/maybe", "content-type: application/json\r\n", "{}").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b"none"[..]));
    let answer = raw(address, "/maybe", REQUIRED, "").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b"1"[..]));
    let answer = raw(address, "/maybe", "ce-id: 1\r\n", "").await;
    assert_eq!((answer.status.as_u16(), answer.problem("code")), (400, "missing-attribute".into()));
}

#[tokio::test]
async fn the_layer_says_how() {
    let address = app().await;
    let headers = format!("{REQUIRED}ce-time: yesterday\r\n");
    let answer = raw(address, "/strict", &headers, "").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.problem("code"), "invalid-timestamp");
    assert_eq!(answer.problem("attribute"), "time");
    assert_eq!(answer.problem("title"), "Bad Request");
    let answer = raw(address, "/lenient", &headers, "").await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.body),
        (200, RepairKind::DroppedAttribute.code().as_bytes())
    );

    let batch = r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t"},{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"yesterday"}]"#;
    let content_type = "content-type: application/cloudevents-batch+json\r\n";
    let answer = raw(address, "/lenient-events", content_type, batch).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b"2: Some(1) dropped-attribute"[..]));
    let answer = raw(address, "/lenient-events", &headers, "").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b"1: None dropped-attribute"[..]));

    let answer = raw(address, "/small", REQUIRED, "0123456789").await;
    assert_eq!(answer.status, 200);
    let answer = raw(address, "/small", REQUIRED, "0123456789a").await;
    assert_eq!((answer.status.as_u16(), answer.problem("code")), (413, "too-large".into()));
}

#[tokio::test]
async fn the_media_type_that_is_taken_is_told() {
    let address = app().await;
    let unknown = "content-type: application/cloudevents+nobody\r\n";
    let answer = raw(address, "/event", unknown, "?").await;
    assert_eq!((answer.status.as_u16(), answer.problem("code")), (415, "unknown-format".into()));
    assert_eq!(answer.headers["accept"], "application/cloudevents+json");
    let answer = raw(address, "/events", unknown, "?").await;
    assert_eq!(answer.headers["accept"], "application/cloudevents-batch+json, application/cloudevents+json");
    let answer = raw(address, "/event", "content-type: application/cloudevents-batch+json\r\n", "[]").await;
    assert_eq!((answer.status.as_u16(), answer.problem("code")), (415, "batched".into()));
    assert_eq!(answer.headers["accept"], "application/cloudevents+json");
    let answer = raw(address, "/event", "content-type: application/json\r\n", "{}").await;
    assert_eq!((answer.status.as_u16(), answer.problem("code")), (415, "not-a-cloudevent".into()));
    let answer = raw(address, "/event", "", "{}").await;
    assert_eq!((answer.status.as_u16(), answer.problem("code")), (400, "not-a-cloudevent".into()));
    assert!(answer.headers.get("accept").is_none());
    assert_eq!(answer.problem("clause"), "HTTP-3-e");
}

#[tokio::test]
async fn the_place_in_a_batch_is_told() {
    let (address, client) = (app().await, client());
    let batch = r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t"},{"specversion":"1.0","id":"","source":"/s","type":"t"}]"#;
    let answer = raw(address, "/events", "content-type: application/cloudevents-batch+json\r\n", batch).await;
    assert_eq!(answer.status, 400);
    assert_eq!((answer.problem("index"), answer.problem("attribute")), (1.into(), "id".into()));
    assert!(answer.problem("offset").is_u64());
    let request =
        client.post(format!("http://{address}/events")).events(&[event("1"), event("2")], &Json::new());
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "2");
}

#[test]
fn what_waits_for_a_body_is_small() {
    // A server boxes and moves it for every request.
    let request = Request::new(Body::empty());
    let event = <CloudEvent as FromRequest<()>>::from_request(request, &());
    assert!(size_of_val(&event) <= 512, "{} bytes", size_of_val(&event));
}

#[test]
fn mistakes_wait_for_build() {
    let new = event("1");
    let old = Event::builder().specversion(SpecVersion::V03).id("2").source("/s").ty("t").build().unwrap();
    let error = client().post("http://localhost/").events(&[new, old], &Json::new()).build().unwrap_err();
    assert!(error.is_builder());
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.ends_with("[mixed-specversions]"), "{source}");
    // The first mistake stays.
    let error = client().post("no url").event(&event("1")).build().unwrap_err();
    assert!(error.is_builder() && !format!("{error:?}").contains("mixed"));
}
