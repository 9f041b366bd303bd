//! Answers that a client library returns as futures.

use super::Confirms;
use crate::{Outcome, Receipt, binding::Permit};
use cloudevents_core::{Error, ErrorKind};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{
    fmt,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::coop::unconstrained,
    time::{Instant, sleep_until},
};

/// The most answers that begin to be polled at once.
const TOGETHER: usize = 256;

/// [`Confirms`] for a client library that returns a future for each message.
///
/// The answers are polled in one task, by [`Hearing::run`]. Clones share it.
///
/// After [`finish`](Self::finish), or when all clones are dropped, the task ends as soon as every message is answered.
pub struct Answers<F> {
    confirms: Confirms,
    /// `None` after the last message.
    sent: mpsc::UnboundedSender<Option<Numbered<F>>>,
}

/// The messages that are not answered. Dropping it fails them, and messages that are added later.
pub struct Hearing<F> {
    confirms: Confirms,
    sent: mpsc::UnboundedReceiver<Option<Numbered<F>>>,
    answers: FuturesUnordered<Numbered<F>>,
}

/// An answer, and the number of its message.
struct Numbered<F> {
    number: u64,
    answer: F,
}

impl<F: Future<Output = Result<Receipt, Error>> + Unpin> Answers<F> {
    /// Creates it without messages, and the [`Hearing`] of a task. A message fails if it is not answered within the limit.
    pub fn new(limit: Duration) -> (Self, Hearing<F>) {
        let confirms = Confirms::new(limit);
        let (sent, receiver) = mpsc::unbounded_channel();
        let hearing =
            Hearing { confirms: confirms.clone(), sent: receiver, answers: FuturesUnordered::new() };
        (Self { confirms, sent }, hearing)
    }

    /// Adds a message that was sent, with its permit.
    pub fn add(&self, answer: F, place: Permit) -> Outcome<Receipt> {
        let (number, outcome) = self.confirms.add(place);
        // Without the task, the message has failed already.
        let _ = self.sent.send(Some(Numbered { number, answer }));
        outcome
    }

    /// Reports that no more messages are added.
    pub fn finish(&self) {
        let _ = self.sent.send(None);
    }

    /// Whether every message has an outcome.
    pub fn is_empty(&self) -> bool {
        self.confirms.is_empty()
    }

    /// Whether the connection is lost.
    pub fn has_ended(&self) -> bool {
        self.confirms.has_ended()
    }
}

impl<F: Future<Output = Result<Receipt, Error>> + Unpin> Hearing<F> {
    /// Resolves outcomes until [`finish`](Answers::finish) was called and every message is answered. Run it in a task.
    ///
    /// `lost` returns the reason when the connection is lost. Answers received until then count; all other
    /// messages fail. The same happens when this future is dropped, for example because its task panics or
    /// its runtime ends.
    ///
    /// Returns an error if the caller has to end the connection, as [`Confirms::expire`] does. All messages have failed then.
    pub async fn run(mut self, lost: impl Future<Output = Error>) -> Result<(), Error> {
        let mut lost = pin!(lost);
        // One timer is enough: messages are due in the order of sending.
        let mut timer = pin!(sleep_until(Instant::now()));
        let (mut is_timed, mut is_finished, mut is_alone) = (false, false, false);
        let mut sent = Vec::new();
        while !(is_finished && self.confirms.is_empty()) {
            if !is_timed && let Some(due) = self.confirms.due() {
                timer.as_mut().reset(due);
                is_timed = true;
            }
            tokio::select! {
                biased; // what ends a wait comes first: there may always be more to do
                error = &mut lost => {
                    self.resolve_what_is_answered();
                    self.confirms.end(&error);
                    return Ok(());
                }
                () = &mut timer, if is_timed => {
                    is_timed = false;
                    is_finished |= self.resolve_what_is_answered();
                    self.confirms.expire().inspect_err(|error| self.confirms.end(error))?;
                }
                // Also behind the last message: another task may have been between sending and adding.
                messages = self.sent.recv_many(&mut sent, TOGETHER), if !is_alone => {
                    is_alone = messages == 0;
                    is_finished |= is_alone || sent.iter().any(Option::is_none);
                    self.answers.extend(sent.drain(..).flatten());
                }
                Some((number, result)) = self.answers.next() => self.confirms.resolve(number, result),
            }
        }
        Ok(())
    }

