//! The guard in a client of reqwest 0.13.

use crate::{
    guard::{Refusal, Resolve, SystemResolver, UrlGuard},
    handshake::{ALLOWED_RATE, PendingConsent},
};
use cloudevents_core::{Error, ErrorKind};
use reqwest::{Client, ClientBuilder, Method, Proxy, RequestBuilder, redirect};
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use url::Url;

/// How long a callback may take.
const CALLBACK: Duration = Duration::from_secs(30);

/// A client that sends only requests that a [`UrlGuard`] allows.
///
/// Each name is resolved once per connection, every address is checked, and the connection goes to one of the checked addresses. It follows
/// no redirects. It uses no proxy but the proxy of [`through_proxy`](Self::through_proxy). `Debug` does not show the client, whose headers
/// may be secret.
///
/// ```
/// use cloudevents_webhook::{guard::{SystemResolver, UrlGuard}, reqwest013::GuardedClient};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let client = GuardedClient::new(UrlGuard::new(), SystemResolver::new(), reqwest::Client::builder())?;
/// let refused = client.request(reqwest::Method::POST, "https://169.254.169.254/latest/meta-data/").unwrap_err();
/// assert_eq!(refused.to_string(), "the address 169.254.169.254 is not on the public internet (link-local)");
/// # Ok::<(), cloudevents_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct GuardedClient {
    guard: Arc<UrlGuard>,
    client: Client,
}

impl GuardedClient {
    /// Builds the client. The guard overrides the redirect policy, proxies and resolver of `builder`.
    ///
    /// The error is of kind [`Transport`](ErrorKind::Transport): the client could not be built, for want of a TLS
    /// provider for example.
    pub fn new(
        guard: UrlGuard,
        resolver: impl Resolve + 'static,
        builder: ClientBuilder,
    ) -> Result<Self, Error> {
        let guard = Arc::new(guard);
        let resolver = Guarded { guard: Arc::clone(&guard), resolver: Arc::new(resolver) };
        build(guard, builder.no_proxy().dns_resolver(Arc::new(resolver)))
    }

    /// Builds a client that sends every request through this proxy.
    ///
    /// The proxy resolves the names and has to refuse addresses by itself: an egress proxy with rules. The guard checks URLs, with the
    /// addresses that are in them. The client overrides the redirect policy, proxies and resolver of `builder`.
    ///
    /// `proxy` is a URL with `http` or `https`: `http://egress.example:3128`. Its name is resolved by the system, and no other name is. A
    /// user and password in the URL go to the proxy.
    ///
    /// Errors are those of [`new`](Self::new). A `proxy` that is no such URL is an error of kind [`InvalidUrl`](ErrorKind::InvalidUrl).
    ///
    /// ```
    /// use cloudevents_webhook::{guard::UrlGuard, reqwest013::GuardedClient};
    ///
    /// let builder = reqwest::Client::builder();
    /// let client = GuardedClient::through_proxy("http://egress.example:3128", UrlGuard::new(), builder)?;
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn through_proxy(proxy: &str, guard: UrlGuard, builder: ClientBuilder) -> Result<Self, Error> {
        let invalid = |why: &'static str| Error::new(ErrorKind::InvalidUrl).with_detail(why);
        // The errors may have the URL, with a password.
        let url = Url::parse(proxy).map_err(|_| invalid("the URL of the proxy cannot be read"))?;
        // Of others, reqwest says nothing, and sends requests directly.
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("the URL of the proxy is not one of http or https"));
        }
        let resolver =
            ProxyOnly { host: url.host_str().unwrap_or_default().into(), resolver: SystemResolver::new() };
        let proxy = Proxy::all(url).map_err(|_| invalid("the URL of the proxy cannot be read"))?;
        build(Arc::new(guard), builder.no_proxy().proxy(proxy).dns_resolver(Arc::new(resolver)))
    }

    /// Starts a request, or refuses the URL. The addresses of its host are checked when it is sent: a refusal then is in the sources
    /// of reqwest's error, where [`refusal`] finds it.
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, Refusal> {
        let target = self.guard.check(url)?;
        Ok(self.client.request(method, target.url()))
    }

    /// The guard.
    pub fn guard(&self) -> &UrlGuard {
        &self.guard
    }

    /// Agrees to a sender by its callback: a POST with the rate in `WebHook-Allowed-Rate` (webhook specification, 4.1.3).
    ///
    /// Errors are of kind [`Refused`](ErrorKind::Refused) if the guard or the sender refuses. If the sender cannot be reached, does not
    /// respond in 30 seconds or hangs up, they are of kind [`Unreachable`](ErrorKind::Unreachable), [`Timeout`](ErrorKind::Timeout) or
    /// [`Disconnected`](ErrorKind::Disconnected). They do not contain the URL, which is secret.
    pub async fn agree(&self, pending: &PendingConsent) -> Result<(), Error> {
        let response = self
            .request(Method::POST, pending.callback())?
            .header(ALLOWED_RATE, pending.rate().to_string())
            .timeout(CALLBACK)
            .send()
            .await
            .map_err(failed)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Refused)
            .with_detail(format!("the callback of {} responded {status}", pending.origin())))
    }
}

