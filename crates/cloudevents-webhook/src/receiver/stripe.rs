//! Stripe's deliveries as CloudEvents.

use super::provider::{at, object, text};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event, Payload};
use http::request::Parts;
use std::time::{Duration, UNIX_EPOCH};

/// Makes an event of a delivery of [Stripe](https://docs.stripe.com/api/events/object): for
/// [`WebhookOptions::convert`](super::WebhookOptions::convert), with [`Stripe`](crate::signature::Stripe) as the signature.
///
/// All attributes come from the signed body: the id, `com.stripe.` and the type, the time of creation, and the source
/// `https://api.stripe.com`. If the event has an account, the source goes on with `/v1/accounts/` and the account.
///
/// Errors are of kind [`InvalidData`](ErrorKind::InvalidData): the body is not an event of Stripe.
///
/// ```
/// use cloudevents_webhook::{receiver::{WebhookOptions, stripe_event}, signature::Stripe};
///
/// let options = WebhookOptions::without_handshake().signature(Stripe::new("whsec_secret")?).convert(stripe_event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stripe_event(_: &Parts, body: &Bytes) -> Result<Event, Error> {
    let payload = object(body)?;
    let required = |name: &str| {
        text(&payload, name).ok_or_else(|| {
            Error::new(ErrorKind::InvalidData)
                .with_detail(format!("the body has no `{name}` of an event of Stripe"))
        })
    };
    let source = match text(&payload, "account") {
        Some(account) => format!("https://api.stripe.com/v1/accounts/{account}"),
        None => "https://api.stripe.com".to_owned(),
    };
    let mut event =
        Event::builder().id(required("id")?).source(source).ty(format!("com.stripe.{}", required("type")?));
    if let Some(subject) = text(&payload, "data.object.id") {
        event = event.subject(subject);
    }
    let created = at(&payload, "created").and_then(serde_json::Value::as_u64);
    if let Some(created) = created.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds))) {
        event = event.time(created);
    }
    Ok(event.payload("application/json", Payload::body(body.clone())).build()?)
}
