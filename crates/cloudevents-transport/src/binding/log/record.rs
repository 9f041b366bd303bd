//! One message of a log.

use super::epoch::Epoch;
use crate::{Partition, Received};

/// One message of a log. Cloning counts references.
#[derive(Clone, Debug)]
pub struct Record {
    pub(crate) entry: Entry,
    /// The assignment under which it was fetched, if the client knows it.
    pub(crate) epoch: Option<Epoch>,
}

/// A message and its position.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) partition: Partition,
    pub(crate) offset: u64,
    pub(crate) received: Received,
}

impl Record {
    /// Creates a record from the message at this offset.
    pub fn new(partition: Partition, offset: u64, received: Received) -> Self {
        Self { entry: Entry { partition, offset, received }, epoch: None }
    }

    /// Returns the record with the assignment of the partition under which it was fetched.
    ///
    /// The [`Ledger`](super::Ledger) refuses the record if the assignment has changed since. Clients that hand messages over from another
    /// thread need this.
    pub fn under(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }
}
