//! The task that hears the broker's answers to what was sent.

use super::{connection::Connected, failure, refusal::refused};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Permit, Resolver};
use fe2o3_amqp::link::{SendError, delivery::DeliveryFut};
use fe2o3_amqp_types::messaging::Outcome;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// What the client says of a message that was sent. It is silent when the connection is lost.
pub(super) type Answer = DeliveryFut<Result<Outcome, SendError>>;

/// A message under way. Its permit is its place in flight until it is answered.
pub(super) struct Pending {
    pub(super) answer: Answer,
    pub(super) resolver: Resolver,
    pub(super) permit: Permit,
}

/// Resolves outcomes until the sender of what is under way is dropped and nothing is pending; then gives the connection back. Says when
/// that has ended.
pub(super) async fn hear(
    mut under_way: mpsc::UnboundedReceiver<Pending>,
    limit: Duration,
    mut connected: Connected,
    ended: Arc<AtomicBool>,
) -> Connected {
    let (mut open, mut more) = (Open::default(), true);
    let mut taken = Vec::new();
    // One timer for all: they are due in the order in which they were sent.
    let timer = sleep_until(Instant::now());
    tokio::pin!(timer);
    while more || !open.waiting.is_empty() {
        let due = open.due();
        if let Some(due) = due.filter(|due| timer.deadline() < *due && timer.is_elapsed()) {
            timer.as_mut().reset(due);
        }
        tokio::select! {
            count = under_way.recv_many(&mut taken, TOGETHER), if more => {
                more = count > 0;
                taken.drain(..).for_each(|pending| open.add(pending, limit));
            }
            Some(answer) = open.answers.next() => {
                open.resolve(answer);
                open.resolve_answered(TOGETHER);
            }
            () = &mut timer, if due.is_some() => open.expire(limit),
            () = connected.ended(), if !ended.load(Ordering::Relaxed) => ended.store(true, Ordering::Release),
        }
        if ended.load(Ordering::Relaxed) {
            open.fail();
        }
    }
    connected
}

/// What is dealt with before the next look at anything else.
const TOGETHER: usize = 256;

#[derive(Default)]
struct Open {
    answers: FuturesUnordered<Numbered>,
    /// In the order in which they were sent; the first is not answered.
    waiting: VecDeque<Waiting>,
    /// The number of the first.
    first: u64,
}

struct Waiting {
    /// When it is given up.
    due: Option<Instant>,
    /// `None` when it was answered.
    asker: Option<(Resolver, Permit)>,
}

impl Open {
    fn add(&mut self, pending: Pending, limit: Duration) {
        let Pending { answer, resolver, permit } = pending;
        let number = self.first.wrapping_add(self.waiting.len() as u64);
        self.answers.push(Numbered { number, answer });
        let due = Instant::now().checked_add(limit);
        self.waiting.push_back(Waiting { due, asker: Some((resolver, permit)) });
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

    /// What else is answered already.
    fn resolve_answered(&mut self, most: usize) {
        for _ in 0..most {
            match self.answers.next().now_or_never() {
                Some(Some(answer)) => self.resolve(answer),
                _ => break,
            }
        }
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
    fn expire(&mut self, limit: Duration) {
        while self.due().is_some_and(|due| due <= Instant::now()) {
            if let Some((resolver, permit)) = self.pop() {
                drop(permit);
                resolver.resolve(Err(Error::new(ErrorKind::Timeout)
                    .with_detail(format!("no answer of the broker within {limit:?}"))));
            }
        }
    }

    /// Nothing more will be heard: what was heard already counts, and the rest is lost.
    fn fail(&mut self) {
        // Each look at what is not answered may end the looking.
        for _ in 0..self.answers.len().saturating_mul(2) {
            if let Some(Some(answer)) = self.answers.next().now_or_never() {
                self.resolve(answer);
            }
        }
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
