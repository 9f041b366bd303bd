//! Receiving from a log.

use super::{delivering::Turn, ledger::Ledger, record::Record};
use crate::{
    Connectivity, Counters, InFlight, LetterBox, ReceiverCapabilities,
    binding::{Incoming, Receive},
    deadline::later,
};
use cloudevents_core::{Error, ErrorKind};
use futures_util::future::{Either, OptionFuture, select};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    task::coop,
    time::{Instant, sleep_until, timeout, timeout_at},
};

/// How long committing may take, also after the deadline.
const COMMIT_GRACE: Duration = Duration::from_secs(1);

/// A client of a log. Implement it with `async fn`.
pub trait LogSource: Send + 'static {
    /// Returns the next message of any partition that is assigned in the [`Ledger`]. Waits for ever if there
    /// is none.
    ///
    /// Cancel-safe: a message is taken in the poll that returns it. It is not called while too many messages
    /// wait to be delivered again. A client that must be polled to stay alive has to do so by itself.
    fn next(&mut self) -> impl Future<Output = Result<Record, Error>> + Send;

    /// Whether this client returns no messages of partitions that the ledger [holds back](Ledger::held_back), and meanwhile returns
    /// messages of the others. By default it does not. Then nothing is taken while one of them is as far ahead as allowed.
    fn holds_back(&self) -> bool {
        false
    }

    /// Whether committed messages stay at the source, where they can be read again. By default they do: a log has a history.
    fn keeps(&self) -> bool {
        true
    }

    /// Commits all [marks](Ledger::marks), and returns when the broker has them.
    fn commit(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    /// The most settled messages that may come again because they are not committed, as far as the client knows. A receiver that cannot
    /// commit when it ends reports it. Default: 0, for clients that do not know.
    fn uncommitted(&self) -> u64 {
        0
    }

    /// How long [leaving](Self::leave) may take before a drained receiver goes on without it. Default: 5 seconds.
    const LEAVING: Duration = Duration::from_secs(5);

    /// Leaves the consumer group, and returns when the broker knows. No other method is called after it.
    ///
    /// A drained receiver calls it when all is committed, so that others take over at once even if the program ends
    /// now. The default does nothing: the client leaves when it is dropped.
    fn leave(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Implements [`Receive`] over a [`LogSource`]. The [`Ledger`] provides watermarks, redelivery and rejection.
///
/// It does not handle marks: the owner of the connection takes them from the ledger.
#[derive(Debug)]
pub struct LogReceiver<S> {
    ledger: Ledger,
    source: S,
    connectivity: Connectivity,
    /// All is committed, and the source has left its group.
    left: bool,
    /// The number of messages that were settled behind an unsettled message, before the source left its partitions.
    ahead: usize,
}

impl<S: LogSource> LogReceiver<S> {
    /// Receives from this source, with this ledger.
    pub fn new(ledger: Ledger, source: S) -> Self {
        Self { ledger, source, connectivity: Connectivity::connectionless(), left: false, ahead: 0 }
    }

    /// Returns it with the state of the connection, for sources that have one.
    pub fn with_connectivity(mut self, connectivity: Connectivity) -> Self {
        self.connectivity = connectivity;
        self
    }

    async fn settled(&mut self, end: Instant) -> Result<(), Error> {
        let ledger = self.ledger.clone();
        loop {
            let changed = ledger.changed();
            let outstanding = ledger.outstanding();
            if outstanding == 0 {
                return Ok(());
            }
            if timeout_at(end, changed).await.is_err() {
                return Err(Error::new(ErrorKind::Timeout)
                    .with_detail(format!("{outstanding} deliveries were not settled in time")));
            }
        }
    }
}

impl<S: LogSource> Receive for LogReceiver<S> {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities { keeps: self.source.keeps(), ..ReceiverCapabilities::log() }
    }

    fn isolate(&mut self, in_flight: &InFlight, counters: &Arc<Counters>) {
        self.ledger.isolate(in_flight, counters);
    }

    fn connectivity(&self) -> Connectivity {
        self.connectivity.clone()
    }

    fn letters(&self) -> LetterBox {
        self.ledger.letters()
    }

    fn settled_ahead(&self) -> usize {
        if self.left { self.ahead } else { self.ledger.settled_ahead() }
    }

    fn finish(&mut self, within: Duration) {
        self.ledger.finish(within);
    }

    fn is_held_up(&self) -> bool {
        self.ledger.is_held_up(self.source.holds_back())
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        // A task that finds a message each time still has to yield now and then.
        coop::consume_budget().await;
        let ledger = self.ledger.clone();
        loop {
            // Created before the check, so that a change in between is not missed.
            let changed = ledger.changed();
            let is_full = match ledger.turn(self.source.holds_back()) {
                Turn::Over => return Ok(None),
                Turn::Again(incoming) => return Ok(Some(incoming)),
                Turn::Full => true,
                Turn::Free => false,
            };
            let due = OptionFuture::from(ledger.due().map(sleep_until));
            let wake = pin!(async {
                if let Either::Right((None, changed)) = select(pin!(changed), pin!(due)).await {
                    changed.await;
                }
            });
            let record =
                pin!(async { if is_full { std::future::pending().await } else { self.source.next().await } });
            if let Either::Left((record, _)) = select(record, wake).await
                && let Some(incoming) = ledger.take(record?)
            {
                return Ok(Some(incoming));
            }
        }
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        if self.left {
            return Ok(());
        }
        self.ledger.finish(deadline);
        self.ledger.start_draining();
        let now = Instant::now();
        let end = later(now, deadline);
        let settled = self.settled(end).await;
        let grace = Instant::now().checked_add(COMMIT_GRACE).unwrap_or(end).max(end);
        let committed = match timeout_at(grace, self.source.commit()).await {
            Ok(committed) => committed,
            Err(_) => Err(Error::new(ErrorKind::Timeout).with_detail("the commit took too long")),
        };
        let committed = committed.map_err(|error| match self.source.uncommitted() {
            0 => error,
            most => {
                let detail =
                    format!("{}; settled messages that may come again: up to {most}", error.detail());
                error.with_detail(detail)
            }
        });
        settled.and(committed)?;
        self.ahead = self.ledger.settled_ahead();
        self.left = true;
        if timeout(S::LEAVING, self.source.leave()).await.is_err() {
            tracing::warn!(limit = ?S::LEAVING, "leaving takes too long; the peer may wait for this receiver until its session ends");
        }
        Ok(())
    }
}

impl<S> Drop for LogReceiver<S> {
    fn drop(&mut self) {
        self.ledger.close();
    }
}
