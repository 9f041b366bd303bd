//! Detects the content mode of a record.

use crate::{
    name::{self, CONTENT_TYPE, PREFIX},
    value,
    wire::RecordView,
};
use cloudevents_core::{
    Error, ErrorKind, Leniency, Repair, RepairKind,
    codec::{CoreName, Detected, detect, is_content_type},
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
    /// Whether there is more than one `content-type`, counting null ones.
    twice: bool,
    /// Whether a `content-type` is under `application/cloudevents`.
    document: bool,
    /// Whether there is an attribute header.
    prefixed: bool,
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
            document: false,
            prefixed: false,
            prefix,
            length: 0,
        };
        let respells = leniency.allows(RepairKind::ContentTypeName);
        let (mut typed, mut named) = (false, None);
        for (header, value) in record.headers() {
            if let Some(name) = look.attribute(header) {
                look.prefixed = true;
                if respells && name == "datacontenttype" {
                    named = named.or(value);
                }
                let kept = if CoreName::of(name.as_bytes()).is_some() { 0 } else { name.len() };
                look.length = look.length.saturating_add(kept).saturating_add(value.map_or(0, <[u8]>::len));
            } else if header == CONTENT_TYPE {
                look.twice |= typed;
                typed = true;
                if let Some(value) = value {
                    look.content_type = Some(value);
                    look.document |= is_document(value);
                    look.length = look.length.saturating_add(value.len());
                }
            } else if respells
                && is_content_type(header)
                && let Some(value) = value
            {
                let first = *look.respelled.get_or_insert(value);
                look.differ |= first != value;
            }
        }
        match look.respelled {
            // The exact name takes precedence.
            Some(_) if typed => (look.respelled, look.differ) = (None, false),
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
        look
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

    /// The repair, if the attributes have a foreign prefix, or the content type came under another spelling of its name.
    pub(crate) fn repair(&self) -> Option<Repair> {
        if self.is_foreign() {
            return Some(Repair::new(RepairKind::ForeignPrefix).with_cause(not_a_cloudevent()));
        }
        self.respelled?;
        Some(Repair::new(RepairKind::ContentTypeName).with_attribute("datacontenttype"))
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
