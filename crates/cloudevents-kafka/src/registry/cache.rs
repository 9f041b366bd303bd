//! A registry that caches the responses of another one.

use super::{Reference, Schema, SchemaRegistry, table::Table};
use cloudevents_core::Error;
use std::{sync::Arc, time::Duration};

/// Limits of a [`Cached`] registry.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheOptions {
    /// The most responses of each kind. Default: 1000. The least recently used is evicted first.
    pub entries: usize,
    /// How long a negative response is cached, so that a flood of payloads with an unknown schema id is not
    /// a flood of requests. Errors that are [temporary](super::is_temporary) are not cached. Default: 5
    /// seconds.
    pub refused_for: Duration,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { entries: 1000, refused_for: Duration::from_secs(5) }
    }
}

/// Caches another registry. Concurrent calls with the same question share one request and its result, even
/// an error.
///
/// Clones share the cache. A future may be dropped at any time: other callers that wait for the same
/// response continue, and the request is cancelled when none are left. Responses are cached unchanged,
/// including the texts of schemas, so memory grows with the size of up to
/// [`entries`](CacheOptions::entries) responses of each kind.
///
/// ```
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_kafka::registry::{Cached, Reference, Schema, SchemaRegistry};
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// #[derive(Default)]
/// struct Counting(AtomicU32);
///
/// impl SchemaRegistry for Counting {
///     async fn schema(&self, _: u32) -> Result<Schema, Error> {
///         self.0.fetch_add(1, Ordering::Relaxed);
///         Ok(Schema::avro("\"string\""))
///     }
///     # async fn referenced(&self, _: &Reference) -> Result<Schema, Error> { Err(Error::new(ErrorKind::InvalidData)) }
///     # async fn id_of(&self, _: &str, _: &Schema) -> Result<u32, Error> { Err(Error::new(ErrorKind::Refused)) }
///     // …
/// }
///
/// # futures_util::FutureExt::now_or_never(async {
/// let registry = Cached::new(Counting::default());
/// registry.schema(7).await?;
/// registry.schema(7).await?;
/// assert_eq!(registry.get_ref().0.load(Ordering::Relaxed), 1);
/// # Ok::<(), Error>(()) }).unwrap().unwrap();
/// ```
#[derive(Debug)]
pub struct Cached<R> {
    registry: Arc<R>,
    schemas: Arc<Table<u32, Schema>>,
    referenced: Arc<Table<(String, u32), Schema>>,
    ids: Arc<Table<(String, Schema), u32>>,
}

impl<R> Cached<R> {
    /// Caches with the default [`CacheOptions`].
    pub fn new(registry: R) -> Self {
        Self::with_options(registry, CacheOptions::default())
    }

    /// Caches with these options.
    pub fn with_options(registry: R, options: CacheOptions) -> Self {
        Self {
            registry: Arc::new(registry),
            schemas: Table::new(options.clone()),
            referenced: Table::new(options.clone()),
            ids: Table::new(options),
        }
    }

    /// Returns the underlying registry.
    pub fn get_ref(&self) -> &R {
        &self.registry
    }
}

impl<R> Clone for Cached<R> {
    fn clone(&self) -> Self {
        Self {
            registry: Arc::clone(&self.registry),
            schemas: Arc::clone(&self.schemas),
            referenced: Arc::clone(&self.referenced),
            ids: Arc::clone(&self.ids),
        }
    }
}

impl<R: SchemaRegistry + 'static> SchemaRegistry for Cached<R> {
    async fn schema(&self, id: u32) -> Result<Schema, Error> {
        let registry = &self.registry;
        let ask = || {
            let registry = Arc::clone(registry);
            async move { registry.schema(id).await }
        };
        self.schemas.get(id, ask).await
    }

    async fn referenced(&self, reference: &Reference) -> Result<Schema, Error> {
        let ask = || {
            let (registry, reference) = (Arc::clone(&self.registry), reference.clone());
            async move { registry.referenced(&reference).await }
        };
        self.referenced.get((reference.subject.clone(), reference.version), ask).await
    }

    async fn id_of(&self, subject: &str, schema: &Schema) -> Result<u32, Error> {
        let ask = || {
            let (registry, subject, schema) =
                (Arc::clone(&self.registry), subject.to_owned(), schema.clone());
            async move { registry.id_of(&subject, &schema).await }
        };
        self.ids.get((subject.to_owned(), schema.clone()), ask).await
    }
}
