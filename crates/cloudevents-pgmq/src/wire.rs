//! Messages of pgmq, of no client library in particular.

use bytes::Bytes;

/// The header with the media type of the message.
pub(crate) const CONTENT_TYPE: &str = "content-type";
/// The value of that header if the message is an event.
pub(crate) const JSON_DOCUMENT: &str = "application/cloudevents+json";
/// The header with the group of the message, as pgmq names it.
#[cfg(feature = "tokio-postgres07")]
pub(crate) const GROUP: &str = "x-pgmq-group";

/// A message of a queue: the columns `message` and `headers`. Cloning is cheap but for the headers.
///
/// ```
/// use cloudevents_pgmq::PgmqMessage;
///
/// let message = PgmqMessage::new("{}").with_header("content-type", "application/json");
/// assert_eq!(message.header("content-type"), Some("application/json"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PgmqMessage {
    /// The text of the column `message`: JSON.
    pub message: Bytes,
    /// The members of the object in the column `headers`. Values that are not strings are their JSON text. Of several with one name,
    /// Postgres keeps the last one.
    pub headers: Vec<(String, String)>,
}

impl PgmqMessage {
    /// A message of this JSON text, without headers.
    pub fn new(message: impl Into<Bytes>) -> Self {
        Self { message: message.into(), headers: Vec::new() }
    }

    /// Returns a copy with one header more.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The value of the last header of this name, in this letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().rev().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The bytes of the message, and of names and values of the headers.
    pub fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        headers.fold(self.message.len(), usize::saturating_add)
    }
}
