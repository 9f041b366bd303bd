//! Outcomes of core NATS: a message was written to the connection.

use super::{connection::Connected, failure};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Outcome, Receipt,
    binding::{Permit, confirms::Confirms},
};
use std::{
    pin::pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use tokio::{sync::Notify, time::sleep_until};

/// Flushes once for all messages that wait for it.
pub(super) struct Written {
    confirms: Confirms,
    /// The number of the last message that was handed over.
    last: AtomicU64,
    wake: Notify,
    finished: AtomicBool,
}

impl Written {
    /// A message fails if it is not written within this limit.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            confirms: Confirms::new(limit),
            last: AtomicU64::new(0),
            wake: Notify::new(),
            finished: AtomicBool::new(false),
        }
    }

    /// Adds a message that was handed over to the client.
    pub(super) fn add(&self, place: Permit) -> Outcome<Receipt> {
        let (number, outcome) = self.confirms.add(place);
        self.last.fetch_max(number, Ordering::AcqRel);
        self.wake.notify_one();
        outcome
    }

    /// Reports that no more messages are added.
    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Resolves outcomes until [`finish`](Self::finish) was called and everything is written, or until the
    /// connection is lost. Run it in one task.
    pub(super) async fn hear(&self, connected: &Connected) {
        /// A task whose runtime ends also ends the outcomes.
        struct Ended<'a>(&'a Confirms);

        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                self.0.end(&failure::unknown());
            }
        }

        let _ended = Ended(&self.confirms);
        let flushing = async {
            loop {
                self.wake.notified().await;
                while !self.confirms.is_empty() {
                    let last = self.last.load(Ordering::Acquire);
                    match self.flushed(connected).await {
                        Ok(()) => self.confirms.resolve_to(last, &Ok(Receipt::new())),
                        Err(error) => return error,
                    }
                }
                if self.finished.load(Ordering::Acquire) {
                    return Error::new(ErrorKind::Closed);
                }
            }
        };
        let error = tokio::select! {
            error = flushing => error,
            _ = connected.notes.lost() => failure::unknown(),
        };
        self.confirms.end(&error);
    }

    /// Waits until the client has written what it has. Messages fail meanwhile that take too long; the client writes them all the same,
    /// and goes on, unless they are more than it should keep.
    async fn flushed(&self, connected: &Connected) -> Result<(), Error> {
        let mut flushing = pin!(connected.client.flush());
        // A close waits for the outcomes only.
        while !(self.confirms.is_empty() && self.finished.load(Ordering::Acquire)) {
            let due = async {
                match self.confirms.due() {
                    Some(due) => sleep_until(due).await,
                    None => self.wake.notified().await,
                }
            };
            tokio::select! {
                biased;
                flushed = &mut flushing => return flushed.map_err(|_| failure::unknown()),
                () = due => self.confirms.expire().inspect_err(|error| connected.notes.lose(error.clone()))?,
            }
        }
        Ok(())
    }
}
