//! Whose deliveries are received: their signatures, and the events that are made of them.

use super::keys::{secret, verifier};
use crate::failure::Failure;
use bytes::Bytes;
use clap::ValueEnum;
use cloudevents_kit::{
    BuilderConveniences as _, Error, ErrorKind, Event, EventBuilder, Payload,
    adapters::recognize,
    webhook::{
        DeliveryKey,
        deliver::Practice,
        receiver::{WebhookOptions, github_event, stripe_event},
        signature::{GitHub, HmacSignature, InvalidKey, Stripe},
    },
};
use http::{header::CONTENT_TYPE, request::Parts};
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

/// Whose deliveries are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Provider {
    /// GitHub: its signatures, and events by the adapter of the specification.
    Github,
    /// Stripe: its signatures, and its events as CloudEvents.
    Stripe,
    /// Svix: Standard Webhooks with the headers `svix-id`, `svix-timestamp` and `svix-signature`, with any payload.
    Svix,
    /// Slack: its signatures, of the Events API, commands and interactions.
    Slack,
    /// Azure Event Grid with the CloudEvents schema: its origin in the handshake, and statuses that it does not try again.
    EventGrid,
}

/// The name of the scheme of signatures, for people and for services.
pub(super) fn scheme(provider: Option<Provider>) -> &'static str {
    match provider {
        Some(Provider::Github) => "github",
        Some(Provider::Stripe) => "stripe",
        Some(Provider::Svix) => "svix",
        Some(Provider::Slack) => "slack",
        Some(Provider::EventGrid) | None => "standard-webhooks",
    }
}

/// Adds the signatures and conversions of the provider, with the keys in this environment variable. A delivery that is handed on needs an
/// event for its key alone.
pub(super) fn provided(
    options: WebhookOptions,
    provider: Option<Provider>,
    variable: Option<&str>,
    is_handed_on: bool,
) -> Result<WebhookOptions, Failure> {
    let keys = variable.map(secret).transpose()?;
    let mut keys = keys.as_deref().unwrap_or_default().split_whitespace();
    let refused = |error: InvalidKey| Failure::usage(format!("--secret-env: {error}"));
    let first = keys.next();
    Ok(match (provider, first, variable) {
        (Some(Provider::Github), Some(first), _) => {
            let verifier = keys.try_fold(GitHub::new(first).map_err(refused)?, |all, next| all.or(next));
            options.signature(verifier.map_err(refused)?).convert(or_key(github_event, is_handed_on))
        }
        (Some(Provider::Github), None, _) => options.convert(or_key(github_event, is_handed_on)),
        (Some(Provider::Stripe), Some(first), _) => {
            let verifier = keys.try_fold(Stripe::new(first).map_err(refused)?, |all, next| all.or(next));
            options.signature(verifier.map_err(refused)?).convert(or_key(stripe_event, is_handed_on))
        }
        (Some(Provider::Stripe), None, _) => options.convert(or_key(stripe_event, is_handed_on)),
        (Some(Provider::Slack), Some(first), _) => {
            let first = HmacSignature::slack(first).map_err(refused)?;
            let verifier = keys.try_fold(first, |all, next| all.or(next));
            options.signature(verifier.map_err(refused)?).convert(or_key(slack_event, is_handed_on))
        }
        (Some(Provider::Slack), None, _) => options.convert(or_key(slack_event, is_handed_on)),
        (Some(Provider::Svix), _, Some(variable)) => {
            options.signature(verifier(variable)?.svix()).convert(or_key(svix_event, is_handed_on))
        }
        (Some(Provider::Svix), _, None) => options.convert(or_key(svix_event, is_handed_on)),
        (Some(Provider::EventGrid), _, None) => options.senders(Practice::EventGrid),
        (Some(Provider::EventGrid), _, Some(_)) => {
            return Err(Failure::usage("Event Grid does not sign: --secret-env has no effect")
                .help("give its subscription a token in the query of the URL, and set --token-env"));
        }
        (None, _, Some(variable)) => options.signature(verifier(variable)?),
        (None, _, None) => options,
    })
}

