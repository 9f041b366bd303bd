//! What a registry says when it does not do as asked.

use cloudevents_core::{Error, ErrorKind};
use std::{error::Error as _, fmt};

/// A registry's answer that is none: the source of errors of `HttpRegistry`.
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
    /// For registries of one's own: the HTTP status, the registry's error code, and its words, of which the first KiB is kept.
    pub fn new(status: u16, code: Option<u32>, message: &str) -> Self {
        let kept = (0..=message.len().min(1024)).rev().find_map(|end| message.get(..end));
        Self { status, code, message: kept.unwrap_or_default().into() }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The registry's error code: 40401 for an unknown subject, 40402 for an unknown version, 40403 for an unknown schema, 42201
    /// for a schema that is none.
    pub fn code(&self) -> Option<u32> {
        self.code
    }

    /// What the registry said, as text, at most 1 KiB.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether another attempt may go better: after 408, 425, 429, and 5xx but for 501 and 505.
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
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for RegistryRefusal {}

/// Whether the registry could not be asked, so that the same call may go well later: the payload is not to blame, and must not end
/// among the dead letters for it.
///
/// So are the kinds [`Timeout`](ErrorKind::Timeout), [`Disconnected`](ErrorKind::Disconnected), [`Closed`](ErrorKind::Closed) and
/// [`Transport`](ErrorKind::Transport), and what a [`RegistryRefusal`] says so of.
pub fn is_temporary(error: &Error) -> bool {
    match error.source().and_then(|source| source.downcast_ref::<RegistryRefusal>()) {
        Some(refusal) => refusal.is_temporary(),
        None => matches!(
            error.kind(),
            ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::Closed | ErrorKind::Transport
        ),
    }
}
