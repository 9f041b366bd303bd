//! Deliveries that were handed over.

use super::{
    Begun, DeliveryClaim,
    idempotency::Store,
    recognition::Recognition,
    respond::busy,
    ruling::{Ruling, ruling},
};
use cloudevents_core::{Decoded, Error, Message};
use cloudevents_http::{Delivering, Exchange, Problem, ReadRequest, Settled};
use std::{net::SocketAddr, time::Duration};
use tokio::{task::JoinHandle, time::timeout};
use tracing::Instrument as _;

/// How long the response waits until a store has recorded the result of the delivery.
const RECORDED: Duration = Duration::from_secs(1);

/// A delivery that is under way.
pub(super) enum UnderWay {
    /// Delivered if the store does not know it. If that is interrupted, the response is 503 with this delay.
    Once(JoinHandle<Result<Settled, Problem>>, Duration),
    Handed(Delivering),
}

impl UnderWay {
    /// Delivers the message if the store does not know it and it `may_come`. The settlement counts even when the sender has hung up.
    pub(super) fn once(
        Store(store): Store,
        (recognition, may_come): (Recognition, impl FnOnce() -> Result<(), Problem> + Send + 'static),
        exchange: Exchange,
        mut read: ReadRequest,
        decoded: Result<Decoded<Message>, Error>,
        peer: Option<SocketAddr>,
        after: Duration,
    ) -> Self {
        let once = async move {
            let unknown = |error| {
                tracing::warn!(%error, "the idempotency store failed");
                busy("the delivery cannot be checked for duplicates", after)
            };
            match ruling(&recognition, &*store).await.map_err(unknown)? {
                Ruling::Holds => {}
                Ruling::Another => {
                    // Never 2xx: it may be a genuine one whose sender signs in another way now.
                    return Err(busy(
                        "its body came before, with a signature that covers other headers",
                        after,
                    ));
                }
                Ruling::Undecided => return Err(busy("a delivery with this body is being processed", after)),
            }
            let key = recognition.key;
            let claim = match store.begin(key).await.map_err(unknown)? {
                Begun::Claimed(claim) => claim,
                Begun::Unfinished => return Err(busy("this delivery is being processed", after)),
                Begun::Finished => return Ok(Settled::Accepted(None)),
            };
            read.parts_mut().extensions.insert(DeliveryClaim { key, claim });
            let settled = match may_come() {
                Ok(()) => Ok(exchange.deliver(read, decoded, peer).await),
                Err(refusal) => Err(refusal),
            };
            let is_accepted = matches!(settled, Ok(Settled::Accepted(_)));
            let recording = outliving(async move {
                let recorded = match is_accepted {
                    true => store.complete(key, claim).await,
                    false => store.abandon(key, claim).await,
                };
                if let Err(error) = recorded {
                    // The store does not change whether it was processed.
                    tracing::warn!(%error, %key, "the idempotency store failed");
                }
            });
            // It goes on behind the response. Until then, the store answers that the delivery is being processed.
            let _ = timeout(RECORDED, recording).await;
            settled
        };
        Self::Once(outliving(once), after)
    }

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
