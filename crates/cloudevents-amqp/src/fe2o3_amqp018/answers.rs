//! The task that hears the broker's answers to what was sent.

use super::{connection::Connected, failure, refusal::refused};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Permit, Resolver};
use fe2o3_amqp::link::{SendError, delivery::DeliveryFut};
use fe2o3_amqp_types::messaging::Outcome;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Either, select},
    stream::FuturesUnordered,
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, time::sleep};

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
    while more || !open.answers.is_empty() {
        tokio::select! {
            pending = under_way.recv(), if more => match pending {
                Some(pending) => open.add(pending, limit),
                None => more = false,
            },
            Some(answer) = open.answers.next() => open.resolve(answer),
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
    answers: FuturesUnordered<BoxFuture<'static, (u64, Result<(), Error>)>>,
    resolvers: HashMap<u64, (Resolver, Permit)>,
}

impl Open {
    fn add(&mut self, pending: Pending, limit: Duration) {
        let Pending { answer, resolver, permit } = pending;
        self.number = self.number.wrapping_add(1);
        let number = self.number;
        self.resolvers.insert(number, (resolver, permit));
        self.answers.push(answered(answer, limit).map(move |answer| (number, answer)).boxed());
    }

    fn resolve(&mut self, (number, answer): (u64, Result<(), Error>)) {
        if let Some((resolver, permit)) = self.resolvers.remove(&number) {
            drop(permit);
            resolver.resolve(answer);
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

async fn answered(answer: Answer, limit: Duration) -> Result<(), Error> {
    match select(answer, Box::pin(sleep(limit))).await {
        Either::Left((Ok(outcome), _)) => refused(outcome),
        Either::Left((Err(error), _)) => Err(failure::send(error)),
        Either::Right(_) => {
            Err(Error::new(ErrorKind::Timeout)
                .with_detail(format!("no answer of the broker within {limit:?}")))
        }
    }
}
