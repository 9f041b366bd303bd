//! Results of handlers.

use crate::panics::caught;
use cloudevents_core::{Error, ErrorKind, codec::one_line};
use std::{
    error::Error as StdError,
    fmt::{self, Write},
    time::Duration,
};

type Cause = Box<dyn StdError + Send + Sync>;

/// The reason why a handler did not handle a message, and the settlement of the message.
///
/// `?` converts any error, standard or boxed, and any text into a `Failure` that tries the message again. The exception is an error of this
/// toolkit that reports that the payload does not fit the Rust type it was decoded to (kinds [`InvalidData`](ErrorKind::InvalidData),
/// [`UnexpectedContentType`](ErrorKind::UnexpectedContentType), [`UnexpectedEventType`](ErrorKind::UnexpectedEventType)). Such an error
/// becomes [malformed](Self::malformed).
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_transport::Failure;
/// use std::time::Duration;
///
/// # async fn insert(_: u32) -> Result<(), std::io::Error> { Ok(()) }
/// async fn handle(event: Event) -> Result<(), Failure> {
///     let Some(total) = event.subject() else { return Err(Failure::reject("an order needs a subject")) };
///     let total = total.parse().map_err(Failure::reject)?;
///     insert(total).await?; // the database is down: try again with backoff
///     if total > 1000 {
///         return Err(Failure::retry_after(Duration::from_secs(60), "the bank asks for a minute"));
///     }
///     Ok(())
/// }
/// ```
pub struct Failure {
    pub(crate) how: How,
    cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Retries after this time, or with the delay of the receiver's [`RetryPolicy`](crate::RetryPolicy).
    Retry(Option<Duration>),
    /// Something that the handler needs is away: no attempt counts.
    Unavailable(Option<Duration>),
    Reject,
    /// Settles by the receiver's policy for malformed messages.
    Malformed,
}

impl Failure {
    /// Tries again with the delays of [`ReceiverOptions::retry`](crate::ReceiverOptions::retry), and rejects after the last attempt.
    pub fn retry(cause: impl Into<Cause>) -> Self {
        Self { how: How::Retry(None), cause: cause.into() }
    }

    /// Tries again after this time, and rejects after the last attempt.
    pub fn retry_after(after: Duration, cause: impl Into<Cause>) -> Self {
        Self { how: How::Retry(Some(after)), cause: cause.into() }
    }

    /// Tries again when something that the handler needs is back, such as a database. The attempt does not count.
    ///
    /// The message's lane waits with growing pauses. The whole receiver slows down while no other message succeeds. The message is given up
    /// only after [`ReceiverOptions::give_up_after`](crate::ReceiverOptions::give_up_after) without a success.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self { how: How::Unavailable(None), cause: cause.into() }
    }

    /// Returns the failure with this time until the next attempt. One that rejects has none.
    pub fn after(mut self, delay: Duration) -> Self {
        self.how = match self.how {
            How::Retry(_) => How::Retry(Some(delay)),
            How::Unavailable(_) => How::Unavailable(Some(delay)),
            how => how,
        };
        self
    }

    /// Rejects the message at once, because no attempt can succeed.
    pub fn reject(cause: impl Into<Cause>) -> Self {
        Self { how: How::Reject, cause: cause.into() }
    }

    /// Settles the message by [`ReceiverOptions::malformed`](crate::ReceiverOptions::malformed).
    pub fn malformed(cause: impl Into<Cause>) -> Self {
        Self { how: How::Malformed, cause: cause.into() }
    }

    /// Whether the message is rejected at once.
    pub fn is_reject(&self) -> bool {
        self.how == How::Reject
    }

    /// Whether the attempt counts no more than if it had not been made: [`unavailable`](Self::unavailable).
    pub fn is_unavailable(&self) -> bool {
        matches!(self.how, How::Unavailable(_))
    }

    /// The time after which it is tried again, if the handler requests one.
    pub fn delay(&self) -> Option<Duration> {
        match self.how {
            How::Retry(after) | How::Unavailable(after) => after,
            How::Reject | How::Malformed => None,
        }
    }

    /// The cause.
    pub fn cause(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.cause
    }

    /// The cause as an error of this toolkit.
    pub(crate) fn into_error(self) -> Error {
        match self.cause.downcast::<Error>() {
            Ok(error) => *error,
            Err(cause) => Error::new(ErrorKind::InvalidData).with_detail(cause.to_string()),
        }
    }
}

