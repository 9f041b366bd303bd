//! Deliveries that were handed over.

use super::{
    Claim, DeliveryClaim,
    claims::{Known, claimed, given_back},
    idempotency::Store,
    recognition::Recognition,
    recording::{Recording, Recordings},
    respond::busy,
};
use crate::DeliveryKey;
use cloudevents_core::{Decoded, Error, Message};
use cloudevents_http::{Delivering, Exchange, Problem, ReadRequest, Settled};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use tracing::Instrument as _;

/// How long the response waits until a store has recorded the result of the delivery.
const RECORDED: Duration = Duration::from_secs(1);

/// A delivery that is under way.
pub(super) enum UnderWay {
    /// Delivered if the store does not know it. If that is interrupted, the response is 503 with this delay.
    Once(JoinHandle<Result<Settled, Problem>>, Duration),
    Handed(Delivering),
}

/// How deliveries are handed over once.
#[derive(Clone, Debug)]
pub(super) struct Once {
    pub(super) store: Store,
    pub(super) recordings: Recordings,
    pub(super) exchange: Exchange,
    /// The time after which the sender has its response.
    pub(super) within: Duration,
    /// The delay of a sender that may try again.
    pub(super) after: Duration,
}

impl Once {
    /// Delivers the message if the store does not know it and it `may_come`. The settlement counts even when the sender has hung up.
    pub(super) fn deliver(
        self,
        (recognition, may_come): (Recognition, impl FnOnce() -> Result<(), Problem> + Send + 'static),
        mut read: ReadRequest,
        decoded: Result<Decoded<Message>, Error>,
        peer: Option<SocketAddr>,
    ) -> UnderWay {
        let (began, after) = (Instant::now(), self.after);
        let once = async move {
            let unknown = |error: Error| {
                tracing::warn!(target: "cloudevents_webhook::store", %error, "the idempotency store failed");
                busy("the delivery cannot be checked for duplicates", after).with_error(error)
            };
            let claims = match claimed(&recognition, &self.store).await.map_err(unknown)? {
                Known::Claimed(claims) => claims,
                Known::Unfinished => return Err(busy("this delivery is being processed", after)),
                Known::Finished => return Ok(Settled::Accepted(None)),
            };
            // The sender has its 503, and the rest of the lease may be too short.
            if began.elapsed() >= self.within {
                self.end(claims, None).await;
                return Err(busy("the store of deliveries answered too late", after));
            }
            if let Some((key, claim)) = claims.last().copied() {
                read.parts_mut().extensions.insert(DeliveryClaim { key, claim });
            }
            let recording = self.recordings.begin();
            let settled = match may_come() {
                Ok(()) => Ok(self.exchange.deliver(read, decoded, peer).await),
                Err(refusal) => Err(refusal),
            };
            let is_accepted = matches!(settled, Ok(Settled::Accepted(_)));
            self.end(claims, is_accepted.then_some(recording)).await;
            settled
        };
        UnderWay::Once(outliving(once), after)
    }

    /// Records in the store that the delivery was processed, or gives it back. It goes on behind the response. Until then, the store
    /// answers that the delivery is being processed.
    async fn end(&self, claims: Vec<(DeliveryKey, Claim)>, recording: Option<Recording>) {
        let store = self.store.clone();
        let ending = outliving(async move {
            let Some(recording) = recording else { return given_back(claims, &store).await };
            // Together: each of them tries for as long as a lease.
            let each = claims.into_iter().map(|(key, claim)| {
                let store = store.clone();
                outliving(async move { (key, store.0.complete(key, claim).await) })
            });
            for recorded in each.collect::<Vec<_>>() {
                if let Ok((key, Err(error))) = recorded.await {
                    // The store does not change whether it was processed.
                    tracing::error!(%error, %key, "a delivery that was processed is not recorded: a duplicate would be handled");
                }
            }
            drop(recording);
        });
        let _ = timeout(RECORDED, ending).await;
    }
}

impl UnderWay {
    /// Waits until it is settled.
    pub(super) async fn settled(self) -> Result<Settled, Problem> {
        match self {
            Self::Once(once, after) => {
                once.await.unwrap_or_else(|_| Err(busy("the delivery was interrupted", after)))
            }
            Self::Handed(delivering) => Ok(delivering.await),
        }
    }
}

/// A task that does this whether or not its caller stays. Its logs have the caller's span.
fn outliving<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work.in_current_span())
}
