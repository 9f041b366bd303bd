//! The binding as a value.

use super::{receiver, sender, urls::URLS};
use cloudevents_transport::{Binding, Look};
use futures_util::FutureExt;

/// Google Cloud Pub/Sub, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| receiver(endpoint, options.into()).boxed()),
    look: Look::Elsewhere(
        "`gcloud pubsub topics list` and `gcloud pubsub subscriptions list` list them; the numbers of messages are metrics of Cloud Monitoring",
    ),
};
