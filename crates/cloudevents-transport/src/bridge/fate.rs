//! The outcome of a message.

use cloudevents_core::Error;
use std::fmt;

/// The outcome of a message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fate {
    /// The target has it.
    Confirmed,
    /// It is refused, and no dead-letter destination of the program keeps it. It is rejected at the source, whose peer or broker decides
    /// about it. If the options of the source say that rejected messages are dropped, it is dropped. Reading continues.
    Refused(Error),
    /// It is refused, and the dead-letter destination has stored it. Reading continues.
    DeadLetter(Error),
    /// It is refused, and the dead-letter destination does not take it now. It is kept until the destination takes it.
    Waiting {
        /// Why it is refused.
        refusal: Error,
        /// Why the dead-letter destination does not take it.
        error: Error,
    },
    /// It is refused again, and stays in the dead-letter destination that a [redrive](super::Redrive) reads.
    Kept(Error),
    /// The attempt failed, because the target is unavailable. It is tried again.
    Failed(Error),
    /// It would be sent: the result of a dry run.
    WouldSend,
    /// It was not handled, and comes again.
    Left,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed => f.write_str("confirmed"),
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::DeadLetter(error) => write!(f, "a dead letter: {error}"),
            Self::Waiting { refusal, error } => {
                write!(f, "refused: {refusal}; its dead letter is not stored: {error}")
            }
            Self::Kept(error) => write!(f, "refused again: {error}"),
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::WouldSend => f.write_str("would be sent"),
            Self::Left => f.write_str("left"),
        }
    }
}
