//! Detects the content mode of a record.

use crate::{
    amqp_encoded,
    name::{self, CONTENT_TYPE, PREFIX},
    value,
    wire::RecordView,
};
use cloudevents_core::{
    Error, ErrorKind, Leniency, Repair, RepairKind,
    codec::{CoreName, Detected, detect, is_content_type, repeated_content_type},
};

/// Whether a record is marked as a CloudEvent: by a `content-type` under `application/cloudevents`, or by a
/// `ce_` header.
///
/// On a topic with mixed content, a record without a mark is not an error. A record with a mark may still
/// be malformed.
///
/// ```
/// use bytes::Bytes;
/// use cloudevents_kafka::Record;
///
/// let record = Record::new(None).with_header("ce_id", Bytes::from_static(b"1"));
/// assert!(cloudevents_kafka::is_cloudevent(&record));
/// assert!(!cloudevents_kafka::is_cloudevent(&Record::new(Bytes::from_static(b"{}"))));
/// ```
pub fn is_cloudevent(record: &impl RecordView) -> bool {
    Look::at(record, Leniency::strict()).is_marked()
}

/// The findings of one pass over the headers.
pub(crate) struct Look<'r> {
    /// The value of `content-type`.
    content_type: Option<&'r [u8]>,
    /// The value of a header with another spelling of that name, if leniency allows it.
    respelled: Option<&'r [u8]>,
    /// Whether the spellings of the name that leniency allows have different values, and none is exact.
    pub(crate) differ: bool,
    /// Whether there is more than one `content-type`, counting null ones, except equal ones that leniency ignores.
    twice: bool,
    /// Whether leniency has ignored a `content-type` that is there again, also after a comma.
    repeated: bool,
    /// Whether a `content-type` is under `application/cloudevents`.
    document: bool,
    /// Whether `content-type` is AMQP-encoded.
    encoded_type: bool,
    /// Whether there is an attribute header.
    prefixed: bool,
    /// Whether the values of attribute headers are AMQP-encoded: `specversion` is.
    pub(crate) encoded: bool,
    /// The prefix of attribute headers. Names are case-sensitive, as in Kafka.
    prefix: &'static str,
    /// Bytes of text that the attributes take, including the names of extensions.
    pub(crate) length: usize,
}

impl<'r> Look<'r> {
    /// A foreign prefix counts only if there is no other mark.
    #[inline]
    pub(crate) fn at(record: &'r impl RecordView, leniency: Leniency) -> Self {
        let look = Self::with_prefix(record, PREFIX, leniency);
        if look.is_marked() || !leniency.allows(RepairKind::ForeignPrefix) {
            return look;
        }
        let foreign = record.headers().find_map(|(header, _)| name::foreign_prefix(header));
        match foreign {
            // If `ce-` stands for `ce_`, `Content-Type` stands for `content-type`.
            Some(prefix) => Self::with_prefix(record, prefix, leniency.with(RepairKind::ContentTypeName)),
            None => look,
        }
    }

    #[inline]
    fn with_prefix(record: &'r impl RecordView, prefix: &'static str, leniency: Leniency) -> Self {
        let mut look = Self {
            content_type: None,
            respelled: None,
            differ: false,
            twice: false,
            repeated: false,
            document: false,
            encoded_type: false,
            prefixed: false,
            encoded: false,
            prefix,
            length: 0,
        };
        let respells = leniency.allows(RepairKind::ContentTypeName);
        let decodes = leniency.allows(RepairKind::AmqpEncoded);
        let (mut typed, mut named) = (false, None);
        for (header, value) in record.headers() {
            if let Some(name) = look.attribute(header) {
                look.prefixed = true;
                if decodes && name == "specversion" {
                    look.encoded |= value.and_then(amqp_encoded::text).is_some();
                }
                if respells && name == "datacontenttype" {
                    named = named.or(value);
                }
                let kept = if CoreName::of(name.as_bytes()).is_some() { 0 } else { name.len() };
                look.length = look.length.saturating_add(kept).saturating_add(value.map_or(0, <[u8]>::len));
            } else if header == CONTENT_TYPE {
                let decoded = if decodes { value.and_then(amqp_encoded::text) } else { None };
                look.encoded_type |= decoded.is_some();
                let value = decoded.map(str::as_bytes).or(value);
                if std::mem::replace(&mut typed, true) {
                    let is_ignored = leniency.allows(RepairKind::IgnoredHeader) && look.content_type == value;
                    look.repeated |= is_ignored;
                    look.twice |= !is_ignored;
                }
                if let Some(value) = value {
                    look.content_type = Some(value);
                    look.document |= is_document(value);
                    look.length = look.length.saturating_add(value.len());
                }
            } else if respells
                && is_content_type(header)
                && let Some(value) = value
            {
                // A program that writes `source` as a JSON string writes the content type as one.
                let value = if leniency.allows(RepairKind::QuotedText) { unquoted(value) } else { value };
                let first = *look.respelled.get_or_insert(value);
                look.differ |= first != value;
            }
        }
        match look.respelled {
            // The exact name takes precedence.
            Some(_) if typed => (look.respelled, look.differ) = (None, false),
            // Beside attributes, strict reading sees no document either.
            Some(value) if look.prefixed && !look.is_foreign() && is_document(value) => {
                (look.respelled, look.differ) = (None, false);
            }
            // Under a foreign prefix, it is the content type that a framework states of its own serializer.
            Some(value) if named.is_some() && !is_document(value) => {
                look.differ |= named != Some(value);
                look.differ &= !look.is_foreign();
                look.respelled = None;
            }
            Some(value) => {
                look.content_type = Some(value);
                look.document = is_document(value);
                look.length = look.length.saturating_add(value.len());
            }
            None => {}
        }
        if leniency.allows(RepairKind::IgnoredHeader) {
            look.join(leniency);
        }
        look
    }

