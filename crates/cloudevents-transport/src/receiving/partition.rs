//! A partition of a topic.

use std::{fmt, sync::Arc};

/// A partition of a topic. Messages within it are in order.
///
/// ```
/// use cloudevents_transport::Partition;
///
/// assert_eq!(Partition::new("orders", 3).to_string(), "orders/3");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    topic: Arc<str>,
    number: u32,
}

impl Partition {
    /// Creates the partition of this topic with this number.
    pub fn new(topic: impl Into<Arc<str>>, number: u32) -> Self {
        Self { topic: topic.into(), number }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The number.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.number)
    }
}
