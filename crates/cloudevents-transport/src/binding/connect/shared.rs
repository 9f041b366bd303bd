//! A connection that many tasks use.

use super::{Connect, Reconnect};
use crate::{Connectivity, binding::disconnected};
use cloudevents_core::{Error, ErrorKind};
use futures_util::future::{Either, select};
use std::{fmt, pin::pin, sync::Arc};
use tokio::{
    runtime::Handle,
    sync::{Mutex, watch},
};

/// A connection that many tasks use, such as the clones of a sender.
///
/// It reconnects after a loss. One attempt serves all waiting tasks, and continues when they stop waiting. Reconnecting ends when the last
/// clone of this is dropped.
pub struct Shared<C: Connect>(Arc<Inner<C>>);

struct Inner<C: Connect> {
    slot: Arc<watch::Sender<Slot<C::Connection>>>,
    /// Locked by the task that maintains the connection, never by tasks that wait for it.
    attempts: Arc<Mutex<Attempts<C>>>,
    connectivity: Connectivity,
    /// Ends the task when this is dropped.
    alive: watch::Sender<()>,
}

struct Attempts<C: Connect> {
    reconnect: Reconnect<C>,
    /// The number of the last connection.
    number: u64,
}

enum Slot<T> {
    /// No task maintains a connection.
    Empty,
    /// An attempt runs.
    Trying,
    Open(u64, T),
    /// It was reported lost.
    Lost,
    Failed(Error),
    Closed,
}

impl<C: Connect<Connection: Clone + Sync>> Shared<C> {
    pub(super) fn new(reconnect: Reconnect<C>) -> Self {
        let connectivity = reconnect.connectivity();
        Self(Arc::new(Inner {
            slot: Arc::new(watch::channel(Slot::Empty).0),
            attempts: Arc::new(Mutex::new(Attempts { reconnect, number: 0 })),
            connectivity,
            alive: watch::channel(()).0,
        }))
    }

    /// Tries every host once, for opening. Returns the connection and its number, or the error.
    pub async fn open(&self) -> Result<(u64, C::Connection), Error> {
        if let Some(open) = self.now() {
            return Ok(open);
        }
        let runtime = runtime()?;
        let mut attempts = self.0.attempts.lock().await;
        let connection = attempts.reconnect.once().await?;
        let number = attempts.next_number();
        drop(attempts);
        self.0.slot.send_replace(Slot::Open(number, connection.clone()));
        self.keep(&runtime, Some((number, connection.clone())));
        Ok((number, connection))
    }

    /// Returns the connection and its number.
    ///
    /// Without a connection, it waits until there is one. Dropping the future does not end the attempt.
    ///
    /// Fails only with errors that are not temporary; see [`Connect::connect`]. One of kind [`Unsupported`](ErrorKind::Unsupported) is
    /// returned as [`Refused`](ErrorKind::Refused), so that it is not taken for the fault of a message. A later call tries again, except
    /// after [`close`](Self::close).
    pub async fn get(&self) -> Result<(u64, C::Connection), Error> {
        if let Some(open) = self.now() {
            return Ok(open);
        }
        let runtime = runtime()?;
        let mut slot = self.0.slot.subscribe();
        let begins = self.0.slot.send_if_modified(|slot| {
            let begins = matches!(slot, Slot::Empty | Slot::Failed(_));
            if begins {
                *slot = Slot::Trying;
            }
            begins
        });
        if begins {
            self.keep(&runtime, None);
        }
        let decided =
            slot.wait_for(|slot| matches!(slot, Slot::Open(..) | Slot::Failed(_) | Slot::Closed)).await;
        match decided.as_deref() {
            Ok(Slot::Open(number, connection)) => Ok((*number, connection.clone())),
            Ok(Slot::Failed(error)) => Err(declined(error)),
            _ => Err(Error::new(ErrorKind::Closed)),
        }
    }

    /// The connection and its number, if there is one now.
    pub fn now(&self) -> Option<(u64, C::Connection)> {
        match &*self.0.slot.borrow() {
            Slot::Open(number, connection) => Some((*number, connection.clone())),
            _ => None,
        }
    }

    /// Reports that the connection with this number was lost.
    ///
    /// Ignores reports about older connections, and repeated reports about the same one.
    pub fn lost(&self, number: u64, error: &Error) {
        if replace(&self.0.slot, number, Slot::Lost) {
            self.0.connectivity.report_lost(error);
        }
    }

    /// Stops connecting, and returns the current connection, for the caller to close.
    ///
    /// Tasks that wait for a connection get an error of kind [`Closed`](ErrorKind::Closed).
    pub fn close(&self) -> Option<C::Connection> {
        match self.0.slot.send_replace(Slot::Closed) {
            Slot::Open(_, connection) => Some(connection),
            _ => None,
        }
    }

