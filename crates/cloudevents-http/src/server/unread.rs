//! Requests that are refused below the program.

use http::StatusCode;
use std::{fmt, net::SocketAddr};

/// The sender of a request that [`serve`](crate::serve) refused, because it could not be read. It is the source of the error that
/// [`HttpReceiverOptions::on_refusal`](crate::HttpReceiverOptions::on_refusal) gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unread {
    /// The address that the connection comes from.
    pub peer: SocketAddr,
    /// The status of the response. `None` if the connection ended without one.
    pub status: Option<StatusCode>,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status} for {}", self.peer),
            None => write!(f, "no response for {}", self.peer),
        }
    }
}

impl std::error::Error for Unread {}
