//! A bridge that takes dead letters back loses none.

use super::{
    Failure, Venue, Verdict,
    tools::{accept, ensure, events, receiver, within},
};
use crate::{
    Bridge, By, Confirmed, Outcome, Outgoing, Receipt, Sender, SenderCapabilities, Settles,
    binding::Transmit,
    bridge::{BridgePolicy, BridgeStatus, Redrive},
};
use cloudevents_core::{Error, ErrorKind, Event};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::time::sleep;

/// A target that takes everything.
struct Target;

impl Transmit for Target {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted)
    }

    async fn enqueue(&self, _: Outgoing) -> Result<Outcome<Receipt>, Error> {
        Ok(Outcome::ready(Ok(Receipt::new())))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Refuses every other event. Bindings have documents and events in binary mode, and only the bridge knows how to decode them.
fn admit(event: &Event) -> Result<(), Error> {
    match event.id().parse() {
        Ok(number) if !is_refused(number) => Ok(()),
        _ => Err(Error::new(ErrorKind::Refused)),
    }
}

fn is_refused(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// Ready when this many dead letters were tried, and nothing more is to be waited for.
async fn until_idle(status: BridgeStatus, count: u64) {
    loop {
        let metrics = status.metrics();
        if metrics.confirmed.saturating_add(metrics.all_refused()) >= count && status.pending() == 0 {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// A redrive is idle although messages were refused again, and the next receiver gets these messages.
///
/// This holds with every policy of the receiver for rejected messages. Messages that the target has taken are gone, unless messages are
/// settled in order. If the source keeps nothing, there is no redrive without a destination for messages that are refused again.
pub async fn a_redrive_keeps_what_is_refused_again(venue: &impl Venue) -> Result<Verdict, Failure> {
    const COUNT: usize = 6;
    let claims = venue.claims();
    let first = receiver(venue).await?;
    let capabilities = first.capabilities();
    if capabilities.rejects == By::Peer {
        return Ok(Verdict::NotClaimed);
    }
    let policy = BridgePolicy {
        redrive: Some(Redrive::default()),
        admit: Some(Arc::new(admit)),
        ..BridgePolicy::default()
    };
    if capabilities.settles == Settles::Never {
        return match Bridge::new(first, Sender::new(Target), policy) {
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(Verdict::Holds),
            opened => Err(Failure(format!("nothing is kept, and a redrive begins: {opened:?}"))),
        };
    }
    if !claims.persistent {
        return Ok(Verdict::NotClaimed);
    }
    within(claims.patience, venue.sender().await?.send_all(events(COUNT)?)).await??;
    let bridge = Bridge::new(first, Sender::new(Target), policy)?;
    let status = bridge.status();
    within(claims.patience, bridge.run().until(until_idle(status.clone(), COUNT as u64))).await??;
    let metrics = status.metrics();
    ensure!(
        metrics.all_refused() >= 3 && status.received().rejected == 0,
        "{metrics:?}, {}",
        status.received()
    );
    let mut second = receiver(venue).await?;
    let mut left: BTreeSet<_> = (0..COUNT).filter(|number| is_refused(*number)).collect();
    while !left.is_empty() {
        let number = accept(&mut second, claims).await?;
        let is_there = left.remove(&number);
        ensure!(
            is_there || capabilities.settles == Settles::InOrder,
            "event {number} came again, which the target has taken"
        );
    }
    Ok(Verdict::Holds)
}
