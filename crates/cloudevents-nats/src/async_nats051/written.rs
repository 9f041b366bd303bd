//! Outcomes of core NATS: a message was written to the connection.

use super::{connection::Connected, failure};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Outcome, Receipt,
    binding::{Permit, confirms::Confirms},
};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// Flushes once for all messages that wait for it.
pub(super) struct Written {
    confirms: Confirms,
    /// The number of the last message that was handed over.
    last: AtomicU64,
    wake: Notify,
    finished: AtomicBool,
    limit: Duration,
}

impl Written {
    /// A message fails if it is not written within this limit.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            confirms: Confirms::new(limit),
            last: AtomicU64::new(0),
            wake: Notify::new(),
            finished: AtomicBool::new(false),
            limit,
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
                self.0.end(&unknown());
            }
        }

        let _ended = Ended(&self.confirms);
        let flushing = async {
            loop {
                self.wake.notified().await;
                while !self.confirms.is_empty() {
                    let last = self.last.load(Ordering::Acquire);
                    match timeout(self.limit, connected.client.flush()).await {
                        Ok(Ok(())) => self.confirms.resolve_to(last, &Ok(Receipt::new())),
                        Ok(Err(_)) => return unknown(),
                        Err(_) => {
                            return Error::new(ErrorKind::Timeout)
                                .with_detail("the connection takes no more");
                        }
                    }
                }
                if self.finished.load(Ordering::Acquire) {
                    return Error::new(ErrorKind::Closed);
                }
            }
        };
        let error = tokio::select! {
            error = flushing => error,
            _ = connected.notes.lost() => unknown(),
        };
        self.confirms.end(&error);
    }
}

fn unknown() -> Error {
    failure::disconnected("the connection was closed; the server may have the message, or not")
}
