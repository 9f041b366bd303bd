//! GitHub's deliveries as CloudEvents.

use super::provider::event;
use crate::DeliveryKey;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event};
use http::request::Parts;

/// Makes an event of a delivery of GitHub, for [`WebhookOptions::convert`](super::WebhookOptions::convert).
///
/// It follows the [adapter](https://github.com/cloudevents/spec/blob/main/cloudevents/adapters/github.md) of the CloudEvents specification.
/// Use it with [`GitHub`](crate::signature::GitHub) as the signature and `application/json` as the content type of the hook.
///
/// It differs from the adapter in two points. The id is a digest of the body, in hexadecimal digits: `X-GitHub-Delivery` is not signed, so
/// a peer that sends a delivery again could give it another id, and it would be handled again. And there is no time, where the adapter has
/// the current time: a delivery that comes again would be another event. The event's name, which begins the type, comes from
/// `X-GitHub-Event`, which is not signed either: check the payload before acting on it.
///
/// So deliveries with equal bodies are one event. GitHub sends equal bodies if nothing in a payload is of its time: a `workflow_dispatch`
/// or `repository_dispatch` with the inputs of the one before, for example. An [idempotency store](super::WebhookOptions::idempotency)
/// takes the second one for a duplicate, for as long as it remembers the first. Put something into the inputs that differs, or subscribe a
/// hook without a store to such events.
///
/// Errors are of kind [`InvalidData`](ErrorKind::InvalidData): the body is not an object of JSON, or the header is not the name of an
/// event. Other errors are of attributes, such as a time that is no timestamp.
///
/// ```
/// use cloudevents_webhook::{receiver::{WebhookOptions, github_event}, signature::GitHub};
///
/// let options = WebhookOptions::without_handshake().signature(GitHub::new("secret")?).convert(github_event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn github_event(request: &Parts, body: &Bytes) -> Result<Event, Error> {
    let is_name = |name: &&str| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let name = request.headers.get("x-github-event").and_then(|name| name.to_str().ok()).filter(is_name);
    let name = name.ok_or_else(|| {
        Error::new(ErrorKind::InvalidData).with_detail("the header `X-GitHub-Event` has no name of an event")
    })?;
    // In place of the id in the header.
    let id = DeliveryKey::of_body(body).to_string();
    event("github", &[("x-github-event", name), ("x-github-delivery", &id)], body)
}