    /// The state of the connection.
    pub fn connectivity(&self) -> Connectivity {
        self.0.connectivity.clone()
    }

    fn keep(&self, runtime: &Handle, open: Option<(u64, C::Connection)>) {
        let (slot, attempts) = (Arc::clone(&self.0.slot), Arc::clone(&self.0.attempts));
        let mut alive = self.0.alive.subscribe();
        runtime.spawn(async move {
            let _unwinding = Unwinding(Arc::clone(&slot));
            let kept = pin!(keep(&slot, &attempts, open));
            let _ = select(kept, pin!(alive.changed())).await;
        });
    }
}

/// Returns the current runtime, on which connections live and tasks are spawned.
///
/// Errors: [`Unsupported`](ErrorKind::Unsupported) outside a tokio runtime.
pub fn runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))
}

/// Returns the reason for which a connection has ended, when it has.
pub async fn ended(mut why: watch::Receiver<Option<Error>>) -> Error {
    let why = why.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
    why.unwrap_or_else(|| disconnected("the connection was closed"))
}

/// Replaces the connection with this number, if it is still the current one.
fn replace<T>(slot: &watch::Sender<Slot<T>>, number: u64, with: Slot<T>) -> bool {
    slot.send_if_modified(|slot| {
        let current = matches!(slot, Slot::Open(open, _) if *open == number);
        if current {
            *slot = with;
        }
        current
    })
}

impl<C: Connect> Attempts<C> {
    fn next_number(&mut self) -> u64 {
        self.number = self.number.saturating_add(1);
        self.number
    }
}

/// Reconnects after each loss, until the connection is closed or an error is not temporary.
async fn keep<C: Connect<Connection: Clone + Sync>>(
    slot: &watch::Sender<Slot<C::Connection>>,
    attempts: &Mutex<Attempts<C>>,
    mut open: Option<(u64, C::Connection)>,
) {
    let mut attempts = attempts.lock().await;
    let mut changes = slot.subscribe();
    loop {
        let (number, connection) = match open.take() {
            Some(open) => open,
            None => {
                let opened = {
                    let opening = pin!(attempts.reconnect.open());
                    let closed = pin!(changes.wait_for(|slot| matches!(slot, Slot::Closed)));
                    match select(opening, closed).await {
                        Either::Left((opened, _)) => opened,
                        Either::Right(_) => return,
                    }
                };
                let number = attempts.next_number();
                let becomes = match &opened {
                    Ok(connection) => Slot::Open(number, connection.clone()),
                    Err(error) => Slot::Failed(error.clone()),
                };
                slot.send_if_modified(|slot| {
                    let wanted = !matches!(slot, Slot::Closed);
                    if wanted {
                        *slot = becomes;
                    }
                    wanted
                });
                match opened {
                    Ok(connection) => (number, connection),
                    Err(_) => return,
                }
            }
        };
        let lost = {
            let lost = pin!(attempts.reconnect.binding().lost(&connection));
            let gone = |slot: &Slot<C::Connection>| !matches!(slot, Slot::Open(open, _) if *open == number);
            let gone = pin!(changes.wait_for(gone));
            match select(lost, gone).await {
                Either::Left((error, _)) => Some(error),
                Either::Right(_) => None,
            }
        };
        drop(connection);
        if let Some(error) = lost
            && replace(slot, number, Slot::Lost)
        {
            attempts.reconnect.lost(&error);
        }
        let again = slot.send_if_modified(|slot| {
            let again = matches!(slot, Slot::Lost);
            if again {
                *slot = Slot::Trying;
            }
            again
        });
        if !again {
            return;
        }
    }
}

/// Why there is no connection, for a task with a message. "Not supported" would be a fault of the message. Here, the other end has changed.
#[cold]
fn declined(error: &Error) -> Error {
    if error.kind() != ErrorKind::Unsupported {
        return error.clone();
    }
    let declined = Error::new(ErrorKind::Refused).with_detail(error.detail().to_owned());
    let help = error.help().map(str::to_owned);
    let declined = help.into_iter().fold(declined, Error::with_help);
    declined.with_source(error.clone())
}

/// Turns a panic in `connect` into an error for all waiting tasks, which would otherwise wait for ever. The
/// next request for a connection tries again.
struct Unwinding<T>(Arc<watch::Sender<Slot<T>>>);

impl<T> Drop for Unwinding<T> {
    fn drop(&mut self) {
        self.0.send_if_modified(|slot| match slot {
            Slot::Trying | Slot::Lost => {
                let error = Error::new(ErrorKind::Transport);
                *slot = Slot::Failed(error.with_detail("the attempt to connect ended without a result"));
                true
            }
            // No task maintains it any more.
            Slot::Open(..) => {
                *slot = Slot::Empty;
                true
            }
            Slot::Empty | Slot::Failed(_) | Slot::Closed => false,
        });
    }
}

