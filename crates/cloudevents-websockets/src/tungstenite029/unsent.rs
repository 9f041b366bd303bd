//! Messages on their way from senders to the task of a connection.

use super::failure;
use cloudevents_transport::{
    Interest, Outcome, Permit, Receipt,
    confirms::{Group, Wanted},
};
use std::{
    collections::VecDeque,
    io,
    mem::take,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{Role, WebSocketConfig, WebSocketContext, frame::coding::CloseCode},
};

/// When this many bytes wait, they are written.
const TOGETHER: usize = 48 << 10;

/// The most batches whose memory is kept for the next ones.
const SPARE: usize = 4;

/// Returns the end of senders and the end of the task, for frames of this role.
pub(super) fn unsent(role: Role) -> (Commands, Unsent) {
    // Writes each frame immediately, and reads nothing.
    let config = WebSocketConfig::default().read_buffer_size(0).write_buffer_size(0);
    let state = State {
        frames: WebSocketContext::new(role, Some(config)),
        batches: VecDeque::new(),
        spare: Vec::new(),
        close: None,
        ended: false,
        task: None,
        looks: false,
        waiting: 0,
    };
    let shared = Arc::new(Shared(Mutex::new(state)));
    (Commands(Arc::clone(&shared)), Unsent(shared))
}

/// The end of senders. Dropping it closes the connection, after everything sent before.
pub(super) struct Commands(Arc<Shared>);

/// The end of the task. Dropping it fails what was not taken.
pub(super) struct Unsent(Arc<Shared>);

/// Messages that are written together, and whose outcomes are decided together.
///
/// Senders make the frames themselves, so that no message is freed by another thread than the one that made it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) frames: Vec<u8>,
    pub(super) group: Group,
}

/// What the task takes.
pub(super) enum Command {
    Send(Batch),
    /// Closes the connection with this code. Everything sent before was taken.
    Close(CloseCode),
}

struct Shared(Mutex<State>);

struct State {
    frames: WebSocketContext,
    batches: VecDeque<Batch>,
    /// Empty ones that were written, with their memory.
    spare: Vec<Batch>,
    close: Option<CloseCode>,
    /// The task takes nothing more.
    ended: bool,
    /// The task, if it waits.
    task: Option<Waker>,
    /// The task looks here again soon without being woken.
    looks: bool,
    /// How many tasks wait for outcomes, or for room.
    waiting: usize,
}

impl Commands {
    /// Hands a message over. It comes back if the connection has ended.
    ///
    /// The task is woken for it if it does not look soon, if a task waits, or if there is enough to write.
    pub(super) fn send(
        &self,
        message: Message,
        permit: Permit,
    ) -> Result<Outcome<Receipt>, (Message, Permit)> {
        let (resolver, outcome) = Outcome::channel_with(Arc::clone(&self.0) as Arc<dyn Interest>);
        let mut state = self.0.lock();
        if state.ended {
            return Err((message, permit));
        }
        let mut batch = match state.batches.pop_back() {
            Some(batch) if batch.frames.len() < TOGETHER => batch,
            full => {
                state.batches.extend(full);
                state.spare.pop().unwrap_or_default()
            }
        };
        match state.frames.write(&mut Frames(&mut batch.frames), message) {
            Ok(()) => batch.group.add(permit, resolver),
            Err(error) => resolver.resolve(Err(failure::lost(error))), // happens only after a close frame
        }
        let enough = batch.frames.len() >= TOGETHER;
        state.batches.push_back(batch);
        let task = if enough || state.waiting > 0 || !state.looks { state.task.take() } else { None };
        drop(state); // unlocked before waking a task, which may run at once
        wake(task);
        Ok(outcome)
    }

    /// Closes the connection after everything sent before.
    pub(super) fn close(&self, code: CloseCode) {
        let mut state = self.0.lock();
        state.close.get_or_insert(code);
        let task = state.task.take();
        drop(state);
        wake(task);
    }

    /// While the result is held, a task waits for room: nothing is kept waiting.
    pub(super) fn want(&self) -> Wanted {
        Wanted::new(Arc::clone(&self.0) as Arc<dyn Interest>)
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.close(CloseCode::Normal);
    }
}

