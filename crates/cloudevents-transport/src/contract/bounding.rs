//! Bounds of unsettled deliveries.

use super::{
    Failure, Venue, Verdict,
    tools::{accept, each_once, ensure, event_with, events, is_quiet, next, number, settled, within},
};
use crate::{Bounds, ReceiverOptions};

/// A consumer that settles nothing gets messages only up to the bound, and continues when it settles.
pub async fn a_stalled_consumer_bounds_messages(venue: &impl Venue) -> Result<Verdict, Failure> {
    let bounds = Bounds { messages: 4, ..Bounds::default() };
    stall(venue, bounds, events(10)?).await
}

/// A consumer that settles nothing gets bytes only up to the bound, including the message that reaches it.
pub async fn a_stalled_consumer_bounds_bytes(venue: &impl Venue) -> Result<Verdict, Failure> {
    const KIB: usize = 1024;
    let events =
        (0..10).map(|number| event_with(number, "one", vec![b'x'; KIB])).collect::<Result<_, _>>()?;
    // Headers may also count, so the fourth message always reaches the bound.
    let bounds = Bounds { messages: 100, bytes: 4 * KIB };
    stall(venue, bounds, events).await
}

async fn stall(
    venue: &impl Venue,
    bounds: Bounds,
    events: Vec<cloudevents_core::Event>,
) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    let options = ReceiverOptions { in_flight: bounds, ..ReceiverOptions::default() };
    let mut receiver = venue.receiver(options).await?;
    let count = events.len();
    within(claims.patience, venue.sender().await?.send_all(events)).await??;
    let mut held = Vec::new();
    let mut seen = Vec::new();
    while held.len() < 4 && receiver.in_flight().used().bytes < bounds.bytes {
        held.push(next(&mut receiver, claims).await?);
    }
    ensure!((1..=4).contains(&held.len()), "{} messages are held", held.len());
    ensure!(is_quiet(&mut receiver, claims).await?, "a message came though {:?}", receiver.in_flight());
    while let Some(delivery) = held.pop() {
        seen.push(number(&delivery)?);
        settled(delivery.accept(), claims).await?;
        seen.push(accept(&mut receiver, claims).await?);
    }
    while seen.len() < count {
        seen.push(accept(&mut receiver, claims).await?);
    }
    each_once(&seen, count)?;
    Ok(Verdict::Holds)
}
