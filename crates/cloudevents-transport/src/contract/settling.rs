//! Settled messages stay settled, and others are delivered again.

use super::{
    Failure, Venue, Verdict,
    tools::{
        accept, each_once, ensure, event, events, has_body, is_quiet, next, number, receiver, settled, within,
    },
};
use crate::{Receiver, ReceiverOptions, Sender, UnreadablePolicy};
use cloudevents_core::ErrorKind;
use std::time::Duration;
use tokio::time::Instant;

/// The delay of a retry that comes behind the others, though these are late.
const DELAY: Duration = Duration::from_secs(3);

/// An accepted message is not delivered again, also not to the next receiver.
pub async fn what_is_accepted_is_gone(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut first = receiver(venue).await?;
    let sender = venue.sender().await?;
    within(claims.patience, sender.send_all(events(5)?)).await??;
    for _ in 0..5 {
        accept(&mut first, claims).await?;
    }
    are_gone(venue, first, sender, 5, "accepted").await
}

/// Ends a receiver that has settled so many events: the next one gets none of them.
async fn are_gone(
    venue: &impl Venue,
    mut first: Receiver,
    sender: Sender,
    count: usize,
    how: &str,
) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    settled(first.drain(claims.patience), claims).await?;
    drop(first);
    let mut second = receiver(venue).await?;
    settled(sender.send(&event(count)?), claims).await?;
    let number = accept(&mut second, claims).await?;
    ensure!(number == count, "event {number} came, which was {how} before");
    ensure!(is_quiet(&mut second, claims).await?, "an event came again that was {how} before");
    Ok(Verdict::Holds)
}

/// A retried message is delivered again, as another attempt, after its delay, and does not delay the others.
pub async fn what_is_retried_comes_again(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    if !claims.redelivers {
        return Ok(Verdict::NotClaimed);
    }
    let mut receiver = receiver(venue).await?;
    within(claims.patience, venue.sender().await?.send_all(events(3)?)).await??;
    let first = next(&mut receiver, claims).await?;
    let (retried, attempt, since) = (number(&first)?, first.attempt(), Instant::now());
    let delay = claims.quiet.max(DELAY);
    settled(first.retry(delay), claims).await?;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let delivery = next(&mut receiver, claims).await?;
        if number(&delivery)? == retried {
            ensure!(
                !claims.delays_retries || since.elapsed() >= delay,
                "it came again after {:?}, and not after {delay:?}",
                since.elapsed()
            );
            ensure!(
                !claims.counts_attempts || delivery.attempt() == attempt.saturating_add(1),
                "attempt {} came after attempt {attempt}",
                delivery.attempt()
            );
        }
        seen.push(number(&delivery)?);
        settled(delivery.accept(), claims).await?;
    }
    each_once(&seen, 3)?;
    ensure!(!claims.delays_retries || seen.last() == Some(&retried), "{seen:?}: {retried} was to come last");
    Ok(Verdict::Holds)
}

/// A rejected message is not delivered again, also not to the next receiver.
pub async fn what_is_rejected_does_not_come_again(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut first = receiver(venue).await?;
    let sender = venue.sender().await?;
    within(claims.patience, sender.send_all(events(3)?)).await??;
    for _ in 0..3 {
        settled(next(&mut first, claims).await?.reject("the check rejects it"), claims).await?;
    }
    ensure!(is_quiet(&mut first, claims).await?, "something came again that was rejected");
    are_gone(venue, first, sender, 3, "rejected").await
}

/// A dropped delivery is delivered again.
pub async fn what_is_dropped_comes_again(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    if !claims.redelivers {
        return Ok(Verdict::NotClaimed);
    }
    let mut receiver = receiver(venue).await?;
    within(claims.patience, venue.sender().await?.send_all(events(3)?)).await??;
    let held = [next(&mut receiver, claims).await?, next(&mut receiver, claims).await?];
    drop(held);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(accept(&mut receiver, claims).await?);
    }
    each_once(&seen, 3)?;
    let metrics = receiver.metrics();
    ensure!(metrics.released == 2 && metrics.accepted == 3, "the receiver counted {metrics}");
    Ok(Verdict::Holds)
}

