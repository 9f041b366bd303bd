//! Tools of the checks.

use super::{Claims, Failure, Venue};
use crate::{Delivery, Receiver, ReceiverOptions};
use cloudevents_core::{Event, Payload};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;

/// Fails the check unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err($crate::contract::Failure(format!($($words)+)));
        }
    };
}
pub(super) use ensure;

pub(super) fn event(number: usize) -> Result<Event, Failure> {
    event_with(number, "one", number.to_string().into_bytes())
}

pub(super) fn event_with(number: usize, key: &str, body: Vec<u8>) -> Result<Event, Failure> {
    Event::builder()
        .id(number.to_string())
        .source("/contract")
        .ty("contract")
        .extension("partitionkey", key)
        .payload("application/octet-stream", Payload::binary(body))
        .build()
        .map_err(|mistakes| Failure(mistakes.to_string()))
}

pub(super) fn events(count: usize) -> Result<Vec<Event>, Failure> {
    (0..count).map(event).collect()
}

pub(super) fn without_keys(count: usize) -> Result<Vec<Event>, Failure> {
    let event =
        |number: usize| Event::builder().id(number.to_string()).source("/contract").ty("contract").build();
    let events: Result<Vec<_>, _> = (0..count).map(event).collect();
    events.map_err(|mistakes| Failure(mistakes.to_string()))
}

pub(super) async fn receiver(venue: &impl Venue) -> Result<Receiver, Failure> {
    Ok(venue.receiver(ReceiverOptions::default()).await?)
}

/// Returns the next delivery, which must arrive in time.
pub(super) async fn next(receiver: &mut Receiver, claims: Claims) -> Result<Delivery, Failure> {
    match timeout(claims.patience, receiver.next()).await {
        Ok(delivery) => delivery?.ok_or_else(|| Failure("the receiver ended".into())),
        Err(_) => Err(Failure(format!("nothing came within {:?}", claims.patience))),
    }
}

/// Accepts the next event and returns its number.
pub(super) async fn accept(receiver: &mut Receiver, claims: Claims) -> Result<usize, Failure> {
    let delivery = next(receiver, claims).await?;
    let number = number(&delivery)?;
    settled(delivery.accept(), claims).await?;
    Ok(number)
}

/// Whether nothing arrives.
pub(super) async fn is_quiet(receiver: &mut Receiver, claims: Claims) -> Result<bool, Failure> {
    match timeout(claims.quiet, receiver.next()).await {
        Ok(delivery) => Ok(delivery?.is_none()),
        Err(_) => Ok(true),
    }
}

pub(super) fn number(delivery: &Delivery) -> Result<usize, Failure> {
    let event = delivery.event()?;
    event.id().parse().map_err(|_| Failure(format!("an unexpected event `{}`", event.id())))
}

/// Awaits an outcome that must succeed.
pub(super) async fn settled<T>(
    outcome: impl Future<Output = Result<T, cloudevents_core::Error>>,
    claims: Claims,
) -> Result<T, Failure> {
    Ok(within(claims.patience, outcome).await??)
}

pub(super) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, Failure> {
    timeout(limit, future).await.map_err(|_| Failure(format!("no answer within {limit:?}")))
}

/// Fails unless each of `0..count` was seen exactly once.
/// Whether this is the body. Where no text of a document is kept, a document has it within.
pub(super) fn has_body(found: Option<&[u8]>, wanted: &[u8], claims: Claims) -> bool {
    found.is_some_and(|found| {
        let mut parts = found.windows(wanted.len().max(1));
        found == wanted || (!claims.documents && parts.any(|part| part == wanted))
    })
}

pub(super) fn each_once(seen: &[usize], count: usize) -> Result<(), Failure> {
    let mut times = BTreeMap::<usize, usize>::new();
    for number in seen {
        let times = times.entry(*number).or_default();
        *times = times.saturating_add(1);
    }
    for number in 0..count {
        let times = times.remove(&number).unwrap_or_default();
        ensure!(times == 1, "event {number} came {times} times");
    }
    ensure!(times.is_empty(), "unexpected events: {times:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_is_not_twice_and_not_never() {
        assert!(each_once(&[1, 0, 2], 3).is_ok());
        assert_eq!(each_once(&[1, 0, 1, 2], 3).unwrap_err().to_string(), "event 1 came 2 times");
        assert_eq!(each_once(&[0, 2], 3).unwrap_err().to_string(), "event 1 came 0 times");
        assert_eq!(each_once(&[0, 7], 1).unwrap_err().to_string(), "unexpected events: {7: 1}");
    }
}
