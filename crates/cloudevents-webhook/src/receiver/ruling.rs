//! Whether the rule of a delivery holds for its body.

use super::{Begun, idempotency::DynStore, recognition::Recognition};
use crate::DeliveryKey;
use cloudevents_core::Error;

/// Whether a delivery is recognised by its own rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    Holds,
    /// A delivery with the same body came before, by another rule.
    Another,
    /// Another delivery with the same body is deciding.
    Undecided,
}

/// The first delivery of a body decides by which rule this body is recognised. Otherwise two signatures of one request would be two
/// deliveries.
pub(super) async fn ruling(recognition: &Recognition, store: &dyn DynStore) -> Result<Ruling, Error> {
    let Some((body, rule)) = recognition.ruled else { return Ok(Ruling::Holds) };
    match store.begin(body).await? {
        Begun::Claimed(deciding) => {
            // The rule comes first: a body that is decided has one.
            if let Err(error) = keep(rule, store).await {
                // Another delivery of the body can decide.
                let _ = store.abandon(body, deciding).await;
                return Err(error);
            }
            store.complete(body, deciding).await?;
            Ok(Ruling::Holds)
        }
        Begun::Unfinished => Ok(Ruling::Undecided),
        Begun::Finished => match store.begin(rule).await? {
            Begun::Finished => Ok(Ruling::Holds),
            Begun::Claimed(look) => {
                store.abandon(rule, look).await?;
                Ok(Ruling::Another)
            }
            Begun::Unfinished => Ok(Ruling::Another),
        },
    }
}

/// Records a rule.
async fn keep(rule: DeliveryKey, store: &dyn DynStore) -> Result<(), Error> {
    let Begun::Claimed(claim) = store.begin(rule).await? else { return Ok(()) };
    let kept = store.complete(rule, claim).await;
    if kept.is_err() {
        let _ = store.abandon(rule, claim).await;
    }
    kept
}
