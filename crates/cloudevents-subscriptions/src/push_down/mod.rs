//! Splits filters into a part that a broker evaluates and the rest.
//!
//! A broker does not know CloudEvents. Its filters depend on how publishers send events. The program declares this with the function that
//! it calls and its arguments. The pushed part passes every event that the filters pass, and often more: evaluate the rest on the events
//! that arrive.

mod amqp;
mod template;
mod topic;

use crate::Filters;

pub use amqp::{AmqpProperties, amqp};
pub use template::Template;
pub use topic::{mqtt, nats};

/// The part of filters that a broker evaluates, and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedDown<P> {
    /// For the broker.
    pub pushed: P,
    /// The filters to evaluate on every event that arrives. Empty if the broker evaluates all of them.
    pub rest: Filters,
}
