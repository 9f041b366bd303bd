//! Answers that a client library keeps until they are polled.

use super::{Confirms, outstanding::Outstanding};
use crate::{
    Interest, Outcome, Permit, Receipt,
    sync::{Mutex, MutexGuard},
};
use cloudevents_core::{Error, ErrorKind};
use futures_util::FutureExt;
use std::{
    convert::Infallible,
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::{Instant, sleep, sleep_until};

/// After how many messages the answers of earlier ones are polled while no task waits.
const TOGETHER: u64 = 16;

/// How long the first answer may be missing before those behind it are heard, while a task waits.
const PATIENCE: Duration = Duration::from_millis(10);

/// [`Confirms`] for a client library that returns a future for each message. Clones share it.
///
/// Every few messages, [`add`](Self::add) also polls the answers of earlier ones. Answers wake the task that runs
/// [`hear`](Self::hear) only while another task waits for an outcome or for room: if a broker answers one by
/// one, a wake-up for each answer costs as much as sending.
///
/// Answers are expected in the order of sending. While a task waits and one is missing, those behind it are heard in any order, at most 20
/// milliseconds later.
pub struct Answers<F>(Arc<Kept<F>>);

struct Kept<F> {
    confirms: Confirms,
    open: Mutex<Open<F>>,
}

struct Open<F> {
    answers: Outstanding<F>,
    /// Wakes the task that runs `hear`, once it has started.
    task: Option<Waker>,
    /// How many tasks wait for an outcome or for room.
    wanted: usize,
    /// Whether the timer of the task is set.
    timed: bool,
    /// Whether the task will look again soon for an answer that holds up others.
    looks: bool,
    /// Whether `finish` was called.
    finished: bool,
}

/// Records that a task waits, until this is dropped.
pub struct Wanted(Arc<dyn Interest>);

impl Wanted {
    /// Notifies the interest now, and again when this is dropped.
    pub fn new(interest: Arc<dyn Interest>) -> Self {
        interest.begins();
        Self(interest)
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.ends();
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wanted")
    }
}

impl<F: Future<Output = Result<Receipt, Error>> + Send + Unpin + 'static> Answers<F> {
    /// Creates it without messages. A message fails if it is not answered within the limit.
    pub fn new(limit: Duration) -> Self {
        let open = Open {
            answers: Outstanding::default(),
            task: None,
            wanted: 0,
            timed: false,
            looks: false,
            finished: false,
        };
        Self(Arc::new(Kept { confirms: Confirms::new(limit), open: Mutex::new(open) }))
    }

    /// Adds a message that was sent, with its place in flight.
    pub fn add(&self, answer: F, place: Permit) -> Outcome<Receipt> {
        let (number, outcome) = self.0.confirms.add_with(place, Arc::clone(&self.0) as Arc<dyn Interest>);
        let polls = {
            let mut open = self.0.open();
            open.answers.push(number, answer);
            if !open.timed {
                open.wake(); // to set its timer
            }
            open.is_awaited() || number % TOGETHER == 0
        };
        if polls {
            self.0.resolve_answered();
        }
        outcome
    }

    /// Reports that a task waits for room. Until the returned value is dropped, answers are processed as they
    /// arrive.
    pub fn want(&self) -> Wanted {
        Wanted::new(Arc::clone(&self.0) as Arc<dyn Interest>)
    }

    /// Reports that no more messages are added. [`hear`](Self::hear) returns when all messages are answered.
    pub fn finish(&self) {
        let mut open = self.0.open();
        open.finished = true;
        open.wake();
    }

    /// Whether the connection is lost.
    pub fn has_ended(&self) -> bool {
        self.0.confirms.has_ended()
    }

    /// Resolves outcomes until [`finish`](Self::finish) was called and every message is answered. Run it in
    /// one task.
    ///
    /// `lost` returns the reason when the connection is lost. Answers received until then count; all other
    /// messages fail. The same happens when this future is dropped, for example because its task panics or
    /// its runtime ends.
    pub async fn hear(&self, lost: impl Future<Output = Error>) {
        let _dropped = EndsWhenDropped(&self.0);
        let mut lost = pin!(lost.fuse());
        // One timer is enough: messages are due in the order of sending.
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut scattering = pin!(self.0.scatter_what_is_held_up());
        loop {
            // Before the timer is set: one whose time has passed would not be waited for.
            self.0.expire();
            let due = self.0.confirms.due();
            let timed = {
                let mut open = self.0.open();
                if open.finished && self.0.confirms.is_empty() {
                    return;
                }
                if let Some(due) = due.filter(|_| timer.is_elapsed()) {
                    timer.as_mut().reset(due);
                }
                open.timed = !timer.is_elapsed();
                open.timed
            };
            poll_fn(|context| {
                if self.0.poll_hear(context).is_ready() {
                    return Poll::Ready(());
                }
                let Poll::Pending = scattering.as_mut().poll(context);
                if timed && timer.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                lost.as_mut().poll(context).map(|error| self.0.end(&error))
            })
            .await;
        }
    }
}

