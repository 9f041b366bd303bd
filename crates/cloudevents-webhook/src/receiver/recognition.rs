//! The rules by which deliveries are recognised.

use super::{Begun, idempotency::DynStore};
use crate::DeliveryKey;
use cloudevents_core::Error;

/// How a delivery is recognised when it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recognition {
    pub(super) key: DeliveryKey,
    /// The key of the body, and the key of its rule, if a variant of the request could be recognised by another rule.
    ruled: Option<(DeliveryKey, DeliveryKey)>,
}

/// The part of a request that recognises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Its signed id.
    Id,
    /// The signed attributes of an event in binary mode.
    Attributes,
    /// The body.
    Body,
}

/// Whether a delivery is recognised by its own rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    Holds,
    /// A delivery with the same body came before, by another rule.
    Another,
    /// Another delivery with the same body is deciding.
    Undecided,
}

impl Recognition {
    /// By a rule that nothing of a request can change.
    pub(super) fn fixed(key: DeliveryKey) -> Self {
        Self { key, ruled: None }
    }

    /// By one of several rules. Anyone on the way can choose another one for a request that has several signatures, by taking one of them
    /// away. All of them cover this body.
    pub(super) fn by(rule: Rule, key: DeliveryKey, body: &[u8]) -> Self {
        let name: &[u8] = match rule {
            Rule::Id => b"id",
            Rule::Attributes => b"attributes",
            Rule::Body => b"body",
        };
        Self { key, ruled: Some((DeliveryKey::of_ruled(b"", body), DeliveryKey::of_ruled(name, body))) }
    }

    /// The first delivery of a body decides by which rule this body is recognised. Otherwise two signatures of one request would be two
    /// deliveries.
    pub(super) async fn ruling(&self, store: &dyn DynStore) -> Result<Ruling, Error> {
        let Some((body, rule)) = self.ruled else { return Ok(Ruling::Holds) };
        match store.begin(body).await? {
            Begun::Claimed(deciding) => {
                // The rule comes first: a body that is decided has one.
                if let Begun::Claimed(claim) = store.begin(rule).await? {
                    store.complete(rule, claim).await?;
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
}
