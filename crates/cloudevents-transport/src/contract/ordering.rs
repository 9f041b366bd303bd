//! The order of messages without a key.

use super::{
    Failure, Venue, Verdict,
    tools::{each_once, ensure, number, receiver, settled, within, without_keys},
};
use crate::{By, Delivery, OrderBy};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use tokio::task::yield_now;

/// Messages without a key are handled in the order of their source: those of a partition, a topic or a queue.
///
/// A bridge has this order by default.
pub async fn what_has_no_key_keeps_the_order_of_its_source(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 40;
    let claims = venue.claims();
    let receiver = receiver(venue).await?;
    // Each request waits for its own answer.
    if !claims.order || receiver.capabilities().redelivers == By::Peer {
        return Ok(Verdict::NotClaimed);
    }
    within(claims.patience, venue.sender().await?.send_all(without_keys(COUNT)?)).await??;
    let (seen, stop) = (Mutex::new(BTreeMap::<_, Vec<usize>>::new()), receiver.stopper());
    let handle = async |delivery: Delivery| {
        let (source, number) = (delivery.partition().cloned(), number(&delivery)?);
        for _ in number..COUNT {
            yield_now().await; // the last one would be the first
        }
        let handled = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.entry(source).or_default().push(number);
            seen.values().map(Vec::len).sum::<usize>()
        };
        settled(delivery.accept(), claims).await?;
        if handled == COUNT {
            stop.stop();
        }
        Ok::<_, Failure>(())
    };
    within(claims.patience, receiver.run(handle).concurrency(COUNT).in_order(OrderBy::Key)).await??;
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    each_once(&seen.values().flatten().copied().collect::<Vec<_>>(), COUNT)?;
    for (source, seen) in &seen {
        ensure!(seen.is_sorted(), "the events of {source:?} were handled in the order {seen:?}");
    }
    Ok(Verdict::Holds)
}
