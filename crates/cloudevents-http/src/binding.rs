//! The binding as a value.

use cloudevents_transport::{Binding, Create, Look, OpenReceiver, OpenSender, Scheme, Side, UrlFamily, Urls};

/// HTTP, for programs that know more than one protocol. The query of a URL belongs to the server, so there are no options. The server
/// leaves TLS to a proxy.
pub static BINDING: Binding = Binding {
    urls: &URLS,
    sender: SENDER,
    receiver: RECEIVER,
    look: Look::Elsewhere(
        "a server of HTTP keeps no messages; what a program shows of itself is at URLs of its own",
    ),
    create: Create::Elsewhere("there is nothing to create"),
    show: None,
};

static URLS: Urls = Urls {
    name: "http",
    families: &[UrlFamily {
        form: "http://HOST/PATH, https://HOST/PATH",
        schemes: &[Scheme::plain("http", 80), Scheme { side: Side::Send, ..Scheme::with_tls("https", 443) }],
        options: &[],
        has_broker: false,
        is_structured: false,
        has_keys: false,
    }],
    tls: true,
};

#[cfg(feature = "reqwest013")]
const SENDER: Option<OpenSender> = Some(|endpoint, options| {
    let opened = crate::reqwest013::sender(endpoint.expose_url(), options.into());
    Box::pin(async move { opened })
});
#[cfg(not(feature = "reqwest013"))]
const SENDER: Option<OpenSender> = None;

#[cfg(feature = "server")]
const RECEIVER: Option<OpenReceiver> =
    Some(|endpoint, options| Box::pin(crate::receiver(endpoint, options.into())));
#[cfg(not(feature = "server"))]
const RECEIVER: Option<OpenReceiver> = None;
