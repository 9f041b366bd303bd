//! The binding as a value.

use super::{receiver, sender};
use cloudevents_transport::{Binding, Endpoint, ReceiverOptions, Scheme, UrlFamily, UrlOption};
use futures_util::FutureExt;

/// WebSockets, for programs that know more than one protocol. The receiver of a `ws` URL listens, unless its option `role` is `client`.
pub static BINDING: Binding = Binding {
    name: "websockets",
    families: &[UrlFamily {
        form: "ws://HOST/PATH, wss://HOST/PATH (WebSockets)",
        schemes: &[Scheme::plain("ws", 80), Scheme::with_tls("wss", 443)],
        options: &[
            UrlOption::sending("format", "json (default), avro, protobuf, or a list in order of preference"),
            UrlOption::sending("keep-alive", "how long the server may be silent"),
            UrlOption::sending("message-deadline", "how long one message may take to arrive"),
            UrlOption::sending("connect-timeout", UrlOption::CONNECT_TIMEOUT.help),
            UrlOption::sending("ca", UrlOption::CA.help),
            UrlOption::sending("cert", UrlOption::CERT.help),
            UrlOption::sending("cert-key", UrlOption::CERT_KEY.help),
            UrlOption::sending("query.NAME", "the parameter NAME of the handshake"),
            UrlOption::receiving(
                "role",
                "client: connect instead of listening, with the options of a sender",
            ),
            UrlOption::receiving("reject", "drop: rejected messages are dropped"),
        ],
        has_broker: false,
        is_structured: false,
    }],
    tls: cfg!(feature = "tls"),
    sender: Some(|endpoint, options| sender(endpoint, options.into()).boxed()),
    receiver: Some(|endpoint, options| open(endpoint, options).boxed()),
    is_temporary: |_| false,
};

async fn open(
    endpoint: Endpoint,
    options: ReceiverOptions,
) -> Result<cloudevents_transport::Receiver, cloudevents_core::Error> {
    #[cfg(feature = "server")]
    if endpoint.scheme() == "ws" && endpoint.option("role") != Some("client") {
        return crate::listen(endpoint, options.into()).await;
    }
    receiver(endpoint, options.into()).await
}