    /// Answers that have arrived count. Returns whether no more messages are added.
    fn resolve_what_is_answered(&mut self) -> bool {
        let mut is_finished = false;
        while let Ok(sent) = self.sent.try_recv() {
            is_finished |= sent.is_none();
            self.answers.extend(sent);
        }
        // The set pauses now and then, before it has polled all of them.
        for _ in 0..self.answers.len().saturating_mul(2) {
            if let Some(Some((number, result))) = unconstrained(self.answers.next()).now_or_never() {
                self.confirms.resolve(number, result);
            }
        }
        is_finished
    }
}

impl<F> Drop for Hearing<F> {
    fn drop(&mut self) {
        let error = Error::new(ErrorKind::Disconnected);
        self.confirms
            .end(&error.with_detail("the connection has ended; the peer may have the message, or not"));
    }
}

impl<F: Future<Output = Result<Receipt, Error>> + Unpin> Future for Numbered<F> {
    type Output = (u64, Result<Receipt, Error>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.answer.poll_unpin(context));
        Poll::Ready((self.number, result))
    }
}

impl<F> Clone for Answers<F> {
    fn clone(&self) -> Self {
        Self { confirms: self.confirms.clone(), sent: self.sent.clone() }
    }
}

impl<F> fmt::Debug for Answers<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answers").field(&self.confirms).finish()
    }
}

impl<F> fmt::Debug for Hearing<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hearing").field(&self.confirms).finish()
    }
}

#[cfg(all(test, not(ce_model)))]
mod tests {
    use super::*;
    use crate::InFlight;
    use futures_util::{FutureExt, future::BoxFuture};
    use std::future::pending;
    use tokio::{sync::oneshot, task::JoinHandle, task::yield_now};

    type Answer = BoxFuture<'static, Result<Receipt, Error>>;

    /// Sends messages, and answers them by their number.
    struct Peer {
        answers: Answers<Answer>,
        asked: Vec<Option<oneshot::Sender<u64>>>,
        in_flight: InFlight,
    }

    #[allow(clippy::unwrap_used, clippy::indexing_slicing)] // It is a test.
    impl Peer {
        fn new(limit: Duration) -> (Self, Hearing<Answer>) {
            let (answers, hearing) = Answers::new(limit);
            (Self { answers, asked: Vec::new(), in_flight: InFlight::default() }, hearing)
        }

        fn heard(limit: Duration) -> (Self, JoinHandle<Result<(), Error>>) {
            let (peer, hearing) = Self::new(limit);
            (peer, tokio::spawn(hearing.run(pending())))
        }