impl<C: Connect> fmt::Debug for Shared<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("connectivity", &self.0.connectivity).finish_non_exhaustive()
    }
}

/// Not derived: that would require `C: Clone`.
impl<C: Connect> Clone for Shared<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, Host, binding::connect::Backoff};
    use futures_util::FutureExt;
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };
    use tokio::{sync::Semaphore, time::sleep};

    /// Counts attempts; each waits until it may go on.
    struct Gate {
        attempts: AtomicU32,
        open: Semaphore,
        panics: bool,
    }

    impl Gate {
        fn shared(panics: bool) -> (Arc<Self>, Shared<Gated>) {
            let gate = Arc::new(Self { attempts: AtomicU32::new(0), open: Semaphore::new(0), panics });
            let hosts = Endpoint::parse("x://a/").unwrap().hosts().to_vec();
            let backoff = Backoff::default().with_per_host(Duration::from_secs(3600));
            (Arc::clone(&gate), Reconnect::new(Gated(gate), hosts, backoff).share())
        }
    }

    struct Gated(Arc<Gate>);

    impl Connect for Gated {
        type Connection = u32;

        async fn connect(&self, _: &Host) -> Result<u32, Error> {
            let attempt = self.0.attempts.fetch_add(1, Ordering::Relaxed) + 1;
            self.0.open.acquire().await.unwrap().forget();
            assert!(!self.0.panics || attempt > 1, "the first attempt panics");
            Ok(attempt)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_attempt_serves_all_who_wait_and_outlives_who_stops_waiting() {
        let (gate, shared) = Gate::shared(false);
        assert!(shared.now().is_none());
        assert!(shared.get().now_or_never().is_none()); // starts the attempt, and stops waiting
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                tokio::spawn({
                    let shared = shared.clone();
                    async move { shared.get().await }
                })
            })
            .collect();
        sleep(Duration::from_secs(1)).await;
        gate.open.add_permits(1);
        for waits in waiting {
            assert_eq!(waits.await.unwrap().unwrap(), (1, 1));
        }
        assert_eq!(gate.attempts.load(Ordering::Relaxed), 1);
        let error = Error::new(ErrorKind::Disconnected);
        shared.lost(1, &error);
        shared.lost(1, &error); // twice, and counted once
        gate.open.add_permits(1);
        assert!(shared.now().is_none());
        assert_eq!(shared.get().await.unwrap(), (2, 2));
        shared.lost(1, &error); // about the previous connection
        assert_eq!(shared.now(), Some((2, 2)));
        assert_eq!((shared.connectivity().connects(), shared.connectivity().losses()), (2, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_panics_is_an_error_and_the_next_one_is_made() {
        let (gate, shared) = Gate::shared(true);
        gate.open.add_permits(2);
        assert_eq!(shared.get().await.unwrap_err().kind(), ErrorKind::Transport);
        assert_eq!(shared.get().await.unwrap(), (1, 2));
    }

    /// The other end has changed since the sender was opened.
    #[tokio::test]
    async fn no_connection_is_no_fault_of_a_message() {
        struct Declined(ErrorKind);

        impl Connect for Declined {
            type Connection = u32;

            async fn connect(&self, _: &Host) -> Result<u32, Error> {
                Err(Error::new(self.0).with_detail("not here").with_help("go elsewhere"))
            }
        }

        let sender = crate::fake::FakeLog::new(1).sender();
        for kind in [ErrorKind::Unsupported, ErrorKind::InvalidUrl, ErrorKind::Closed] {
            let hosts = Endpoint::parse("x://a/").unwrap().hosts().to_vec();
            let shared = Reconnect::new(Declined(kind), hosts, Backoff::default()).share();
            assert_eq!(shared.open().await.unwrap_err().kind(), kind);
            let error = shared.get().await.unwrap_err();
            assert!(!sender.refuses_message(&error), "{error:?}");
            assert_eq!((error.detail(), error.help()), ("not here", Some("go elsewhere")), "{error:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_is_made_again_though_no_task_waits_and_not_after_closing() {
        let (gate, shared) = Gate::shared(false);
        gate.open.add_permits(3);
        assert_eq!(shared.open().await.unwrap(), (1, 1));
        for number in 2..=3 {
            shared.lost(number - 1, &Error::new(ErrorKind::Disconnected));
            let mut seen = shared.connectivity();
            while seen.connects() < number {
                seen.changed().await;
            }
        }
        while shared.now().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(shared.close(), Some(3));
        assert_eq!(shared.get().await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(shared.close(), None);
        let tasks = Handle::current().metrics();
        while tasks.num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_with_the_last_clone() {
        let (gate, shared) = Gate::shared(false);
        assert!(shared.get().now_or_never().is_none());
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&gate), 2);
        drop(shared);
        while Arc::strong_count(&gate) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
