//! Handling an event once, even if the handler fails, panics or is dropped.

use crate::{Begun, Inbox, InboxStore, Started};
use cloudevents_core::{Error, ErrorKind, EventKey};
use cloudevents_transport::{Failure, Verdict};
use std::time::{Duration, SystemTime};
use tokio::{
    runtime::Handle,
    spawn,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// How long a delivery waits at most until it looks again whether another delivery of its event has ended.
const LOOK: Duration = Duration::from_secs(1);

/// How long a delivery waits for a store that does not answer. Most time limits of handlers are longer, and so are the waits of stores.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pauses after which a store is asked again to record that an event was handled.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

impl<S: InboxStore + Clone> Inbox<S> {
    /// Handles an event, unless another delivery of it was handled, and returns the settlement of this delivery.
    ///
    /// | the event | this delivery |
    /// |---|---|
    /// | is new, or the delivery that began with it gave it up | is handled: the future is awaited, and its success is recorded. After a failure, the next delivery is handled |
    /// | was handled | succeeds, and the future is not awaited. [`duplicates`](Self::duplicates) counts it |
    /// | is being handled by another delivery, here or elsewhere | is tried again after a second at most, until the other one has ended or its lease has. The attempt does not count |
    ///
    /// The attempt does not count either if the store fails, or does not answer for five seconds. A [time
    /// limit](cloudevents_transport::Run::time_limit) has to be longer than that. A handler that panics or is dropped, for example because
    /// its time limit has passed, gives the event up. This holds even if the store begins with the event afterwards. If the program
    /// crashes, or the answer of the store is lost with its connection, the event is given up when the lease ends.
    ///
    /// The effects of the handler and the record of it are two steps here. If the store is away in between, the inbox tries again until the
    /// lease ends, also if this future is dropped. If the program crashes between the steps, or the store stays away for that long, the
    /// event is handled again: see [`once_with`](Self::once_with). Needs tokio's timer.
    ///
    /// ```
    /// # #[cfg(feature = "rusqlite041")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let queue = cloudevents_transport::fake::FakeQueue::new();
    /// # let event = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
    /// # for _ in 0..2 { queue.sender().send(&event).await?; }
    /// # let receiver = queue.receiver(cloudevents_core::DecodeOptions::strict());
    /// # let charged = std::cell::Cell::new(0);
    /// # let charge = async |_: &Event| -> Result<(), cloudevents_core::Error> { Ok(charged.set(charged.get() + 1)) };
    /// use cloudevents_core::Event;
    /// use cloudevents_outbox::{Inbox, rusqlite041::SqliteStore};
    ///
    /// let inbox = Inbox::new(SqliteStore::in_memory()?, "billing");
    /// # let ctrl_c = || async { while inbox.duplicates() == 0 { tokio::time::sleep(std::time::Duration::from_millis(1)).await } };
    /// receiver.run(async |event: Event| inbox.once(event.key(), charge(&event)).await).until(ctrl_c()).await?;
    /// # assert_eq!(charged.get(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
    /// # #[cfg(not(feature = "rusqlite041"))] fn main() {}
    /// ```
    pub async fn once(&self, key: EventKey, handling: impl Future<Output: Verdict>) -> Result<(), Failure> {
        let until = self.lease_ends();
        let Some(begun) = self.begin_once(key).await? else { return Ok(()) };
        handling.await.verdict()?;
        let (inbox, started) = (self.clone(), begun.keep());
        // In a task of its own: the success is recorded even if this attempt is dropped now.
        match spawn(async move { inbox.record(started, until).await }).await {
            Ok(recorded) => recorded.map(drop).map_err(Failure::unavailable),
            Err(error) => Err(Failure::unavailable(error)),
        }
    }

    /// Handles an event as [`once`](Self::once) does, with a handler that records it by itself, in the transaction that has its effects. So
    /// the effects happen exactly once, also if the program crashes at any time.
    ///
    /// The handler gets the argument of `complete` of the store's module ([`rusqlite041::complete`](crate::rusqlite041::complete),
    /// [`tokio_postgres07::complete`](crate::tokio_postgres07::complete)). If that returns `false`, the handler has to roll back and to
    /// fail. A handler that succeeds without it leaves the event under way until the lease ends. Needs tokio's timer.
    ///
    /// ```
    /// # #[cfg(feature = "rusqlite041")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("shop.db");
    /// # let event = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
    /// use cloudevents_core::Event;
    /// use cloudevents_outbox::{Inbox, Started, rusqlite041::{self, SqliteStore}};
    /// use cloudevents_transport::Failure;
    ///
    /// let inbox = Inbox::new(SqliteStore::open(&file)?, "billing");
    /// let mut database = rusqlite::Connection::open(&file)?;
    /// database.execute_batch("CREATE TABLE charged (event TEXT)")?;
    ///
    /// let mut charge = |event: &Event, started: &Started| -> Result<(), Failure> {
    ///     let transaction = database.transaction()?;
    ///     transaction.execute("INSERT INTO charged (event) VALUES (?1)", [event.id()])?;
    ///     if !rusqlite041::complete(&transaction, started)? {
    ///         return Err(Failure::retry("another delivery has the event")); // dropping the transaction rolls it back
    ///     }
    ///     Ok(transaction.commit()?)
    /// };
    /// for _ in 0..2 {
    ///     inbox.once_with(event.key(), async |started| charge(&event, &started)).await.map_err(|failure| failure.to_string())?;
    /// }
    /// assert_eq!(database.query_row("SELECT count(*) FROM charged", [], |row| row.get::<_, i64>(0))?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
    /// # #[cfg(not(feature = "rusqlite041"))] fn main() {}
    /// ```
    pub async fn once_with<F, Fut>(&self, key: EventKey, handler: F) -> Result<(), Failure>
    where
        F: FnOnce(Started) -> Fut,
        Fut: Future<Output: Verdict>,
    {
        let Some(begun) = self.begin_once(key).await? else { return Ok(()) };
        handler(begun.started.clone()).await.verdict()?;
        begun.keep();
        Ok(())
    }

    /// Returns `None` for an event that was handled.
    async fn begin_once(&self, key: EventKey) -> Result<Option<Beginning<S>>, Failure> {
        let mut beginning = self.beginning(key);
        let begun = loop {
            match timeout(PATIENCE, &mut beginning).await {
                Ok(begun) => break begun,
                // Others are before this one.
                Err(_) if self.answers(PATIENCE) => {}
                Err(_) => {
                    let detail = format!("the store of the inbox has answered nothing for {PATIENCE:?}");
                    return Err(Failure::unavailable(detail));
                }
            }
        };
        match begun.map_err(Failure::unavailable)?.map_err(Failure::unavailable)? {
            Ok(beginning) => Ok(Some(beginning)),
            Err(Begun::UnderWay(until)) => {
                let left = until.duration_since(self.now()).unwrap_or_default();
                Err(Failure::unavailable("another delivery of the event is being handled")
                    .after(left.min(LOOK)))
            }
            Err(_) => {
                self.count_duplicate();
                Ok(None)
            }
        }
    }

    /// Begins to handle an event, as [`begin`](Self::begin) does, within a fourth of the lease, or a second. Otherwise the call is dropped.
    /// If the store has begun all the same, the event is under way until the lease ends. Needs tokio's timer.
    pub async fn begin_in_time(&self, key: EventKey) -> Result<Begun, Error> {
        let mut beginning = self.beginning(key);
        // A call that hangs would hold its connection.
        let abort = beginning.abort_handle();
        let begun = self.in_time(async {
            (&mut beginning).await.map_err(|error| Error::new(ErrorKind::Closed).with_source(error))?
        });
        let begun = begun.await.inspect_err(|_| abort.abort())?;
        Ok(begun.map_or_else(|begun| begun, |beginning| Begun::First(beginning.keep())))
    }

    /// Begins with an event, in a task of its own: if it is dropped before the store has begun, the event is given up.
    fn beginning(&self, key: EventKey) -> JoinHandle<Result<Result<Beginning<S>, Begun>, Error>> {
        let inbox = self.clone();
        spawn(async move {
            Ok(match inbox.begin(key).await? {
                Begun::First(started) => Ok(Beginning { inbox, started, is_kept: false }),
                begun => Err(begun),
            })
        })
    }
}

impl<S: InboxStore> Inbox<S> {
    /// Records that the event is handled, as [`complete`](Self::complete) does, for handlers whose effects are elsewhere: a store that is
    /// away is asked again for as long as a lease. Needs tokio's timer.
    pub async fn complete_patiently(&self, started: Started) -> Result<bool, Error> {
        let until = self.lease_ends();
        self.record(started, until).await
    }

    /// Records that the event was not handled, as [`abandon`](Self::abandon) does: a store that is away, or in which a transaction of the
    /// handler still has the event, is asked again for as long as a lease. Needs tokio's timer.
    pub async fn abandon_patiently(&self, started: Started) -> Result<bool, Error> {
        let (until, mut pause) = (self.lease_ends(), FIRST);
        loop {
            match self.in_time(self.abandon(started.clone())).await {
                Err(error) if error.is_temporary() && self.now() < until => {
                    tracing::debug!(event = %started.key, %error, ?pause, "the event cannot be given up: the store is asked again");
                }
                ended => return ended,
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST);
        }
    }

    /// A connection may be silent, and another one answer. So one call of several in a lease is not waited for longer than a fourth of it,
    /// or a second.
    async fn in_time<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let limit = self.lease().checked_div(4).unwrap_or_default().clamp(Duration::from_secs(1), PATIENCE);
        timeout(limit, call).await.unwrap_or_else(|_| {
            let detail = format!("the store of the inbox has answered nothing for {limit:?}");
            Err(Error::new(ErrorKind::Timeout).with_detail(detail))
        })
    }

    async fn record(&self, started: Started, until: SystemTime) -> Result<bool, Error> {
        let (name, mut pause) = (started.key.clone(), FIRST);
        loop {
            match self.in_time(self.complete(started.clone())).await {
                Ok(true) => {
                    if pause > FIRST {
                        tracing::info!(event = %name, "handled, and recorded now");
                    }
                    return Ok(true);
                }
                Ok(false) => {
                    tracing::warn!(event = %name, "handled, but the lease of the inbox had ended, and another delivery of the event began");
                    return Ok(false);
                }
                Err(error) if self.now() >= until => return Err(error),
                Err(error) if pause == FIRST => {
                    tracing::warn!(event = %name, %error, "handled, and that cannot be recorded: the store is asked again, for the lease of the inbox");
                }
                Err(error) => {
                    tracing::debug!(event = %name, %error, ?pause, "handled, and still not recorded");
                }
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST);
        }
    }
}

/// An event that handling has begun of. Unless it is kept, it is given up when this is dropped.
struct Beginning<S: InboxStore + Clone> {
    inbox: Inbox<S>,
    started: Started,
    is_kept: bool,
}

impl<S: InboxStore + Clone> Beginning<S> {
    fn keep(mut self) -> Started {
        self.is_kept = true;
        self.started.clone()
    }
}

impl<S: InboxStore + Clone> Drop for Beginning<S> {
    fn drop(&mut self) {
        // Where no runtime is left, the lease ends.
        let Ok(runtime) = Handle::try_current() else { return };
        if self.is_kept {
            return;
        }
        let (inbox, started) = (self.inbox.clone(), self.started.clone());
        runtime.spawn(async move {
            if let Err(error) = inbox.abandon_patiently(started).await {
                tracing::warn!(%error, "an event could not be given up; its next delivery waits for the lease");
            }
        });
    }
}
