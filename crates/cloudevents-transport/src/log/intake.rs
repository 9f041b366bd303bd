//! Receiving from a log.

use super::{
    ledger::{Ledger, Turn},
    record::Record,
};
use crate::{Incoming, Intake, Partition};
use cloudevents_core::{Error, ErrorKind};
use futures_util::{
    FutureExt,
    future::{Either, OptionFuture, select},
};
use std::{pin::pin, time::Duration};
use tokio::{
    task::coop,
    time::{Instant, sleep_until, timeout_at},
};

/// How many messages are taken before watermarks are passed on that nobody waited for.
const MARK_EVERY: usize = 64;

/// How long committing may take, beyond the deadline if need be.
const COMMIT_GRACE: Duration = Duration::from_secs(1);

/// What a log client has to do. Implement it with `async fn`.
pub trait LogSource: Send + 'static {
    /// The next message, of any partition that is assigned in the [`Ledger`]. It waits for ever when there is none.
    ///
    /// Cancel-safe: a message is taken in the poll that returns it. It is not called while too much waits to come again; a client
    /// that must be polled to stay alive takes care of that by itself.
    fn next(&mut self) -> impl Future<Output = Result<Record, Error>> + Send;

    /// What [`next`](Self::next) would answer with at once; `None` when it would have to wait, or may have to. It never waits.
    ///
    /// It is asked first, and saves the future where messages come faster than they are taken. A client that has none ready without one
    /// leaves it out.
    fn try_next(&mut self) -> Option<Result<Record, Error>> {
        None
    }

    /// Everything before this offset is done, to be committed when it suits. It does not wait. That the partition was revoked in the
    /// meantime is no error; an error comes out of [`Receiver::next`](crate::Receiver::next).
    fn mark(&mut self, partition: &Partition, offset: u64) -> Result<(), Error>;

    /// Commits what was marked, and answers when that is with the broker.
    fn commit(&mut self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Makes a [`LogSource`] an [`Intake`]: watermarks, redelivery and rejection are those of the [`Ledger`].
///
/// Watermarks are passed on to the source by `next` and `drain`: when it waits, and now and then while it does not. Dropped without
/// draining, what was not passed on comes again.
#[derive(Debug)]
pub struct LogIntake<S> {
    ledger: Ledger,
    source: S,
    /// Messages taken since watermarks were passed on.
    unmarked: usize,
}

impl<S: LogSource> LogIntake<S> {
    /// Receives from this source, and keeps these books.
    pub fn new(ledger: Ledger, source: S) -> Self {
        Self { ledger, source, unmarked: 0 }
    }

    fn mark(&mut self) -> Result<(), Error> {
        self.unmarked = 0;
        for (partition, offset) in self.ledger.marks() {
            self.source.mark(&partition, offset)?;
            self.ledger.marked(&partition, offset);
        }
        Ok(())
    }

    async fn settled(&mut self, end: Instant) -> Result<(), Error> {
        let ledger = self.ledger.clone();
        loop {
            let changed = ledger.changed();
            self.mark()?;
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

impl<S: LogSource> Intake for LogIntake<S> {
    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        coop::consume_budget().await;
        let ledger = self.ledger.clone();
        loop {
            // Made before the look, so that a change in between is not missed.
            let changed = ledger.changed();
            self.mark()?;
            if let Some(ready) = self.try_next() {
                return ready;
            }
            let full = ledger.is_full();
            let due = OptionFuture::from(ledger.due().map(sleep_until));
            let wake = pin!(async {
                if let Either::Right((None, changed)) = select(pin!(changed), pin!(due)).await {
                    changed.await;
                }
            });
            let record =
                pin!(async { if full { std::future::pending().await } else { self.source.next().await } });
            match select(record, wake).await {
                Either::Left((record, _)) => {
                    if let Some(incoming) = ledger.take(record?) {
                        return Ok(Some(incoming));
                    }
                }
                Either::Right(_) => {}
            }
        }
    }

    fn try_next(&mut self) -> Option<Result<Option<Incoming>, Error>> {
        // A task that finds a message each time still has to let others run now and then: `next` waits for that.
        coop::consume_budget().now_or_never()?;
        if self.unmarked >= MARK_EVERY
            && let Err(error) = self.mark()
        {
            return Some(Err(error));
        }
        loop {
            match self.ledger.turn() {
                Turn::Over => return Some(Ok(None)),
                Turn::Again(incoming) => return Some(Ok(Some(incoming))),
                Turn::Full => return None,
                Turn::Free => {}
            }
            let record = match self.source.try_next()? {
                Ok(record) => record,
                Err(error) => return Some(Err(error)),
            };
            if let Some(incoming) = self.ledger.take(record) {
                self.unmarked = self.unmarked.saturating_add(1);
                return Some(Ok(Some(incoming)));
            }
        }
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.ledger.start_draining();
        let now = Instant::now();
        let end = now.checked_add(deadline).unwrap_or(now);
        let settled = self.settled(end).await;
        let grace = Instant::now().checked_add(COMMIT_GRACE).unwrap_or(end).max(end);
        let committed = match timeout_at(grace, self.source.commit()).await {
            Ok(committed) => committed,
            Err(_) => Err(Error::new(ErrorKind::Timeout).with_detail("the commit took too long")),
        };
        settled.and(committed)
    }
}

impl<S> Drop for LogIntake<S> {
    fn drop(&mut self) {
        self.ledger.close();
    }
}
