//! What was sent and is not answered, and the task that hears the broker's answers.
//!
//! The client keeps each answer until somebody looks. Who sends looks at those of the messages before. The task is only woken by them
//! while somebody waits for an outcome or for room: waking it for each costs as much as sending the message, with brokers that answer
//! one by one.

use super::{connection::Connected, failure, refusal::refused};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{self as transport, Permit, Resolver};
use fe2o3_amqp::link::{SendError, delivery::DeliveryFut};
use fe2o3_amqp_types::messaging::Outcome;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::{
    task::coop::unconstrained,
    time::{Instant, sleep_until},
};

/// What the client says of a message that was sent. It is silent when the connection is lost.
pub(super) type Answer = DeliveryFut<Result<Outcome, SendError>>;

/// Adds what was sent over a link. Dropped, nothing more will be added: [`hear`] ends when the rest is answered.
pub(super) struct Adding(UnderWay);

impl Adding {
    /// Nothing yet. What is not answered within the limit is given up.
    pub(super) fn new(limit: Duration) -> Self {
        Self(UnderWay(Arc::new(Mutex::new(Open {
            limit,
            answers: FuturesUnordered::new(),
            waiting: VecDeque::new(),
            first: 0,
            hearing: None,
            wanted: 0,
            timed: false,
            finished: false,
            ended: false,
        }))))
    }

    /// One more message, and its outcome; the permit is its place in flight until it is answered. It takes the answers that are there
    /// along, and wakes the task only when that has to set its timer.
    pub(super) fn add(&self, answer: Answer, permit: Permit) -> transport::Outcome {
        let (resolver, outcome) = transport::Outcome::channel();
        let mut open = self.0.open();
        open.push(answer, (resolver, permit));
        if open.ended {
            open.fail();
        } else {
            open.resolve_answered();
        }
        if open.needs_timer() {
            open.wake();
        }
        drop(open);
        transport::Outcome::watching(Heard { outcome, under_way: self.under_way(), wanted: None })
    }

    /// Whether the connection is known to be lost.
    pub(super) fn has_ended(&self) -> bool {
        self.0.open().ended
    }

    /// What is added.
    pub(super) fn under_way(&self) -> UnderWay {
        self.0.clone()
    }
}

impl Drop for Adding {
    fn drop(&mut self) {
        let mut open = self.0.open();
        open.finished = true;
        open.wake();
    }
}

/// What was sent over a link and is not answered. Clones share it.
#[derive(Clone)]
pub(super) struct UnderWay(Arc<Mutex<Open>>);

impl UnderWay {
    /// Somebody waits, until this is dropped. What is answered already is resolved.
    pub(super) fn want(&self) -> Wanted {
        let mut open = self.open();
        open.wanted = open.wanted.saturating_add(1);
        open.resolve_answered();
        drop(open);
        Wanted(self.clone())
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That somebody waits.
pub(super) struct Wanted(UnderWay);

impl Drop for Wanted {
    fn drop(&mut self) {
        let mut open = self.0.open();
        open.wanted = open.wanted.saturating_sub(1);
    }
}

/// Resolves outcomes until nothing more is added and nothing is pending; then gives the connection back. Notes when that has
/// ended.
pub(super) async fn hear(under_way: UnderWay, mut connected: Connected) -> Connected {
    let _stopped = Stopped(under_way.clone());
    // One timer for all: they are due in the order in which they were sent.
    let mut timer = pin!(sleep_until(Instant::now()));
    loop {
        let timed = {
            let mut open = under_way.open();
            if open.is_done() {
                break;
            }
            if let Some(due) = open.due().filter(|_| timer.is_elapsed()) {
                timer.as_mut().reset(due);
            }
            open.timed = !timer.is_elapsed();
            open.timed
        };
        tokio::select! {
            () = poll_fn(|context| under_way.open().poll_hear(context)) => {}
            () = &mut timer, if timed => under_way.open().expire(),
            () = connected.ended(), if !under_way.open().ended => under_way.open().end(),
        }
    }
    connected
}

/// An outcome that is wanted from the first look on, until it is there or nobody looks any more.
struct Heard {
    outcome: transport::Outcome,
    under_way: UnderWay,
    wanted: Option<Wanted>,
}

impl Future for Heard {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut polled = self.outcome.poll_unpin(context);
        if polled.is_pending() && self.wanted.is_none() {
            self.wanted = Some(self.under_way.want());
            polled = self.outcome.poll_unpin(context);
        }
        if polled.is_ready() {
            self.wanted = None;
        }
        polled
    }
}

/// The task may stop in the middle, with its runtime: then nobody is left to hear.
struct Stopped(UnderWay);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.open().end();
    }
}

struct Open {
    limit: Duration,
    answers: FuturesUnordered<Numbered>,
    /// In the order in which they were sent; the first is not answered.
    waiting: VecDeque<Waiting>,
    /// The number of the first.
    first: u64,
    /// The task that hears, once it has begun.
    hearing: Option<Waker>,
    /// How many wait for answers.
    wanted: usize,
    /// Whether its timer runs.
    timed: bool,
    /// Whether nothing more is added.
    finished: bool,
    /// Whether the connection is lost.
    ended: bool,
}

struct Waiting {
    /// When it is given up.
    due: Option<Instant>,
    /// `None` when it was answered.
    asker: Option<(Resolver, Permit)>,
}

