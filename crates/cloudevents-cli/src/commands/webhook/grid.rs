//! Event Grid's own schema.

use crate::{failure::Failure, input::Systems};
use bytes::Bytes;
use cloudevents_kit::{
    Error, Event,
    webhook::{DeliveryKey, receiver::WebhookOptions},
};
use http::request::Parts;

/// Also takes Event Grid's own schema from these subscriptions, and answers their validation. A delivery that is handed on needs an event
/// for its key alone.
pub(super) fn subscribed(
    options: WebhookOptions,
    subscriptions: &[String],
    is_handed_on: bool,
) -> Result<WebhookOptions, Failure> {
    if subscriptions.is_empty() {
        return Ok(options);
    }
    let options = options.event_grid_validation(subscriptions.iter().cloned());
    Ok(match is_handed_on {
        true => options.convert(by_body),
        false => options.adapters(Systems::of(Some("event-grid"), None)?.adapters()),
    })
}

/// Each attempt at a delivery has the same body.
fn by_body(_: &Parts, body: &Bytes) -> Result<Event, Error> {
    let id = DeliveryKey::of_body(body).to_string();
    Ok(Event::builder().id(id).source("/").ty("webhook.delivery").build()?)
}
