//! Resolving names.

use std::{future::Future, io, net::IpAddr};

/// Resolves the names of hosts.
pub trait Resolve: Send + Sync {
    /// All addresses of this host.
    fn resolve(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}
