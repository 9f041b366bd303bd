//! The list of protocols.

use cloudevents_core::Error;
use cloudevents_transport::{Binding, Receiver, ReceiverOptions, Sender, SenderOptions, Transports};

/// Returns every transport that the features of this build turn on, with the formats of [`formats`](crate::formats()).
///
/// ```
/// let transports = cloudevents_kit::transports();
/// # #[cfg(feature = "reqwest013")]
/// assert!(transports.sender_schemes().any(|scheme| scheme == "https"));
/// # #[cfg(feature = "server")]
/// assert!(transports.receiver_schemes().any(|scheme| scheme == "http"));
/// # #[cfg(feature = "rdkafka039")]
/// assert!(transports.sender_schemes().any(|scheme| scheme == "kafka"));
/// # #[cfg(feature = "fe2o3-amqp018")]
/// assert!(transports.receiver_schemes().any(|scheme| scheme == "amqp"));
/// # #[cfg(feature = "rumqttc-next034")]
/// assert!(transports.receiver_schemes().any(|scheme| scheme == "mqtt"));
/// # #[cfg(feature = "lapin4")]
/// assert!(transports.receiver_schemes().any(|scheme| scheme == "rabbitmq"));
/// # #[cfg(feature = "redis1")]
/// assert!(transports.receiver_schemes().any(|scheme| scheme == "redis"));
/// # #[cfg(feature = "awssdk1")]
/// assert!(transports.receiver_schemes().any(|scheme| scheme == "sqs"));
/// # #[cfg(feature = "async-nats051")]
/// assert!(transports.receiver_schemes().any(|scheme| scheme == "nats+jetstream"));
/// # #[cfg(feature = "tokio-tungstenite029")]
/// assert!(transports.receiver_schemes().any(|scheme| scheme == "ws"));
/// ```
pub fn transports() -> Transports {
    let transports = Transports::default().with_options(ReceiverOptions::from(crate::decoding()));
    let transports =
        SCHEMES.iter().fold(transports, |transports, known| transports.with_hint(known.scheme, known.hint));
    bindings().iter().fold(transports, |transports, binding| transports.with_binding(binding))
}

/// Returns the bindings of the protocols that the features of this build turn on, with a client or a server each.
///
/// ```
/// for binding in cloudevents_kit::bindings() {
///     println!("{}: {} options", binding.urls.name, binding.urls.families.iter().map(|family| family.options.len()).sum::<usize>());
/// }
/// ```
pub fn bindings() -> &'static [&'static Binding] {
    static BINDINGS: &[&Binding] = &[
        #[cfg(any(feature = "reqwest013", feature = "server"))]
        &cloudevents_http::BINDING,
        #[cfg(feature = "rdkafka039")]
        &cloudevents_kafka::rdkafka039::BINDING,
        #[cfg(feature = "fe2o3-amqp018")]
        &cloudevents_amqp::fe2o3_amqp018::BINDING,
        #[cfg(feature = "lapin4")]
        &cloudevents_rabbitmq::lapin4::BINDING,
        #[cfg(feature = "redis1")]
        &cloudevents_redis::redis1::BINDING,
        #[cfg(feature = "awssdk1")]
        &cloudevents_sqs::awssdk1::BINDING,
        #[cfg(feature = "sns-awssdk1")]
        &cloudevents_sns::awssdk1::BINDING,
        #[cfg(feature = "eventbridge-awssdk1")]
        &cloudevents_eventbridge::awssdk1::BINDING,
        #[cfg(feature = "pubsub-reqwest013")]
        &cloudevents_pubsub::reqwest013::BINDING,
        #[cfg(feature = "pgmq-tokio-postgres07")]
        &cloudevents_pgmq::tokio_postgres07::BINDING,
        #[cfg(feature = "rumqttc-next034")]
        &cloudevents_mqtt::rumqttc_next034::BINDING,
        #[cfg(feature = "async-nats051")]
        &cloudevents_nats::async_nats051::BINDING,
        #[cfg(feature = "tokio-tungstenite029")]
        &cloudevents_websockets::tungstenite029::BINDING,
    ];
    BINDINGS
}

/// A scheme that this crate can open with all its features.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KnownScheme {
    /// The scheme.
    pub scheme: &'static str,
    /// The name of its binding.
    pub binding: &'static str,
    /// How to open it.
    pub hint: &'static str,
}

