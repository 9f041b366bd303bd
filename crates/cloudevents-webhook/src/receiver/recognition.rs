//! The keys by which deliveries are recognised.

use crate::DeliveryKey;

/// How a delivery is recognised when it comes again.
///
/// A request may have several signatures that cover other headers, and anyone on the way can take one of them away. So a delivery with
/// fewer signatures has weaker keys. They are seen when the delivery with the stronger one comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recognition {
    /// The strongest identity: a signed id, else signed attributes, else the body.
    pub(super) identity: DeliveryKey,
    /// Signatures that no other signature is stronger than. A signed id needs none: whoever covers it has the same id.
    pub(super) signatures: Vec<DeliveryKey>,
    /// Signatures that cover less than another one. Other deliveries may have them, too: equal bodies that were signed in the same second.
    pub(super) weaker_signatures: Vec<DeliveryKey>,
    /// What the delivery would be recognised by without its strongest signatures.
    pub(super) weaker_identities: Vec<DeliveryKey>,
}

impl Recognition {
    /// By a key that nothing of a request can change.
    pub(super) fn fixed(identity: DeliveryKey) -> Self {
        Self {
            identity,
            signatures: Vec::new(),
            weaker_signatures: Vec::new(),
            weaker_identities: Vec::new(),
        }
    }
}
