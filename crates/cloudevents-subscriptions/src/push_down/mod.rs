//! Filters that a broker evaluates: the part that it can, and the rest.
//!
//! A broker knows nothing of events. What it can tell follows from how they are sent, and only the program knows that: it declares it by
//! the function it calls and what it passes. What is pushed lets every event pass that the filters would, and often more: the rest has to
//! be evaluated on what arrives.

mod amqp;
mod template;
mod topic;

use crate::Filters;

pub use amqp::{AmqpProperties, amqp};
pub use template::Template;
pub use topic::{mqtt, nats};

/// What a broker evaluates, and what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedDown<P> {
    /// For the broker.
    pub pushed: P,
    /// To be evaluated on every event that arrives. Empty: the broker does it all.
    pub rest: Filters,
}
