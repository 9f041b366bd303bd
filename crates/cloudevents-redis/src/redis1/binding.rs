//! The binding as a value.

use super::{look::look, receiver, sender, urls::URLS};
use crate::encode_message;
use cloudevents_core::{Error, Message};
use cloudevents_transport::{Binding, Create, Look, Part, Show};
use futures_util::FutureExt;

/// Redis Streams, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| receiver(endpoint, options.into()).boxed()),
    look: Look::ListsHeld(|endpoint| look(endpoint).boxed()),
    create: Create::Elsewhere(
        "the first message creates a stream of Redis, and a receiver creates its group",
    ),
    show: Some(Show { kind: "stream", parts }),
};

/// The fields of an entry, in their order.
fn parts(message: &Message) -> Result<Vec<(&'static str, Part)>, Error> {
    Ok(vec![("fields", Part::Fields(encode_message(message)?.fields))])
}
