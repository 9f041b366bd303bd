//! Outcomes of core NATS: the server has read a message, and has not refused it.

use super::{connection::Connected, failure};
use async_nats::Subject;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Outcome, Receipt,
    binding::{Permit, confirms::Confirms},
};
use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::sleep_until};

/// The client may leave out refusals if there are so many: its queue holds 128 that were not read.
const MANY: u64 = 100;

/// Asks the server once for all messages that wait for it.
pub(super) struct Written {
    confirms: Confirms,
    /// The numbers of the messages that were handed over, in their order, and their addresses.
    sent: Mutex<VecDeque<(u64, Addressed)>>,
    wake: Notify,
    finished: AtomicBool,
}

/// The address of a message.
pub(super) struct Addressed {
    subject: Subject,
    reply: Option<Subject>,
    /// How many refusals there were before.
    mark: u64,
}

impl Addressed {
    pub(super) fn new(subject: Subject, reply: Option<Subject>, mark: u64) -> Self {
        Self { subject, reply, mark }
    }
}

impl Written {
    /// A message fails if the server does not show within this limit that it has read it.
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            confirms: Confirms::new(limit),
            sent: Mutex::default(),
            wake: Notify::new(),
            finished: AtomicBool::new(false),
        }
    }

    /// Adds a message that was handed over to the client.
    pub(super) fn add(&self, addressed: Addressed, place: Permit) -> Outcome<Receipt> {
        let outcome = {
            let mut sent = self.sent();
            let (number, outcome) = self.confirms.add(place);
            sent.push_back((number, addressed));
            outcome
        };
        self.wake.notify_one();
        outcome
    }

    /// Reports that no more messages are added.
    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Resolves outcomes until [`finish`](Self::finish) was called and the server has read everything, or until the
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
        let hearing = async {
            loop {
                self.wake.notified().await;
                while !self.confirms.is_empty() {
                    let last = self.sent().back().map(|(number, _)| *number).unwrap_or_default();
                    match self.heard(connected).await {
                        Ok(()) => self.resolve_to(last, connected),
                        Err(error) => return error,
                    }
                }
                if self.finished.load(Ordering::Acquire) {
                    return Error::new(ErrorKind::Closed);
                }
            }
        };
        let error = tokio::select! {
            error = hearing => error,
            _ = connected.notes.lost() => failure::unknown(),
        };
        self.confirms.end(&error);
    }

    /// The server has read the messages up to this number, and its refusals of them are noted.
    fn resolve_to(&self, last: u64, connected: &Connected) {
        let heard: Vec<_> = {
            let mut sent = self.sent();
            let end = sent.partition_point(|(number, _)| *number <= last);
            sent.drain(..end).collect()
        };
        let first = heard.first().map_or(0, |(_, addressed)| addressed.mark);
        let refusals = connected.notes.count().saturating_sub(first);
        if refusals > 0 {
            for (number, Addressed { subject, reply, mark }) in heard {
                let of = |subject: &Subject| connected.notes.refusal_behind(subject, mark);
                let refused = of(&subject).or_else(|| of(reply.as_ref()?));
                let unknown = || (refusals >= MANY).then(failure::refused_some);
                if let Some(error) = refused.or_else(unknown) {
                    self.confirms.resolve(number, Err(error));
                }
            }
        }
        self.confirms.resolve_to(last, &Ok(Receipt::new()));
    }

    /// Waits until the server has read the messages of this connection. Messages that take too long fail meanwhile. The client sends them
    /// all the same. It goes on unless it holds too many of them.
    async fn heard(&self, connected: &Connected) -> Result<(), Error> {
        let mut hearing = pin!(connected.heard());
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
                heard = &mut hearing => return heard.map_err(|_| failure::unknown()),
                () = due => self.confirms.expire().inspect_err(|error| connected.notes.lose(error.clone()))?,
            }
        }
        Ok(())
    }

    fn sent(&self) -> MutexGuard<'_, VecDeque<(u64, Addressed)>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
