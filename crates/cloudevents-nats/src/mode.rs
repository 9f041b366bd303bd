//! Which content mode a message is in.

use crate::{
    name::{self, CONTENT_TYPE},
    wire::MessageView,
};
use cloudevents_core::{
    DecodeOptions, Error, ErrorKind, FormatId, Repair, RepairKind,
    codec::{CoreName, Detected, detect, repeated_content_type},
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
    /// Whether there is another one, which differs.
    twice: bool,
    /// Whether there is another one, which is the same.
    repeated: bool,
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
        let mut look = Self {
            content_type: None,
            twice: false,
            repeated: false,
            prefixed: false,
            headers: false,
            length: 0,
        };
        for (header, value) in message.headers() {
            look.headers = true;
            if let Some(name) = name::attribute(header) {
                look.prefixed = true;
                let kept = if CoreName::of(name.as_bytes()).is_some() { 0 } else { name.len() };
                look.length = look.length.saturating_add(kept).saturating_add(value.len());
            } else if header.eq_ignore_ascii_case(CONTENT_TYPE) {
                match look.content_type {
                    Some(first) if first == value => look.repeated = true,
                    Some(_) => look.twice = true,
                    None => look.content_type = Some(value),
                }
            }
        }
        look
    }

    fn is_marked(&self, message: &impl MessageView) -> bool {
        self.prefixed
            || self.content_type.is_some_and(is_document)
            || (!self.headers && is_event(&message.payload_bytes()))
    }

    /// Returns the mode of the message, and the repair if the mode had to be assumed, or the content type of a document is there several
    /// times.
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
        if self.twice || self.repeated && !with.leniency.allows(RepairKind::IgnoredHeader) {
            return Err(two_content_types(CONTENT_TYPE));
        }
        let text = std::str::from_utf8(content_type).ok().map(str::trim);
        let joined = text.and_then(|text| repeated_content_type(text, with.leniency));
        let is_repeated = self.repeated || joined.is_some();
        Ok((detect(joined.or(text))?, is_repeated.then(|| repeated(CONTENT_TYPE))))
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

/// The repair of a content type that is there several times, in headers of this name.
#[cold]
pub(crate) fn repeated(header: &str) -> Repair {
    let cause = two_content_types(header);
    Repair::new(RepairKind::IgnoredHeader).with_attribute("datacontenttype").with_cause(cause)
}

#[cold]
fn two_content_types(header: &str) -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_detail(format!("there are two `{header}` headers"))
        .with_clause("CE-Context-Attributes-d")
}