impl<F: Future<Output = Result<Receipt, Error>> + Unpin> Kept<F> {
    /// Resolves the answered messages. Ready when the task has something else to do.
    fn poll_hear(&self, context: &Context<'_>) -> Poll<()> {
        match &mut self.open().task {
            Some(task) => task.clone_from(context.waker()),
            task => *task = Some(context.waker().clone()),
        }
        self.resolve_answered();
        let due = self.confirms.due();
        let open = self.open();
        let needs_timer = due.is_some() && !open.timed;
        let is_over = open.finished && self.confirms.is_empty();
        if needs_timer || is_over { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Resolves the messages that are answered already, together. Other answers wake the task later if another task
    /// waits.
    fn resolve_answered(&self) {
        // One answer alone, the usual case, takes no list.
        let (mut first, mut more) = (None, Vec::new());
        {
            let mut open = self.open();
            let waker = open.waker();
            let mut context = Context::from_waker(&waker);
            while let Poll::Ready(Some(answered)) = open.answers.poll(&mut context) {
                match first.take() {
                    None if more.is_empty() => first = Some(answered),
                    earlier => more.extend(earlier.into_iter().chain([answered])),
                }
            }
        }
        // Outside the lock: a woken task may run immediately.
        match first {
            Some((number, result)) => self.confirms.resolve(number, result),
            None if more.is_empty() => {}
            None => self.confirms.resolve_each(more),
        }
    }

    /// Hears the answers behind one that is late, while a task waits.
    async fn scatter_what_is_held_up(&self) -> Infallible {
        loop {
            let first = poll_fn(|_| {
                let mut open = self.open();
                let first = open.holds_up();
                open.looks = first.is_some();
                first.map_or(Poll::Pending, Poll::Ready) // a task that begins to wait wakes this one
            })
            .await;
            sleep(PATIENCE).await;
            {
                let mut open = self.open();
                if open.holds_up() != Some(first) {
                    continue;
                }
                open.answers.scatter();
            }
            self.resolve_answered();
        }
    }

    /// As [`resolve_answered`](Self::resolve_answered), for all answers, and for callers that no wake-up continues: one pass may
    /// stop before the last answer.
    fn resolve_all(&self) {
        let looks = {
            let mut open = self.open();
            open.answers.scatter();
            open.answers.len().saturating_mul(2)
        };
        for _ in 0..looks {
            self.resolve_answered();
        }
    }

    /// Fails messages whose deadline has passed. Answers that have arrived count.
    fn expire(&self) {
        if self.confirms.due().is_some_and(|due| due <= Instant::now()) {
            self.resolve_all();
            self.confirms.expire();
        }
    }

    /// Handles the loss of the connection. Answers that have arrived count.
    fn end(&self, error: &Error) {
        self.resolve_all();
        self.confirms.end(error);
        let _dropped = std::mem::take(&mut self.open().answers);
    }

    fn open(&self) -> MutexGuard<'_, Open<F>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = Result<Receipt, Error>> + Unpin> Open<F> {
    /// The number of the first message, if a task may wait for answers behind it.
    fn holds_up(&self) -> Option<u64> {
        self.answers.first_of_several().filter(|_| self.is_awaited())
    }

    /// The waker for answers that have not arrived.
    fn waker(&self) -> Waker {
        self.task.as_ref().filter(|_| self.is_awaited()).unwrap_or(Waker::noop()).clone()
    }

    /// Whether a task waits for answers.
    fn is_awaited(&self) -> bool {
        self.wanted > 0 || self.finished
    }

    fn wake(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }
}

impl<F: Future<Output = Result<Receipt, Error>> + Send + Unpin> Interest for Kept<F> {
    fn begins(&self) {
        {
            let mut open = self.open();
            open.wanted = open.wanted.saturating_add(1);
        }
        self.resolve_answered();
        let open = self.open();
        if !open.looks && open.holds_up().is_some() {
            open.wake();
        }
    }

    fn ends(&self) {
        let mut open = self.open();
        open.wanted = open.wanted.saturating_sub(1);
    }
}

/// Ends the connection when the task stops early: no task would process answers any more.
struct EndsWhenDropped<'a, F: Future<Output = Result<Receipt, Error>> + Unpin>(&'a Kept<F>);

impl<F: Future<Output = Result<Receipt, Error>> + Unpin> Drop for EndsWhenDropped<'_, F> {
    fn drop(&mut self) {
        let error = Error::new(ErrorKind::Disconnected);
        self.0.end(&error.with_detail("the connection has ended; the peer may have the message, or not"));
    }
}