/// The refusal of a body that is no event. It names the system of the document.
pub(super) fn named(_: &Parts, body: &Bytes) -> Result<Event, Error> {
    let known = recognize(body)
        .map(|adapter| adapter.unread(body, &format!("`--from {}` makes events of it", adapter.name())));
    let unknown = || {
        Error::new(ErrorKind::NotACloudEvent)
            .with_detail("there is neither a `ce-` header nor a media type under application/cloudevents")
    };
    Err(known.unwrap_or_else(unknown).with_clause("WEBHOOK-2.2-m"))
}

/// An event in place of a delivery of any kind, for a service that gets the delivery itself. Its id is another one each time: the payload
/// alone does not show that a delivery comes again.
pub(super) fn anything(_: &Parts, _: &Bytes) -> Result<Event, Error> {
    Ok(Event::builder().random_id().source("/").ty("webhook.delivery").build()?)
}

/// Makes an event of a delivery. Where that fails, a delivery that is handed on has one with the digest of its body as the id.
fn or_key(
    convert: fn(&Parts, &Bytes) -> Result<Event, Error>,
    is_handed_on: bool,
) -> impl Fn(&Parts, &Bytes) -> Result<Event, Error> {
    move |request, body| match convert(request, body) {
        Err(_) if is_handed_on => {
            let id = DeliveryKey::of_body(body).to_string();
            Ok(Event::builder().id(id).source("/").ty("webhook.delivery").build()?)
        }
        event => event,
    }
}

/// A message of Svix, with the signed id. The type is the one of the payload, where it has one as Standard Webhooks recommends.
fn svix_event(request: &Parts, body: &Bytes) -> Result<Event, Error> {
    let id = request.headers.get("svix-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let id = id.map_or_else(|| DeliveryKey::of_body(body).to_string(), str::to_owned);
    let payload = serde_json::from_slice(body).unwrap_or(Value::Null);
    let ty = text(&payload, "type").unwrap_or("message");
    let event = Event::builder().id(id).source("https://www.svix.com").ty(format!("com.svix.{ty}"));
    with_body(event, request, body)
}

/// A request of Slack: an event of its Events API with its id, or a command or interaction, which are forms, with the digest of the body
/// as the id. All attributes are from the signed body.
fn slack_event(request: &Parts, body: &Bytes) -> Result<Event, Error> {
    let payload: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let id = text(&payload, "event_id").map_or_else(|| DeliveryKey::of_body(body).to_string(), str::to_owned);
    let has = |name: &[u8]| body.split(|byte| *byte == b'&').any(|pair| pair.starts_with(name));
    let inner = payload.get("event").and_then(|event| text(event, "type"));
    let ty = match inner.or_else(|| text(&payload, "type")) {
        Some(ty) => ty,
        None if has(b"command=") => "command",
        None if has(b"payload=") => "interaction",
        None => "request",
    };
    let source =
        match text(&payload, "team_id").filter(|team| team.bytes().all(|b| b.is_ascii_alphanumeric())) {
            Some(team) => format!("https://slack.com/{team}"),
            None => "https://slack.com".to_owned(),
        };
    let mut event = Event::builder().id(id).source(source).ty(format!("com.slack.{ty}"));
    let time = payload.get("event_time").and_then(Value::as_u64);
    let time = time.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    if let Some(time) = time {
        event = event.time(time);
    }
    with_body(event, request, body)
}

fn text<'a>(payload: &'a Value, name: &str) -> Option<&'a str> {
    payload.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The event with the body as it came.
fn with_body(event: EventBuilder, request: &Parts, body: &Bytes) -> Result<Event, Error> {
    let content_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or("application/octet-stream");
    Ok(event.payload(content_type, Payload::body(body.clone())).build()?)
}
