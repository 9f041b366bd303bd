//! The rules by which deliveries are recognised.

use crate::DeliveryKey;

/// How a delivery is recognised when it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recognition {
    pub(super) key: DeliveryKey,
    /// The key of the body, and the key of its rule, if a variant of the request could be recognised by another rule.
    pub(super) ruled: Option<(DeliveryKey, DeliveryKey)>,
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
}
