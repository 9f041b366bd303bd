//! Messages of this crate and of client libraries, seen through one trait.

use bytes::Bytes;
use cloudevents_core::TextBuffer;

/// A message of no client library in particular: headers, perhaps a content type, and a body.
///
/// ```
/// use cloudevents_carriers::CarrierMessage;
///
/// let message = CarrierMessage::new("{}").with_header("ce_id", "1");
/// assert_eq!(message.header("ce_id"), Some(&b"1"[..]));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CarrierMessage {
    /// Names and values of the headers, in order.
    pub headers: Vec<(TextBuffer, Bytes)>,
    /// The content type, if the carrier has [a field](crate::ContentType::Native) for it. [`MessageView::content_type`] has it as `&str`.
    pub content_type: Option<TextBuffer>,
    /// The body, as the client of the carrier takes it.
    pub body: Bytes,
}

impl CarrierMessage {
    /// A message with this body, and without headers.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// Returns a copy with one header more.
    pub fn with_header(mut self, name: impl Into<TextBuffer>, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Returns a copy with this content type.
    pub fn with_content_type(mut self, content_type: impl Into<TextBuffer>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// The value of the first header of this name, in this letter case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known.as_str() == name).map(|(_, value)| &value[..])
    }

    /// Names and values of the headers as text, for a client that takes a map of strings. Every header that an encoder writes is text.
    ///
    /// Values that are not UTF-8 are left out.
    ///
    /// ```
    /// use cloudevents_carriers::CarrierMessage;
    /// use std::collections::HashMap;
    ///
    /// let message = CarrierMessage::new("{}").with_header("ce_id", "1");
    /// let map: HashMap<String, String> =
    ///     message.texts().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    /// assert_eq!(map["ce_id"], "1");
    /// ```
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value).ok()?)))
    }
}

/// A message as its client library holds it. [`Carrier::decode`](crate::Carrier::decode) reads it without copying the headers.
///
/// ```
/// use cloudevents_carriers::{MessageView, rows::PULSAR};
///
/// struct Received { properties: Vec<(String, String)>, payload: Vec<u8> }
///
/// impl MessageView for Received {
///     fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
///         self.properties.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
///     }
///
///     fn body(&self) -> &[u8] {
///         &self.payload
///     }
/// }
///
/// let received = Received { properties: vec![("ce_id".into(), "1".into())], payload: vec![] };
/// assert!(PULSAR.is_cloudevent(&received));
/// ```
pub trait MessageView {
    /// Names and values of the headers, in order. They are gone through several times.
    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])>;

    /// The content type, if the carrier has [a field](crate::ContentType::Native) for it. The default is `None`.
    fn content_type(&self) -> Option<&str> {
        None
    }

    /// The body.
    fn body(&self) -> &[u8];

    /// The body to keep. It is copied, unless the client shares it: then override this.
    fn body_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.body())
    }
}

impl MessageView for CarrierMessage {
    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), &value[..]))
    }

    fn content_type(&self) -> Option<&str> {
        self.content_type.as_ref().map(TextBuffer::as_str)
    }

    fn body(&self) -> &[u8] {
        &self.body
    }

    fn body_bytes(&self) -> Bytes {
        self.body.clone()
    }
}
