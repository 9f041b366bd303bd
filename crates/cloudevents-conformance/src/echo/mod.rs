//! Implementations that are reached through a broker. A consumer publishes each event that it has read to another topic or queue, where the
//! harness reads the event as the consumer understood it. A producer publishes events that the harness knows.

mod consumer;
mod marker;
mod observed;
mod producer;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub use consumer::ConsumerTestee;
pub use producer::ProducerTestee;

/// The beginning of the name of a producer that is tested as it runs.
pub(crate) const PRODUCER: &str = "a producer over";

/// A way to an implementation through a broker. One for each binding; everything else is the same for all.
///
/// Both places must keep the order of messages: a topic of one partition, a queue with one consumer.
pub trait Channel {
    /// Sends a message to the implementation, exactly as it is stated: in the form that the testee protocol has for the binding.
    fn send(&mut self, message: &Value) -> Result<(), ChannelError>;

    /// Waits for the next message that the implementation publishes. `None` if there is none within this time.
    fn receive(&mut self, within: Duration) -> Result<Option<Arrived>, ChannelError>;
}

/// A message that the implementation has published.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Arrived {
    /// An event, in the form of the testee protocol.
    Event(Value),
    /// A message that is not a valid event, with the reason.
    Unreadable(String),
}

/// Why a message could not be sent or received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelError {
    /// The client cannot write this message, for this reason. Others may be sent.
    Unwritable(String),
    /// The connection to the broker is lost, for this reason.
    Lost(String),
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChannelError::Unwritable(reason) => write!(f, "the message cannot be sent: {reason}"),
            ChannelError::Lost(reason) => write!(f, "the connection to the broker is lost: {reason}"),
        }
    }
}

impl std::error::Error for ChannelError {}
