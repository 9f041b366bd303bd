//! Resolving names.

use std::{future::Future, io, net::IpAddr};

/// Resolves the names of hosts.
pub trait Resolve: Send + Sync {
    /// All addresses of this host.
    fn resolve(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// The operating system's resolver, with a limit of five seconds.
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemResolver;

#[cfg(feature = "tokio")]
impl SystemResolver {
    /// The operating system's resolver.
    pub fn new() -> Self {
        Self
    }
}

#[cfg(feature = "tokio")]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let looking = tokio::net::lookup_host((host, 0));
        let found = tokio::time::timeout(std::time::Duration::from_secs(5), looking).await??;
        Ok(found.map(|address| address.ip()).collect())
    }
}
