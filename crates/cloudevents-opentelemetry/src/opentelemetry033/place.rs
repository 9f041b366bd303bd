//! Where messages are sent to or come from.

use cloudevents_transport::Endpoint;
use std::sync::Arc;

/// An endpoint, as attributes name it: never with credentials, or with a path that may be one.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// `messaging.system`.
    pub(super) system: &'static str,
    /// `messaging.destination.name`: the topic, queue or subject. Of HTTP and WebSockets the host, because paths of webhooks can be
    /// secrets.
    pub(super) destination: Arc<str>,
    /// `server.address` and `server.port`.
    pub(super) address: Arc<str>,
    pub(super) port: Option<u16>,
}

impl Place {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let system = system(endpoint.scheme());
        let (address, port) = endpoint.hosts().first().map_or(("", None), |host| (host.name(), host.port()));
        let destination = match system {
            _ if has_paths(system) => address.into(),
            _ => match endpoint.segments().collect::<Vec<_>>().join("/") {
                path if path.is_empty() => endpoint.option("queue").unwrap_or_default().into(),
                path => path.into(),
            },
        };
        Self { system, destination, address: address.into(), port }
    }

    /// The destination of a message, if it differs from that of the endpoint.
    pub(super) fn destination<'a>(&'a self, of_message: Option<&'a str>) -> &'a str {
        of_message.filter(|_| !has_paths(self.system)).unwrap_or(&self.destination)
    }
}

/// Whether addresses are paths.
fn has_paths(system: &str) -> bool {
    matches!(system, "http" | "websocket")
}

fn system(scheme: &str) -> &'static str {
    const SYSTEMS: [(&str, &str); 9] = [
        ("kafka", "kafka"),
        ("amqp091", "rabbitmq"),
        ("rabbitmq", "rabbitmq"),
        ("amqp", "amqp"),
        ("mqtt", "mqtt"),
        ("nats", "nats"),
        ("http", "http"),
        ("ws", "websocket"),
        ("file", "file"),
    ];
    SYSTEMS.into_iter().find(|(prefix, _)| scheme.starts_with(prefix)).map_or("other", |(_, system)| system)
}
