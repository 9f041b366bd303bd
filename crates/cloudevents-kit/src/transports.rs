//! The registry of transports.

use cloudevents_core::Error;
use cloudevents_transport::{Receiver, ReceiverOptions, Sender, SenderOptions, Transports};

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
/// # #[cfg(feature = "async-nats051")]
/// assert!(transports.receiver_schemes().any(|scheme| scheme == "nats+jetstream"));
/// # #[cfg(feature = "tokio-tungstenite029")]
/// assert!(transports.receiver_schemes().any(|scheme| scheme == "ws"));
/// ```
pub fn transports() -> Transports {
    let transports = FEATURES.iter().fold(
        Transports::default().with_options(ReceiverOptions::from(crate::decoding())),
        |transports, (scheme, hint)| transports.with_hint(scheme, hint),
    );
    #[cfg(feature = "reqwest013")]
    let transports = {
        use cloudevents_transport::Endpoint;
        let open = |endpoint: Endpoint, options: SenderOptions| async move {
            cloudevents_http::reqwest013::sender(endpoint.expose_url(), options.into())
        };
        transports.with_sender("http", open).with_sender("https", open)
    };
    #[cfg(feature = "server")]
    let transports = transports
        .with_receiver("http", |endpoint, options| cloudevents_http::receiver(endpoint, options.into()));
    #[cfg(feature = "rdkafka039")]
    let transports = kafka(transports);
    #[cfg(feature = "fe2o3-amqp018")]
    let transports = amqp(transports);
    #[cfg(feature = "rumqttc-next034")]
    let transports = mqtt(transports);
    #[cfg(feature = "lapin4")]
    let transports = rabbitmq(transports);
    #[cfg(feature = "async-nats051")]
    let transports = nats(transports);
    #[cfg(feature = "tokio-tungstenite029")]
    let transports = websockets(transports);
    transports
}

/// What a URL needs that this build may not have.
const FEATURES: &[(&str, &str)] = &[
    ("http", "turn on the feature `reqwest013` of cloudevents-kit to send, `server` to receive"),
    (
        "https",
        "turn on the feature `reqwest013` of cloudevents-kit to send; receive behind a proxy that ends TLS",
    ),
    ("kafka", "turn on the feature `rdkafka039` of cloudevents-kit"),
    ("amqp", "turn on the feature `fe2o3-amqp018` of cloudevents-kit"),
    ("amqps", "turn on the features `fe2o3-amqp018` and `amqp-tls` of cloudevents-kit"),
    ("mqtt", "turn on the feature `rumqttc-next034` of cloudevents-kit"),
    ("mqtts", "turn on the features `rumqttc-next034` and `mqtt-tls` of cloudevents-kit"),
    ("rabbitmq", "turn on the feature `lapin4` of cloudevents-kit"),
    ("rabbitmqs", "turn on the features `lapin4` and `rabbitmq-tls` of cloudevents-kit"),
    ("nats", "turn on the feature `async-nats051` of cloudevents-kit"),
    ("nats+tls", "turn on the feature `async-nats051` of cloudevents-kit"),
    ("nats+jetstream", "turn on the feature `async-nats051` of cloudevents-kit"),
    ("nats+jetstream+tls", "turn on the feature `async-nats051` of cloudevents-kit"),
    ("ws", "turn on the feature `tokio-tungstenite029` of cloudevents-kit"),
    ("wss", "turn on the feature `websockets-tls` of cloudevents-kit"),
];

#[cfg(feature = "rdkafka039")]
fn kafka(transports: Transports) -> Transports {
    use cloudevents_kafka::rdkafka039::{receiver, sender};
    transports
        .with_sender("kafka", |endpoint, options| sender(endpoint, options.into()))
        .with_receiver("kafka", |endpoint, options| receiver(endpoint, options.into()))
}

#[cfg(feature = "fe2o3-amqp018")]
fn amqp(transports: Transports) -> Transports {
    use cloudevents_amqp::fe2o3_amqp018::{receiver, sender};
    let schemes = ["amqp", "amqps"].into_iter().take(if cfg!(feature = "amqp-tls") { 2 } else { 1 });
    schemes.fold(transports, |transports, scheme| {
        transports
            .with_sender(scheme, |endpoint, options| sender(endpoint, options.into()))
            .with_receiver(scheme, |endpoint, options| receiver(endpoint, options.into()))
    })
}

#[cfg(feature = "rumqttc-next034")]
fn mqtt(transports: Transports) -> Transports {
    use cloudevents_mqtt::rumqttc_next034::{receiver, sender};
    let schemes = ["mqtt", "mqtts"].into_iter().take(if cfg!(feature = "mqtt-tls") { 2 } else { 1 });
    schemes.fold(transports, |transports, scheme| {
        transports
            .with_sender(scheme, |endpoint, options| sender(endpoint, options.into()))
            .with_receiver(scheme, |endpoint, options| receiver(endpoint, options.into()))
    })
}

#[cfg(feature = "lapin4")]
fn rabbitmq(transports: Transports) -> Transports {
    use cloudevents_rabbitmq::lapin4::{receiver, sender};
    let schemes =
        ["rabbitmq", "rabbitmqs"].into_iter().take(if cfg!(feature = "rabbitmq-tls") { 2 } else { 1 });
    schemes.fold(transports, |transports, scheme| {
        transports
            .with_sender(scheme, |endpoint, options| sender(endpoint, options.into()))
            .with_receiver(scheme, |endpoint, options| receiver(endpoint, options.into()))
    })
}

#[cfg(feature = "async-nats051")]
fn nats(transports: Transports) -> Transports {
    use cloudevents_nats::async_nats051::{receiver, sender};
    let schemes = ["nats", "nats+tls", "nats+jetstream", "nats+jetstream+tls"];
    schemes.into_iter().fold(transports, |transports, scheme| {
        transports
            .with_sender(scheme, |endpoint, options| sender(endpoint, options.into()))
            .with_receiver(scheme, |endpoint, options| receiver(endpoint, options.into()))
    })
}

/// A `ws` URL listens, unless its option `role` is `client`. A `wss` URL connects.
#[cfg(feature = "tokio-tungstenite029")]
fn websockets(transports: Transports) -> Transports {
    use cloudevents_transport::Endpoint;
    use cloudevents_websockets::{
        listen,
        tungstenite029::{receiver, sender},
    };
    let transports = transports
        .with_sender("ws", |endpoint, options| sender(endpoint, options.into()))
        .with_receiver("ws", |endpoint: Endpoint, options| async move {
            match endpoint.option("role") {
                Some("client") => receiver(endpoint, options.into()).await,
                _ => listen(endpoint, options.into()).await,
            }
        });
    if cfg!(feature = "websockets-tls") {
        return transports
            .with_sender("wss", |endpoint, options| sender(endpoint, options.into()))
            .with_receiver("wss", |endpoint, options| receiver(endpoint, options.into()));
    }
    transports
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

/// Opens a receiver for this URL. `http://127.0.0.1:8080/events` starts a server;
/// `kafka://host/topic?group=g&dead-letter=topic.rejected` joins a consumer group.
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