impl Unsent {
    /// Takes what was sent first. When it is pending, the task is woken for more; later, if it looks here again soon anyway.
    pub(super) fn poll_take(&mut self, context: &Context<'_>, looks: bool) -> Poll<Command> {
        let mut state = self.0.lock();
        if let Some(batch) = state.batches.pop_front() {
            return Poll::Ready(Command::Send(batch));
        }
        if let Some(code) = state.close.take() {
            return Poll::Ready(Command::Close(code));
        }
        state.looks = looks;
        if !looks {
            state.spare.clear(); // a connection that is idle keeps no memory
        }
        match &mut state.task {
            Some(task) => task.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Gives back the memory of a batch that was written.
    pub(super) fn reuse(&mut self, mut batch: Batch) {
        batch.frames.clear();
        let mut state = self.0.lock();
        // A large message does not keep its memory.
        if state.spare.len() < SPARE && batch.frames.capacity() <= TOGETHER.saturating_mul(2) {
            state.spare.push(batch);
        }
    }

    /// Takes nothing more, and returns what was not taken.
    pub(super) fn end(&mut self) -> VecDeque<Batch> {
        let mut state = self.0.lock();
        state.ended = true;
        take(&mut state.batches)
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        drop(self.end());
    }
}

/// A task that waits for an outcome does not wait until there is more to write.
impl Interest for Shared {
    fn begins(&self) {
        let mut state = self.lock();
        state.waiting = state.waiting.saturating_add(1);
        let task = if state.batches.is_empty() { None } else { state.task.take() };
        drop(state);
        wake(task);
    }

    fn ends(&self) {
        let mut state = self.lock();
        state.waiting = state.waiting.saturating_sub(1);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where frames are written to.
struct Frames<'a>(&'a mut Vec<u8>);

impl io::Write for Frames<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Only for the bounds of the client library, which does not read here.
impl io::Read for Frames<'_> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

fn wake(task: Option<Waker>) {
    if let Some(task) = task {
        task.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;
    use cloudevents_transport::InFlight;
    use futures_util::{FutureExt, task::ArcWake};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl ArcWake for Woken {
        fn wake_by_ref(woken: &Arc<Self>) {
            woken.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn send(commands: &Commands, bytes: usize) -> Outcome<Receipt> {
        commands.send(Message::text("x".repeat(bytes)), InFlight::default().take(bytes)).unwrap()
    }

    #[test]
    fn the_task_is_woken_when_it_has_to_be() {
        let (commands, mut unsent) = unsent(Role::Server);
        let woken = Arc::<Woken>::default();
        let waker = futures_util::task::waker(Arc::clone(&woken));
        let context = Context::from_waker(&waker);
        let wakes = || woken.0.swap(0, Ordering::Relaxed);
        let mut taken = |looks| {
            let mut messages = 0;
            while let Poll::Ready(Command::Send(batch)) = unsent.poll_take(&context, looks) {
                messages += batch.frames.iter().filter(|byte| **byte == 0x81).count();
                unsent.reuse(batch);
            }
            messages
        };
        assert_eq!(taken(false), 0);
        drop(send(&commands, 1));
        assert_eq!(wakes(), 1, "it does not look");
        drop(send(&commands, 1));
        assert_eq!((wakes(), taken(true)), (0, 2), "once");
        drop(send(&commands, TOGETHER - 10));
        assert_eq!(wakes(), 0, "it looks soon");
        drop(send(&commands, 10));
        assert_eq!((wakes(), taken(true)), (1, 2), "enough to write");
        let mut outcome = send(&commands, 1);
        assert_eq!(wakes(), 0);
        assert!((&mut outcome).now_or_never().is_none());
        assert_eq!((wakes(), taken(true)), (1, 1), "a task waits");
        drop(send(&commands, 1));
        assert_eq!((wakes(), taken(true)), (1, 1), "it still waits");
        drop(outcome);
        drop(send(&commands, 1));
        assert_eq!(wakes(), 0, "it waits no more");
        drop(commands.want());
        assert_eq!((wakes(), taken(true)), (1, 1), "a task waits for room");
        drop(commands);
        assert_eq!(wakes(), 1);
        assert!(matches!(unsent.poll_take(&context, true), Poll::Ready(Command::Close(CloseCode::Normal))));
    }

    #[test]
    fn memory_is_used_again_until_the_connection_is_idle() {
        let (commands, mut unsent) = unsent(Role::Server);
        let context = Context::from_waker(Waker::noop());
        let memory = |commands: &Commands| {
            commands.0.lock().spare.iter().map(|batch| batch.frames.capacity()).sum::<usize>()
        };
        for bytes in [10, 1000, 2 * TOGETHER] {
            drop(send(&commands, bytes));
            let Poll::Ready(Command::Send(batch)) = unsent.poll_take(&context, true) else {
                panic!("nothing")
            };
            unsent.reuse(batch);
            assert!(unsent.poll_take(&context, true).is_pending());
            assert_eq!(memory(&commands) >= bytes, bytes < TOGETHER, "{bytes}");
        }
        drop(send(&commands, 1000));
        let Poll::Ready(Command::Send(batch)) = unsent.poll_take(&context, true) else { panic!("nothing") };
        unsent.reuse(batch);
        assert!(unsent.poll_take(&context, false).is_pending());
        assert_eq!(memory(&commands), 0, "idle");
    }

    #[test]
    fn what_is_not_taken_fails() {
        let (commands, mut unsent) = unsent(Role::Server);
        let outcomes = [send(&commands, 1), send(&commands, TOGETHER), send(&commands, 1)];
        let context = Context::from_waker(Waker::noop());
        commands.close(CloseCode::Away);
        let Poll::Ready(Command::Send(first)) = unsent.poll_take(&context, false) else { panic!("nothing") };
        assert!(first.frames.starts_with(&[0x81, 1, b'x', 0x81, 126, 0xc0, 0, b'x']));
        assert_eq!(first.frames.len(), 3 + 4 + TOGETHER, "two messages");
        drop((unsent, first));
        for outcome in outcomes {
            assert_eq!(outcome.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
        }
        assert!(commands.send(Message::text("x"), InFlight::default().take(1)).is_err());
    }
}
