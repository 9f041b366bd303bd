//! The task that hears the broker's answers to what was sent.

use super::{connection::Connected, failure, refusal::refused};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Permit, Resolver};
use fe2o3_amqp::link::{SendError, delivery::DeliveryFut};
use fe2o3_amqp_types::messaging::Outcome;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{
    collections::{HashMap, VecDeque},
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
    // One timer for all: they are due in the order in which they were sent.
    let timer = sleep_until(Instant::now());
    tokio::pin!(timer);
    while more || !open.resolvers.is_empty() {
        let due = open.due();
        if let Some(due) = due.filter(|due| timer.deadline() < *due && timer.is_elapsed()) {
            timer.as_mut().reset(due);
        }
        tokio::select! {
            pending = under_way.recv(), if more => match pending {
                Some(pending) => open.add(pending, limit),
                None => more = false,
            },
            Some(answer) = open.answers.next() => open.resolve(answer),
            () = &mut timer, if due.is_some() => open.expire(limit),
            () = connected.ended(), if !ended.load(Ordering::Relaxed) => ended.store(true, Ordering::Release),
        }
        if ended.load(Ordering::Relaxed) {
            open.fail();
        }
    }
    connected
}

#[derive(Default)]
struct Open {
    number: u64,
    answers: FuturesUnordered<Numbered>,
    /// What is not answered and not given up.
    resolvers: HashMap<u64, (Resolver, Permit)>,
    /// When to give up, in that order; some are answered already.
    deadlines: VecDeque<(Instant, u64)>,
}

impl Open {
    fn add(&mut self, pending: Pending, limit: Duration) {
        let Pending { answer, resolver, permit } = pending;
        self.number = self.number.wrapping_add(1);
        self.resolvers.insert(self.number, (resolver, permit));
        self.answers.push(Numbered { number: self.number, answer });
        if let Some(deadline) = Instant::now().checked_add(limit) {
            self.deadlines.push_back((deadline, self.number));
        }
    }

    fn resolve(&mut self, (number, answer): (u64, Result<Outcome, SendError>)) {
        if let Some((resolver, permit)) = self.resolvers.remove(&number) {
            drop(permit);
            resolver.resolve(answer.map_err(failure::send).and_then(refused));
        }
    }

    /// When to give up the first that is not answered.
    fn due(&mut self) -> Option<Instant> {
        while let Some((due, number)) = self.deadlines.front() {
            if self.resolvers.contains_key(number) {
                return Some(*due);
            }
            self.deadlines.pop_front();
        }
        None
    }

    /// Gives up what is due.
    fn expire(&mut self, limit: Duration) {
        while self.due().is_some_and(|due| due <= Instant::now()) {
            if let Some((_, number)) = self.deadlines.pop_front()
                && let Some((resolver, permit)) = self.resolvers.remove(&number)
            {
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
        for (_, (resolver, permit)) in self.resolvers.drain() {
            drop(permit);
            resolver.resolve(Err(failure::disconnected("the broker may have the message, or not")));
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
