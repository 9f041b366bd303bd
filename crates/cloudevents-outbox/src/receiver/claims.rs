//! Claims of the messages of a target, and settlements. A settlement that makes a message due claims it in the same transaction, for a
//! receive that waits for it.

use crate::{Claim, Claimed, Clock, Settled, Settlement, Store, Ticket};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::binding::batches::{Batch, all_failed};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::sync::{Notify, oneshot};

/// The most messages of a claim.
pub(super) const MOST: usize = 256;

/// The claims and the settlements of a target.
pub(super) struct Claims<S> {
    store: Arc<S>,
    clock: Clock,
    target: Arc<str>,
    lease: Duration,
    bytes: usize,
    waiting: Mutex<Option<Waiting>>,
    /// Notified when a settlement without a claim has made messages due: the next one in order, or a message that comes again.
    settled: Notify,
}

/// A receive that waits for a message.
struct Waiting {
    most: usize,
    reply: oneshot::Sender<Brought>,
}

/// The messages of a claim, and its time.
pub(super) type Brought = (Claimed, SystemTime);

impl<S: Store> Claims<S> {
    pub(super) fn new(store: Arc<S>, clock: Clock, target: Arc<str>, lease: Duration, bytes: usize) -> Self {
        Self { store, clock, target, lease, bytes, waiting: Mutex::default(), settled: Notify::new() }
    }

    pub(super) async fn claim(&self, most: usize) -> Result<Brought, Error> {
        let (claim, now) = self.request(most);
        Ok((self.store.claim(claim).await?, now))
    }

    /// Has the next settlement that makes a message due claim for a receive. Its answer is an error if it claims nothing after all.
    pub(super) fn wait(&self, most: usize) -> oneshot::Receiver<Brought> {
        let (reply, brought) = oneshot::channel();
        *self.waiting() = Some(Waiting { most, reply });
        brought
    }

    /// Ends that. Returns `false` if a settlement claims already: its messages are leased, and the answer comes.
    pub(super) fn wait_no_more(&self) -> bool {
        self.waiting().take().is_some()
    }

    /// Returns when messages are due after a settlement that claimed nothing.
    pub(super) async fn settled(&self) {
        self.settled.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(&self, most: usize) -> (Claim, SystemTime) {
        let now = self.clock.now();
        let mut claim = Claim::new(now, most.clamp(1, MOST), self.lease);
        claim.bytes = self.bytes;
        claim.only = Some(Arc::clone(&self.target));
        (claim, now)
    }

    async fn settle(&self, settlements: Vec<Settlement>, is_due: bool) -> Result<Settled, Error> {
        let waiting = if is_due { self.waiting().take() } else { None };
        let waiting = waiting.filter(|waiting| !waiting.reply.is_closed());
        let Some(Waiting { most, reply }) = waiting else {
            let settled = self.store.settle(settlements, self.clock.now()).await;
            if is_due {
                self.settled.notify_one();
            }
            return settled;
        };
        let (claim, now) = self.request(most);
        match self.store.settle_and_claim(settlements.clone(), now, claim).await {
            Ok((settled, claimed)) => {
                // A receive ends by itself alone, and waits for this.
                drop(claimed.map(|claimed| reply.send((claimed, now))));
                Ok(settled)
            }
            Err(error) if is_away(&error) => Err(error),
            // Messages that cannot be claimed keep no result from being recorded.
            Err(_) => self.store.settle(settlements, self.clock.now()).await,
        }
    }
}

/// Whether the store is away, so that it would not answer another call either. After a limit of time, the messages may have been too large
/// to be read within it, and a result is small.
fn is_away(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Unreachable)
}

/// Records settlements, several in one transaction.
pub(super) struct Settling<S>(pub(super) Arc<Claims<S>>);

/// A settlement, and whether a message is due after it.
pub(super) struct Ended {
    pub(super) settlement: Settlement,
    pub(super) is_due: bool,
}

impl<S: Store> Batch for Settling<S> {
    type Entry = Ended;
    type Answer = ();

    /// The next message in order waits for the settlement.
    const GATHERS: bool = false;

    fn size(_: &Ended) -> usize {
        0
    }

    async fn ask(&self, ended: Vec<Ended>) -> Vec<Result<(), Error>> {
        let is_due = ended.iter().any(|ended| ended.is_due);
        let settlements: Vec<Settlement> = ended.into_iter().map(|ended| ended.settlement).collect();
        let tickets: Vec<Ticket> = settlements.iter().map(|settlement| settlement.ticket).collect();
        match self.0.settle(settlements, is_due).await {
            Ok(settled) => {
                let is_lost = |ticket: &Ticket| settled.lost.contains(ticket);
                tickets.iter().map(|ticket| if is_lost(ticket) { Err(lost()) } else { Ok(()) }).collect()
            }
            Err(error) => all_failed(tickets.len(), &error),
        }
    }
}

#[cold]
fn lost() -> Error {
    Error::new(ErrorKind::Disconnected)
        .with_detail("the lease of the message has ended, and another receiver or worker has it")
        .with_help("use a longer lease")
}
