//! The receiver's side of the consumer.

use super::{
    consumer::REBALANCE,
    handover::{Fetched, Handover, HeldBack, ended},
};
use cloudevents_core::Error;
use cloudevents_transport::binding::log::{Ledger, LogSource, Record};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// The end from which a receiver takes records. Dropping it ends the consumer.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) handover: Arc<Handover>,
    pub(super) ledger: Ledger,
    /// Messages that were taken together and are not requested yet.
    pub(super) taken: VecDeque<Fetched>,
    /// The partitions that were held back when some were taken last.
    pub(super) held_back: HeldBack,
}

impl LogSource for Source {
    const LEAVING: Duration = REBALANCE.saturating_add(Duration::from_secs(5));

    async fn next(&mut self) -> Result<Record, Error> {
        loop {
            if self.taken.is_empty() {
                let held_back = self.ledger.held_back();
                if held_back != self.held_back {
                    self.held_back = held_back;
                    self.handover.wake(); // to pause and resume
                }
                self.handover.take(&mut self.taken, &self.held_back)?;
            }
            match self.taken.pop_front() {
                None => self.handover.arrived().await,
                // It has reached its share since they were taken: they wait there.
                Some(fetched) if self.ledger.is_held_back(fetched.epoch) => {
                    let epoch = fetched.epoch;
                    self.taken.push_front(fetched);
                    self.handover.give_back(epoch, &mut self.taken);
                }
                Some(fetched) => return Ok(fetched.record),
            }
        }
    }

    fn holds_back(&self) -> bool {
        true
    }

    async fn commit(&mut self) -> Result<(), Error> {
        self.handover.commit().await.unwrap_or_else(|_| Err(ended()))
    }

    fn uncommitted(&self) -> u64 {
        self.handover.uncommitted()
    }

    async fn leave(&mut self) {
        self.handover.stop();
        self.handover.ended().await;
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.handover.stop();
    }
}
