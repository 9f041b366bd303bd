//! The settings of a run.

use super::{OrderBy, RetryPolicy};
use std::time::Duration;

/// Settings of the engine.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The number of handlers that may run at once.
    pub(crate) concurrency: usize,
    /// The time limit of an attempt, as far as it is known, if fewer run at once while more would not end in time.
    pub(crate) follows: Option<Duration>,
    pub(crate) order: OrderBy,
    pub(crate) retry: RetryPolicy,
    /// A limit of attempts that the program sets.
    pub(crate) attempts: Option<u32>,
    /// How long a type of events may be without a success until its failures count all the same.
    pub(crate) give_up_after: Option<Duration>,
    /// How long handlers may run after the receiver is stopped.
    pub(crate) drain: Duration,
    /// The most messages that are received. Lost messages do not count. Default: no limit.
    pub(crate) most: Option<u64>,
    /// Whether it ends by itself when the last of these messages has ended.
    pub(crate) ends_after_most: bool,
    /// The number of lanes that may wait for another attempt. At this bound, nothing is received.
    pub(crate) waiting: usize,
}