/// Every scheme that this crate can open with all its features, with the feature that opens it.
pub const SCHEMES: &[KnownScheme] = &[
    known("http", "http", "turn on the feature `reqwest013` of cloudevents-kit to send, `server` to receive"),
    known(
        "https",
        "http",
        "turn on the feature `reqwest013` of cloudevents-kit to send; receive behind a proxy that ends TLS",
    ),
    known("kafka", "kafka", "turn on the feature `rdkafka039` of cloudevents-kit"),
    known("amqp", "amqp", "turn on the feature `fe2o3-amqp018` of cloudevents-kit"),
    known("amqps", "amqp", "turn on the features `fe2o3-amqp018` and `amqp-tls` of cloudevents-kit"),
    known("mqtt", "mqtt", "turn on the feature `rumqttc-next034` of cloudevents-kit"),
    known("mqtts", "mqtt", "turn on the features `rumqttc-next034` and `mqtt-tls` of cloudevents-kit"),
    known("rabbitmq", "rabbitmq", "turn on the feature `lapin4` of cloudevents-kit"),
    known("rabbitmqs", "rabbitmq", "turn on the features `lapin4` and `rabbitmq-tls` of cloudevents-kit"),
    known("redis", "redis", "turn on the feature `redis1` of cloudevents-kit"),
    known("rediss", "redis", "turn on the feature `redis1` of cloudevents-kit"),
    known("sqs", "sqs", "turn on the feature `awssdk1` of cloudevents-kit"),
    known(
        "sns",
        "sns",
        "turn on the feature `sns-awssdk1` of cloudevents-kit to send; receive from a queue of SQS that is subscribed with raw message delivery",
    ),
    known(
        "eventbridge",
        "eventbridge",
        "turn on the feature `eventbridge-awssdk1` of cloudevents-kit to send; receive from a queue of SQS that is the target of a rule",
    ),
    known(
        "pubsub",
        "pubsub",
        "turn on the feature `pubsub-reqwest013` of cloudevents-kit, and one of reqwest's TLS features",
    ),
    known("postgres", "pgmq", "turn on the feature `pgmq-tokio-postgres07` of cloudevents-kit"),
    known("postgresql", "pgmq", "turn on the feature `pgmq-tokio-postgres07` of cloudevents-kit"),
    known("nats", "nats", "turn on the feature `async-nats051` of cloudevents-kit"),
    known("nats+tls", "nats", "turn on the feature `async-nats051` of cloudevents-kit"),
    known("nats+jetstream", "nats", "turn on the feature `async-nats051` of cloudevents-kit"),
    known("nats+jetstream+tls", "nats", "turn on the feature `async-nats051` of cloudevents-kit"),
    known("ws", "websockets", "turn on the feature `tokio-tungstenite029` of cloudevents-kit"),
    known("wss", "websockets", "turn on the feature `websockets-tls` of cloudevents-kit"),
];

const fn known(scheme: &'static str, binding: &'static str, hint: &'static str) -> KnownScheme {
    KnownScheme { scheme, binding, hint }
}

/// Opens a sender for this URL: `http://host/path`, `kafka://host/topic` or `amqp://host/queue`, for example.
///
/// Errors: [`InvalidUrl`](crate::ErrorKind::InvalidUrl); [`Unsupported`](crate::ErrorKind::Unsupported) for a scheme that this build
/// cannot send to, whose help names the feature to turn on; and errors of connecting.
pub async fn connect_sender(url: &str) -> Result<Sender, Error> {
    transports().sender(url).await
}

/// Opens a sender as [`connect_sender`] does, with these options. Options in the URL take precedence.
///
/// ```no_run
/// use cloudevents_kit::{connect_sender_with, transport::{LossPolicy, SenderOptions}};
///
/// # async fn open() -> Result<(), cloudevents_kit::Error> {
/// let mut options = SenderOptions::from(cloudevents_kit::decoding());
/// options.losses = LossPolicy::Log;
/// let sender = connect_sender_with("kafka://localhost:9092/orders?key=partitionkey", options).await?;
/// # Ok(()) }
/// ```
pub async fn connect_sender_with(url: &str, options: impl Into<SenderOptions>) -> Result<Sender, Error> {
    transports().sender_with(url, options).await
}

/// Opens a receiver for this URL.
///
/// `http://127.0.0.1:8080/events` starts a server; `kafka://host/topic?group=g&dead-letter=topic.rejected` joins a consumer group.
///
/// Errors are those of [`connect_sender`].
pub async fn connect_receiver(url: &str) -> Result<Receiver, Error> {
    transports().receiver(url).await
}

/// Opens a receiver as [`connect_receiver`] does, with these options. Options in the URL take precedence.
pub async fn connect_receiver_with(
    url: &str,
    options: impl Into<ReceiverOptions>,
) -> Result<Receiver, Error> {
    transports().receiver_with(url, options).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_scheme_of_a_binding_is_known() {
        for binding in bindings() {
            let known = SCHEMES.iter().filter(|known| known.binding == binding.urls.name);
            let known: BTreeSet<_> = known.map(|known| known.scheme).collect();
            assert_eq!(
                known,
                binding.urls.schemes().map(|scheme| scheme.name).collect(),
                "{}",
                binding.urls.name
            );
        }
    }
}
