//! Tests of the settlement rules, on a log and on a queue.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod activity;
mod bridge;
mod contract;
mod delivery;
mod dropped;
mod ending;
mod ending_away;
mod faults;
mod filter;
mod giving_up;
mod growth;
mod interceptor;
mod isolation;
mod letters;
mod log;
mod log_bounds;
mod machine;
mod memory;
mod order;
mod queue;
mod queue_bounds;
mod receiver;
mod retry_schedule;
mod run;
mod sender;
mod simulation;
mod spawn;
mod tending;
mod transports;
mod twice;
mod wakes;
mod writing;

use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Message};
use cloudevents_transport::{
    Counters, Delivery, Outcome, Outgoing, Raw, Receipt, Received, Receiver, ReceiverCapabilities, Sender,
    SenderCapabilities,
    binding::{Incoming, Receive, Token, Transmit},
    fake::FakeQueue,
};
use std::{future::ready, sync::Arc, time::Duration};

fn event(id: impl ToString) -> Event {
    Event::builder().id(id.to_string()).source("/tests").ty("t").build().unwrap()
}

fn events(count: usize) -> impl Iterator<Item = Event> + Clone {
    (0..count).map(event)
}

fn id(delivery: &Delivery) -> String {
    delivery.event().unwrap().id().to_owned()
}

/// A source whose next message is what this returns.
struct Gives<F>(ReceiverCapabilities, F);

impl<F, N> Receive for Gives<F>
where
    F: FnMut() -> N + Send + 'static,
    N: Future<Output = Result<Option<Incoming>, Error>> + Send,
{
    fn capabilities(&self) -> ReceiverCapabilities {
        self.0
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        (self.1)().await
    }

    async fn drain(&mut self, _: Duration) -> Result<(), Error> {
        Ok(())
    }
}

fn received(message: impl Into<Message>) -> Received {
    Received::new(Ok(Decoded::clean(message.into())), Raw::default())
}

/// A message that cannot be settled.
fn unsettled(message: impl Into<Message>) -> Incoming {
    Incoming::new(received(message), Token::unsettled())
}

/// A receiver of one message.
fn one(received: Received, with: DecodeOptions) -> Receiver {
    let mut left = Some(Incoming::new(received, Token::unsettled()));
    Receiver::new(Gives(ReceiverCapabilities::unsettled(), move || ready(Ok(left.take()))), with)
}

/// A target that does this with each message.
struct Takes<F>(SenderCapabilities, F);

impl<F, T> Transmit for Takes<F>
where
    F: Fn(Outgoing) -> T + Send + Sync + 'static,
    T: Future<Output = Result<Outcome<Receipt>, Error>> + Send,
{
    fn capabilities(&self) -> SenderCapabilities {
        self.0
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        (self.1)(outgoing).await
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A sender with other capabilities.
fn with_capabilities(sender: Sender, capabilities: SenderCapabilities) -> Sender {
    Sender::new(Takes(capabilities, move |outgoing: Outgoing| {
        let sender = sender.clone();
        async move { sender.enqueue(outgoing).await }
    }))
}

/// Confirms after 50 ms.
fn slow(sender: Sender) -> Sender {
    Sender::new(Takes(sender.capabilities(), move |outgoing: Outgoing| {
        let (sender, (resolver, outcome)) = (sender.clone(), Outcome::channel());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await; // paused time: how long the target takes
            resolver.resolve(sender.send(outgoing).await);
        });
        ready(Ok(outcome))
    }))
}

/// An event with this `partitionkey`.
fn keyed(id: impl ToString, key: &str) -> Event {
    event(id).into_builder().extension("partitionkey", key).build().unwrap()
}

async fn filled(count: usize) -> FakeQueue {
    let queue = FakeQueue::new();
    queue.sender().send_all(events(count)).await.unwrap();
    queue
}

/// Ready when this many messages were accepted or rejected.
async fn until_settled(counters: Arc<Counters>, count: u64) {
    loop {
        let metrics = counters.snapshot();
        if metrics.accepted + metrics.rejected >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await; // paused time: passes when nothing else can run
    }
}
