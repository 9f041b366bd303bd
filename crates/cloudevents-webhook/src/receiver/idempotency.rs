//! Deliveries that come more than once.

use crate::{
    DeliveryKey,
    signature::{Coverage, Identity, Verified, verified::is_binary},
};
use cloudevents_core::{DecodeOptions, Decoded, Error, Event, Message};
use cloudevents_http::ReadRequest;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// The state of a delivery in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begun {
    /// The store does not know it: this caller has to process it. The claim goes back to the store.
    Claimed(Claim),
    /// It is being processed. The response is 503, never 2xx: it may still fail.
    Unfinished,
    /// It was processed. The response is 2xx, and no handler sees it again.
    Finished,
}

/// Distinguishes an attempt at a delivery from later ones, which begin when the claim of the first has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim(pub u64);

/// The claim of a delivery. If the webhook has an idempotency store, it is in the extensions of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryClaim {
    /// The delivery.
    pub key: DeliveryKey,
    /// The claim.
    pub claim: Claim,
}

/// Remembers deliveries, so that each is processed once, as far as the store remembers. Implement it with `async fn`.
///
/// [`MemoryStore`](super::MemoryStore) is in the memory of a process. With the feature `inbox`, `DurableStore` is in a database, where a
/// handler can complete a delivery in its own transaction.
///
/// A store that outlives the process lets a claim expire, because a process that is killed neither completes nor abandons.
pub trait IdempotencyStore: Send + Sync + 'static {
    /// Claims a delivery, unless it is known. An error makes the response 503.
    fn begin(&self, key: DeliveryKey) -> impl Future<Output = Result<Begun, Error>> + Send;

    /// Records that the delivery was processed.
    fn complete(&self, key: DeliveryKey, claim: Claim) -> impl Future<Output = Result<(), Error>> + Send;

    /// Forgets a delivery that was not processed, so that the next attempt is. A claim that is not the current one changes nothing.
    fn abandon(&self, key: DeliveryKey, claim: Claim) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether other processes may use the store. Then a delivery that was not processed is left to them for a moment.
    fn is_shared(&self) -> bool {
        true
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// [`IdempotencyStore`], dynamic.
pub(super) trait DynStore: Send + Sync {
    fn begin(&self, key: DeliveryKey) -> Boxed<'_, Begun>;
    fn complete(&self, key: DeliveryKey, claim: Claim) -> Boxed<'_, ()>;
    fn abandon(&self, key: DeliveryKey, claim: Claim) -> Boxed<'_, ()>;
    fn is_shared(&self) -> bool;
}

impl<T: IdempotencyStore> DynStore for T {
    fn begin(&self, key: DeliveryKey) -> Boxed<'_, Begun> {
        Box::pin(IdempotencyStore::begin(self, key))
    }

    fn complete(&self, key: DeliveryKey, claim: Claim) -> Boxed<'_, ()> {
        Box::pin(IdempotencyStore::complete(self, key, claim))
    }

    fn abandon(&self, key: DeliveryKey, claim: Claim) -> Boxed<'_, ()> {
        Box::pin(IdempotencyStore::abandon(self, key, claim))
    }

    fn is_shared(&self) -> bool {
        IdempotencyStore::is_shared(self)
    }
}

/// A store of any type.
#[derive(Clone)]
pub(super) struct Store(pub(super) Arc<dyn DynStore>);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

/// The key by which a delivery is recognised: its signed id, else its signed attributes, else its body, with the signed time if the body
/// has no id. `None` for a malformed delivery.
/// `converted` makes an event of a signed body, where the program does. If the event of a delivery has to be decoded for its key, the
/// request keeps it for the handler.
pub(super) fn key(
    verified: Option<&Verified>,
    decoded: &Result<Decoded<Message>, Error>,
    read: &mut ReadRequest,
    with: &DecodeOptions,
    converted: impl FnOnce(&ReadRequest) -> Option<Event>,
) -> Option<DeliveryKey> {
    let Some(verified) = verified.filter(|verified| verified.coverage != Coverage::Nothing) else {
        return unsigned(verified, decoded, read, with);
    };
    if let Some(id) = &verified.id {
        return Some(DeliveryKey::of_id(id));
    }
    match verified.identity {
        Some(Identity::Body) => return Some(DeliveryKey::of_body(read.body())),
        Some(Identity::Event) => return of_event(decoded, read, with),
        _ => {}
    }
    Some(match &decoded.as_ref().ok()?.value {
        Message::Binary(event) => of(event, read.body(), verified.signed_at),
        // A content type may be unsigned, or a header beside it. None makes another delivery of the same body.
        _ => {
            let of = |event| of(&event, read.body(), verified.signed_at);
            converted(read).map_or_else(|| DeliveryKey::of_body(read.body()), of)
        }
    })
}

/// The key of a delivery whose content no signature covers.
fn unsigned(
    verified: Option<&Verified>,
    decoded: &Result<Decoded<Message>, Error>,
    read: &mut ReadRequest,
    with: &DecodeOptions,
) -> Option<DeliveryKey> {
    if let Some(id) = verified.and_then(|verified| verified.id.as_deref()) {
        return Some(DeliveryKey::of_id(id));
    }
    of_event(decoded, read, with)
}

/// The key of a delivery by its event, or by its body if it is a batch.
fn of_event(
    decoded: &Result<Decoded<Message>, Error>,
    read: &mut ReadRequest,
    with: &DecodeOptions,
) -> Option<DeliveryKey> {
    match &decoded.as_ref().ok()?.value {
        Message::Batched(_) => Some(DeliveryKey::of_body(read.body())),
        Message::Binary(event) => Some(of(event, read.body(), None)),
        message => {
            let event = message.event(with).ok()?;
            let key = of(&event.value, read.body(), None);
            read.set_event(event);
            Some(key)
        }
    }
}

/// The content that a signature shows to be its sender's, for the rate. It is the same for a delivery that is sent again, and differs
/// between deliveries.
pub(super) fn signed_content(
    verified: &Verified,
    decoded: Option<&Decoded<Message>>,
    read: &ReadRequest,
) -> DeliveryKey {
    match (&verified.id, decoded.map(|decoded| &decoded.value)) {
        (Some(id), _) => DeliveryKey::of_id(id),
        // Events whose attributes are signed headers may have equal bodies. An event that a program converts may be made of other headers.
        (None, Some(Message::Binary(event)))
            if verified.identity != Some(Identity::Body)
                && verified.coverage == Coverage::Attributes
                && is_binary(read.parts()) =>
        {
            of(event, read.body(), None)
        }
        _ => DeliveryKey::of_body(read.body()),
    }
}

/// An id that is the digest of the body identifies it alone: the source may come from an unsigned header. The body has no id of its own
/// then, so two deliveries may have equal ones: a signed time tells them apart.
fn of(event: &Event, body: &[u8], signed_at: Option<SystemTime>) -> DeliveryKey {
    let id = event.id();
    let of_body = (id.len() == 64).then(|| DeliveryKey::of_body(body)).filter(|key| key.to_string() == id);
    match (of_body, signed_at) {
        (Some(_), Some(signed_at)) => {
            let since = signed_at.duration_since(UNIX_EPOCH).unwrap_or_default();
            DeliveryKey::of(b"body at", &[body, &since.as_nanos().to_be_bytes()])
        }
        (Some(of_body), None) => of_body,
        (None, _) => DeliveryKey::of_event(event.source().as_str(), id),
    }
}