    /// Reads a content type once that is there several times, with commas between.
    fn join(&mut self, leniency: Leniency) {
        let text = self.content_type.and_then(|value| std::str::from_utf8(value).ok());
        if let Some(joined) = text.and_then(|text| repeated_content_type(text, leniency)) {
            (self.content_type, self.repeated) = (Some(joined.as_bytes()), true);
        }
    }

    /// The attribute that a header names.
    #[inline]
    pub(crate) fn attribute<'n>(&self, header: &'n str) -> Option<&'n str> {
        header.strip_prefix(self.prefix)
    }

    /// Whether the attributes have the prefix of another protocol.
    fn is_foreign(&self) -> bool {
        self.prefix != PREFIX
    }

    /// The repairs of names and of the content type: a foreign prefix, another spelling of content-type, its
    /// AMQP-encoded value, and the same value again.
    pub(crate) fn repairs(&self) -> impl Iterator<Item = Repair> {
        let foreign = || Repair::new(RepairKind::ForeignPrefix).with_cause(not_a_cloudevent());
        let of_type = |kind| Repair::new(kind).with_attribute("datacontenttype");
        let is_respelled = self.respelled.is_some() && !self.is_foreign();
        let prefix = self.is_foreign().then(foreign);
        let respelled = is_respelled.then(|| of_type(RepairKind::ContentTypeName));
        let encoded = self.encoded_type.then(|| of_type(RepairKind::AmqpEncoded));
        let ignored = || of_type(RepairKind::IgnoredHeader).with_cause(two_content_types());
        let repeated = self.repeated.then(ignored);
        [prefix, respelled, encoded, repeated].into_iter().flatten()
    }

    #[inline]
    pub(crate) fn is_marked(&self) -> bool {
        self.prefixed || self.document
    }

    /// Returns the content type and the detected mode. Two content types are an error, and so are a content type that is not text, and no
    /// mark.
    #[inline]
    pub(crate) fn detect(&self) -> Result<(Option<&'r str>, Detected), Error> {
        if !self.is_marked() {
            return Err(not_a_cloudevent());
        }
        if self.twice {
            return Err(two_content_types());
        }
        let media_type = match self.content_type {
            Some(value) => Some(value::text("datacontenttype", value)?),
            None => None,
        };
        match self.document {
            false => Ok((media_type, Detected::NotADocument)),
            true => Ok((media_type, detect(media_type)?)),
        }
    }
}

/// The text between quotation marks. No content type begins with one.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

/// Whether a content type is under `application/cloudevents`, ignoring case.
#[inline]
fn is_document(content_type: &[u8]) -> bool {
    const TREE: &[u8] = b"application/cloudevents";
    content_type.get(..TREE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TREE))
}

#[cold]
fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail("there is neither a `ce_` header nor a content-type under application/cloudevents")
        .with_clause("KAFKA-3-a")
}

#[cold]
fn two_content_types() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail("there are two content-type headers")
        .with_clause("CE-Context-Attributes-d")
}
