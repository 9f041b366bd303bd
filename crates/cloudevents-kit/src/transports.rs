//! The registry of transports.

use cloudevents_core::{Error, ErrorKind};
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
    NATS.into_iter().fold(transports, |transports, (scheme, ..)| {
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
    transports().sender(url).await.map_err(|error| name_feature(error, url, SENDERS))
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
    transports().sender_with(url, options).await.map_err(|error| name_feature(error, url, SENDERS))
}

/// Opens a receiver for this URL. `http://127.0.0.1:8080/events` starts a server;
/// `kafka://host/topic?group=g&dead-letter=topic.rejected` joins a consumer group.
///
/// Errors are those of [`connect_sender`].
pub async fn connect_receiver(url: &str) -> Result<Receiver, Error> {
    transports().receiver(url).await.map_err(|error| name_feature(error, url, RECEIVERS))
}

/// Opens a receiver as [`connect_receiver`] does, with these options. Options in the URL take precedence.
pub async fn connect_receiver_with(
    url: &str,
    options: impl Into<ReceiverOptions>,
) -> Result<Receiver, Error> {
    transports().receiver_with(url, options).await.map_err(|error| name_feature(error, url, RECEIVERS))
}

/// A scheme, the feature that brings it, and whether that is on.
type Scheme = (&'static str, &'static str, bool);

const SENDERS: &[Scheme] = &[
    ("http", "reqwest013", cfg!(feature = "reqwest013")),
    ("https", "reqwest013", cfg!(feature = "reqwest013")),
    KAFKA,
    AMQP,
    AMQPS,
    MQTT,
    MQTTS,
    RABBITMQ,
    RABBITMQS,
    NATS[0],
    NATS[1],
    NATS[2],
    NATS[3],
    WS,
    WSS,
];
const RECEIVERS: &[Scheme] = &[
    ("http", "server", cfg!(feature = "server")),
    KAFKA,
    AMQP,
    AMQPS,
    MQTT,
    MQTTS,
    RABBITMQ,
    RABBITMQS,
    NATS[0],
    NATS[1],
    NATS[2],
    NATS[3],
    WS,
    WSS,
];
const KAFKA: Scheme = ("kafka", "rdkafka039", cfg!(feature = "rdkafka039"));
const AMQP: Scheme = ("amqp", "fe2o3-amqp018", cfg!(feature = "fe2o3-amqp018"));
const AMQPS: Scheme = ("amqps", "amqp-tls", cfg!(feature = "amqp-tls"));
const MQTT: Scheme = ("mqtt", "rumqttc-next034", cfg!(feature = "rumqttc-next034"));
const MQTTS: Scheme = ("mqtts", "mqtt-tls", cfg!(feature = "mqtt-tls"));

const RABBITMQ: Scheme = ("rabbitmq", "lapin4", cfg!(feature = "lapin4"));
const RABBITMQS: Scheme = ("rabbitmqs", "rabbitmq-tls", cfg!(feature = "rabbitmq-tls"));
const WS: Scheme = ("ws", "tokio-tungstenite029", cfg!(feature = "tokio-tungstenite029"));
const WSS: Scheme = ("wss", "websockets-tls", cfg!(feature = "websockets-tls"));
const NATS: [Scheme; 4] = [
    ("nats", "async-nats051", cfg!(feature = "async-nats051")),
    ("nats+tls", "async-nats051", cfg!(feature = "async-nats051")),
    ("nats+jetstream", "async-nats051", cfg!(feature = "async-nats051")),
    ("nats+jetstream+tls", "async-nats051", cfg!(feature = "async-nats051")),
];

/// For a scheme that a feature would bring, the error says which.
#[cold]
fn name_feature(error: Error, url: &str, schemes: &[Scheme]) -> Error {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    match schemes.iter().find(|(known, _, on)| !on && known.eq_ignore_ascii_case(scheme)) {
        Some((_, feature, _)) if error.kind() == ErrorKind::Unsupported => {
            error.with_help(format!("turn on the feature `{feature}` of cloudevents-kit"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_that_is_off_names_its_feature() {
        let schemes = [("kafka", "rdkafka039", false), ("amqp", "fe2o3-amqp018", true)];
        let help = |kind, url| {
            let error = name_feature(Error::new(kind).with_help("other"), url, &schemes);
            error.help().map(str::to_owned).unwrap()
        };
        let feature = "turn on the feature `rdkafka039` of cloudevents-kit";
        assert_eq!(help(ErrorKind::Unsupported, "kafka://localhost/orders"), feature);
        assert_eq!(help(ErrorKind::Unsupported, "KAFKA://localhost/orders"), feature);
        assert_eq!(help(ErrorKind::InvalidUrl, "kafka://localhost/orders"), "other");
        assert_eq!(help(ErrorKind::Unsupported, "amqp://localhost/orders"), "other");
        assert_eq!(help(ErrorKind::Unsupported, "kafka"), "other");
    }
}
