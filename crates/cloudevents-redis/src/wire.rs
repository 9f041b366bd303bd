//! Entries of a stream, of no client library in particular.

use bytes::Bytes;

/// The field with the payload, or with the document.
pub(crate) const DATA: &str = "data";
/// The field with the media type of the field `data`.
pub(crate) const CONTENT_TYPE: &str = "content-type";

/// The fields of an entry of a stream. Cloning is cheap: only the list is copied.
///
/// ```
/// use cloudevents_redis::RedisMessage;
///
/// let message = RedisMessage::default().with_field("ce-id", "1").with_field("data", "{}");
/// assert_eq!(message.field("ce-id").unwrap(), "1");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisMessage {
    /// Names and values, in order. Redis allows several of one name.
    pub fields: Vec<Field>,
}

/// Name and value of a field: bytes, which need not be text.
pub type Field = (Bytes, Bytes);

impl RedisMessage {
    /// Returns a copy with one field more.
    pub fn with_field(mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// The value of the first field of this name, in this letter case.
    pub fn field(&self, name: &str) -> Option<&Bytes> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The bytes of all names and values.
    #[cfg(feature = "redis1")]
    pub(crate) fn size(&self) -> usize {
        let sizes = self.fields.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        sizes.fold(0, usize::saturating_add)
    }
}

impl From<Vec<Field>> for RedisMessage {
    fn from(fields: Vec<Field>) -> Self {
        Self { fields }
    }
}
