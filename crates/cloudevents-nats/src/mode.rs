//! Which content mode a message is in.

use crate::{
    name::{self, CONTENT_TYPE},
    wire::MessageView,
};
use cloudevents_core::{
    DecodeOptions, Error, ErrorKind, FormatId, Repair,
    codec::{CoreName, Detected, detect},
};
use cloudevents_json::{assume, is_event};

/// Whether a message bears a mark of CloudEvents: a `Content-Type` under `application/cloudevents`, or a `ce-` header.
///
/// In a message without any headers, the mark is a payload that is a JSON object with a `specversion`.
///
/// A message without a mark is not a CloudEvent, which is normal on a subject with other messages. A message with a mark may still be
/// malformed.
///
/// ```
/// use cloudevents_nats::{NatsMessage, is_cloudevent};
///
/// assert!(is_cloudevent(&NatsMessage::new("21.5").with_header("ce-id", "1")));
/// assert!(is_cloudevent(&NatsMessage::new(r#"{"specversion":"1.0"}"#)));
/// assert!(!is_cloudevent(&NatsMessage::new("{}")));
/// ```
pub fn is_cloudevent(message: &impl MessageView) -> bool {
    Look::at(message).is_marked(message)
}

/// The findings of the first look at the headers.
pub(crate) struct Look<'m> {
    /// The value of the first `Content-Type`.
    content_type: Option<&'m [u8]>,
    /// Whether there is more than one.
    twice: bool,
    /// Whether there is an attribute.
    prefixed: bool,
    /// Whether there is any header.
    headers: bool,
    /// Bytes of text that the attributes take, names of extensions included.
    pub(crate) length: usize,
}

impl<'m> Look<'m> {
    #[inline]
    pub(crate) fn at(message: &'m impl MessageView) -> Self {
        let mut look = Self { content_type: None, twice: false, prefixed: false, headers: false, length: 0 };
        for (header, value) in message.headers() {
            look.headers = true;
            if let Some(name) = name::attribute(header) {
                look.prefixed = true;
                let kept = if CoreName::of(name.as_bytes()).is_some() { 0 } else { name.len() };
                look.length = look.length.saturating_add(kept).saturating_add(value.len());
            } else if header.eq_ignore_ascii_case(CONTENT_TYPE) {
                look.twice |= look.content_type.is_some();
                look.content_type = look.content_type.or(Some(value));
            }
        }
        look
    }

    fn is_marked(&self, message: &impl MessageView) -> bool {
        self.prefixed
            || self.content_type.is_some_and(is_document)
            || (!self.headers && is_event(&message.payload_bytes()))
    }

    /// Returns the mode of the message, and the repair if the mode had to be assumed.
    #[inline]
    pub(crate) fn mode(
        &self,
        message: &impl MessageView,
        with: &DecodeOptions,
    ) -> Result<(Detected, Option<Repair>), Error> {
        let Some(content_type) = self.content_type.filter(|value| is_document(value)) else {
            return match self.prefixed {
                true => Ok((Detected::NotADocument, None)),
                false if !self.headers && is_event(&message.payload_bytes()) => {
                    Ok((Detected::Structured(FormatId::JSON), None))
                }
                false => {
                    let assumed = assume(&message.payload_bytes(), not_a_cloudevent(), with)?;
                    Ok((Detected::Structured(FormatId::JSON), Some(assumed)))
                }
            };
        };
        if self.twice {
            return Err(two_content_types());
        }
        Ok((detect(std::str::from_utf8(content_type).ok().map(str::trim))?, None))
    }
}

/// Whether a content type is under `application/cloudevents`, in any case.
fn is_document(content_type: &[u8]) -> bool {
    const TREE: &[u8] = b"application/cloudevents";
    content_type.trim_ascii_start().get(..TREE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TREE))
}

#[cold]
fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail("there is neither a `ce-` header nor a Content-Type under application/cloudevents")
        .with_clause("NATS-3-a")
}

#[cold]
fn two_content_types() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_detail("there are two Content-Type headers")
        .with_clause("CE-Context-Attributes-d")
}
