//! `deliver`: the response of a webhook receiver to a delivery, and the number of events that its application got.

use super::{Answer, carrier, on_a_runtime};
use crate::tagged::{self, malformed};
use bytes::Bytes;
use cloudevents_core::{Error, Event};
use cloudevents_transport::{Delivery, Receiver};
use cloudevents_webhook::{
    handshake::{AllowedOrigins, Rate},
    receiver::{Webhook, WebhookOptions},
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value as Json, json};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

pub(crate) fn deliver(request: &Json) -> Result<Answer, Error> {
    let policy = request.get("policy").unwrap_or(&Json::Null);
    let exchange = Exchange {
        options: options(policy)?,
        retired: policy.get("retired").and_then(Json::as_bool) == Some(true),
        handler: Handler::read(policy)?,
        earlier: request.get("earlier").and_then(Json::as_u64).unwrap_or_default(),
        request: request.get("request").ok_or_else(|| malformed("there is no request"))?,
    };
    on_a_runtime(exchange.run())
}

/// One request to a receiver, perhaps after others like it.
struct Exchange<'a> {
    options: WebhookOptions,
    retired: bool,
    handler: Handler,
    earlier: u64,
    request: &'a Json,
}

impl Exchange<'_> {
    async fn run(self) -> Result<Answer, Error> {
        let (webhook, receiver) = Webhook::open(self.options)?;
        if self.retired {
            webhook.retire();
        }
        let got = Arc::new(AtomicU64::new(0));
        let handling = tokio::spawn(self.handler.run(receiver, Arc::clone(&got)));
        for _ in 0..self.earlier {
            webhook.respond(http_request(self.request)?, None).await;
        }
        let before = got.load(Ordering::Acquire);
        let response = webhook.respond(http_request(self.request)?, None).await;
        let delivered = got.load(Ordering::Acquire).saturating_sub(before);
        handling.abort();
        Ok(Answer::Result(json!({"response": written(&response), "delivered": delivered})))
    }
}

/// How the application handles the events.
enum Handler {
    /// It accepts them.
    Accept,
    /// It accepts them with a payload for the response.
    Reply(Box<Event>),
}

impl Handler {
    fn read(policy: &Json) -> Result<Self, Error> {
        let Some(reply) = policy.get("handler").and_then(|handler| handler.get("reply")) else {
            return Ok(Self::Accept);
        };
        let (content_type, body) = (reply.get("content-type").and_then(Json::as_str), reply.get("body"));
        let (Some(content_type), Some(body)) = (content_type, body) else {
            return Err(malformed("a reply has a content type and a body"));
        };
        let event = Event::builder()
            .id("reply")
            .source("/testee")
            .ty("reply")
            .binary(content_type, tagged::to_bytes(body)?)
            .build()?;
        Ok(Self::Reply(Box::new(event)))
    }

    async fn run(self, mut receiver: Receiver, got: Arc<AtomicU64>) {
        while let Ok(Some(delivery)) = receiver.next().await {
            self.handle(delivery, &got).await;
        }
    }

    async fn handle(&self, delivery: Delivery, got: &AtomicU64) {
        let settled = match delivery.events() {
            Ok(events) => {
                got.fetch_add(events.len().try_into().unwrap_or(u64::MAX), Ordering::AcqRel);
                if let Self::Reply(event) = self {
                    drop(delivery.reply(&**event));
                }
                delivery.accept().await
            }
            Err(error) => delivery.reject(error).await,
        };
        // If the receiver refuses the settlement, its response shows that.
        drop(settled);
    }
}

fn options(policy: &Json) -> Result<WebhookOptions, Error> {
    let mut options = match policy.get("origins").and_then(Json::as_array) {
        Some(origins) => {
            WebhookOptions::allowing(allowed(origins.iter().filter_map(Json::as_str).collect())?)
        }
        None => WebhookOptions::without_handshake(),
    };
    options = match policy.get("token").and_then(Json::as_str) {
        Some(token) => options.token(token),
        None => options.unauthenticated(),
    };
    if let Some(rate) = policy.get("rate").and_then(Json::as_u64) {
        let rate = u32::try_from(rate).ok().and_then(|rate| Rate::per_minute(rate).ok());
        options = options.highest_rate(rate.ok_or_else(|| malformed("the rate of the policy is invalid"))?);
    }
    if policy.get("handler").and_then(Json::as_str) == Some("queue") {
        options.http.accepted = StatusCode::ACCEPTED;
    }
    Ok(options)
}

pub(super) fn allowed(origins: Vec<&str>) -> Result<AllowedOrigins, Error> {
    match origins[..] {
        ["*"] => Ok(AllowedOrigins::any()),
        _ => AllowedOrigins::new(origins).map_err(|error| malformed(error.to_string())),
    }
}

fn http_request(message: &Json) -> Result<Request<Full<Bytes>>, Error> {
    let text = |name, default| message.get(name).and_then(Json::as_str).unwrap_or(default);
    let (headers, body): (HeaderMap, Bytes) = carrier::http::read(message)?;
    let mut request = Request::builder()
        .method(text("method", "POST"))
        .uri(text("target", "/"))
        .body(Full::new(body))
        .map_err(|_| malformed("the method or the target is not one of HTTP"))?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn written(response: &Response<Bytes>) -> Json {
    let mut message = carrier::http::write(response.headers(), response.body());
    if let Some(members) = message.as_object_mut() {
        members.insert("status".into(), response.status().as_u16().into());
    }
    message
}
