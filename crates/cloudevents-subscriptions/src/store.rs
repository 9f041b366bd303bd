//! Where subscriptions are kept.

use crate::{Subscription, SubscriptionRequest};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// Stores subscriptions for the API.
///
/// Methods are asynchronous, so that a store can use a database. [`InMemory`] keeps subscriptions in memory.
pub trait Store: Send + Sync + 'static {
    /// Stores a new subscription under an id that was never used before.
    fn create(
        &self,
        request: SubscriptionRequest,
    ) -> impl Future<Output = Result<Subscription, StoreError>> + Send;

    /// Returns the subscription with this id; `None` if it does not exist.
    fn retrieve(&self, id: &str) -> impl Future<Output = Result<Option<Subscription>, StoreError>> + Send;

    /// All subscriptions.
    fn query(&self) -> impl Future<Output = Result<Vec<Subscription>, StoreError>> + Send;

    /// Replaces the subscription with this id, and returns the new one; `None` if it does not exist.
    fn update(
        &self,
        id: &str,
        request: SubscriptionRequest,
    ) -> impl Future<Output = Result<Option<Subscription>, StoreError>> + Send;

    /// Deletes the subscription with this id, and returns it; `None` if it does not exist.
    fn delete(&self, id: &str) -> impl Future<Output = Result<Option<Subscription>, StoreError>> + Send;
}

/// Why an operation of a store failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The store does not accept this subscription. The client sees the reason.
    Refused(String),
    /// The store failed. The reason is for the operator; the client does not see it.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(f, "the subscription is refused: {reason}"),
            Self::Failed(reason) => write!(f, "the store failed: {reason}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// A store in memory, up to a number of subscriptions.
///
/// ```
/// use cloudevents_subscriptions::{InMemory, Store, SubscriptionRequest};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = InMemory::new(1000);
/// let request = SubscriptionRequest::parse(r#"{"sink": "https://example.com/hook", "protocol": "HTTP"}"#)?;
/// let created = store.create(request).await?;
/// assert_eq!(store.retrieve(created.id()).await?, Some(created));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct InMemory {
    subscriptions: RwLock<BTreeMap<Box<str>, Subscription>>,
    most: usize,
    /// The number of subscriptions ever created, so that no id is used twice.
    count: AtomicU64,
    /// Makes ids that cannot be guessed from others.
    ids: [RandomState; 2],
}

impl InMemory {
    /// Creates an empty store that holds at most this number of subscriptions, and refuses more.
    pub fn new(most: usize) -> Self {
        Self {
            subscriptions: RwLock::default(),
            most,
            count: AtomicU64::new(0),
            ids: [RandomState::new(), RandomState::new()],
        }
    }

    fn id(&self, count: u64) -> Box<str> {
        let [one, two] = &self.ids;
        format!("{:016x}{:016x}", one.hash_one(count), two.hash_one(count)).into()
    }
}

impl Store for InMemory {
    async fn create(&self, request: SubscriptionRequest) -> Result<Subscription, StoreError> {
        let mut kept = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.most {
            return Err(StoreError::Refused(format!("there are {} subscriptions already", self.most)));
        }
        let subscription = Subscription::new(self.id(self.count.fetch_add(1, Ordering::Relaxed)), request);
        kept.insert(subscription.id().into(), subscription.clone());
        Ok(subscription)
    }

    async fn retrieve(&self, id: &str) -> Result<Option<Subscription>, StoreError> {
        Ok(self.subscriptions.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned())
    }

    async fn query(&self) -> Result<Vec<Subscription>, StoreError> {
        Ok(self.subscriptions.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect())
    }

    async fn update(
        &self,
        id: &str,
        request: SubscriptionRequest,
    ) -> Result<Option<Subscription>, StoreError> {
        let mut kept = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.get_mut(id).map(|place| {
            *place = Subscription::new(id, request);
            place.clone()
        }))
    }

    async fn delete(&self, id: &str) -> Result<Option<Subscription>, StoreError> {
        Ok(self.subscriptions.write().unwrap_or_else(PoisonError::into_inner).remove(id))
    }
}
