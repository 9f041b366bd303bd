//! The binding as a value.

use super::{look::look, receiver, sender, urls::URLS};
use crate::encode_message;
use cloudevents_core::{Error, Message};
use cloudevents_transport::{Binding, Create, Look, Part, Show};
use futures_util::FutureExt;

/// Amazon SQS, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| receiver(endpoint, options.into()).boxed()),
    look: Look::ListsHeld(|endpoint| look(endpoint).boxed()),
    create: Create::Elsewhere("`aws sqs create-queue --queue-name <name>` creates a queue"),
    show: Some(Show { kind: "queue", parts }),
};

/// The attributes of a message, in their order, and its body.
fn parts(message: &Message) -> Result<Vec<(&'static str, Part)>, Error> {
    let written = encode_message(message)?;
    let attributes = written.attributes.into_iter().map(|(name, value)| (name, value.value)).collect();
    Ok(vec![("attributes", Part::Headers(attributes)), ("body", Part::Bytes(written.body))])
}
