//! Bodies that are being read. When there is no room for another one, the one that takes longest makes room: whoever sends slowly, without
//! having said who it is, must not keep others out.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};
use tokio::time::Instant;

/// How long a body may take, whoever waits.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The bodies that are being read.
#[derive(Default)]
pub(super) struct Readings {
    all: AtomicUsize,
    /// Those that have not arrived at once, in the order in which they began.
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u64,
    bodies: BTreeMap<u64, (Instant, Waker)>,
}

/// A body that is being read.
pub(super) struct Reading<'a> {
    readings: &'a Readings,
    /// Once it has not arrived at once.
    number: Option<u64>,
}

impl Readings {
    pub(super) fn begin(&self) -> Reading<'_> {
        self.all.fetch_add(1, Ordering::Relaxed);
        Reading { readings: self, number: None }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Cuts the body that takes longest, other than this one. Returns whether there was one that has had its time.
    pub(super) fn cut(&self, except: Option<u64>) -> bool {
        let mut open = self.open();
        let oldest = open.bodies.iter().find(|(number, _)| Some(**number) != except);
        let Some(number) =
            oldest.filter(|(_, (begun, _))| begun.elapsed() >= GRACE).map(|(number, _)| *number)
        else {
            return false;
        };
        let cut = open.bodies.remove(&number);
        drop(open);
        cut.into_iter().for_each(|(_, waker)| waker.wake());
        true
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading<'_> {
    pub(super) fn number(&self) -> Option<u64> {
        self.number
    }

    /// Whether the body was cut, which wakes the task. Called when more of it is to arrive.
    pub(super) fn is_cut(&mut self, context: &Context<'_>) -> bool {
        let mut open = self.readings.open();
        match self.number {
            Some(number) => match open.bodies.get_mut(&number) {
                Some((_, waker)) => waker.clone_from(context.waker()),
                None => return true,
            },
            None => {
                open.last = open.last.saturating_add(1);
                let number = open.last;
                open.bodies.insert(number, (Instant::now(), context.waker().clone()));
                self.number = Some(number);
            }
        }
        false
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.readings.all.fetch_sub(1, Ordering::Relaxed);
        if let Some(number) = self.number {
            self.readings.open().bodies.remove(&number);
        }
    }
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readings").field("open", &self.open().bodies.len()).finish()
    }
}
