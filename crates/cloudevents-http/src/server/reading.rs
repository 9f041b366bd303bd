//! Bodies that are being read. When no permit is free for another body, the body that takes longest is cut.
//!
//! A slow sender that has not identified itself must not keep others out.

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

/// How long a body may take, even if others wait.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The bodies that are being read.
#[derive(Default)]
pub(super) struct Readings {
    all: AtomicUsize,
    /// Bodies that have not arrived at once, in the order in which they began.
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u64,
    bodies: BTreeMap<u64, Slow>,
    /// The bytes of bodies that were cut and are still there.
    cut: BTreeMap<u64, usize>,
}

struct Slow {
    begun: Instant,
    /// The bytes of it that have arrived.
    bytes: usize,
    waker: Waker,
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

    /// Cuts the body that takes longest, other than this one. Returns whether a body has had its time and was cut.
    pub(super) fn cut(&self, except: Option<u64>) -> bool {
        let mut open = self.open();
        let oldest = open.bodies.iter().find(|(number, _)| Some(**number) != except);
        let Some(number) =
            oldest.filter(|(_, slow)| slow.begun.elapsed() >= GRACE).map(|(number, _)| *number)
        else {
            return false;
        };
        let Some(Slow { bytes, waker, .. }) = open.bodies.remove(&number) else { return false };
        open.cut.insert(number, bytes);
        drop(open);
        waker.wake();
        true
    }

    /// The bytes that bodies take which were cut, and which are about to go.
    pub(super) fn leaving(&self) -> usize {
        self.open().cut.values().fold(0, |all, bytes| all.saturating_add(*bytes))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading<'_> {
    pub(super) fn number(&self) -> Option<u64> {
        self.number
    }

    /// Whether the body was cut, which wakes the task. Called when so many bytes have arrived, and more are to arrive.
    pub(super) fn is_cut(&mut self, bytes: usize, context: &Context<'_>) -> bool {
        let mut open = self.readings.open();
        match self.number {
            Some(number) => match open.bodies.get_mut(&number) {
                Some(slow) => {
                    slow.bytes = bytes;
                    slow.waker.clone_from(context.waker());
                }
                None => return true,
            },
            None => {
                open.last = open.last.saturating_add(1);
                let number = open.last;
                let (begun, waker) = (Instant::now(), context.waker().clone());
                open.bodies.insert(number, Slow { begun, bytes, waker });
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
            let mut open = self.readings.open();
            open.bodies.remove(&number);
            open.cut.remove(&number);
        }
    }
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readings").field("open", &self.open().bodies.len()).finish()
    }
}
