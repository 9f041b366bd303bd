//! Outcomes other than accepted.

use super::failure;
use cloudevents_core::{Error, ErrorKind};
use fe2o3_amqp_types::messaging::Outcome;
use std::{error::Error as _, fmt};

/// The broker's outcome for a message that it did not accept: the source of an error of kind
/// [`Refused`](ErrorKind::Refused).
///
/// ```
/// use cloudevents_amqp::fe2o3_amqp018::AmqpRefusal;
/// use cloudevents_core::Error;
/// use std::error::Error as _;
///
/// fn is_temporary(error: &Error) -> bool {
///     error.source().and_then(|source| source.downcast_ref::<AmqpRefusal>()).is_some_and(AmqpRefusal::is_temporary)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AmqpRefusal {
    /// The message was rejected.
    Rejected {
        /// The condition, a symbol, if the broker gave one: `amqp:resource-limit-exceeded`.
        condition: Option<Box<str>>,
        /// The broker's description, if any.
        description: Option<Box<str>>,
    },
    /// The message was released: the broker did not process it.
    Released,
    /// The message was modified: the broker tried to process it and failed, or cannot process it.
    Modified {
        /// Whether the message should not be sent to this address again.
        undeliverable_here: bool,
    },
}

impl AmqpRefusal {
    /// Whether a retry may succeed: true for a release, and for a modification that does not exclude this
    /// address.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Released | Self::Modified { undeliverable_here: false })
    }
}

impl fmt::Display for AmqpRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { condition, description } => {
                f.write_str("rejected")?;
                if let Some(condition) = condition {
                    write!(f, " with {condition}")?;
                }
                match description {
                    Some(description) => write!(f, ": {description}"),
                    None => Ok(()),
                }
            }
            Self::Released => f.write_str("released"),
            Self::Modified { undeliverable_here: true } => f.write_str("undeliverable here"),
            Self::Modified { .. } => f.write_str("not delivered"),
        }
    }
}

impl std::error::Error for AmqpRefusal {}

/// Conditions of a message that cannot be taken. All others can be about the address, the rights or the state of the broker.
const OF_THE_MESSAGE: [&str; 4] =
    ["amqp:decode-error", "amqp:invalid-field", failure::SIZE_EXCEEDED, "com.microsoft:argument-error"];

/// Whether the broker refused this very message, so that no later attempt can succeed and other messages may.
///
/// It was rejected with one of these conditions, or it is undeliverable here. A rejection without a condition does not count: a full queue
/// of RabbitMQ rejects so. `None` if the error is not an outcome.
pub(super) fn refuses_message(error: &Error) -> Option<bool> {
    Some(match error.source()?.downcast_ref::<AmqpRefusal>()? {
        AmqpRefusal::Rejected { condition, .. } => {
            condition.as_deref().is_some_and(|condition| OF_THE_MESSAGE.contains(&condition))
        }
        refusal => !refusal.is_temporary(),
    })
}

/// Returns an error unless the message was accepted.
pub(super) fn refused(outcome: Outcome) -> Result<(), Error> {
    let refusal = match outcome {
        Outcome::Accepted(_) => return Ok(()),
        Outcome::Released(_) => AmqpRefusal::Released,
        Outcome::Modified(modified) => {
            AmqpRefusal::Modified { undeliverable_here: modified.undeliverable_here.unwrap_or_default() }
        }
        Outcome::Rejected(rejected) => {
            let (condition, description) = match rejected.error {
                Some(error) => (Some(failure::condition(&error.condition)), error.description),
                None => (None, None),
            };
            AmqpRefusal::Rejected {
                condition: condition.map(Into::into),
                description: description.filter(|text| !text.is_empty()).map(Into::into),
            }
        }
        // Requires a feature of the client that is off: transactions.
        #[allow(unreachable_patterns)]
        _ => AmqpRefusal::Released,
    };
    let temporary = refusal.is_temporary();
    let error = Error::new(ErrorKind::Refused).with_detail(refusal.to_string());
    Err(error.with_temporary(temporary).with_source(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fe2o3_amqp_types::messaging::{Modified, Rejected};

    #[test]
    fn a_rejection_without_a_condition_is_no_refusal_of_the_message() {
        let judged = |outcome| refuses_message(&refused(outcome).unwrap_err());
        assert_eq!(judged(Outcome::Rejected(Rejected { error: None })), Some(false));
        let modified = |undeliverable_here| {
            Outcome::Modified(Modified {
                delivery_failed: None,
                undeliverable_here,
                message_annotations: None,
            })
        };
        assert_eq!(judged(modified(None)), Some(false));
        assert_eq!(judged(modified(Some(true))), Some(true));
    }
}
