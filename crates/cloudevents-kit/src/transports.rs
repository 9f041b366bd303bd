//! The registry of transports.

use cloudevents_core::Error;
use cloudevents_transport::{Receiver, ReceiverOptions, Sender, Transports};

/// Every transport that the features of this build turn on, with the formats of [`formats`](crate::formats()).
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
/// ```
pub fn transports() -> Transports {
    let transports = Transports::default().with_options(ReceiverOptions::from(crate::decoding()));
    #[cfg(feature = "reqwest013")]
    let transports = {
        use cloudevents_http::HttpSenderOptions;
        use cloudevents_transport::Endpoint;
        let open = |endpoint: Endpoint, _| async move {
            cloudevents_http::sender(endpoint.expose_url(), HttpSenderOptions::default())
        };
        transports.with_sender("http", open).with_sender("https", open)
    };
    #[cfg(feature = "server")]
    let transports = {
        use cloudevents_transport::Endpoint;
        transports.with_receiver("http", |endpoint: Endpoint, options: ReceiverOptions| async move {
            cloudevents_http::receiver(endpoint.expose_url(), options.into()).await
        })
    };
    #[cfg(feature = "rdkafka039")]
    let transports = kafka(transports);
    #[cfg(feature = "fe2o3-amqp018")]
    let transports = amqp(transports);
    transports
}

#[cfg(feature = "rdkafka039")]
fn kafka(transports: Transports) -> Transports {
    use cloudevents_core::Formats;
    use cloudevents_kafka::rdkafka039::{KafkaSenderOptions, receiver, sender};
    use cloudevents_transport::Endpoint;
    transports
        .with_sender("kafka", |endpoint: Endpoint, formats: Formats| async move {
            let mut options = KafkaSenderOptions::default();
            options.formats = formats;
            sender(endpoint.expose_url(), options).await
        })
        .with_receiver("kafka", |endpoint: Endpoint, options: ReceiverOptions| async move {
            receiver(endpoint.expose_url(), options.into()).await
        })
}

#[cfg(feature = "fe2o3-amqp018")]
fn amqp(transports: Transports) -> Transports {
    use cloudevents_amqp::fe2o3_amqp018::{AmqpSenderOptions, receiver, sender};
    use cloudevents_core::Formats;
    use cloudevents_transport::Endpoint;
    let send = |endpoint: Endpoint, formats: Formats| async move {
        let mut options = AmqpSenderOptions::default();
        options.formats = formats;
        sender(endpoint.expose_url(), options).await
    };
    let receive = |endpoint: Endpoint, options: ReceiverOptions| async move {
        receiver(endpoint.expose_url(), options.into()).await
    };
    let transports = transports.with_sender("amqp", send).with_receiver("amqp", receive);
    if cfg!(feature = "amqp-tls") {
        return transports.with_sender("amqps", send).with_receiver("amqps", receive);
    }
    transports
}

/// A sender to this URL, by the transports of this build: `http://host/path`, `kafka://host/topic` and `amqp://host/queue`, for example.
///
/// Errors: [`InvalidUrl`](crate::ErrorKind::InvalidUrl), [`Unsupported`](crate::ErrorKind::Unsupported) for a scheme that no
/// feature brought along, and what keeps the transport from connecting.
pub async fn connect_sender(url: &str) -> Result<Sender, Error> {
    transports().sender(url).await
}

/// A receiver from this URL, by the transports of this build. For `http://127.0.0.1:8080/events` that is a server of its own; for
/// `kafka://host/topic?group=g&dead-letter=topic.rejected`, a member of a consumer group.
///
/// Errors are those of [`connect_sender`].
pub async fn connect_receiver(url: &str) -> Result<Receiver, Error> {
    transports().receiver(url).await
}
