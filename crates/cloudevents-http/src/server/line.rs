//! What a connection and its requests share.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Waker},
};
use tokio::{sync::Notify, time::Instant};

/// A connection, as its requests and the server see it.
#[derive(Debug)]
pub(super) struct Line {
    crowd: Arc<Crowd>,
    /// Whether a body was not read to its end.
    unread: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Since when no request is served; `None` while one is.
    idle: Option<Instant>,
    /// Whether there is a response that is not written.
    responded: bool,
    /// Whether bodies end now.
    cut: bool,
    reader: Option<Waker>,
}

impl Line {
    pub(super) fn new(crowd: Arc<Crowd>) -> Self {
        let state = State { idle: Some(Instant::now()), responded: false, cut: false, reader: None };
        Self { crowd, unread: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// Since when the connection waits for a request; `None` while one is served.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.state().idle
    }

    /// A request was read up to its body.
    pub(super) fn begin(&self) {
        self.state().idle = None;
    }

    /// There is a response.
    pub(super) fn respond(&self) {
        self.state().responded = true;
    }

    /// What there was to write is written.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        if !state.responded {
            return;
        }
        (state.responded, state.idle) = (false, Some(Instant::now()));
        drop(state);
        if self.crowd.crowded.load(Ordering::Acquire) {
            self.crowd.thinned.notify_one();
        }
    }

    /// A body will not be read to its end, so that no request can follow.
    pub(super) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Release);
    }

    /// Whether there is such a body.
    pub(super) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Acquire)
    }

    /// Ends the body that is being read.
    pub(super) fn cut(&self) {
        let mut state = self.state();
        state.cut = true;
        let reader = state.reader.take();
        drop(state); // a woken task may run immediately
        reader.into_iter().for_each(Waker::wake);
    }

    /// Whether bodies end now. Otherwise this task is woken then.
    pub(super) fn is_cut(&self, context: &Context<'_>) -> bool {
        let mut state = self.state();
        if !state.cut {
            match &mut state.reader {
                Some(reader) => reader.clone_from(context.waker()),
                reader => *reader = Some(context.waker().clone()),
            }
        }
        state.cut
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether all places for connections are taken, and who waits for one.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    crowded: AtomicBool,
    thinned: Notify,
}

impl Crowd {
    pub(super) fn set(&self, crowded: bool) {
        self.crowded.store(crowded, Ordering::Release);
    }

    /// Waits until a connection has nothing to do.
    pub(super) async fn thinned(&self) {
        self.thinned.notified().await;
    }
}
