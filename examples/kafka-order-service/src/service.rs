//! The service.

use cloudevents_kit::{
    Delivery, Error, EventKey, Receiver,
    kafka::rdkafka039::KafkaReceiverOptions,
    prelude::*,
    transport::{OrderBy, log::LogOptions},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// A customer placed an order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OrderPlaced {
    /// Its number.
    pub(crate) order: u64,
    /// What it costs, in cents.
    pub(crate) cents: u64,
}

impl EventData for OrderPlaced {
    const TYPE: &'static str = "com.example.order.placed";
    type Codec = Json;
}

/// How many orders are charged at once.
const AT_ONCE: usize = 64;

/// How this service receives.
pub(crate) fn options() -> KafkaReceiverOptions {
    let mut options = KafkaReceiverOptions::from(cloudevents_kit::decoding());
    // The fifth failure in a row is the last: the order goes to the dead letters.
    let mut log = LogOptions::default();
    log.max_attempts = 5;
    options.log = log;
    options
}

/// Charges orders.
#[derive(Default)]
pub(crate) struct Service {
    charged: Mutex<HashSet<EventKey>>,
    settled: watch::Sender<usize>,
}

/// Why an order was not charged.
enum NotCharged {
    /// The bank does not answer; it may the next time.
    Later,
    /// It never will be.
    Never(&'static str),
}

impl Service {
    /// Handles orders until it is told to stop, and ends with what is in hand.
    pub(crate) async fn run(
        &self,
        receiver: &mut Receiver,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let stopper = receiver.stopper();
        {
            // Orders of one customer have one partition key, and wait for each other; all others do not.
            let order_by = OrderBy::attribute("partitionkey");
            let mut handling =
                pin!(receiver.for_each(AT_ONCE, order_by, async |delivery| self.handle(delivery).await));
            tokio::select! {
                ended = &mut handling => ended?,
                () = stop => {
                    stopper.stop();
                    handling.await?;
                }
            }
        }
        receiver.drain(Duration::from_secs(10)).await
    }

    /// Ready when so many orders came to an end, charged or rejected.
    pub(crate) async fn has_settled(&self, count: usize) {
        // The sender is in `self`, so there is no error.
        let _ = self.settled.subscribe().wait_for(|settled| *settled >= count).await;
    }

    async fn handle(&self, delivery: Delivery) -> Result<(), Error> {
        let order = match delivery.event().and_then(TypedEvent::<OrderPlaced>::try_from) {
            Ok(order) => order,
            Err(error) => {
                println!("rejected: {error}");
                return self.ended(delivery.reject(&error).await);
            }
        };
        let number = order.data().order;
        let key = order.event().key();
        if self.has_charged(&key) {
            println!("order {number} was charged before");
            return self.ended(delivery.accept().await);
        }
        match charge(order.data(), delivery.attempt()) {
            Ok(()) => {
                println!("order {number} is charged, at attempt {}", delivery.attempt());
                self.remember(key);
                self.ended(delivery.accept().await)
            }
            Err(NotCharged::Later) => {
                let after = Duration::from_millis(100 << delivery.attempt().min(6));
                println!("order {number} is tried again after {after:?}");
                delivery.retry(after).await
            }
            Err(NotCharged::Never(why)) => {
                println!("order {number} is rejected: {why}");
                self.ended(delivery.reject(why).await)
            }
        }
    }

    fn ended(&self, settled: Result<(), Error>) -> Result<(), Error> {
        self.settled.send_modify(|count| *count = count.saturating_add(1));
        settled
    }

    fn has_charged(&self, key: &EventKey) -> bool {
        self.charged.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    fn remember(&self, key: EventKey) {
        self.charged.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
    }
}

/// A stand-in for a bank: it answers at the third attempt when there is much to charge, and does not charge nothing.
fn charge(order: &OrderPlaced, attempt: u32) -> Result<(), NotCharged> {
    match order.cents {
        0 => Err(NotCharged::Never("there is nothing to charge")),
        100_000.. if attempt < 3 => Err(NotCharged::Later),
        _ => Ok(()),
    }
}
