//! Stripe's deliveries as CloudEvents.

use super::provider::event;
use bytes::Bytes;
use cloudevents_core::{Error, Event};
use http::request::Parts;

/// Makes an event of a delivery of [Stripe](https://docs.stripe.com/api/events/object): for
/// [`WebhookOptions::convert`](super::WebhookOptions::convert), with [`Stripe`](crate::signature::Stripe) as the signature.
///
/// All attributes come from the signed body: the id, `com.stripe.` and the type, the time of creation, and the source
/// `https://api.stripe.com`. If the event has an account, the source goes on with `/v1/accounts/` and the account. The subject is the id of
/// the object that the event is about. Thin events, whose `object` is `v2.core.event`, are read, too.
///
/// Errors are of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): the body is not an event of Stripe. Other errors are of
/// attributes.
///
/// ```
/// use cloudevents_webhook::{receiver::{WebhookOptions, stripe_event}, signature::Stripe};
///
/// let options = WebhookOptions::without_handshake().signature(Stripe::new("whsec_secret")?).convert(stripe_event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stripe_event(_: &Parts, body: &Bytes) -> Result<Event, Error> {
    event("stripe", &[], body)
}
