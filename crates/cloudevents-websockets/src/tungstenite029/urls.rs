//! The URLs of the binding, and their options.

use cloudevents_transport::{Scheme, UrlFamily, UrlOption, Urls};

pub(crate) static URLS: Urls = Urls {
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
        has_keys: false,
    }],
    tls: cfg!(feature = "tls"),
};
