//! The protocol bindings, each with a server or broker in this process.

use super::route::Route;
use crate::failure::Failure;
use cloudevents_kit::transport::Received;
use std::pin::Pin;

/// What the tour knows of a protocol binding.
pub(super) struct Binding {
    pub(super) name: &'static str,
    /// The part that runs in this process: a server or a broker.
    pub(super) server: &'static str,
    /// A description of binary mode, if there is one.
    pub(super) binary: Option<&'static str>,
    /// Why it cannot carry every type.
    pub(super) why: &'static str,
    pub(super) batches: bool,
    /// The ids of the formats of structured mode; `None` for all.
    pub(super) formats: Option<&'static [&'static str]>,
    /// Returns the line shown before the headers of a message on the wire.
    pub(super) head: fn(&Received) -> String,
    /// Starts the server, and opens a sender and a receiver.
    pub(super) open: fn() -> Opening,
}

type Opening = Pin<Box<dyn Future<Output = Result<Route, Failure>>>>;

/// The bindings of this build, in the order of the tour. To add one, add a line and a constant.
pub(super) const BINDINGS: &[Binding] = &[
    HTTP,
    #[cfg(feature = "kafka")]
    KAFKA,
    #[cfg(feature = "amqp")]
    AMQP,
    #[cfg(feature = "mqtt")]
    MQTT,
    #[cfg(feature = "rabbitmq")]
    RABBITMQ,
    #[cfg(feature = "nats")]
    NATS,
    #[cfg(feature = "websockets")]
    WEBSOCKETS,
];

const HTTP: Binding = Binding {
    name: "HTTP",
    server: "a server",
    binary: Some("attributes in headers, the payload in the body"),
    why: "text headers",
    batches: true,
    formats: None,
    head: |_| "POST /tour HTTP/1.1".to_owned(),
    open: || served(&HTTP, "http://127.0.0.1:0/tour"),
};

/// With librdkafka's mock cluster.
#[cfg(feature = "kafka")]
const KAFKA: Binding = Binding {
    name: "Kafka",
    server: "a broker",
    binary: Some("attributes in record headers, the payload in the value"),
    why: "text headers",
    batches: false,
    formats: None,
    head: |received| {
        let place = received.partition().map(ToString::to_string).unwrap_or_default();
        format!("record {} of {place}", received.offset().unwrap_or_default())
    },
    open: || {
        Box::pin(async {
            let broker = cloudevents_testkit::kafka::Broker::start().map_err(Route::failed)?;
            broker.create_topic("tour", 1).map_err(Route::failed)?;
            let url = broker.url("tour");
            // One message at a time is in flight: nothing to collect, nothing to reorder.
            let from = format!("{url}?group=tour&reject=drop&fetch.wait.max.ms=1");
            let (receiver, _) = Route::receiver(&from).await?;
            let sender = Route::sender(&format!("{url}?enable.idempotence=false")).await?;
            Ok(Route::new(&KAFKA, url, (sender, receiver), broker))
        })
    },
};

#[cfg(feature = "amqp")]
const AMQP: Binding = Binding {
    name: "AMQP",
    server: "a broker",
    binary: Some("attributes in application properties, the payload in a data section"),
    why: "timestamps without offset",
    batches: false,
    formats: None,
    head: |received| format!("message at the address {}", received.topic().unwrap_or_default()),
    open: || brokered(&AMQP, cloudevents_testkit::amqp::Broker::start, |broker| broker.url("tour")),
};

/// MQTT 5.
#[cfg(feature = "mqtt")]
const MQTT: Binding = Binding {
    name: "MQTT",
    server: "a broker",
    binary: Some("attributes in user properties, the payload in the payload"),
    why: "text properties",
    batches: false,
    formats: None,
    head: |received| format!("message on the topic {}", received.topic().unwrap_or_default()),
    open: || brokered(&MQTT, cloudevents_testkit::mqtt::Broker::start, |broker| broker.url("tour")),
};

/// Core NATS.
#[cfg(feature = "nats")]
const NATS: Binding = Binding {
    name: "NATS",
    server: "a server",
    binary: Some("attributes in headers, percent-encoded, and the payload as it is"),
    why: "text headers",
    batches: false,
    formats: Some(&["json"]), // NATS-3-b
    head: |received| format!("message to the subject {}", received.topic().unwrap_or_default()),
    open: || brokered(&NATS, cloudevents_testkit::nats::Server::start, |server| server.url("tour")),
};

/// AMQP 0.9.1.
#[cfg(feature = "rabbitmq")]
const RABBITMQ: Binding = Binding {
    name: "RabbitMQ",
    server: "a broker",
    binary: Some("attributes in headers, and the payload as it is"),
    why: "text headers",
    batches: false,
    formats: None,
    head: |received| format!("message in the queue {}", received.topic().unwrap_or_default()),
    open: || {
        brokered(&RABBITMQ, cloudevents_testkit::rabbitmq::Broker::start, |broker| {
            broker.queue("tour");
            broker.url("queue=tour")
        })
    },
};

#[cfg(feature = "websockets")]
const WEBSOCKETS: Binding = Binding {
    name: "WebSockets",
    server: "a server",
    binary: None,
    why: "JSON has no timestamps",
    batches: false,
    formats: Some(&["json"]), // of the subprotocol
    head: |_| "text message over cloudevents.json".to_owned(),
    open: || served(&WEBSOCKETS, "ws://127.0.0.1:0/tour"),
};

/// A route over a server that the receiver is.
fn served(binding: &'static Binding, url: &'static str) -> Opening {
    Box::pin(async move {
        let (receiver, url) = Route::receiver(url).await?;
        let sender = Route::sender(&url).await?;
        Ok(Route::new(binding, url, (sender, receiver), ()))
    })
}

/// A route over a broker of the testkit, with the URL of a place in it.
#[cfg(any(feature = "amqp", feature = "mqtt", feature = "nats", feature = "rabbitmq"))]
fn brokered<B: 'static>(
    binding: &'static Binding,
    start: fn() -> std::io::Result<B>,
    url: fn(&B) -> String,
) -> Opening {
    Box::pin(async move {
        let broker = start().map_err(|error| {
            let server = binding.server.trim_start_matches("a ");
            let words = format!("no {} {server}: {error}", binding.name);
            Failure::new(crate::failure::Status::Network, words)
        })?;
        let url = url(&broker);
        let joined = if url.contains('?') { '&' } else { '?' };
        let (receiver, _) = Route::receiver(&format!("{url}{joined}reject=drop")).await?;
        let sender = Route::sender(&url).await?;
        Ok(Route::new(binding, url, (sender, receiver), broker))
    })
}
