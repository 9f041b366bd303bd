//! The events that are made of the deliveries of providers.

use super::scheme::Provider;
use crate::{commands::systems::SystemOptions, failure::Failure};
use bytes::Bytes;
use cloudevents_kit::{
    BuilderConveniences as _, Error, ErrorKind, Event, EventBuilder, Payload, Peer,
    adapters::{Adapters, header_text},
    webhook::{
        DeliveryKey,
        deliver::Practice,
        receiver::{WebhookOptions, github_event, stripe_event},
    },
};
use http::{header::CONTENT_TYPE, request::Parts};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Adds the conversions and habits of the provider, and the documents of these systems. A delivery that is handed on needs an event for its
/// key alone.
pub(super) fn provided(
    mut options: WebhookOptions,
    provider: Option<Provider>,
    systems: &SystemOptions,
    is_handed_on: bool,
) -> Result<WebhookOptions, Failure> {
    options.http.receiver.decoding = cloudevents_kit::decoding();
    let systems = systems.systems()?;
    if systems.is_some() && provider.is_some_and(Provider::makes_events) {
        return Err(Failure::usage(
            "--provider says of which system deliveries are, and so do --from and --map",
        ));
    }
    if let Some(systems) = systems {
        return Ok(options.adapters(systems.adapters()));
    }
    Ok(match provider {
        Some(Provider::Github) => options.convert(or_key(github_event, is_handed_on)),
        Some(Provider::Stripe) => options.convert(or_key(stripe_event, is_handed_on)),
        Some(Provider::Slack) => options.convert(or_key(slack_event, is_handed_on)),
        Some(Provider::Svix) => options.convert(or_key(svix_event, is_handed_on)),
        Some(Provider::EventGrid) => {
            options.http.receiver.decoding.leniency = Peer::EventGrid.leniency();
            options.senders(Practice::EventGrid)
        }
        // Its events of connections have no payload.
        Some(Provider::WebPubsub) => options.unsigned_content().header_only(),
        Some(Provider::Hmac | Provider::MessageSignatures) => options.convert(or_key(named, is_handed_on)),
        Some(Provider::StandardWebhooks) | None if is_handed_on => options.convert(anything),
        Some(Provider::StandardWebhooks) | None => options.convert(named),
    })
}

/// The refusal of a body that is no event. It names the system of the document.
fn named(request: &Parts, body: &Bytes) -> Result<Event, Error> {
    let headers = request.headers.iter();
    let headers: Vec<_> =
        headers.filter_map(|(name, value)| Some((name.as_str(), header_text(value.as_bytes())?))).collect();
    let adapters = Adapters::known();
    let known = adapters.recognize_message(&headers, body).map(|adapter| {
        let how = match adapter.name() {
            name @ ("github" | "stripe") => {
                format!("`--provider {name}` checks its signature, and makes events of it")
            }
            name => format!("`--from {name}` makes events of it"),
        };
        adapter.unread_message(&headers, body, &how)
    });
    let unknown = || {
        Error::new(ErrorKind::NotACloudEvent)
            .with_detail("there is neither a `ce-` header nor a media type under application/cloudevents")
    };
    Err(known.unwrap_or_else(unknown).with_clause("WEBHOOK-2.2-m"))
}

/// An event in place of a delivery of any kind, for a service that gets the delivery itself. Its id is another one each time: the payload
/// alone does not show that a delivery comes again.
fn anything(_: &Parts, _: &Bytes) -> Result<Event, Error> {
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
    let digest = || DeliveryKey::of_body(body).to_string();
    let id = match text(&payload, "type") {
        // Each challenge is another one, also with the same body: Slack waits for its text.
        Some("url_verification") => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            format!("{} {}", digest(), now.as_nanos())
        }
        _ => text(&payload, "event_id").map_or_else(digest, str::to_owned),
    };
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

/// The event with the body as it came. A content type that is none counts as `application/octet-stream`.
fn with_body(event: EventBuilder, request: &Parts, body: &Bytes) -> Result<Event, Error> {
    let content_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let with = |event: EventBuilder, content_type: &str| {
        event.payload(content_type, Payload::body(body.clone())).build()
    };
    // A content type is not signed: one that is none must not make another event of the body.
    if let Some(event) = content_type.and_then(|content_type| with(event.clone(), content_type).ok()) {
        return Ok(event);
    }
    Ok(with(event, "application/octet-stream")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_challenge_of_slack_is_another_one() {
        let body = Bytes::from_static(br#"{"type":"url_verification","challenge":"c","token":"t"}"#);
        let id = || slack_event(&http::Request::new(()).into_parts().0, &body).unwrap().id().to_owned();
        assert_ne!(id(), id());
    }

    #[test]
    fn an_event_of_slack_has_its_id_whatever_the_content_type_is() {
        let body = Bytes::from_static(br#"{"type":"event_callback","event_id":"Ev1","team_id":"T1"}"#);
        for content_type in ["application/json", "", "a b", ";", "application/json; charset=\""] {
            let request = http::Request::post("/").header(CONTENT_TYPE, content_type).body(()).unwrap();
            let event = slack_event(&request.into_parts().0, &body).unwrap();
            assert_eq!(
                (event.id(), event.source().as_str()),
                ("Ev1", "https://slack.com/T1"),
                "{content_type}"
            );
        }
    }
}
