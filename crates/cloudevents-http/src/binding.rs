//! The binding as a value.

use cloudevents_core::Error;
use cloudevents_transport::{Binding, OpenReceiver, OpenSender, Scheme, Side, UrlFamily};
#[cfg(feature = "reqwest013")]
use std::error::Error as _;

/// HTTP, for programs that know more than one protocol. The query of a URL belongs to the server, so there are no options. The server
/// leaves TLS to a proxy.
pub static BINDING: Binding = Binding {
    name: "http",
    families: &[UrlFamily {
        form: "http://HOST/PATH, https://HOST/PATH",
        schemes: &[Scheme::plain("http", 80), Scheme { side: Side::Send, ..Scheme::with_tls("https", 443) }],
        options: &[],
        has_broker: false,
        is_structured: false,
    }],
    tls: true,
    sender: SENDER,
    receiver: RECEIVER,
    is_temporary,
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

#[cfg(feature = "reqwest013")]
fn is_temporary(error: &Error) -> bool {
    let refusal = error.source().and_then(|source| source.downcast_ref::<crate::reqwest013::Refusal>());
    refusal.is_some_and(crate::reqwest013::Refusal::is_temporary)
}
#[cfg(not(feature = "reqwest013"))]
fn is_temporary(_: &Error) -> bool {
    false
}
