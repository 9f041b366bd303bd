//! The binding as a value.

use super::{create::create, look::look, receiver, sender, urls::URLS};
use crate::encode_message;
use cloudevents_core::{Error, Message};
use cloudevents_transport::{Binding, Create, Look, Part, Show};
use futures_util::FutureExt;

/// Queues of Postgres, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| receiver(endpoint, options.into()).boxed()),
    look: Look::ListsHeld(|endpoint| look(endpoint).boxed()),
    create: Create::Creates(|endpoint, settings| create(endpoint, settings).boxed()),
    show: Some(Show { kind: "queue", parts }),
};

/// The headers of a message, in their order, and its document.
fn parts(message: &Message) -> Result<Vec<(&'static str, Part)>, Error> {
    let written = encode_message(message)?;
    let headers = written.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
    Ok(vec![("headers", Part::Headers(headers)), ("message", Part::Bytes(written.message))])
}
