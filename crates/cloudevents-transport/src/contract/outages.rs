//! A broker that stops and starts.

use super::{
    Failure, Venue, Verdict,
    tools::{ensure, event, number, receiver, within},
};
use crate::{Partition, Receiver, Sender};
use cloudevents_core::{Error, ErrorKind};
use futures_util::{TryStreamExt, future::try_join3, stream};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};
use tokio::sync::watch;

const COUNT: usize = 300;
const AT_ONCE: usize = 16;

type Place = (Option<u32>, Option<u64>);

/// The broker stops and starts twice while messages are sent and received.
///
/// Every confirmed message arrives. A message confirmed at the first attempt is not found at two positions, which would mean that it was
/// sent twice. Sender and receiver reconnect by themselves. No sender repeats a message whose connection was lost: the check does, as a
/// program has to.
pub async fn a_broker_that_stops_and_starts_loses_nothing(venue: &impl Venue) -> Result<Verdict, Failure> {
    let claims = venue.claims();
    if let Err(error) = venue.interrupt().await {
        return if error.kind() == ErrorKind::Unsupported {
            Ok(Verdict::NotClaimed)
        } else {
            Err(error.into())
        };
    }
    let mut receiver = receiver(venue).await?;
    let sender = venue.sender().await?;
    let (sent, again) = (watch::Sender::new(0_usize), Mutex::new(BTreeSet::new()));
    let sending = async {
        stream::iter((0..COUNT).map(Ok))
            .try_for_each_concurrent(AT_ONCE, |number| {
                let (sender, sent, again) = (&sender, &sent, &again);
                async move {
                    until_confirmed(sender, number, again).await?;
                    sent.send_modify(|count| *count = count.saturating_add(1));
                    Ok::<_, Failure>(())
                }
            })
            .await
    };
    let restarting = async {
        for part in [COUNT / 3, COUNT / 2] {
            let mut sent = sent.subscribe();
            let _ = sent.wait_for(|count| *count >= part).await;
            venue.interrupt().await?;
        }
        Ok(())
    };
    let (_, (), places) =
        within(claims.patience, try_join3(sending, restarting, take_all(&mut receiver))).await??;
    let again = again.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (number, places) in &places {
        let once = places.len() == 1 || again.contains(number);
        ensure!(once, "event {number}, which was sent once, is at {places:?}");
    }
    Ok(Verdict::Holds)
}

async fn until_confirmed(
    sender: &Sender,
    number: usize,
    again: &Mutex<BTreeSet<usize>>,
) -> Result<(), Failure> {
    let event = event(number)?;
    loop {
        match sender.send(&event).await {
            Ok(_) => return Ok(()),
            Err(error) if is_of_the_connection(&error) => {
                again.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Receives until each message has arrived, and accepts as many as it can.
async fn take_all(receiver: &mut Receiver) -> Result<BTreeMap<usize, BTreeSet<Place>>, Failure> {
    let mut places = BTreeMap::<usize, BTreeSet<Place>>::new();
    while places.len() < COUNT {
        let delivery = receiver.next().await?.ok_or_else(|| Failure("the receiver ended".into()))?;
        let place = (delivery.partition().map(Partition::number), delivery.offset());
        places.entry(number(&delivery)?).or_default().insert(place);
        match delivery.accept().await {
            Err(error) if !is_of_the_connection(&error) && error.kind() != ErrorKind::Revoked => {
                return Err(error.into());
            }
            _ => {} // a message that could not be settled is delivered again
        }
    }
    Ok(places)
}

fn is_of_the_connection(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout)
}
