//! Ctrl-C, and the request of a service manager to end.

use crate::failure::Status;
use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread,
};
use tokio::{runtime::Builder, sync::Notify};

/// Whether the user wants an end. The first time, what is in hand is brought to its end; the second time, the program ends at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicBool,
    /// Nothing is in hand: input is waited for, which cannot be woken.
    idle: AtomicBool,
    /// The exit status when nothing is in hand.
    status: AtomicU8,
    notify: Notify,
}

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn watch() -> Self {
        let interrupt = Self::default();
        let watcher = interrupt.clone();
        // A thread of its own, since reading from a terminal blocks. Without one, Ctrl-C ends the program as ever.
        let _ = thread::Builder::new().name("ctrl-c".to_owned()).spawn(move || {
            let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
            runtime.block_on(async {
                while asked().await {
                    if watcher.0.idle.load(Ordering::SeqCst) {
                        process::exit(watcher.0.status.load(Ordering::SeqCst).into());
                    }
                    if watcher.0.asked.swap(true, Ordering::SeqCst) {
                        process::exit(INTERRUPTED);
                    }
                    watcher.0.notify.notify_one();
                }
            });
        });
        interrupt
    }

    /// Whether an end was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Ready when an end is asked for.
    pub(crate) async fn asked(&self) {
        if !self.is_asked() {
            self.0.notify.notified().await;
        }
    }

    /// Does this, during which nothing is in hand: an end has this exit status.
    pub(crate) fn idle<T>(&self, status: Status, work: impl FnOnce() -> T) -> T {
        self.0.status.store(status as u8, Ordering::SeqCst);
        self.0.idle.store(true, Ordering::SeqCst);
        let done = work();
        self.0.idle.store(false, Ordering::SeqCst);
        done
    }
}

/// The exit status of a program that a second Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// Waits for the next signal; `false` when there can be none.
#[cfg(unix)]
async fn asked() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            interrupt = tokio::signal::ctrl_c() => interrupt.is_ok(),
            terminate = terminate.recv() => terminate.is_some(),
        },
        Err(_) => tokio::signal::ctrl_c().await.is_ok(),
    }
}

/// Waits for the next signal; `false` when there can be none.
#[cfg(not(unix))]
async fn asked() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}
