//! The claims of a delivery in a store.

use super::{Begun, Claim, Seen, idempotency::Store, recognition::Recognition};
use crate::DeliveryKey;
use cloudevents_core::Error;

/// What a store knows of a delivery.
#[derive(Debug)]
pub(super) enum Known {
    /// Nothing: this delivery has these claims now. The last one is that of its identity.
    Claimed(Vec<(DeliveryKey, Claim)>),
    /// It is being processed, or a variant of it is.
    Unfinished,
    /// It was processed, or a variant of it was.
    Finished,
}

/// Claims a delivery, unless it is known.
///
/// First, its weaker keys are seen: from then on, no variant of it with fewer signatures can be claimed. A variant that was claimed before
/// has claimed one of the signatures. An identity is not enough for that: many deliveries may have one body.
pub(super) async fn claimed(recognition: &Recognition, store: &Store) -> Result<Known, Error> {
    for signature in &recognition.weaker_signatures {
        match store.0.seen(*signature).await? {
            Seen::Recorded => {}
            Seen::Unfinished => return Ok(Known::Unfinished),
            Seen::Finished => return Ok(Known::Finished),
        }
    }
    for identity in &recognition.weaker_identities {
        // One that is being processed stays: it has no signature of this delivery, and may fail.
        store.0.seen(*identity).await?;
    }
    let mut claims = Vec::with_capacity(recognition.signatures.len().saturating_add(1));
    // In the same order in every process.
    for key in recognition.signatures.iter().chain([&recognition.identity]) {
        let known = match store.0.begin(*key).await {
            Ok(Begun::Claimed(claim)) => {
                claims.push((*key, claim));
                continue;
            }
            Ok(Begun::Unfinished) => Ok(Known::Unfinished),
            Ok(Begun::Finished) => Ok(Known::Finished),
            Err(error) => Err(error),
        };
        given_back(claims, store).await;
        return known;
    }
    Ok(Known::Claimed(claims))
}

/// Gives the claims back, so that another attempt can have them. Where that fails, they end with their lease.
pub(super) async fn given_back(claims: Vec<(DeliveryKey, Claim)>, store: &Store) {
    for (key, claim) in claims {
        if let Err(error) = store.0.abandon(key, claim).await {
            tracing::warn!(target: "cloudevents_webhook::store", %error, %key, "a claim is not given back");
        }
    }
}
