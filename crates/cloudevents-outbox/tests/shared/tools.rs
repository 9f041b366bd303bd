//! What the tests share.

use cloudevents_core::{Error, Event, Message};
use cloudevents_outbox::{Clock, Entry, NewMessage};
use cloudevents_transport::{
    Carries, Confirmed, Content, Outcome, Outgoing, Receipt, Sender, SenderCapabilities, binding::Transmit,
};
use futures_util::future::BoxFuture;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, time::Instant};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A time, so many seconds after a fixed one.
pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// The clock of tokio, which tests can pause.
pub(crate) fn tokio_clock() -> Clock {
    let begin = Instant::now();
    Clock::new(move || at(0) + begin.elapsed())
}

pub(crate) fn event(id: impl ToString) -> Event {
    let data = format!("{{\"order\":\"{}\"}}", id.to_string());
    Event::builder()
        .id(id.to_string())
        .source("/shop")
        .ty("com.example.order.placed")
        .payload("application/json", cloudevents_core::Payload::json(data))
        .build()
        .unwrap()
}

/// A message for a store.
pub(crate) fn message(target: &str, id: impl ToString, now: SystemTime) -> NewMessage {
    Entry::new(target, event(id)).encode(now).unwrap()
}

pub(crate) fn message_in_order(target: &str, id: impl ToString, now: SystemTime) -> NewMessage {
    Entry::new(target, event(id)).in_order().encode(now).unwrap()
}

/// The id of the event in a message.
pub(crate) fn id(outgoing: &Outgoing) -> String {
    let Content::Message(Message::Binary(event)) = outgoing.content() else { panic!("{outgoing:?}") };
    event.id().to_owned()
}

type Answer = BoxFuture<'static, Result<Receipt, Error>>;

/// A binding whose peer is a function.
struct Peer<F>(F);

impl<F: Fn(Outgoing) -> Answer + Send + Sync + 'static> Transmit for Peer<F> {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::EXPIRY.and(Carries::DESTINATION))
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let (resolver, outcome) = Outcome::channel();
        let answer = (self.0)(outgoing);
        tokio::spawn(async move { resolver.resolve(answer.await) });
        Ok(outcome)
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A sender whose peer is a function.
pub(crate) fn sender<Fut>(peer: impl Fn(Outgoing) -> Fut + Send + Sync + 'static) -> Sender
where
    Fut: Future<Output = Result<Receipt, Error>> + Send + 'static,
{
    Sender::new(Peer(move |outgoing| -> Answer { Box::pin(peer(outgoing)) }))
}

/// What peers have received, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrived(Arc<watch::Sender<Vec<(String, Instant)>>>);

impl Arrived {
    pub(crate) fn note(&self, outgoing: &Outgoing) {
        self.0.send_modify(|all| all.push((id(outgoing), Instant::now())));
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.borrow().iter().map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn times(&self) -> Vec<(String, Instant)> {
        self.0.borrow().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// A sender whose peer takes everything.
    pub(crate) fn sender(&self) -> Sender {
        let arrived = self.clone();
        sender(move |outgoing| {
            arrived.note(&outgoing);
            async { Ok(Receipt::new().with_place("there")) }
        })
    }

    /// Waits until so many messages have arrived.
    pub(crate) async fn until(&self, number: usize) {
        let mut seen = self.0.subscribe();
        let waited = tokio::time::timeout(24 * 60 * MINUTE, seen.wait_for(|all| all.len() >= number)).await;
        assert!(waited.is_ok(), "only {} of {number} arrived: {:?}", self.len(), self.ids());
    }
}
