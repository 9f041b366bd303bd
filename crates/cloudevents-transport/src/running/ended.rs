//! How attempts end.

use crate::Failure;
use cloudevents_core::Error;

/// How an attempt at a message ended.
#[allow(clippy::large_enum_variant)] // short-lived: matched at once
pub(crate) enum Ended {
    /// It was handled.
    Accepted,
    /// The handler has settled it by itself, or passed it on: whether it did the latter or accepted it, or its error.
    Settled(Result<bool, Failure>),
    Rejected(Failure),
    /// It is accepted without having been handled.
    Skipped,
    Failed(Failure),
    /// It stays as it is until the receiver ends.
    Held,
    /// The receiver ends with this error, and the message is as it was.
    Fatal(Error),
}

impl Ended {
    /// Whether the message is not settled.
    pub(super) fn leaves(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Held | Self::Fatal(_) | Self::Settled(Ok(false) | Err(_)))
    }

    /// The result that an interceptor gets; `None` if the receiver ends instead.
    pub(super) fn result(&self) -> Option<Result<(), &Failure>> {
        match self {
            Self::Rejected(failure) | Self::Failed(failure) | Self::Settled(Err(failure)) => {
                Some(Err(failure))
            }
            Self::Accepted | Self::Settled(Ok(_)) | Self::Skipped | Self::Held => Some(Ok(())),
            Self::Fatal(_) => None,
        }
    }
}