fn build(guard: Arc<UrlGuard>, builder: ClientBuilder) -> Result<GuardedClient, Error> {
    let client = builder.redirect(redirect::Policy::none()).build().map_err(|error| {
        Error::new(ErrorKind::Transport).with_detail("the HTTP client could not be built").with_source(error)
    })?;
    Ok(GuardedClient { guard, client })
}

impl fmt::Debug for GuardedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedClient").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// The guard's refusal among the sources of an error of reqwest.
pub fn refusal(error: &reqwest::Error) -> Option<&Refusal> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return Some(refusal);
        }
        source = error.source();
    }
    None
}

/// An error of sending a request, without its URL. A refusal of the guard stays one.
pub(crate) fn failed(error: reqwest::Error) -> Error {
    if let Some(refusal) = refusal(&error) {
        return refusal.clone().into();
    }
    let kind = match &error {
        error if error.is_timeout() => ErrorKind::Timeout,
        error if error.is_connect() => ErrorKind::Unreachable,
        error if error.is_builder() => ErrorKind::Transport, // nothing was sent
        _ => ErrorKind::Disconnected,
    };
    Error::new(kind).with_detail("the request failed").with_source(error.without_url())
}

struct Guarded<R> {
    guard: Arc<UrlGuard>,
    resolver: Arc<R>,
}

impl<R: Resolve + 'static> reqwest::dns::Resolve for Guarded<R> {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (guard, resolver) = (Arc::clone(&self.guard), Arc::clone(&self.resolver));
        Box::pin(async move {
            let addresses = resolver.resolve(name.as_str()).await?;
            if addresses.is_empty() {
                return Err(Refusal::NoAddress.into());
            }
            for address in &addresses {
                guard.check_address(*address)?;
            }
            // The port is that of the URL, which was checked.
            Ok(without_ports(addresses))
        })
    }
}

/// Resolves the name of a proxy and no other. So reqwest connects to no name directly, however it treats the proxy.
struct ProxyOnly {
    host: Arc<str>,
    resolver: SystemResolver,
}

impl reqwest::dns::Resolve for ProxyOnly {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (host, resolver) = (Arc::clone(&self.host), self.resolver.clone());
        Box::pin(async move {
            if !name.as_str().eq_ignore_ascii_case(&host) {
                return Err(io::Error::other("only the proxy resolves the names of targets").into());
            }
            Ok(without_ports(resolver.resolve(&host).await?))
        })
    }
}

fn without_ports(addresses: Vec<IpAddr>) -> reqwest::dns::Addrs {
    Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn beside_a_proxy_no_other_name_is_resolved() {
        let resolver = ProxyOnly { host: "localhost".into(), resolver: SystemResolver::new() };
        let resolve = |name: &str| reqwest::dns::Resolve::resolve(&resolver, name.parse().unwrap());
        assert!(resolve("LOCALHOST").await.unwrap().all(|address| address.ip().is_loopback()));
        for other in ["partner.example", "localhost.example", "127.0.0.1"] {
            assert!(resolve(other).await.is_err(), "{other}");
        }
    }
}
