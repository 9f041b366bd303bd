//! The binding as a value.

use super::{create::create, look::look, receiver, sender, urls::URLS};
use cloudevents_transport::{Binding, Create, Look};

/// Kafka, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| Box::pin(sender(endpoint, options.into()))),
    receiver: Some(|endpoint, options| Box::pin(receiver(endpoint, options.into()))),
    look: Look::Lists(|endpoint| Box::pin(look(endpoint))),
    create: Create::Creates(|endpoint, settings| Box::pin(create(endpoint, settings))),
    show: None,
};
