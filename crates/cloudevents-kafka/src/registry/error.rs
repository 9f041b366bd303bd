//! Errors of a registry.

use cloudevents_core::{Error, ErrorKind};
use std::{error::Error as _, fmt};

/// A registry's error response: the source of errors of `reqwest013::HttpRegistry`.
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_kafka::registry::RegistryRefusal;
/// use std::error::Error as _;
///
/// fn is_incompatible(error: &Error) -> bool {
///     error.source().and_then(|source| source.downcast_ref::<RegistryRefusal>()).is_some_and(|refusal| refusal.status() == 409)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryRefusal {
    status: u16,
    code: Option<u32>,
    message: Box<str>,
}

impl RegistryRefusal {
    /// Creates a refusal, for your own registries: the HTTP status, the registry's error code and its
    /// message, of which the first KiB is kept.
    pub fn new(status: u16, code: Option<u32>, message: &str) -> Self {
        let kept = (0..=message.len().min(1024)).rev().find_map(|end| message.get(..end));
        Self { status, code, message: kept.unwrap_or_default().into() }
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the registry's error code: 40401 for an unknown subject, 40402 for an unknown version, 40403
    /// for an unknown schema, 42201 for an invalid schema.
    pub fn code(&self) -> Option<u32> {
        self.code
    }

    /// Returns the registry's message, at most 1 KiB.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether a retry may succeed: after 408, 425, 429, and 5xx except 501 and 505.
    pub fn is_temporary(&self) -> bool {
        match self.status {
            408 | 425 | 429 => true,
            501 | 505 => false,
            status => (500..600).contains(&status),
        }
    }
}

impl fmt::Display for RegistryRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code.unwrap_or(self.status.into()))?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message.escape_debug())?;
        }
        Ok(())
    }
}

impl std::error::Error for RegistryRefusal {}

/// Whether the registry was unavailable, so that the same call may succeed later. The payload is not at
/// fault and must not become a dead letter.
///
/// Returns true for the kinds [`Timeout`](ErrorKind::Timeout), [`Disconnected`](ErrorKind::Disconnected),
/// [`Closed`](ErrorKind::Closed) and [`Transport`](ErrorKind::Transport). If the source is a
/// [`RegistryRefusal`], returns the result of [`RegistryRefusal::is_temporary`].
pub fn is_temporary(error: &Error) -> bool {
    match error.source().and_then(|source| source.downcast_ref::<RegistryRefusal>()) {
        Some(refusal) => refusal.is_temporary(),
        None => matches!(
            error.kind(),
            ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::Closed | ErrorKind::Transport
        ),
    }
}
