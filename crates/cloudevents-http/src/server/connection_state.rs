//! The state that a connection and its requests share.

use super::reading::GRACE;
use http_body::Body;
use hyper::body::Incoming;
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// The rest of a body that is read so that the connection can be used again, if it has come.
const SMALL: u64 = 64 << 10;

/// A connection, as its requests and the server see it.
#[derive(Debug)]
pub(super) struct Line {
    crowd: Arc<Crowd>,
    /// Whether a body was not read to its end.
    unread: AtomicBool,
    /// Whether something was read since the last response.
    heard: AtomicBool,
    /// Since when bodies end.
    cut: OnceLock<Instant>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The input or action of the client that the connection waits for, and since when. `None` while the server is at work.
    awaits: Option<(Instant, Awaited)>,
    /// Since when the body of the request has been waited for, once it did not come at once.
    body: Option<Instant>,
    /// Whether there is a response that is not written.
    responded: bool,
    /// Whether there was a request.
    known: bool,
    reader: Option<Waker>,
    /// A body that nothing reads any more, if its rest is small.
    rest: Option<Incoming>,
}

/// The next step of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The head of a request.
    Head,
    /// More of a body.
    Body,
    /// That it reads a response.
    Reading,
}

impl Awaited {
    /// How long a client may take for it in any case.
    fn grace(self) -> Duration {
        match self {
            Self::Head => Duration::from_millis(250),
            Self::Body | Self::Reading => GRACE,
        }
    }
}

impl Line {
    pub(super) fn new(crowd: Arc<Crowd>) -> Self {
        let awaits = Some((Instant::now(), Awaited::Head));
        let state = State { awaits, body: None, responded: false, known: false, reader: None, rest: None };
        Self {
            crowd,
            unread: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            cut: OnceLock::new(),
            state: Mutex::new(state),
        }
    }

    /// When the connection may give way to another one. `None` while the server is at work.
    pub(super) fn gives_way(&self) -> Option<Instant> {
        let (since, awaited) = self.state().awaits?;
        Some(since.checked_add(awaited.grace()).unwrap_or(since))
    }

    /// The step of the client that the connection waits for. `None` while the server is at work.
    pub(super) fn awaits(&self) -> Option<Awaited> {
        self.state().awaits.map(|(_, awaited)| awaited)
    }

    /// Which connections give way first: those that have never sent anything, then those without another request, then all others.
    pub(super) fn rank(&self) -> u8 {
        let state = self.state();
        match state.awaits {
            Some((_, Awaited::Head)) if !self.heard.load(Ordering::Acquire) => u8::from(state.known),
            _ => 2,
        }
    }

    /// Something was read.
    pub(super) fn hear(&self) {
        self.heard.store(true, Ordering::Release);
    }

    /// Whether nothing has ever come.
    pub(super) fn is_new(&self) -> bool {
        !self.state().known && !self.heard.load(Ordering::Acquire)
    }

    /// Whether a request has begun, and its head has not ended.
    pub(super) fn is_in_head(&self) -> bool {
        self.awaits() == Some(Awaited::Head) && self.heard.load(Ordering::Acquire)
    }

    /// Whether a request has not arrived completely, and no response is due.
    ///
    /// If a body is not read to its end, a response is due. The client would lose it if the connection ended while the rest comes.
    pub(super) fn is_incomplete(&self) -> bool {
        matches!(self.awaits(), Some(Awaited::Head | Awaited::Body)) && !self.is_unread()
    }

    /// A request was read up to its body.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        (state.awaits, state.body, state.known) = (None, None, true);
    }

    /// The awaited bytes of the body have come.
    pub(super) fn came(&self) {
        let mut state = self.state();
        state.awaits.take_if(|(_, awaited)| *awaited == Awaited::Body);
    }

    /// There is a response.
    pub(super) fn respond(&self) {
        self.state().responded = true;
    }

    /// The client has to read before more can be written.
    pub(super) fn stall(&self) {
        let mut state = self.state();
        if state.awaits.is_none() {
            state.awaits = Some((Instant::now(), Awaited::Reading));
            drop(state);
            self.crowd.look();
        }
    }

    /// All bytes are written.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        state.awaits.take_if(|(_, awaited)| *awaited == Awaited::Reading);
        if !state.responded {
            return;
        }
        (state.responded, state.awaits) = (false, Some((Instant::now(), Awaited::Head)));
        drop(state);
        self.heard.store(false, Ordering::Release);
        self.crowd.look();
    }

    /// Nothing reads this body any more.
    pub(super) fn leave(&self, rest: Incoming) {
        self.unread.store(true, Ordering::Release);
        if rest.size_hint().exact().is_some_and(|size| size <= SMALL) {
            self.state().rest = Some(rest);
        }
    }

    /// Drops a body that was left. Reads its rest before, if that may have been sent, as far as it has come: if that is all of it, another
    /// request can follow.
    pub(super) async fn discard(&self, may_be_sent: bool) {
        let Some(mut rest) = self.state().rest.take().filter(|_| may_be_sent) else { return };
        // Looks once more after a look that finds nothing: then the server reads the bytes that the client has sent.
        let mut looked = false;
        let ended = poll_fn(|context| {
            loop {
                match Pin::new(&mut rest).poll_frame(context) {
                    Poll::Ready(Some(Ok(_))) => looked = false,
                    Poll::Ready(end) => return Poll::Ready(end.is_none()),
                    Poll::Pending if looked => return Poll::Ready(false),
                    Poll::Pending => {
                        looked = true;
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
            }
        });
        if ended.await {
            self.unread.store(false, Ordering::Release);
        }
    }

    /// Whether a body will not be read to its end, so that no request can follow.
    pub(super) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Acquire)
    }

    /// Ends the body that is being read.
    pub(super) fn cut(&self) {
        let mut state = self.state();
        self.cut.get_or_init(Instant::now);
        let reader = state.reader.take();
        drop(state); // a woken task may run immediately
        reader.into_iter().for_each(Waker::wake);
    }

    /// Whether bodies end now.
    pub(super) fn has_cut(&self) -> bool {
        self.cut_since().is_some()
    }

    /// Since when bodies end, if they do.
    pub(super) fn cut_since(&self) -> Option<Instant> {
        self.cut.get().copied()
    }

    /// More of a body has to come. Returns whether bodies end now. Otherwise this task is woken then.
    pub(super) fn is_cut(&self, context: &Context<'_>) -> bool {
        let mut state = self.state();
        if self.has_cut() {
            return true;
        }
        match &mut state.reader {
            Some(reader) => reader.clone_from(context.waker()),
            reader => *reader = Some(context.waker().clone()),
        }
        if state.awaits.is_none() {
            let since = *state.body.get_or_insert_with(Instant::now);
            state.awaits = Some((since, Awaited::Body));
            drop(state);
            self.crowd.look();
        }
        false
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the limit of connections is reached, and the tasks that wait for a connection to end.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    crowded: AtomicBool,
    thinned: Notify,
}

impl Crowd {
    pub(super) fn set(&self, crowded: bool) {
        self.crowded.store(crowded, Ordering::Release);
    }

    /// A connection has begun to wait for its client.
    fn look(&self) {
        if self.crowded.load(Ordering::Acquire) {
            self.thinned.notify_one();
        }
    }

    /// Waits until a connection waits for its client.
    pub(super) async fn thinned(&self) {
        self.thinned.notified().await;
    }
}
