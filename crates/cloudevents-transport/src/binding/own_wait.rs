//! Waits that a sender imposes on itself.

use cloudevents_core::{Error, ErrorKind};
use std::{borrow::Cow, fmt, time::Duration};

/// How long a sender does not send by itself: to keep to a rate, or because the program paused a target.
///
/// It is the source of a temporary error. The peer has not requested this wait ([`Error::retry_after`] is `None`), so that other senders
/// may send to it meanwhile, and a message that was not sent has not failed.
///
/// ```
/// use cloudevents_transport::binding::OwnWait;
/// use std::time::Duration;
///
/// let error = OwnWait::error("the rate is used up", Duration::from_secs(40));
/// assert_eq!(OwnWait::of(&error), Some(Duration::from_secs(40)));
/// assert_eq!((error.is_temporary(), error.retry_after()), (true, None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnWait(Duration);

impl OwnWait {
    /// Creates an error, of kind [`Timeout`](ErrorKind::Timeout), for a message that was not sent.
    ///
    /// `after` is when the sender sends again, as far as it knows.
    #[cold]
    pub fn error(detail: impl Into<Cow<'static, str>>, after: Duration) -> Error {
        Error::new(ErrorKind::Timeout).with_detail(detail).with_source(Self(after))
    }

    /// How long the sender waits by itself, if that is why a message was not sent.
    pub fn of(error: &Error) -> Option<Duration> {
        std::error::Error::source(error)?.downcast_ref().map(|Self(after)| *after)
    }
}

impl fmt::Display for OwnWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the sender sends again in {:?}", self.0)
    }
}

impl std::error::Error for OwnWait {}
