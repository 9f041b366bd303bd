//! Every sample event, in every mode, to an axum server and back.

use crate::tools::{client, samples, serve};
use axum::{Router, routing::post};
use cloudevents_core::{DecodeOptions, Event, Limits};
use cloudevents_http::{
    Problem,
    axum08::{CloudEvent, CloudEventMessage, CloudEvents},
    reqwest013::{RequestBuilderExt, ResponseExt},
};
use cloudevents_json::Json;
use cloudevents_testkit::carrier::{Carrier, carrier_form};
use std::net::SocketAddr;

async fn echo() -> SocketAddr {
    serve(
        Router::new()
            .route("/binary", post(async |event: CloudEvent| event))
            .route("/structured", post(structured))
            .route("/batch", post(async |events: CloudEvents| events))
            .route("/message", post(async |message: CloudEventMessage| message)),
    )
    .await
}

async fn structured(event: CloudEvent) -> Result<CloudEventMessage, Problem> {
    Ok(event.structured(&Json::new())?)
}

fn binary(event: &Event) -> Event {
    carrier_form(event, Carrier::HttpBinary)
}

fn json(event: &Event) -> Event {
    carrier_form(event, Carrier::Json)
}

#[tokio::test]
async fn one_by_one() {
    let (address, client, with) = (echo().await, client(), DecodeOptions::strict());
    let url = |path: &str| format!("http://{address}/{path}");
    for (name, event) in samples() {
        let request = client.post(url("binary")).event(&event);
        let answer = request.send().await.unwrap().event(&with).await.unwrap().value;
        assert_eq!(answer, binary(&event), "{name}, binary both ways");

        let request = client.post(url("structured")).event(&event);
        let answer = request.send().await.unwrap().event(&with).await.unwrap().value;
        assert_eq!(answer, json(&binary(&event)), "{name}, binary to structured");

        let request = client.post(url("binary")).structured_event(&event, &Json::new());
        let answer = request.send().await.unwrap().event(&with).await.unwrap().value;
        assert_eq!(answer, binary(&json(&event)), "{name}, structured to binary");

        let request = client.post(url("structured")).structured_event(&event, &Json::new());
        let answer = request.send().await.unwrap().event(&with).await.unwrap().value;
        assert_eq!(answer, json(&json(&event)), "{name}, structured both ways");
    }
}

#[tokio::test]
async fn batches() {
    let (address, client, with) = (echo().await, client(), DecodeOptions::strict());
    let events: Vec<Event> = samples().into_iter().map(|(_, event)| event).collect();
    let request = client.post(format!("http://{address}/batch")).events(&events, &Json::new());
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/cloudevents-batch+json");
    let answer = response.events(&with).await.unwrap().value;
    assert_eq!(answer, events.iter().map(|event| json(&json(event))).collect::<Vec<_>>());

    // One event is as good as a batch of one, and none at all is a batch, too.
    let request = client.post(format!("http://{address}/batch")).event(&events[0]);
    let answer = request.send().await.unwrap().events(&with).await.unwrap().value;
    assert_eq!(answer, [json(&binary(&events[0]))]);
    let request = client.post(format!("http://{address}/batch")).events(&[], &Json::new());
    assert!(request.send().await.unwrap().events(&with).await.unwrap().value.is_empty());
}

#[tokio::test]
async fn messages_are_forwarded_untouched() {
    let (address, client, with) = (echo().await, client(), DecodeOptions::strict());
    for (name, event) in samples() {
        for structured in [false, true] {
            let request = client.post(format!("http://{address}/message"));
            let request = match structured {
                false => request.event(&event),
                true => request.structured_event(&event, &Json::new()),
            };
            let request = request.build().unwrap();
            let (headers, body) =
                (request.headers().clone(), request.body().unwrap().as_bytes().unwrap().to_vec());
            let response = client.execute(request).await.unwrap();
            for (header, value) in &headers {
                assert_eq!(response.headers().get(header), Some(value), "{name}: {header}");
            }
            assert_eq!(response.bytes().await.unwrap(), body, "{name}");
        }
    }
    // Of an unknown format, too.
    let request = client.post(format!("http://{address}/message"));
    let request = request.header("content-type", "application/cloudevents+unknown").body("?");
    let message = request.send().await.unwrap().message(&with).await.unwrap();
    assert_eq!((message.format().unwrap().as_str(), message.body_len()), ("unknown", 1));
}

#[tokio::test]
async fn responses_have_limits() {
    let (address, client) = (echo().await, client());
    let mut limits = Limits::default();
    limits.bytes = 10;
    let event = Event::builder().id("1").source("/s").ty("t").text("more than ten bytes").build().unwrap();
    let response = client.post(format!("http://{address}/binary")).event(&event).send().await.unwrap();
    let error = response.event(&DecodeOptions::strict().with_limits(limits)).await.unwrap_err();
    assert_eq!(error.kind(), cloudevents_core::ErrorKind::TooLarge);
}
