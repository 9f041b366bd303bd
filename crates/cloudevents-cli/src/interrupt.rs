//! Ctrl-C and SIGTERM.

use crate::{
    console::{Console, Notes},
    failure::Status,
    plain::count,
};
use std::{
    io, process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use tokio::{runtime::Builder, sync::Notify};

/// Watches for Ctrl-C. After the first one, the command finishes its work in progress; the second one exits
/// at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicBool,
    /// No work is in progress: the command waits for input, and cannot be woken.
    idle: AtomicBool,
    /// The exit status while idle.
    status: AtomicU8,
    /// The number of messages in flight.
    in_flight: AtomicUsize,
    /// Whether standard output is being written. This lasts until its reader has read.
    writing: AtomicBool,
    notify: Notify,
}

impl Interrupt {
    /// Starts watching. The first Ctrl-C reports how many messages are in flight, if there are any.
    pub(crate) fn watch(console: &Console) -> Self {
        let interrupt = Self::default();
        let watcher = interrupt.clone();
        let notes = console.notes();
        // From now on: before, a signal ends the program at once.
        let (opened, is_open) = mpsc::channel();
        // A separate thread, because reading from a terminal blocks. If it cannot start, Ctrl-C works as
        // usual.
        let _ = thread::Builder::new().name("ctrl-c".to_owned()).spawn(move || {
            let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                let Ok(mut signals) = Signals::open() else { return };
                drop(opened);
                while signals.next().await.is_some() {
                    if watcher.0.idle.load(Ordering::SeqCst) {
                        process::exit(watcher.0.status.load(Ordering::SeqCst).into());
                    }
                    if watcher.0.asked.swap(true, Ordering::SeqCst) {
                        process::exit(INTERRUPTED);
                    }
                    // Between the two checks, the command may have become idle, and did not look at `asked` any more.
                    if watcher.0.idle.load(Ordering::SeqCst) {
                        process::exit(watcher.0.status.load(Ordering::SeqCst).into());
                    }
                    let (messages, told) = (watcher.0.in_flight.load(Ordering::SeqCst), notes.clone());
                    for_a_moment(1, move || finishing(&told, messages));
                    watcher.0.notify.notify_one();
                    let (watcher, notes) = (watcher.clone(), notes.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(WRITING).await;
                        if watcher.0.writing.load(Ordering::SeqCst) {
                            // As long as the thread that writes standard error waits for its reader. The program ends after this.
                            for_a_moment(3, move || {
                                notes.say_last(&format!(
                                    "standard output is not read: it did not end within {WRITING:?} after Ctrl-C"
                                ));
                            });
                            process::exit(Status::Network as i32);
                        }
                    });
                }
            });
        });
        // Nothing is sent: it ends when that thread drops the other end.
        let _: Result<(), _> = is_open.recv();
        interrupt
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Waits until Ctrl-C is pressed.
    pub(crate) async fn asked(&self) {
        if !self.is_asked() {
            self.0.notify.notified().await;
        }
    }

    /// Sets the number of messages in flight, which the command finishes after Ctrl-C.
    pub(crate) fn in_flight(&self, messages: usize) {
        self.0.in_flight.store(messages, Ordering::SeqCst);
    }

    /// Runs `work`, which writes to standard output. If nothing reads it, the program ends some seconds after Ctrl-C.
    pub(crate) fn writing<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.writing.store(true, Ordering::SeqCst);
        let done = work();
        self.0.writing.store(false, Ordering::SeqCst);
        done
    }

    /// Runs `work` while idle: Ctrl-C exits at once with this status. `None` when Ctrl-C was pressed before.
    pub(crate) fn idle<T>(&self, status: Status, work: impl FnOnce() -> T) -> Option<T> {
        self.0.status.store(status as u8, Ordering::SeqCst);
        self.0.idle.store(true, Ordering::SeqCst);
        // If Ctrl-C came just before this, the watcher did not see that the command is idle, and wakes no task.
        let done = (!self.is_asked()).then(work);
        self.0.idle.store(false, Ordering::SeqCst);
        done
    }
}

/// How long standard output may be written after Ctrl-C.
const WRITING: Duration = Duration::from_secs(5);

/// Runs this on a thread, and waits for it for so many seconds at most: standard error may not be read, and the next signal has to be seen.
fn for_a_moment(seconds: u64, work: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    let worker = move || {
        work();
        let _ = ended.send(());
    };
    // Without a thread, nothing is reported.
    if thread::Builder::new().name("note".to_owned()).spawn(worker).is_ok() {
        let _ = end.recv_timeout(Duration::from_secs(seconds));
    }
}

/// Reports that messages in flight are finished.
pub(crate) fn finishing(notes: &Notes, messages: usize) {
    if messages > 0 {
        notes.say(&format!("finishing {}, press Ctrl-C again to stop", count(messages, "message")));
    }
}

/// The exit status after a second Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Ctrl-C and SIGTERM, seen since this was opened, also while something else is waited for.
#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn open() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    /// Waits for the next signal; `None` when there can be none.
    async fn next(&mut self) -> Option<()> {
        tokio::select! {
            next = self.0.recv() => next,
            next = self.1.recv() => next,
        }
    }
}

/// Ctrl-C, seen since this was opened, also while something else is waited for.
#[cfg(not(unix))]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    fn open() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    /// Waits for the next signal; `None` when there can be none.
    async fn next(&mut self) -> Option<()> {
        self.0.recv().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing would end its work: the signal was acted on before.
    #[test]
    fn whoever_is_asked_before_does_not_become_idle() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.idle(Status::Done, || 1), Some(1));
        interrupt.0.asked.store(true, Ordering::SeqCst);
        assert_eq!(interrupt.idle(Status::Done, || 1), None);
        assert!(!interrupt.0.idle.load(Ordering::SeqCst));
    }
}
