//! The binding as a value.

use super::{receiver, sender, urls::URLS};
use cloudevents_transport::{Binding, Create, Look};
use futures_util::FutureExt;

/// AMQP 1.0, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| receiver(endpoint, options.into()).boxed()),
    look: Look::Elsewhere(
        "use the tool of the broker, such as `artemis queue stat`, `rabbitmqctl list_queues` or `az servicebus queue show`",
    ),
    create: Create::Elsewhere(
        "the protocol has no request for it: use the tool of the broker, or a `rabbitmq` URL for RabbitMQ",
    ),
    show: None,
};
