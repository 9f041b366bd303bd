//! `send`: the requests of a webhook sender to a target, and the results of the responses.

use super::{Answer, carrier, on_a_runtime};
use crate::{
    tagged::{self, malformed},
    webhook::{Respond, TargetRequest, TestTarget},
};
use cloudevents_core::{Error, Event};
use cloudevents_transport::{Outgoing, binding::Transmit};
use cloudevents_webhook::{
    deliver::{RetrySchedule, TargetState},
    guard::{SystemResolver, UrlGuard},
    handshake::Rate,
    reqwest013::{GuardedClient, Target, WebhookSender, WebhookSenderOptions},
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

pub(crate) fn send(request: &Json) -> Result<Answer, Error> {
    let list = |name| request.get(name).and_then(Json::as_array).into_iter().flatten();
    let mut options = WebhookSenderOptions::new(
        text(request, "origin")
            .and_then(|origin| origin.parse().ok())
            .ok_or_else(|| malformed("the origin is no DNS name"))?,
    );
    // One attempt for each event. The state of the target shows the next step.
    options.retry = RetrySchedule::new([]);
    options.sender.timeout = Some(Duration::from_secs(5));
    let exchange = Exchange {
        options,
        path: text(request, "target").unwrap_or("/"),
        rate: request.get("rate").and_then(Json::as_u64),
        token: text(request, "token"),
        in_query: text(request, "token-in") == Some("query"),
        handshake: response(request.get("handshake").ok_or_else(|| malformed("there is no handshake"))?)?,
        responses: list("responses").map(response).collect::<Result<_, _>>()?,
        events: list("events").map(tagged::to_event).collect::<Result<_, _>>()?,
    };
    on_a_runtime(exchange.run())
}

/// Events for a target, and its responses.
struct Exchange<'a> {
    options: WebhookSenderOptions,
    path: &'a str,
    rate: Option<u64>,
    token: Option<&'a str>,
    in_query: bool,
    handshake: Respond,
    responses: Vec<Respond>,
    events: Vec<Event>,
}

impl Exchange<'_> {
    async fn run(self) -> Result<Answer, Error> {
        let server = TestTarget::start(self.handshake, self.responses).await;
        let guard = UrlGuard::new().allow_http().allow_any_port().allow_network(loopback()?);
        let client = GuardedClient::new(guard, SystemResolver::new(), reqwest::Client::builder())?;
        let mut target = Target::new(server.url(self.path)).named("target");
        if let Some(rate) = self.rate {
            let rate = u32::try_from(rate).ok().and_then(|rate| Rate::per_minute(rate).ok());
            target = target.rate(rate.ok_or_else(|| malformed("the rate is invalid"))?);
        }
        if let Some(token) = self.token {
            target = target.token(token);
        }
        if self.in_query {
            target = target.token_in_query();
        }
        let sender = WebhookSender::new(client, self.options);
        sender.add(target)?;
        let mut delivered = 0_u32;
        for event in &self.events {
            let sent = match sender.enqueue(Outgoing::from(event).to("target")).await {
                Ok(outcome) => outcome.await.map(drop),
                Err(error) => Err(error),
            };
            delivered = delivered.saturating_add(sent.is_ok().into());
        }
        let mut result = json!({
            "requests": server.requests().iter().map(written).collect::<Vec<_>>(),
            "delivered": delivered,
        });
        if let (Some(TargetState::Paused { until, .. }), Some(members)) =
            (sender.state("target"), result.as_object_mut())
        {
            // In whole seconds, because the pause began some time ago. Without an end within reach, the longest one.
            let left =
                until.map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64().ceil());
            members.insert("wait".to_owned(), left.map_or(u32::MAX, |left| left as u32).into());
        }
        Ok(Answer::Result(result))
    }
}

fn text<'a>(request: &'a Json, name: &str) -> Option<&'a str> {
    request.get(name).and_then(Json::as_str)
}

fn loopback() -> Result<cloudevents_webhook::guard::Network, Error> {
    "127.0.0.1".parse().map_err(|_| malformed("there is no loopback network"))
}

/// A response as the target sends it.
fn response(message: &Json) -> Result<Respond, Error> {
    let status = message.get("status").and_then(Json::as_u64).and_then(|code| u16::try_from(code).ok());
    let status = status.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or_else(|| malformed("a response needs a status"))?;
    let (headers, body) = carrier::http::read(message)?;
    let mut head = format!("HTTP/1.1 {status}\r\n");
    if status != StatusCode::NO_CONTENT {
        head += &format!("content-length: {}\r\n", body.len());
    }
    for (name, value) in &headers {
        head += &format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    Ok(Respond::Raw(format!("{head}\r\n{}", String::from_utf8_lossy(&body))))
}

fn written(request: &TargetRequest) -> Json {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    let mut message = carrier::http::write(&headers, &request.body.clone().into());
    if let Some(members) = message.as_object_mut() {
        members.insert("method".into(), request.method.as_str().into());
        members.insert("target".into(), request.path.as_str().into());
    }
    message
}
