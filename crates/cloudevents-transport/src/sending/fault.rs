//! Whose fault a failure of sending is.

use crate::binding::OwnWait;
use cloudevents_core::{Error, ErrorKind};
use std::time::Duration;

/// Whose fault a failure of sending is. [`Sender::fault`](crate::Sender::fault) decides.
///
/// ```
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_transport::Fault;
///
/// assert_eq!(Fault::of(&Error::new(ErrorKind::Unreachable), false), Fault::Target);
/// assert_eq!(Fault::of(&Error::new(ErrorKind::Refused), false), Fault::Unproven);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The message's: no later attempt can succeed, and other messages may
    /// ([`Sender::refuses_message`](crate::Sender::refuses_message)).
    Message,
    /// The message's for now: it is too large, and a later attempt may succeed. Other messages need not wait.
    MessageForNow,
    /// None: the sender itself waits for this long ([`OwnWait`]), and the message was not sent.
    OwnWait(Duration),
    /// The target's: it gave no response, or requested a wait.
    Target,
    /// Perhaps the message's, and perhaps that of something that messages share: a wrong token, for example. If the target accepts other
    /// messages, it is the message's.
    Unproven,
}

impl Fault {
    /// For how long the success of another message shows by itself that a failure is the message's own fault: a minute. Later, the target
    /// may have come to refuse the sender.
    pub const FRESH: Duration = Duration::from_secs(60);

    /// Decides by an error alone, and by whether it `refuses_message`: by the rule of a protocol or of the program.
    pub fn of(error: &Error, refuses_message: bool) -> Self {
        if let Some(wait) = OwnWait::of(error) {
            return Self::OwnWait(wait);
        }
        match error.kind() {
            _ if refuses_message => Self::Message,
            ErrorKind::TooLarge => Self::MessageForNow,
            ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::Closed => {
                Self::Target
            }
            _ if error.retry_after().is_some() => Self::Target,
            _ => Self::Unproven,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_by_the_error_alone() {
        let minute = Duration::from_secs(60);
        let refused = || Error::new(ErrorKind::Refused);
        for (error, fault) in [
            (OwnWait::error("the rate is used up", minute), Fault::OwnWait(minute)),
            (Error::new(ErrorKind::TooLarge).with_retry_after(minute), Fault::MessageForNow),
            (refused().with_retry_after(minute), Fault::Target),
            (Error::new(ErrorKind::Timeout), Fault::Target),
            (refused(), Fault::Unproven),
            (refused().with_temporary(true), Fault::Unproven),
            (Error::new(ErrorKind::Transport), Fault::Unproven),
        ] {
            assert_eq!(Fault::of(&error, false), fault, "{error}");
            // A message that was not sent is not refused.
            let is_own_wait = matches!(fault, Fault::OwnWait(_));
            assert_eq!(Fault::of(&error, true), if is_own_wait { fault } else { Fault::Message }, "{error}");
        }
    }
}