impl<F> Clone for Answers<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F> fmt::Debug for Answers<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answers").field(&self.0.confirms).finish()
    }
}

#[cfg(all(test, not(ce_model)))]
mod tests {
    use super::*;
    use crate::InFlight;
    use futures_util::future::pending;
    use std::{
        pin::Pin,
        sync::atomic::{AtomicU32, Ordering},
        task::ready,
    };
    use tokio::{sync::oneshot, task::yield_now};

    /// A client's answer, which counts how often it is polled.
    struct Answer(oneshot::Receiver<u64>, Arc<AtomicU32>);

    impl Future for Answer {
        type Output = Result<Receipt, Error>;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let offset = ready!(self.0.poll_unpin(context));
            Poll::Ready(
                offset
                    .map(|offset| Receipt::new().with_offset(offset))
                    .map_err(|_| Error::new(ErrorKind::Refused)),
            )
        }
    }

    #[derive(Default)]
    struct Peer {
        asked: Vec<Option<oneshot::Sender<u64>>>,
        looks: Arc<AtomicU32>,
        in_flight: InFlight,
    }

    #[allow(clippy::unwrap_used, clippy::indexing_slicing)] // It is a test.
    impl Peer {
        fn send(&mut self, answers: &Answers<Answer>) -> Outcome<Receipt> {
            let (send, receive) = oneshot::channel();
            self.asked.push(Some(send));
            answers.add(Answer(receive, Arc::clone(&self.looks)), self.in_flight.take(1))
        }

        fn answer(&mut self, index: usize) {
            self.asked[index].take().unwrap().send(index as u64).unwrap();
        }
    }

    async fn idle() {
        for _ in 0..10 {
            yield_now().await;
        }
    }

    fn heard(answers: &Answers<Answer>) -> tokio::task::JoinHandle<()> {
        let answers = answers.clone();
        tokio::spawn(async move { answers.hear(pending()).await })
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_no_task_waits_for_wake_no_task() {
        let (mut peer, answers) = (Peer::default(), Answers::new(Duration::from_secs(60)));
        let task = heard(&answers);
        let mut outcomes: Vec<_> = (0..20).map(|_| peer.send(&answers)).collect();
        idle().await;
        let before = peer.looks.load(Ordering::Relaxed);
        (0..10).for_each(|index| peer.answer(index));
        idle().await;
        assert_eq!(peer.looks.load(Ordering::Relaxed), before, "the task looked");
        // A task that waits gets the answers that are there and those that come.
        assert_eq!((&mut outcomes[3]).await.unwrap().offset(), Some(3));
        assert_eq!(peer.in_flight.used().messages, 10);
        let waiting = tokio::spawn(outcomes.pop().unwrap());
        idle().await;
        peer.answer(19);
        assert_eq!(waiting.await.unwrap().unwrap().offset(), Some(19));
        // So does a task that waits for room.
        let wanted = answers.want();
        peer.answer(18);
        idle().await;
        assert_eq!(peer.in_flight.used().messages, 8);
        drop(wanted);
        // Without one, the answers are polled with a later message.
        peer.answer(17);
        let later: Vec<_> = (20..20 + TOGETHER).map(|_| peer.send(&answers)).collect();
        idle().await;
        assert_eq!(peer.in_flight.used().messages, 7 + later.len());
        answers.finish();
        idle().await;
        assert!(!task.is_finished());
        (10..17).chain(20..20 + later.len()).for_each(|index| peer.answer(index));
        task.await.unwrap();
        assert_eq!(peer.in_flight.used().messages, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_first_answer_is_polled_until_it_is_late() {
        let (mut peer, answers) = (Peer::default(), Answers::new(Duration::from_secs(60)));
        let task = heard(&answers);
        let mut outcomes: Vec<_> = (0..10).map(|_| peer.send(&answers)).collect();
        idle().await;
        let before = peer.looks.load(Ordering::Relaxed);
        let last = tokio::spawn(outcomes.remove(9));
        idle().await;
        assert!(peer.looks.load(Ordering::Relaxed) < before + 5, "more than the first are polled");
        // In the order of sending, they are heard at once.
        (0..5).for_each(|index| peer.answer(index));
        idle().await;
        assert_eq!(peer.in_flight.used().messages, 5);
        // Behind one that is missing, they wait for a short time, as do those that are sent later.
        peer.answer(9);
        idle().await;
        assert!(!last.is_finished());
        let begin = Instant::now();
        assert_eq!(last.await.unwrap().unwrap().offset(), Some(9));
        assert!((PATIENCE..=2 * PATIENCE).contains(&begin.elapsed()), "{:?}", begin.elapsed());
        outcomes.extend([peer.send(&answers), peer.send(&answers)]);
        peer.answer(11);
        let begin = Instant::now();
        assert_eq!(outcomes.remove(10).await.unwrap().offset(), Some(11));
        assert!(begin.elapsed() <= 2 * PATIENCE, "{:?}", begin.elapsed());
        answers.finish();
        idle().await;
        assert!(!task.is_finished());
        [10, 8, 7, 5, 6].into_iter().for_each(|index| peer.answer(index));
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_fails_but_not_what_was_answered_in_time() {
        let (mut peer, answers) = (Peer::default(), Answers::new(Duration::from_secs(60)));
        let task = heard(&answers);
        let (first, second) = (peer.send(&answers), peer.send(&answers));
        idle().await;
        peer.answer(1);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(first.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(second.now_or_never().unwrap().unwrap().offset(), Some(1));
        answers.finish();
        task.await.unwrap();
    }

    /// With several threads, the timers of the runtime go on while the task is kept busy.
    #[test]
    fn a_deadline_that_has_passed_when_its_timer_is_set_fails_the_message() {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(3).enable_time().build().unwrap();
        let (done, failed) = std::sync::mpsc::channel();
        runtime.spawn(async {
            loop {
                sleep(Duration::from_millis(1)).await;
            }
        });
        runtime.spawn(async move {
            let (mut peer, answers) = (Peer::default(), Answers::new(Duration::from_millis(1)));
            let task = heard(&answers);
            for _ in 0..5 {
                let outcome = peer.send(&answers);
                let busy = answers.0.open();
                std::thread::sleep(Duration::from_millis(20)); // time itself is the subject
                drop(busy);
                done.send(outcome.await.unwrap_err().kind()).unwrap();
            }
            answers.finish();
            task.await.unwrap();
        });
        let next = || failed.recv_timeout(Duration::from_secs(10)).ok();
        let kinds: Vec<_> = std::iter::from_fn(next).collect();
        runtime.shutdown_background();
        assert_eq!(kinds, [ErrorKind::Timeout; 5]);
    }

    #[test]
    fn what_has_no_deadline_is_waited_for_after_the_last_message() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            runtime.block_on(async {
                let (mut peer, answers) = (Peer::default(), Answers::new(Duration::MAX));
                let (task, outcome) = (heard(&answers), peer.send(&answers));
                answers.finish();
                idle().await;
                peer.answer(0);
                done.send((outcome.await.unwrap().offset(), task.await.is_ok())).unwrap();
            });
        });
        assert_eq!(is_done.recv_timeout(Duration::from_secs(10)), Ok((Some(0), true)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_and_an_aborted_task_fail_what_is_open_and_what_comes() {
        for abort in [false, true] {
            let (mut peer, answers) = (Peer::default(), Answers::new(Duration::from_secs(60)));
            let (lose, lost) = oneshot::channel::<()>();
            let task = tokio::spawn({
                let answers = answers.clone();
                async move {
                    let lost = async {
                        lost.await.map_or_else(
                            |_| Error::new(ErrorKind::Closed),
                            |()| Error::new(ErrorKind::Disconnected),
                        )
                    };
                    answers.hear(lost).await
                }
            });
            let (first, second) = (peer.send(&answers), peer.send(&answers));
            idle().await;
            peer.answer(0); // heard before the end
            if abort {
                task.abort();
            } else {
                lose.send(()).unwrap();
            }
            idle().await;
            assert!(first.now_or_never().unwrap().is_ok());
            let later = peer.send(&answers);
            for outcome in [second, later] {
                assert_eq!(outcome.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
            }
            assert!(answers.has_ended());
            answers.finish();
            let _ = tokio::time::timeout(Duration::from_secs(1), task).await.unwrap();
            assert_eq!(peer.in_flight.used().messages, 0);
        }
    }
}

/// Every order of an answer and a task that begins to wait for it.
#[cfg(all(test, ce_model))]
mod models {
    use super::*;
    use crate::{Bounds, InFlight};
    use std::pin::Pin;

    /// An answer that arrives from another thread.
    struct Answer(Outcome<Receipt>);

    impl Future for Answer {
        type Output = Result<Receipt, Error>;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            self.0.poll_unpin(context)
        }
    }

    /// The task is polled as its runtime would: once, and again whenever it was woken.
    #[test]
    fn model_a_task_that_waits_hears_its_answer() {
        loom::model(|| {
            let in_flight = InFlight::new(Bounds::default());
            let answers = Answers::new(Duration::from_secs(60));
            let (resolver, answer) = Outcome::channel();
            let outcome = answers.add(Answer(answer), in_flight.take(1));
            let hearing = {
                let answers = answers.clone();
                loom::thread::spawn(move || {
                    loom::future::block_on(poll_fn(|context| {
                        let _ = answers.0.poll_hear(context);
                        if answers.0.confirms.is_empty() { Poll::Ready(()) } else { Poll::Pending }
                    }));
                })
            };
            let answering = loom::thread::spawn(move || resolver.resolve(Ok(Receipt::new())));
            assert!(loom::future::block_on(outcome).is_ok());
            answering.join().unwrap();
            answers.finish(); // wakes the task if the outcome was heard here
            hearing.join().unwrap();
        });
    }
}
