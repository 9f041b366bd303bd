//! Which deliveries are handled one after the other.

use std::borrow::Cow;

/// The order that [`Receiver::run`](crate::Receiver::run) keeps while it handles deliveries concurrently.
///
/// Deliveries that must be in order form a lane, and are handled one after the other.
///
/// ```
/// use cloudevents_transport::OrderBy;
///
/// let by_order_number = OrderBy::attribute("partitionkey");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderBy {
    /// No order: every delivery is handled as soon as a permit is free.
    #[default]
    None,
    /// A lane for each partition. Where the protocol has no partitions, all deliveries form one lane.
    Partition,
    /// A lane for each topic, subject, queue or path. Deliveries without one form a separate lane.
    Topic,
    /// A lane for each key of a record. A message without a key has the lane of its value of the attribute `partitionkey`.
    ///
    /// Messages with neither keep the order of their source: a lane for each partition of a log, a lane for each topic, subject or path if
    /// there are no partitions, and one lane for all messages of a queue or file. Requests over HTTP have no order among each other, as
    /// each waits for its own answer. A batch without a key is handled alone, as with an attribute.
    Key,
    /// A lane for each value of the attribute of this name. A message without the attribute, or that cannot
    /// be decoded, has no order. A batch, whose events have several values, is handled alone: after
    /// everything received before it, and before everything received after it.
    Attribute(Cow<'static, str>),
}

impl OrderBy {
    /// Orders by the attribute with this name.
    pub fn attribute(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Attribute(name.into())
    }
}
