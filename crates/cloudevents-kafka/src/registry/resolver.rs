//! The trait of registries.

use super::{Reference, Schema};
use cloudevents_core::Error;
use std::sync::Arc;

/// A registry: returns the schema for an id, and the id of a schema.
///
/// Implement it with `async fn`. A future may be dropped at any await point and must not leave partial effects. For errors that a retry may
/// resolve, use a kind that [`is_temporary`](super::is_temporary) recognizes. [`Cached`](super::Cached) does not cache them.
///
/// ```
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_kafka::registry::{Reference, Schema, SchemaRegistry};
///
/// /// One schema, built in.
/// struct Fixed(Schema);
///
/// impl SchemaRegistry for Fixed {
///     async fn schema(&self, id: u32) -> Result<Schema, Error> {
///         (id == 1).then(|| self.0.clone()).ok_or_else(|| Error::new(ErrorKind::InvalidData))
///     }
///     async fn referenced(&self, _: &Reference) -> Result<Schema, Error> {
///         Err(Error::new(ErrorKind::InvalidData))
///     }
///     async fn id_of(&self, _: &str, schema: &Schema) -> Result<u32, Error> {
///         (*schema == self.0).then_some(1).ok_or_else(|| Error::new(ErrorKind::Refused))
///     }
/// }
/// ```
pub trait SchemaRegistry: Send + Sync {
    /// Returns the schema with this id. The schema of an id never changes.
    ///
    /// An unknown id is an error of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): the
    /// payload names a schema that does not exist.
    fn schema(&self, id: u32) -> impl Future<Output = Result<Schema, Error>> + Send;

    /// Returns a schema that another one refers to.
    fn referenced(&self, reference: &Reference) -> impl Future<Output = Result<Schema, Error>> + Send;

    /// Returns the id of this schema under this subject. The registry decides whether an unknown schema is
    /// registered or refused.
    fn id_of(&self, subject: &str, schema: &Schema) -> impl Future<Output = Result<u32, Error>> + Send;
}

impl<R: SchemaRegistry> SchemaRegistry for Arc<R> {
    fn schema(&self, id: u32) -> impl Future<Output = Result<Schema, Error>> + Send {
        R::schema(self, id)
    }

    fn referenced(&self, reference: &Reference) -> impl Future<Output = Result<Schema, Error>> + Send {
        R::referenced(self, reference)
    }

    fn id_of(&self, subject: &str, schema: &Schema) -> impl Future<Output = Result<u32, Error>> + Send {
        R::id_of(self, subject, schema)
    }
}
