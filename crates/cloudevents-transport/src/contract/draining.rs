//! Draining leaves nothing half done.

use super::{
    Failure, Venue, Verdict,
    tools::{accept, each_once, ensure, event, events, is_quiet, next, number, receiver, settled, within},
};
use cloudevents_core::ErrorKind;
use futures_util::future::join;
use tokio::task::yield_now;

/// Draining returns after held deliveries were settled, and the receiver delivers no more messages.
pub async fn draining_waits_for_settlements(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let mut receiver = receiver(venue).await?;
    within(claims.patience, venue.sender().await?.send_all(events(5)?)).await??;
    let held = [next(&mut receiver, claims).await?, next(&mut receiver, claims).await?];
    let counters = receiver.counters();
    let draining = async {
        let drained = receiver.drain(claims.patience).await;
        (drained, counters.snapshot().accepted)
    };
    let settling = async {
        for delivery in held {
            for _ in 0..10 {
                yield_now().await;
            }
            settled(delivery.accept(), claims).await?;
        }
        Ok::<_, Failure>(())
    };
    let ((drained, accepted), settling) = join(draining, settling).await;
    settling?;
    drained?;
    ensure!(accepted == 2, "draining answered when {accepted} of 2 were settled");
    let after = within(claims.patience, receiver.next()).await??;
    ensure!(after.is_none(), "a drained receiver delivered");
    Ok(Verdict::Holds)
}

/// Draining returns at the deadline if a delivery is never settled.
pub async fn draining_ends_at_the_deadline(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    if !claims.redelivers {
        return Ok(Verdict::NotClaimed);
    }
    let mut receiver = receiver(venue).await?;
    settled(venue.sender().await?.send(&event(0)?), claims).await?;
    let held = next(&mut receiver, claims).await?;
    match within(claims.patience, receiver.drain(claims.quiet)).await? {
        Err(error) if error.kind() == ErrorKind::Timeout => {}
        other => return Err(Failure(format!("draining answered {other:?} while something was held"))),
    }
    drop(held);
    Ok(Verdict::Holds)
}

/// Messages accepted before draining are not delivered again. The others go to the next receiver.
pub async fn draining_loses_nothing(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    if !claims.persistent {
        return Ok(Verdict::NotClaimed);
    }
    let mut first = receiver(venue).await?;
    within(claims.patience, venue.sender().await?.send_all(events(20)?)).await??;
    let mut seen = Vec::new();
    for _ in 0..10 {
        let delivery = next(&mut first, claims).await?;
        seen.push(number(&delivery)?);
        drop(delivery.accept()); // not awaited
    }
    let released = [next(&mut first, claims).await?, next(&mut first, claims).await?];
    drop(released);
    settled(first.drain(claims.patience), claims).await?;
    drop(first);
    let mut second = receiver(venue).await?;
    for _ in 0..10 {
        seen.push(accept(&mut second, claims).await?);
    }
    each_once(&seen, 20)?;
    ensure!(is_quiet(&mut second, claims).await?, "something came again that was accepted");
    Ok(Verdict::Holds)
}
