//! The binding as a value.

use super::{receiver, sender, urls::URLS};
use cloudevents_carriers::rows::GOOGLE_PUBSUB;
use cloudevents_core::{Error, Message};
use cloudevents_transport::{Binding, Create, Look, Part, Show};
use futures_util::FutureExt;

/// Google Cloud Pub/Sub, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| receiver(endpoint, options.into()).boxed()),
    look: Look::Elsewhere(
        "`gcloud pubsub topics list` and `gcloud pubsub subscriptions list` list them; the numbers of messages are metrics of Cloud Monitoring",
    ),
    create: Create::Elsewhere(
        "`gcloud pubsub topics create <name>` creates a topic, and `gcloud pubsub subscriptions create` a subscription",
    ),
    show: Some(Show { kind: "topic", parts }),
};

/// The attributes of a message, in their order, and its data.
fn parts(message: &Message) -> Result<Vec<(&'static str, Part)>, Error> {
    let written = GOOGLE_PUBSUB.encode_message(message)?;
    let attributes = written.headers.into_iter().map(|(name, value)| (name.as_str().to_owned(), value));
    Ok(vec![("attributes", Part::Headers(attributes.collect())), ("data", Part::Bytes(written.body))])
}
