//! The binding as a value.

use super::{create::create, look::look, receiver, sender, urls::URLS};
use cloudevents_transport::{Binding, Create, Look};
use futures_util::FutureExt;

/// NATS and JetStream, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| receiver(endpoint, options.into()).boxed()),
    look: Look::Lists(|endpoint| look(endpoint).boxed()),
    create: Create::Creates(|endpoint, settings| create(endpoint, settings).boxed()),
    show: None,
};
