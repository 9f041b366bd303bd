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
    transports
}

/// A sender to this URL, by the transports of this build: `http://host/path`, for example.
///
/// Errors: [`InvalidUrl`](crate::ErrorKind::InvalidUrl), [`Unsupported`](crate::ErrorKind::Unsupported) for a scheme that no
/// feature brought along, and what keeps the transport from connecting.
pub async fn connect_sender(url: &str) -> Result<Sender, Error> {
    transports().sender(url).await
}

/// A receiver from this URL, by the transports of this build. For `http://127.0.0.1:8080/events` that is a server of its own.
///
/// Errors are those of [`connect_sender`].
pub async fn connect_receiver(url: &str) -> Result<Receiver, Error> {
    transports().receiver(url).await
}
