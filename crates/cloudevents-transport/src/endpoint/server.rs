//! The URL of an HTTP server, as an option names it.

use crate::{Endpoint, Host};
use cloudevents_core::Error;

/// Returns the hosts of the URL of an HTTP server. The URL has neither options nor a user.
///
/// Errors are of kind [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl).
///
/// ```
/// use cloudevents_transport::binding::http_hosts;
///
/// assert_eq!(http_hosts("http://127.0.0.1:8085/")?[0].to_string(), "127.0.0.1:8085");
/// assert_eq!(http_hosts("https://pubsub.googleapis.com")?[0].to_string(), "pubsub.googleapis.com:443");
/// assert!(http_hosts("ftp://localhost").is_err() && http_hosts("https://user@localhost").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn http_hosts(url: &str) -> Result<Vec<Host>, Error> {
    let server = Endpoint::parse(url)?;
    let is_plain = server.options().next().is_none() && server.user().is_none();
    match server.scheme() {
        "http" if is_plain => server.hosts_with(80),
        "https" if is_plain => server.hosts_with(443),
        _ => Err(server.invalid("there is something else than an HTTP server")),
    }
}
