//! The service.

use cloudevents_kit::{
    Delivery, Error, Receiver,
    outbox::{Inbox, MemoryInbox},
    prelude::*,
    transport::{Failure, OrderBy},
};
use serde::{Deserialize, Serialize};
use std::{num::NonZeroUsize, time::Duration};
use tokio::sync::watch;

/// A customer placed an order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OrderPlaced {
    /// The order number.
    pub(crate) order: u64,
    /// The price, in cents.
    pub(crate) cents: u64,
}

impl EventData for OrderPlaced {
    const TYPE: &'static str = "com.example.order.placed";
    type Codec = Json;
}

/// The number of orders charged at once.
const AT_ONCE: usize = 64;

/// The number of orders that are remembered as charged. A service with a database has its inbox there, so that restarts do not matter.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// Charges orders, each once.
pub(crate) struct Service {
    charged: Inbox<MemoryInbox>,
    settled: watch::Sender<usize>,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            charged: Inbox::new(MemoryInbox::new(REMEMBERED), "charging"),
            settled: watch::Sender::default(),
        }
    }
}

/// Why an order was not charged.
enum NotCharged {
    /// The bank does not respond; a retry may succeed.
    Later,
    /// The order is invalid; a retry cannot succeed.
    Never(&'static str),
}

impl Service {
    /// Handles orders until it is stopped, and finishes those in progress.
    pub(crate) async fn run(&self, receiver: Receiver, stop: impl Future<Output = ()>) -> Result<(), Error> {
        // Orders of one customer have the same partition key and run one after another; others run in parallel. After the fifth
        // failure, an order goes to the dead-letter topic.
        receiver
            .run(async |delivery| self.handle(delivery).await)
            .concurrency(AT_ONCE)
            .in_order(OrderBy::attribute("partitionkey"))
            .attempts(5)
            .until(stop)
            .await
    }

    /// Waits until this number of orders is charged or rejected.
    pub(crate) async fn has_settled(&self, count: usize) {
        // The sender is in `self`, so there is no error.
        let _ = self.settled.subscribe().wait_for(|settled| *settled >= count).await;
    }

    async fn handle(&self, delivery: Delivery) -> Result<(), Failure> {
        let charged = self.charge(&delivery).await;
        if charged.as_ref().map_or_else(Failure::is_reject, |()| true) {
            self.settled.send_modify(|count| *count = count.saturating_add(1));
        }
        charged
    }

    async fn charge(&self, delivery: &Delivery) -> Result<(), Failure> {
        let event = delivery.event().map_err(Failure::reject)?;
        let order = TypedEvent::<OrderPlaced>::try_from(event).map_err(Failure::reject)?;
        let attempt = delivery.attempt();
        self.charged.once(order.event().key(), async { attempt_to_charge(order.data(), attempt) }).await
    }
}

fn attempt_to_charge(order: &OrderPlaced, attempt: u32) -> Result<(), Failure> {
    let number = order.order;
    match charge(order, attempt) {
        Ok(()) => {
            println!("order {number} charged at attempt {attempt}");
            Ok(())
        }
        Err(NotCharged::Later) => {
            let after = Duration::from_millis(100 << attempt.min(6));
            println!("order {number}: retry after {after:?}");
            Err(Failure::retry_after(after, "the bank does not respond"))
        }
        Err(NotCharged::Never(why)) => {
            println!("order {number} rejected: {why}");
            Err(Failure::reject(why))
        }
    }
}

/// Stands in for a bank: responds to large charges at the third attempt, and refuses charges of 0.
fn charge(order: &OrderPlaced, attempt: u32) -> Result<(), NotCharged> {
    match order.cents {
        0 => Err(NotCharged::Never("there is nothing to charge")),
        100_000.. if attempt < 3 => Err(NotCharged::Later),
        _ => Ok(()),
    }
}
