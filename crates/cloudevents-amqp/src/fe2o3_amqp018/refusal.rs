//! The broker's answers to what it does not take.

use super::failure;
use cloudevents_core::{Error, ErrorKind};
use fe2o3_amqp_types::messaging::Outcome;
use std::fmt;

/// The broker's answer to a message that it did not accept: the source of an error of kind [`Refused`](ErrorKind::Refused).
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
    /// It was rejected.
    Rejected {
        /// The condition, a symbol, if the broker gave one: `amqp:resource-limit-exceeded`.
        condition: Option<Box<str>>,
        /// What it says, if anything.
        description: Option<Box<str>>,
    },
    /// It was released: the broker did not deal with it.
    Released,
    /// It was modified: the broker tried to deal with it and failed, or cannot deal with it.
    Modified {
        /// Whether this address is not the place to send it to.
        undeliverable_here: bool,
    },
}

impl AmqpRefusal {
    /// Whether another attempt may go better: after a release, and a modification that does not say otherwise.
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

/// An error unless it was accepted.
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
        // A feature of the client that nobody turned on here: transactions.
        #[allow(unreachable_patterns)]
        _ => AmqpRefusal::Released,
    };
    Err(Error::new(ErrorKind::Refused).with_detail(refusal.to_string()).with_source(refusal))
}