// `Into<Cause>` and not `Error`, because the boxed errors of anyhow and eyre do not implement
// `std::error::Error`. `Failure` itself must not implement it either: this conversion would overlap with
// `impl From<T> for T`.
impl<E: Into<Cause>> From<E> for Failure {
    fn from(error: E) -> Self {
        let cause = error.into();
        let how = match cause.downcast_ref::<Error>().map(Error::kind) {
            Some(
                ErrorKind::InvalidData | ErrorKind::UnexpectedContentType | ErrorKind::UnexpectedEventType,
            ) => How::Malformed,
            _ => How::Retry(None),
        };
        Self { how, cause }
    }
}

/// The cause, in one line, with escapes for characters that act on a terminal: the cause may quote a peer.
///
/// A cause that fails or panics while it is displayed ends nothing.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let is_whole = matches!(caught(|| write!(text, "{}", self.cause)), Ok(Ok(())));
        f.write_str(&one_line(&text))?;
        if is_whole { Ok(()) } else { f.write_str(" (the error cannot be displayed)") }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.how)
    }
}

/// The return types of handlers: `()`, or `Result<(), E>` with any error, [`Failure`] included.
///
/// A closure that uses `?` has to name its error type, since nothing else determines it: `async |event:
/// Event| -> Result<(), Failure> { .. }`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a handler returns",
    note = "return `()` or `Result<(), E>` with `E: Into<Failure>`: any error, or a text"
)]
pub trait Verdict {
    /// Returns `Ok` if the message was handled, otherwise the failure.
    fn verdict(self) -> Result<(), Failure>;
}

impl Verdict for () {
    fn verdict(self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: Into<Failure>> Verdict for Result<(), E> {
    fn verdict(self) -> Result<(), Failure> {
        self.map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it quotes would begin another line of the log.
    #[test]
    fn what_a_peer_wrote_is_in_one_line() {
        let quoted = "unknown variant `x\n2026 ERROR b\u{1b}[2J`";
        let error = Error::new(ErrorKind::InvalidData).with_detail(quoted);
        for failure in [Failure::reject(quoted), error.into(), Failure::reject("a\r\nb")] {
            assert!(!failure.to_string().contains(char::is_control), "{failure}");
        }
        assert_eq!(Failure::reject("a\nb \\ \"ä\"").to_string(), r#"a\nb \ "ä""#);
    }

    #[test]
    fn any_error_is_one_and_a_payload_that_does_not_fit_is_no_reason_to_try_again() {
        let how = |failure: Failure| failure.how;
        assert_eq!(how("text".into()), How::Retry(None));
        assert_eq!(how(fmt::Error.into()), How::Retry(None));
        assert_eq!(how(Cause::from("boxed").into()), How::Retry(None));
        assert_eq!(how(Error::new(ErrorKind::Disconnected).into()), How::Retry(None));
        // Perhaps the error of another message.
        assert_eq!(how(Error::new(ErrorKind::InvalidDocument).into()), How::Retry(None));
        assert_eq!(how(Error::new(ErrorKind::InvalidData).into()), How::Malformed);
        assert_eq!(how(Failure::reject("no")), How::Reject);
        assert_eq!(Failure::malformed("no").into_error().kind(), ErrorKind::InvalidData);
        let kept = Failure::from(Error::new(ErrorKind::UnexpectedEventType)).into_error();
        assert_eq!(kept.kind(), ErrorKind::UnexpectedEventType);
    }
}
