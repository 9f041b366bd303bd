//! Messages of this crate and of client libraries, seen through one trait.

use bytes::Bytes;
use cloudevents_core::TextBuffer;

/// The parts of a NATS message that an event is mapped to, of no client library in particular.
///
/// Cloning is cheap: only the list of headers is copied.
///
/// ```
/// use cloudevents_nats::NatsMessage;
///
/// let message = NatsMessage::new("{}").with_header("ce-id", "1");
/// assert_eq!(message.header("Ce-Id"), Some(&b"1"[..]));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NatsMessage {
    /// The headers, in order. NATS allows several of one name.
    pub headers: Vec<Header>,
    /// The payload.
    pub payload: Bytes,
}

/// Name and value of a header (ADR-4 of NATS). The value is written without line breaks.
pub type Header = (TextBuffer, Bytes);

impl NatsMessage {
    /// A message with this payload and no headers.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), ..Self::default() }
    }

    /// Returns a copy with one header more.
    pub fn with_header(mut self, name: impl Into<TextBuffer>, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The value of the first header of this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(known, _)| known.as_str().eq_ignore_ascii_case(name))
            .map(|(_, value)| &value[..])
    }
}

/// A message as its client library holds it. [`decode`](crate::decode()) reads it without copying the headers.
///
/// To decode the messages of another client, implement it for a newtype:
///
/// ```
/// use cloudevents_nats::MessageView;
///
/// struct Delivered { headers: Vec<(String, String)>, payload: Vec<u8> }
///
/// impl MessageView for Delivered {
///     fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
///         self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
///     }
///
///     fn payload(&self) -> &[u8] {
///         &self.payload
///     }
/// }
///
/// let delivered = Delivered { headers: vec![("ce-id".into(), "1".into())], payload: vec![] };
/// assert!(cloudevents_nats::is_cloudevent(&delivered));
/// ```
pub trait MessageView {
    /// Names and values of the headers, in order. They are gone through twice.
    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])>;

    /// The payload.
    fn payload(&self) -> &[u8];

    /// The payload to keep. It is copied, unless the client shares it: then override this.
    fn payload_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.payload())
    }
}

impl MessageView for NatsMessage {
    #[inline]
    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), &value[..]))
    }

    #[inline]
    fn payload(&self) -> &[u8] {
        &self.payload
    }

    #[inline]
    fn payload_bytes(&self) -> Bytes {
        self.payload.clone()
    }
}
