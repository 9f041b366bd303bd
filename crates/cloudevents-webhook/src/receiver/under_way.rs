//! Deliveries that were handed over.

use super::{
    Begun, Claim, DeliveryClaim,
    idempotency::Store,
    recording::{Recording, Recordings},
    respond::busy,
    turns::Turns,
};
use crate::DeliveryKey;
use cloudevents_core::{Decoded, Error, Message};
use cloudevents_http::{Delivering, Exchange, Problem, ReadRequest, Settled};
use std::{
    net::SocketAddr,
    time::{Duration, SystemTime},
};
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
    pub(super) turns: Turns,
    pub(super) exchange: Exchange,
    /// The time after which the sender has its response.
    pub(super) within: Duration,
    /// The delay of a sender that may try again.
    pub(super) after: Duration,
}

impl Once {
    /// Delivers the message if the store does not know it and it `may_come`. The settlement counts even when the sender has hung up.
    ///
    /// Copies of a delivery wait for their turns. The handler may refuse a copy because of a header that was not signed. Such a copy keeps
    /// the others out for its own time only.
    pub(super) fn deliver(
        self,
        (key, may_come): (DeliveryKey, impl FnOnce() -> Result<(), Problem> + Send + 'static),
        mut read: ReadRequest,
        decoded: Result<Decoded<Message>, Error>,
        peer: Option<SocketAddr>,
    ) -> UnderWay {
        let (began, after) = (Began::now(), self.after);
        let once = async move {
            let being_processed = || busy("this delivery is being processed", after);
            let _turn = match self.turns.next(key) {
                Some(turn) => timeout(self.within, turn).await.map_err(|_| being_processed())?,
                None => return Err(being_processed()),
            };
            let unknown = |error: Error| {
                tracing::warn!(target: "cloudevents_webhook::store", %error, "the idempotency store failed");
                busy("the delivery cannot be checked for duplicates", after).with_error(error)
            };
            let claim = match self.store.0.begin(key).await.map_err(unknown)? {
                Begun::Claimed(claim) => claim,
                Begun::Unfinished => return Err(being_processed()),
                Begun::Finished => return Ok(Settled::Accepted(None)),
            };
            // The sender has its 503, and the rest of the lease may be too short.
            if began.is_ago(self.within) {
                self.end((key, claim), None).await;
                return Err(busy("the store of deliveries answered too late", after));
            }
            read.parts_mut().extensions.insert(DeliveryClaim { key, claim });
            let recording = self.recordings.begin();
            let settled = match may_come() {
                Ok(()) => Ok(self.exchange.deliver(read, decoded, peer).await),
                Err(refusal) => Err(refusal),
            };
            let is_accepted = matches!(settled, Ok(Settled::Accepted(_)));
            self.end((key, claim), is_accepted.then_some(recording)).await;
            settled
        };
        UnderWay::Once(outliving(once), after)
    }

    /// Records in the store that the delivery was processed, or gives it back, so that another attempt can have it. It goes on behind the
    /// response. Until then, the store answers that the delivery is being processed.
    async fn end(&self, (key, claim): (DeliveryKey, Claim), recording: Option<Recording>) {
        let store = self.store.clone();
        let ending = outliving(async move {
            match &recording {
                None => {
                    if let Err(error) = store.0.abandon(key, claim).await {
                        // It ends with its lease.
                        tracing::warn!(target: "cloudevents_webhook::store", %error, %key, "a claim is not given back");
                    }
                }
                Some(_) => {
                    if let Err(error) = store.0.complete(key, claim).await {
                        // The store does not change whether it was processed.
                        tracing::error!(%error, %key, "a delivery that was processed is not recorded: a duplicate would be handled");
                    }
                }
            }
            drop(recording);
        });
        let _ = timeout(RECORDED, ending).await;
    }
}

/// When something began. Of a machine that is suspended, one clock may stand still.
struct Began(Instant, SystemTime);

impl Began {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    fn is_ago(&self, time: Duration) -> bool {
        self.0.elapsed() >= time || self.1.elapsed().is_ok_and(|elapsed| elapsed >= time)
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