impl Open {
    fn push(&mut self, answer: Answer, asker: (Resolver, Permit)) {
        let number = self.first.wrapping_add(self.waiting.len() as u64);
        self.answers.push(Numbered { number, answer });
        let due = Instant::now().checked_add(self.limit);
        self.waiting.push_back(Waiting { due, asker: Some(asker) });
    }

    fn wake(&self) {
        if let Some(hearing) = &self.hearing {
            hearing.wake_by_ref();
        }
    }

    /// Resolves what is answered. Ready when the task has something else to do.
    fn poll_hear(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.hearing = Some(context.waker().clone());
        self.resolve_answered();
        if self.is_done() || self.needs_timer() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn is_done(&self) -> bool {
        self.finished && self.waiting.is_empty()
    }

    fn needs_timer(&self) -> bool {
        !self.timed && self.due().is_some()
    }

    fn resolve(&mut self, (number, answer): (u64, Result<Outcome, SendError>)) {
        // Those that were given up are not there any more.
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        let waiting = place.and_then(|place| self.waiting.get_mut(place));
        if let Some((resolver, permit)) = waiting.and_then(|waiting| waiting.asker.take()) {
            drop(permit);
            resolver.resolve(answer.map_err(failure::send).and_then(refused));
        }
        self.forget_answered();
    }

    /// What is answered already: no more than what is in flight, and each only once. What is not, wakes the task if somebody waits.
    fn resolve_answered(&mut self) {
        let waker = self.waker();
        while self.resolve_one(&waker) {}
    }

    /// The same to the last, where no waking goes on with it: each look at what is not answered may end the looking.
    fn resolve_all(&mut self) {
        let waker = self.waker();
        for _ in 0..self.answers.len().saturating_mul(2) {
            self.resolve_one(&waker);
        }
    }

    fn resolve_one(&mut self, waker: &Waker) -> bool {
        let next = unconstrained(self.answers.next()).poll_unpin(&mut Context::from_waker(waker));
        match next {
            Poll::Ready(Some(answer)) => {
                self.resolve(answer);
                true
            }
            _ => false,
        }
    }

    /// What is to be woken by the answers that are looked for and not there.
    fn waker(&self) -> Waker {
        let wanted = self.wanted > 0 || self.finished;
        self.hearing.as_ref().filter(|_| wanted).unwrap_or(Waker::noop()).clone()
    }

    /// Those that are answered, up to the first that is not.
    fn forget_answered(&mut self) {
        while self.waiting.front().is_some_and(|first| first.asker.is_none()) {
            self.waiting.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    /// The first, which is not to be heard of any more.
    fn pop(&mut self) -> Option<(Resolver, Permit)> {
        let asker = self.waiting.front_mut()?.asker.take();
        self.forget_answered();
        asker
    }

    /// When to give up the first.
    fn due(&self) -> Option<Instant> {
        self.waiting.front()?.due
    }

    /// Gives up what is due.
    fn expire(&mut self) {
        let limit = self.limit;
        self.resolve_all();
        while self.due().is_some_and(|due| due <= Instant::now()) {
            if let Some((resolver, permit)) = self.pop() {
                drop(permit);
                resolver.resolve(Err(Error::new(ErrorKind::Timeout)
                    .with_detail(format!("no answer of the broker within {limit:?}"))));
            }
        }
    }

    /// The connection is lost.
    fn end(&mut self) {
        self.ended = true;
        self.fail();
    }

    /// Nothing more will be heard: what was heard already counts, and the rest is lost.
    fn fail(&mut self) {
        self.resolve_all();
        self.answers.clear();
        while !self.waiting.is_empty() {
            if let Some((resolver, permit)) = self.pop() {
                drop(permit);
                resolver.resolve(Err(failure::disconnected("the broker may have the message, or not")));
            }
        }
    }
}

/// An answer, and whose it is.
struct Numbered {
    number: u64,
    answer: Answer,
}

impl Future for Numbered {
    type Output = (u64, Result<Outcome, SendError>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answer.poll_unpin(context));
        Poll::Ready((self.number, answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_testkit::amqp::{Answer, Broker};
    use cloudevents_transport::{Bounds, InFlight};
    use fe2o3_amqp::{Connection, Sender, Session, sasl_profile::SaslProfile};

    /// The connection may end after a message was handed to the client and before its answer is waited for.
    #[tokio::test]
    async fn what_is_added_after_the_end_is_lost() {
        let broker = Broker::start().unwrap();
        broker.queue("orders").answer(Answer::Withhold);
        let builder = Connection::builder().container_id("test").sasl_profile(SaslProfile::Anonymous);
        let mut connection = builder.open(broker.url("").as_str()).await.unwrap();
        let mut session = Session::begin(&mut connection).await.unwrap();
        let mut sender = Sender::attach(&mut session, "test", "orders").await.unwrap();
        let adding = Adding::new(Duration::from_secs(60));
        let in_flight = InFlight::new(Bounds::default());
        let mut outcomes = Vec::new();
        for ended in [false, true] {
            let answer = sender.send_batchable("x").await.unwrap();
            if ended {
                adding.0.open().end();
            }
            outcomes.push(adding.add(answer, in_flight.take(1)));
        }
        for outcome in outcomes {
            let answer = outcome.now_or_never().unwrap();
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::Disconnected);
        }
        assert_eq!(in_flight.used().messages, 0);
    }
}
