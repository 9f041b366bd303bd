//! A guard against server-side request forgery.
//!
//! A URL that a peer may choose (a delivery target, a callback, a `dataref`, a `dataschema`) must not lead to hosts that only this process
//! can reach: its own machine, its network, its cloud platform's metadata service. [`UrlGuard`] checks the URL, then every address that its
//! host resolves to. It gives back the addresses to connect to, so that a name cannot be resolved to one address for the check and to
//! another for the connection.
//!
//! ```
//! use cloudevents_webhook::guard::{Refusal, UrlGuard};
//!
//! let guard = UrlGuard::new();
//! let target = guard.check("https://partner.example/hook")?;
//! // Resolve the name, check every address, and connect to these and no others.
//! let pinned = target.pin(["93.184.215.14".parse()?])?;
//! assert_eq!(pinned.addresses()[0].to_string(), "93.184.215.14:443");
//!
//! assert_eq!(guard.check("http://partner.example/hook").unwrap_err(), Refusal::Scheme);
//! // Addresses in every spelling that an HTTP client understands.
//! for url in ["https://127.0.0.1/", "https://0x7f.1/", "https://2130706433/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/"] {
//!     assert!(matches!(guard.check(url), Err(Refusal::Address { .. })), "{url}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The URL is read by the crate `url`, as reqwest and most browsers read it, so that the guard and the client agree on its host. Follow no
//! redirects, and use no proxy from the environment: both lead to hosts that were not checked. With the feature `reqwest013`,
//! [`GuardedClient`](crate::reqwest013::GuardedClient) sees to all of it.

mod address;
mod network;
mod refusal;
mod resolve;
#[cfg(feature = "tokio")]
mod system;

pub use address::special_purpose;
pub use network::{InvalidNetwork, Network};
pub use refusal::Refusal;
pub use resolve::Resolve;
#[cfg(feature = "tokio")]
pub use system::SystemResolver;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};
use url::{Host, Url};

/// Decides which URLs may be requested. The default allows `https` on port 443 to public addresses.
///
/// Each method allows more URLs, but for [`refuse_network`](Self::refuse_network). URLs that the operator configures need no guard.
#[derive(Clone, Debug, Default)]
pub struct UrlGuard {
    http: bool,
    any_port: bool,
    ports: Vec<u16>,
    networks: Vec<Network>,
    refused: Vec<Network>,
}

impl UrlGuard {
    /// Allows `https` on port 443 to public addresses.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also allows `http`, on port 80.
    pub fn allow_http(mut self) -> Self {
        self.http = true;
        self
    }

    /// Also allows this port.
    pub fn allow_port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Allows every port. A peer can then talk to services of any protocol at public addresses.
    pub fn allow_any_port(mut self) -> Self {
        self.any_port = true;
        self
    }

    /// Also allows the addresses of this network, for any purpose: `10.1.0.0/16` for targets in the operator's network.
    pub fn allow_network(mut self, network: Network) -> Self {
        self.networks.push(network);
        self
    }

    /// Refuses the addresses of this network, even if another rule allows them: public addresses of the operator, for example. It also
    /// refuses IPv6 addresses that carry one of them.
    pub fn refuse_network(mut self, network: Network) -> Self {
        self.refused.push(network);
        self
    }

    /// Checks all of a URL that can be checked without resolving its host.
    pub fn check(&self, url: &str) -> Result<Target<'_>, Refusal> {
        let url = Url::parse(url).map_err(|_| Refusal::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if self.http => {}
            _ => return Err(Refusal::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let port = url.port_or_known_default().ok_or(Refusal::NotAUrl)?;
        let usual = url.port().is_none();
        if !usual && !self.any_port && !self.ports.contains(&port) {
            return Err(Refusal::Port(port));
        }
        let address = match url.host().ok_or(Refusal::NotAUrl)? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        };
        if let Some(address) = address {
            self.check_address(address)?;
        }
        Ok(Target { guard: self, url, port, address })
    }

    /// Checks an address to connect to.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let carried = address::carried(address).map(IpAddr::V4);
        if self.refused.iter().any(|network| {
            network.contains(address) || carried.is_some_and(|carried| network.contains(carried))
        }) {
            return Err(Refusal::Network(address));
        }
        if self.networks.iter().any(|network| network.contains(address)) {
            return Ok(());
        }
        match special_purpose(address) {
            None => Ok(()),
            Some(block) => Err(Refusal::Address { address, block }),
        }
    }

    /// Checks a URL, resolves its host, and checks every address.
    pub async fn resolve(&self, url: &str, resolver: &impl Resolve) -> Result<PinnedTarget, Refusal> {
        let target = self.check(url)?;
        match target.host_name() {
            None => target.pin([]),
            Some(host) => {
                let addresses = resolver
                    .resolve(host)
                    .await
                    .map_err(|error| Refusal::Resolver(error.to_string().into()))?;
                target.pin(addresses)
            }
        }
    }
}

/// A URL that passed the checks that need no resolver. `Debug` shows its host and port: the rest may be a secret.
#[derive(Clone)]
pub struct Target<'a> {
    guard: &'a UrlGuard,
    url: Url,
    port: u16,
    address: Option<IpAddr>,
}

impl Target<'_> {
    /// The URL as clients write it: normalised, with the host in ASCII.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The name to resolve. `None` if the host is an address, which is checked already.
    pub fn host_name(&self) -> Option<&str> {
        self.url.host_str().filter(|_| self.address.is_none())
    }

    /// Checks every address that the name resolves to, and keeps them. If one of them is not allowed, the URL is refused: a name that
    /// resolves to both public and private addresses cannot be trusted.
    ///
    /// If the host is an address, only that address is kept. `addresses` are checked, too.
    pub fn pin(self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<PinnedTarget, Refusal> {
        let mut pinned = Vec::new();
        for address in self.address.into_iter().chain(addresses) {
            self.guard.check_address(address)?;
            if self.address.is_none() || pinned.is_empty() {
                pinned.push(SocketAddr::new(address, self.port));
            }
        }
        if pinned.is_empty() {
            return Err(Refusal::NoAddress);
        }
        Ok(PinnedTarget { url: self.url.into(), addresses: pinned })
    }
}

impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("host", &self.url.host_str().unwrap_or_default())
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// A URL, and the checked addresses to connect to. `Debug` shows the addresses alone: the URL may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PinnedTarget {
    url: String,
    addresses: Vec<SocketAddr>,
}

impl PinnedTarget {
    /// The URL as clients write it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The addresses to connect to, at least one. Resolving the name again could lead elsewhere.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl fmt::Debug for PinnedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedTarget").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
