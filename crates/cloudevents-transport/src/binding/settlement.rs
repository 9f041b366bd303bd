//! The settlement of a received message.

use std::{borrow::Cow, fmt, time::Duration};

/// The settlement of a received message.
///
/// ```
/// use cloudevents_transport::Settlement;
/// use std::time::Duration;
///
/// assert_eq!(Settlement::Accept.to_string(), "accept");
/// assert_eq!(Settlement::Retry { after: Duration::from_secs(2) }.to_string(), "retry after 2s");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settlement {
    /// It was handled, and is not delivered again.
    Accept,
    /// It could not be handled now, and is delivered again, after this time if the protocol supports delays.
    /// The attempt counts.
    Retry {
        /// The delay.
        after: Duration,
    },
    /// It can never be handled. It goes to the dead letters of the protocol, and is not delivered again.
    Reject {
        /// The reason, stored with the message where possible.
        reason: Cow<'static, str>,
        /// The attempts that were made, including those that the broker does not know of.
        attempt: u32,
    },
    /// It was not handled. It is delivered again, here or elsewhere, and the attempt does not count.
    Release,
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Retry { after } => write!(f, "retry after {after:?}"),
            Self::Reject { reason, .. } => write!(f, "reject: {reason}"),
            Self::Release => f.write_str("release"),
        }
    }
}
