//! An idempotency store that outlives the process.

use super::{Begun, Claim, DeliveryClaim, IdempotencyStore};
use crate::DeliveryKey;
use cloudevents_core::{Error, EventKey};
use cloudevents_outbox::{self as outbox, Inbox, InboxStore, Started};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The source of the keys that the inbox has. Their ids are digests, so no event of the same source and id is a delivery by accident.
const SOURCE: &str = "webhook";

/// Remembers deliveries in an [`Inbox`], in SQLite or PostgreSQL: after a restart, and among all processes of a target.
///
/// A process that is killed leaves its deliveries unfinished until the lease of the inbox ends. Until then, they get 503. Give the inbox a
/// lease that is longer than [`respond_within`](super::WebhookOptions::respond_within) and handling a delivery take together, because after
/// it another attempt is handled. The processes of a target compare a lease with their own clocks: these have to agree within seconds. If
/// the store is away when a delivery was processed, it is asked again for as long as a lease. The response waits for a second at most.
/// Processed deliveries are remembered for a week, or the time of [`with_retention`](Self::with_retention). Older keys are deleted while
/// deliveries arrive, a few at a time. Targets that share a store need inboxes with distinct names.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cloudevents_outbox::{Inbox, rusqlite041::SqliteStore};
/// use cloudevents_webhook::receiver::{DurableStore, Webhook, WebhookOptions};
///
/// let inbox = Inbox::new(SqliteStore::in_memory()?, "hook of partner"); // or `SqliteStore::open("inbox.db")`
/// let options = WebhookOptions::without_handshake()
///     .token("a long random token")
///     .idempotency(DurableStore::new(inbox));
/// let (webhook, receiver) = Webhook::open(options)?;
/// # Ok::<(), cloudevents_core::Error>(())
/// # }).unwrap();
/// ```
///
/// # Once, with its effects
///
/// A handler whose data is in the same database completes the delivery in the transaction that has the effects, so that both happen or
/// neither:
///
/// ```no_run
/// # async fn handle(
/// #     delivery: cloudevents_transport::Delivery,
/// #     store: cloudevents_webhook::receiver::DurableStore<cloudevents_outbox::rusqlite041::SqliteStore>,
/// #     database: &mut rusqlite::Connection,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use cloudevents_outbox::rusqlite041;
/// use cloudevents_webhook::receiver::DeliveryClaim;
///
/// let parts: &http::request::Parts = delivery.native().ok_or("no request")?;
/// let claim = parts.extensions.get::<DeliveryClaim>().ok_or("no idempotency store")?;
/// let transaction = database.transaction()?;
/// // The effects, and then:
/// if rusqlite041::complete(&transaction, &store.started(*claim)?)? {
///     transaction.commit()?;
///     delivery.accept().await?;
/// } else {
///     delivery.release().await?; // the lease has ended, and another attempt is being handled
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct DurableStore<S> {
    inbox: Arc<Inbox<S>>,
    retention: Duration,
    /// The number of deliveries that arrived.
    arrived: Arc<AtomicU64>,
}

/// Old keys are deleted each time that so many deliveries have arrived.
const EVERY: u64 = 100;

/// The most keys that are deleted at a time: more than arrive meanwhile.
const FORGOTTEN: usize = 1000;

impl<S: InboxStore> DurableStore<S> {
    /// Remembers deliveries in this inbox.
    pub fn new(inbox: Inbox<S>) -> Self {
        Self {
            inbox: Arc::new(inbox),
            retention: Duration::from_secs(7 * 24 * 3600),
            arrived: Arc::default(),
        }
    }

    /// Remembers processed deliveries for this long. It should be longer than senders spend on their attempts: five days by Standard
    /// Webhooks.
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// The inbox.
    pub fn inbox(&self) -> &Inbox<S> {
        &self.inbox
    }

    /// The right to complete or abandon this delivery in a transaction of the program.
    pub fn started(&self, claim: DeliveryClaim) -> Result<Started, Error> {
        let consumer = self.inbox.consumer().clone();
        Ok(Started { consumer, key: event_key(claim.key)?, times: claim.claim.0 })
    }
}

impl<S: InboxStore + Clone> IdempotencyStore for DurableStore<S> {
    async fn begin(&self, key: DeliveryKey) -> Result<Begun, Error> {
        if self.arrived.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY) {
            let (inbox, retention) = (Arc::clone(&self.inbox), self.retention);
            // Beside the delivery, which does not wait for it.
            tokio::spawn(async move {
                if let Err(error) = inbox.forget_some(retention, FORGOTTEN).await {
                    tracing::warn!(%error, "old deliveries are not forgotten");
                }
            });
        }
        Ok(match self.inbox.begin_in_time(event_key(key)?).await? {
            outbox::Begun::First(started) => Begun::Claimed(Claim(started.times)),
            outbox::Begun::Done => Begun::Finished,
            _ => Begun::Unfinished,
        })
    }

    /// A handler that has completed the delivery in its own transaction leaves nothing to do. A store that is away is asked again for as
    /// long as a lease.
    async fn complete(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        self.inbox.complete_patiently(self.started(DeliveryClaim { key, claim })?).await.map(drop)
    }

    async fn abandon(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        self.inbox.abandon_patiently(self.started(DeliveryClaim { key, claim })?).await.map(drop)
    }
}

fn event_key(key: DeliveryKey) -> Result<EventKey, Error> {
    EventKey::new(SOURCE, key.to_string())
}
