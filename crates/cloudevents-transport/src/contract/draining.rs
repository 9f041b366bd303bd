//! Draining leaves nothing half done.

use super::{
    Failure, Venue, Verdict,
    tools::{
        accept, each_once, ensure, event, event_with, events, is_quiet, next, number, receiver, settled,
        within, without_keys,
    },
};
use crate::{By, Delivery, OrderBy};
use cloudevents_core::{ErrorKind, Event};
use futures_util::future::join;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{task::yield_now, time::sleep};

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

/// When `run` is stopped, nothing that it has handled comes again, though others were handled before those ahead of them.
///
/// It ends without an error. The others go to the next receiver.
pub async fn an_end_repeats_nothing(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 24;
    const SLOW: Duration = Duration::from_millis(5);
    let claims = venue.claims();
    let first = receiver(venue).await?;
    if !claims.persistent || first.capabilities().redelivers == By::Peer {
        return Ok(Verdict::NotClaimed);
    }
    let is_slow = |number: usize| number.is_multiple_of(2) || number > 16;
    let event = |number| match is_slow(number) {
        true => event_with(number, "slow", Vec::new()),
        false => event_with(number, &number.to_string(), Vec::new()),
    };
    let events: Result<Vec<_>, _> = (0..COUNT).map(event).collect();
    within(claims.patience, venue.sender().await?.send_all(events?)).await??;
    let (seen, stop) = (Mutex::new(Vec::new()), first.stopper());
    let handle = async |event: Event| {
        let number: usize = event.id().parse().map_err(|_| "an unexpected event")?;
        if is_slow(number) {
            sleep(SLOW).await;
        }
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(number);
        if seen.iter().filter(|number| !is_slow(**number)).count() == 8 {
            stop.stop();
        }
        Ok::<_, &str>(())
    };
    within(claims.patience, first.run(handle).concurrency(COUNT).in_order(OrderBy::Key)).await??;
    let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut second = receiver(venue).await?;
    while seen.len() < COUNT {
        seen.push(accept(&mut second, claims).await?);
    }
    each_once(&seen, COUNT)?;
    ensure!(is_quiet(&mut second, claims).await?, "something came again that was handled");
    Ok(Verdict::Holds)
}

/// When a receiver ends in an orderly way, its unsettled messages go to the next one in the order of their source.
///
/// No message is missing, and each end counts as one more attempt at most.
pub async fn what_is_left_at_an_end_keeps_its_order(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 400;
    const HANDLED: usize = 300;
    const HELD: usize = 100; // all the others
    let claims = venue.claims();
    if !claims.persistent || !claims.order {
        return Ok(Verdict::NotClaimed);
    }
    let first = receiver(venue).await?;
    within(claims.patience, venue.sender().await?.send_all(without_keys(COUNT)?)).await??;
    let (seen, stop) = (Mutex::new(BTreeMap::<_, Vec<usize>>::new()), first.stopper());
    let note = |delivery: &Delivery| {
        let (source, number) = (delivery.partition().cloned(), number(delivery)?);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(source).or_default().push(number);
        Ok::<_, Failure>(seen.values().map(Vec::len).sum::<usize>())
    };
    // Its end begins while the last one is handled.
    let handle = async |delivery: Delivery| {
        if note(&delivery)? >= HANDLED {
            stop.stop();
            sleep(claims.quiet).await;
        }
        settled(delivery.accept(), claims).await
    };
    let running = first.run(handle).concurrency(COUNT).in_order(OrderBy::Key);
    within(claims.patience, running).await??;
    // The next one looks at the rest, and gives it back in another order. Some queues put a returned message behind messages that were
    // returned before, so it takes all.
    let mut second = receiver(venue).await?;
    let mut held = Vec::new();
    for _ in 0..HELD {
        held.push(next(&mut second, claims).await?);
    }
    second.stopper().stop();
    while let Some(delivery) = held.pop() {
        settled(delivery.release(), claims).await?;
    }
    settled(second.drain(claims.patience), claims).await?;
    drop(second);
    let mut third = receiver(venue).await?;
    let mut attempts = 0;
    while seen.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum::<usize>() < COUNT {
        let delivery = next(&mut third, claims).await?;
        attempts = attempts.max(delivery.attempt());
        note(&delivery)?;
        settled(delivery.accept(), claims).await?;
    }
    ensure!(is_quiet(&mut third, claims).await?, "something came again that was accepted");
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    each_once(&seen.values().flatten().copied().collect::<Vec<_>>(), COUNT)?;
    for (source, seen) in &seen {
        let back = seen.windows(2).filter(|pair| pair.first() >= pair.last()).count();
        ensure!(back == 0, "behind two ends, the events of {source:?} go back {back} times: {seen:?}");
    }
    ensure!(attempts <= 3, "behind two ends, an event had {attempts} attempts");
    Ok(Verdict::Holds)
}
