//! Who knows schemas.

use super::{Reference, Schema};
use cloudevents_core::Error;
use std::sync::Arc;

/// A registry: gives the schema of a number, and the number of a schema.
///
/// Implement it with `async fn`. A future may be dropped at any await, and must leave nothing half done. Errors that another attempt may
/// do away with are those that [`is_temporary`](super::is_temporary) knows; [`Cached`](super::Cached) keeps them for nobody.
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
    /// The schema of this number. What a number stands for never changes.
    ///
    /// An unknown number is an error of kind [`InvalidData`](cloudevents_core::ErrorKind::InvalidData): the payload names a schema that
    /// there is not.
    fn schema(&self, id: u32) -> impl Future<Output = Result<Schema, Error>> + Send;

    /// The schema that another one refers to.
    fn referenced(&self, reference: &Reference) -> impl Future<Output = Result<Schema, Error>> + Send;

    /// The number of this schema under this subject. Whether an unknown schema is registered or refused is up to the registry.
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
