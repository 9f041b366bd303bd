//! Tests of the settlement rules, on a log and on a queue.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod activity;
mod bridge;
mod contract;
mod delivery;
mod dropped;
mod ending;
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

use cloudevents_core::{Error, Event};
use cloudevents_transport::{
    Counters, Delivery, Outcome, Outgoing, Receipt, Sender, SenderCapabilities, binding::Transmit,
    fake::FakeQueue,
};
use std::{sync::Arc, time::Duration};

fn event(id: impl ToString) -> Event {
    Event::builder().id(id.to_string()).source("/tests").ty("t").build().unwrap()
}

fn events(count: usize) -> impl Iterator<Item = Event> + Clone {
    (0..count).map(event)
}

fn id(delivery: &Delivery) -> String {
    delivery.event().unwrap().id().to_owned()
}

/// Confirms after 50 ms.
struct Slow(Sender);

impl Transmit for Slow {
    fn capabilities(&self) -> SenderCapabilities {
        self.0.capabilities()
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let (sender, (resolver, outcome)) = (self.0.clone(), Outcome::channel());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await; // paused time: how long the target takes
            resolver.resolve(sender.send(outgoing).await);
        });
        Ok(outcome)
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
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
