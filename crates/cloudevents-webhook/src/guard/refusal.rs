//! Why a URL may not be requested.

use cloudevents_core::{Error, ErrorKind};
use std::{fmt, net::IpAddr};

/// Why the guard refuses a URL. It repeats no part of the URL but its host: a URL may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The text is not an absolute URL with a host.
    NotAUrl,
    /// The scheme is not `https`, nor `http` where that is allowed.
    Scheme,
    /// The URL has a user or password.
    UserInfo,
    /// The port is not an allowed one.
    Port(u16),
    /// The host, or an address that its name resolves to, is not on the public internet.
    Address {
        /// The address.
        address: IpAddr,
        /// The name of its block.
        block: &'static str,
    },
    /// The host, or an address that its name resolves to, is in a network that the operator refuses.
    Network(IpAddr),
    /// The name resolves to no address.
    NoAddress,
    /// The name could not be resolved: the resolver's message.
    Resolver(Box<str>),
}

impl Refusal {
    /// Whether the same URL may be allowed later: the resolver failed.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Resolver(_) | Self::NoAddress)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAUrl => f.write_str("not an absolute URL with a host"),
            Self::Scheme => f.write_str("the scheme is not `https`"),
            Self::UserInfo => f.write_str("the URL has a user or password"),
            Self::Port(port) => write!(f, "port {port} is not allowed"),
            Self::Address { address, block } => {
                write!(f, "the address {address} is not on the public internet ({block})")
            }
            Self::Network(address) => write!(f, "the address {address} is in a network that is refused"),
            Self::NoAddress => f.write_str("the host has no address"),
            Self::Resolver(message) => write!(f, "the host could not be resolved: {message}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Of kind [`Refused`](ErrorKind::Refused). If resolving failed, of kind [`Unreachable`](ErrorKind::Unreachable).
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let kind = if refusal.is_temporary() { ErrorKind::Unreachable } else { ErrorKind::Refused };
        Self::new(kind).with_detail(refusal.to_string())
    }
}