        fn send(&mut self) -> Outcome<Receipt> {
            let (send, receive) = oneshot::channel();
            self.asked.push(Some(send));
            let answer = async {
                let answered = receive.await.map(|offset| Receipt::new().with_offset(offset));
                answered.map_err(|_| Error::new(ErrorKind::Refused))
            };
            self.answers.add(answer.boxed(), self.in_flight.take(1))
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

    #[tokio::test(start_paused = true)]
    async fn answers_are_heard_in_any_order_whether_or_not_a_task_waits() {
        let (mut peer, task) = Peer::heard(Duration::from_secs(60));
        let mut outcomes: Vec<_> = (0..1000).map(|_| peer.send()).collect();
        idle().await;
        (0..1000).rev().step_by(2).for_each(|index| peer.answer(index));
        while peer.in_flight.used().messages > 500 {
            yield_now().await;
        }
        assert_eq!((&mut outcomes[999]).await.unwrap().offset(), Some(999));
        assert!((&mut outcomes[998]).now_or_never().is_none());
        peer.asked[998] = None;
        assert_eq!((&mut outcomes[998]).await.unwrap_err().kind(), ErrorKind::Refused);
        peer.answers.finish();
        idle().await;
        assert!(!task.is_finished(), "499 are missing");
        (0..998).step_by(2).for_each(|index| peer.answer(index));
        task.await.unwrap().unwrap();
        assert_eq!(peer.in_flight.used().messages, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_fails_but_not_what_was_answered_in_time() {
        let (mut peer, task) = Peer::heard(Duration::from_secs(60));
        let (first, second) = (peer.send(), peer.send());
        idle().await;
        peer.answer(1);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(first.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(second.now_or_never().unwrap().unwrap().offset(), Some(1));
        let (third, begin) = (peer.send(), Instant::now());
        assert_eq!(third.await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(begin.elapsed().as_secs(), 60);
        peer.answers.finish();
        task.await.unwrap().unwrap();
    }

    /// The task was busy, or the process stood still.
    #[tokio::test(start_paused = true)]
    async fn what_was_answered_before_its_deadline_was_noticed_is_no_failure() {
        let (mut peer, hearing) = Peer::new(Duration::from_secs(60));
        let outcomes: Vec<_> = (0..100).map(|_| peer.send()).collect();
        tokio::time::advance(Duration::from_secs(61)).await;
        (0..99).for_each(|index| peer.answer(index));
        peer.answers.finish();
        hearing.run(pending()).await.unwrap();
        let failed: Vec<_> =
            outcomes.into_iter().filter_map(|outcome| outcome.now_or_never()?.err()).collect();
        assert_eq!(failed.iter().map(Error::kind).collect::<Vec<_>>(), [ErrorKind::Timeout]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_added_behind_the_end_is_heard_and_the_end_is_not_forgotten() {
        let (mut peer, task) = Peer::heard(Duration::from_secs(60));
        let first = peer.send();
        peer.answers.finish();
        idle().await;
        let (second, since) = (peer.send(), Instant::now());
        (0..2).for_each(|index| peer.answer(index));
        assert_eq!((first.await.unwrap().offset(), second.await.unwrap().offset()), (Some(0), Some(1)));
        task.await.unwrap().unwrap();
        assert_eq!(since.elapsed(), Duration::ZERO);
        // The end comes in the moment of a deadline.
        let (mut peer, mut hearing) = Peer::new(Duration::from_secs(60));
        let outcome = peer.send();
        peer.answer(0);
        peer.answers.finish();
        assert!(hearing.resolve_what_is_answered());
        assert!(outcome.now_or_never().unwrap().is_ok());
    }

    #[test]
    fn what_has_no_deadline_is_waited_for_after_the_last_message() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            runtime.block_on(async {
                let (mut peer, task) = Peer::heard(Duration::MAX);
                let outcome = peer.send();
                peer.answers.finish();
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
            let (mut peer, hearing) = Peer::new(Duration::from_secs(60));
            let (lose, lost) = oneshot::channel::<()>();
            let lost = async {
                let lost = lost.await.map(|()| Error::new(ErrorKind::Disconnected));
                lost.unwrap_or_else(|_| Error::new(ErrorKind::Closed))
            };
            let task = tokio::spawn(hearing.run(lost));
            let (first, second) = (peer.send(), peer.send());
            idle().await;
            peer.answer(0); // heard before the end
            if abort {
                idle().await;
                task.abort();
            } else {
                lose.send(()).unwrap();
            }
            idle().await;
            assert!(first.now_or_never().unwrap().is_ok());
            let later = peer.send();
            for outcome in [second, later] {
                assert_eq!(outcome.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
            }
            assert!(peer.answers.has_ended());
            peer.answers.finish();
            let _ = tokio::time::timeout(Duration::from_secs(1), task).await.unwrap();
            assert_eq!(peer.in_flight.used().messages, 0);
        }
    }

    /// Each answer brings another message, which is answered at once, so that there is always more to do.
    #[tokio::test]
    async fn a_flood_of_answers_keeps_neither_a_deadline_nor_a_loss_from_being_noticed() {
        fn flood(answers: &Answers<Answer>, in_flight: &InFlight) {
            let (more, place) = (answers.clone(), in_flight.clone());
            let answer = async move {
                flood(&more, &place);
                Ok(Receipt::new())
            };
            drop(answers.add(answer.boxed(), in_flight.take(1)));
        }

        let (mut peer, hearing) = Peer::new(Duration::from_millis(50));
        let (lose, lost) = oneshot::channel::<()>();
        let task = tokio::spawn(hearing.run(async {
            let _ = lost.await;
            Error::new(ErrorKind::Disconnected)
        }));
        let mut late = peer.send();
        flood(&peer.answers, &peer.in_flight);
        let begin = std::time::Instant::now();
        let is_over = || begin.elapsed() > Duration::from_secs(20);
        while (&mut late).now_or_never().is_none() {
            assert!(!is_over(), "the deadline is not noticed");
            yield_now().await;
        }
        lose.send(()).unwrap();
        while !task.is_finished() {
            assert!(!is_over(), "the loss is not noticed");
            yield_now().await;
        }
    }
}
