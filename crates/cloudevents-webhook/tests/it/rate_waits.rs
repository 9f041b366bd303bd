//! A delivery that comes too often waits for the rate. Meanwhile, its store goes away, or its service ends.

use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, Event};
use cloudevents_transport::Receiver;
use cloudevents_webhook::{
    DeliveryKey,
    handshake::Rate,
    receiver::{Begun, Claim, IdempotencyStore, MemoryStore, Webhook, WebhookOptions},
    signature::{Coverage, SignatureError, Verified, Verify},
};
use http::{Request, request::Parts};
use http_body_util::Full;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::{task::JoinHandle, time::timeout};

/// A signature of body and id, which has no time.
struct Signed;

impl Verify for Signed {
    fn verify(&self, _: &Parts, _: &[u8], _: SystemTime) -> Result<Verified, SignatureError> {
        let mut verified = Verified::new(Coverage::Body);
        verified.id = Some("captured".into());
        Ok(verified)
    }
}

/// A store that can be away. It counts the claims.
#[derive(Clone)]
struct Store {
    inner: MemoryStore,
    is_away: Arc<AtomicBool>,
    claims: Arc<AtomicUsize>,
}

impl Store {
    fn check(&self) -> Result<(), Error> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Unreachable)),
            false => Ok(()),
        }
    }
}

impl IdempotencyStore for Store {
    async fn begin(&self, key: DeliveryKey) -> Result<Begun, Error> {
        self.check()?;
        self.claims.fetch_add(1, Ordering::Relaxed);
        self.inner.begin(key).await
    }

    async fn complete(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        self.check()?;
        self.inner.complete(key, claim).await
    }

    async fn abandon(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        self.check()?;
        self.inner.abandon(key, claim).await
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// A target whose rate a stranger has used up with copies of one delivery, and a copy that waits for the rate.
struct Waiting {
    webhook: Webhook,
    receiver: Receiver,
    store: Store,
    response: JoinHandle<u16>,
}

fn post(webhook: &Webhook) -> JoinHandle<u16> {
    let webhook = webhook.clone();
    tokio::spawn(async move {
        let request = Request::post("/hook").header("content-type", "application/json");
        let request = request.body(Full::new(Bytes::from_static(b"{}"))).unwrap();
        webhook.respond(request, None).await.status().as_u16()
    })
}

impl Waiting {
    async fn begin() -> Self {
        let store = Store { inner: MemoryStore::new(10), is_away: Arc::default(), claims: Arc::default() };
        let event =
            |_: &Parts, _: &Bytes| Event::builder().id("1").source("/").ty("t").build().map_err(Error::from);
        let options = WebhookOptions::without_handshake()
            .signature(Signed)
            .convert(event)
            .highest_rate(Rate::per_minute(5).unwrap())
            .respond_within(Duration::from_secs(60))
            .idempotency(store.clone());
        let (webhook, mut receiver) = Webhook::open(options).unwrap();
        // The handler rejects them, so that they are not known as processed.
        loop {
            let before = store.claims.load(Ordering::Relaxed);
            let response = post(&webhook);
            let handed = timeout(Duration::from_secs(1), receiver.next()).await;
            assert_eq!(store.claims.load(Ordering::Relaxed), before + 1);
            let Ok(handed) = handed else { return Self { webhook, receiver, store, response } };
            handed.unwrap().unwrap().reject("no").await.unwrap();
            assert_eq!(response.await.unwrap(), 422);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_store_goes_away_while_a_delivery_waits_for_the_rate() {
    let Waiting { webhook, mut receiver, store, response } = Waiting::begin().await;
    store.is_away.store(true, Ordering::Relaxed);
    // It has its claim, and the handler decides.
    let handed = timeout(Duration::from_secs(30), receiver.next()).await.unwrap().unwrap().unwrap();
    handed.accept().await.unwrap();
    assert_eq!(response.await.unwrap(), 204);
    // A copy is known without the store for a moment, and refused from then on. None is handed over.
    for _ in 0..10 {
        let status = post(&webhook).await.unwrap();
        assert!(matches!(status, 204 | 503), "{status}");
    }
    assert!(timeout(Duration::from_secs(30), receiver.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_service_ends_while_a_delivery_waits_for_the_rate() {
    let Waiting { webhook, receiver, response, .. } = Waiting::begin().await;
    drop(receiver);
    assert_eq!(timeout(Duration::from_secs(60), response).await.unwrap().unwrap(), 503);
    assert_eq!(webhook.unrecorded(), 0);
}