/// A settlement takes effect even if its outcome is dropped.
pub async fn an_unwatched_outcome_settles(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut first = receiver(venue).await?;
    let sender = venue.sender().await?;
    within(claims.patience, sender.send_all(events(4)?)).await??;
    for index in 0..4 {
        let delivery = next(&mut first, claims).await?;
        drop(if index % 2 == 0 { delivery.accept() } else { delivery.reject("unwatched") });
    }
    are_gone(venue, first, sender, 4, "settled").await
}

/// A malformed message is delivered among the others as an error with its raw content, and is settled like them.
pub async fn what_is_malformed_surfaces_and_blocks_nothing(venue: &impl Venue) -> Result<Verdict, Failure> {
    const BODY: &[u8] = b"malformed";
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    settled(sender.send(&event(0)?), claims).await?;
    match venue.put_garbage(ErrorKind::MissingAttribute, BODY).await {
        Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(Verdict::NotClaimed),
        put => put?,
    }
    settled(sender.send(&event(1)?), claims).await?;
    let (mut seen, mut malformed) = (Vec::new(), 0_u32);
    for _ in 0..3 {
        let delivery = next(&mut receiver, claims).await?;
        match delivery.event() {
            Ok(_) => {
                seen.push(number(&delivery)?);
                settled(delivery.accept(), claims).await?;
            }
            Err(error) => {
                ensure!(error.kind() == ErrorKind::MissingAttribute, "the error is {error}");
                let body = delivery.body();
                ensure!(has_body(body.as_deref(), BODY, claims), "the body is {body:?}");
                malformed = malformed.saturating_add(1);
                settled(delivery.reject(&error), claims).await?;
            }
        }
    }
    each_once(&seen, 2)?;
    ensure!(malformed == 1, "the malformed message came {malformed} times");
    ensure!(is_quiet(&mut receiver, claims).await?, "something came again");
    ensure!(receiver.metrics().invalid == 1, "the receiver counted {}", receiver.metrics());
    Ok(Verdict::Holds)
}

/// A message that is not a CloudEvent is delivered, skipped or rejected, depending on the policy.
pub async fn what_is_foreign_goes_by_the_policy(venue: &impl Venue) -> Result<Verdict, Failure> {
    const BODY: &[u8] = b"foreign";
    let claims = venue.claims();
    let sender = venue.sender().await?;
    for policy in [UnreadablePolicy::Deliver, UnreadablePolicy::Skip, UnreadablePolicy::Reject] {
        let options = ReceiverOptions { not_cloudevents: policy, ..ReceiverOptions::default() };
        let mut receiver = venue.receiver(options).await?;
        match venue.put_garbage(ErrorKind::NotACloudEvent, BODY).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(Verdict::NotClaimed),
            put => put?,
        }
        settled(sender.send(&event(0)?), claims).await?;
        let (mut foreign, mut events) = (0_u32, 0_u32);
        while events == 0 || (policy == UnreadablePolicy::Deliver && foreign == 0) {
            let delivery = next(&mut receiver, claims).await?;
            match delivery.event() {
                Ok(_) => events = events.saturating_add(1),
                Err(error) => {
                    ensure!(error.kind() == ErrorKind::NotACloudEvent, "the error is {error}");
                    ensure!(
                        has_body(delivery.body().as_deref(), BODY, claims),
                        "what was received is {:?}",
                        delivery.received()
                    );
                    foreign = foreign.saturating_add(1);
                }
            }
            settled(delivery.accept(), claims).await?;
        }
        ensure!(is_quiet(&mut receiver, claims).await?, "something came again under {policy:?}");
        let metrics = receiver.metrics();
        let (skipped, rejected) =
            (u64::from(policy == UnreadablePolicy::Skip), u64::from(policy == UnreadablePolicy::Reject));
        ensure!(
            foreign == u32::from(policy == UnreadablePolicy::Deliver),
            "{foreign} surfaced under {policy:?}"
        );
        ensure!(
            (metrics.not_cloud_events, metrics.skipped, metrics.rejected) == (1, skipped, rejected),
            "under {policy:?}, the receiver counted {metrics}"
        );
        settled(receiver.drain(claims.patience), claims).await?;
    }
    Ok(Verdict::Holds)
}
