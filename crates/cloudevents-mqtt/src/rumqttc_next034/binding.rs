//! The binding as a value.

use super::{receiver, sender, urls::URLS};
use cloudevents_transport::{Binding, Create, Look};
use futures_util::FutureExt;

/// MQTT, for programs that know more than one protocol.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| receiver(endpoint, options.into()).boxed()),
    look: Look::Elsewhere(
        "use the tool of the broker, such as `mosquitto_sub -t '$SYS/#'` or `emqx ctl topics list`",
    ),
    create: Create::Elsewhere("topics of MQTT need not be created"),
    show: None,
};
