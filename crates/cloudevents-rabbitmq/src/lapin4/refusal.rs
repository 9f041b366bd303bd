//! Messages that the broker did not take.

use cloudevents_core::{Error, ErrorKind};
use lapin::protocol::basic::Return;
use std::fmt;

/// Why the broker did not take a message: the source of an error of kind [`Refused`](ErrorKind::Refused).
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_rabbitmq::lapin4::RabbitRefusal;
/// use std::error::Error as _;
///
/// fn is_unroutable(error: &Error) -> bool {
///     let refusal = error.source().and_then(|source| source.downcast_ref());
///     matches!(refusal, Some(RabbitRefusal::Returned { .. }))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RabbitRefusal {
    /// No queue gets the message, so it was returned (`basic.return`).
    Returned {
        /// The code: 312 if the exchange has no binding for it.
        code: u16,
        /// The broker's text: `NO_ROUTE`.
        text: Box<str>,
        /// The exchange that it was sent to. Empty for the default exchange.
        exchange: Box<str>,
        /// The routing key that it was sent with. At the default exchange, it is the queue.
        routing_key: Box<str>,
    },
    /// The broker returned a message that the sender does not recognize, and it may be this message. Something at the broker removed or
    /// changed the header `x-publication`. The message may also be stored.
    Unrecognized,
    /// The broker could not take it, or a queue is full and declared to refuse messages (`basic.nack`).
    Nacked,
}

impl RabbitRefusal {
    /// Whether a retry may succeed: false for [`Returned`](Self::Returned). A message without a queue is returned
    /// until one is bound.
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Self::Returned { .. })
    }

    pub(super) fn returned(returned: &Return) -> Self {
        Self::Returned {
            code: returned.reply_code,
            text: returned.reply_text.as_str().into(),
            exchange: returned.exchange.as_str().into(),
            routing_key: returned.routing_key.as_str().into(),
        }
    }

    pub(super) fn into_error(self) -> Error {
        let error = Error::new(ErrorKind::Refused).with_detail(self.to_string());
        match &self {
            Self::Returned { exchange, .. } if exchange.is_empty() => error.with_help(
                "declare the queue first, or add `declare=quorum` or `declare=classic` to the URL",
            ),
            Self::Returned { .. } => error.with_help("bind a queue to the exchange with this routing key"),
            Self::Unrecognized => error.with_temporary(true).with_help(
                "remove what changes headers at the broker: a plugin, or another program in between",
            ),
            Self::Nacked => error.with_temporary(true),
        }
        .with_source(self)
    }
}

/// Whether the broker refused the message because of the message itself: `Some(false)` for every refusal of the broker.
///
/// The broker returns a message that no queue gets, and declines a message because of the state of a queue. Both affect other messages,
/// too. `None` for other errors.
pub(super) fn refuses_message(error: &Error) -> Option<bool> {
    std::error::Error::source(error)?.downcast_ref::<RabbitRefusal>().map(|_| false)
}

impl fmt::Display for RabbitRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned { code, text, exchange, routing_key } if exchange.is_empty() => {
                write!(f, "there is no queue `{routing_key}`: {code} {text}")
            }
            Self::Returned { code, text, exchange, routing_key } => {
                write!(
                    f,
                    "the exchange `{exchange}` has no queue for the routing key `{routing_key}`: {code} {text}"
                )
            }
            Self::Unrecognized => f.write_str(
                "the broker returned a message without the header `x-publication` that it was sent with, perhaps this one",
            ),
            Self::Nacked => f.write_str("the broker could not take the message: basic.nack"),
        }
    }
}

impl std::error::Error for RabbitRefusal {}
