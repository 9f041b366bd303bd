//! Identities of deliveries.

use data_encoding::HEXLOWER;
use ring::digest;
use std::fmt;

/// The identity of a delivery over its retries: a digest of 32 bytes.
///
/// A receiver makes it of the signed id of the delivery. Without a signed id, it makes it of the source and id of the event, or of the
/// body: for batches, for signed documents, and for events whose id is the digest of the body. A sender makes the id of a delivery of it,
/// from the source and id of the event.
///
/// ```
/// use cloudevents_webhook::DeliveryKey;
///
/// let key = DeliveryKey::of_event("/orders", "1");
/// assert_eq!(key, DeliveryKey::of_event("/orders", "1"));
/// assert_ne!(key, DeliveryKey::of_event("/order", "s1"));
/// ```
///
/// A sender chooses its ids. Give each sender its own webhook and its own store, or a prefix in a shared store, so that no sender can pass
/// off its deliveries as deliveries of another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryKey([u8; 32]);

impl DeliveryKey {
    /// Of a signed id.
    pub fn of_id(id: &str) -> Self {
        Self::of(b"id", &[id.as_bytes()])
    }

    /// Of an event.
    pub fn of_event(source: &str, id: &str) -> Self {
        Self::of(b"event", &[source.as_bytes(), id.as_bytes()])
    }

    /// Of a body.
    pub fn of_body(body: &[u8]) -> Self {
        Self::of(b"body", &[body])
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn of(kind: &[u8], parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(kind);
        for part in parts {
            // With lengths, so that other parts cannot be the same text.
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut key = [0; 32];
        key.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(key)
    }
}

/// In hexadecimal digits.
impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeliveryKey({self})")
    }
}
