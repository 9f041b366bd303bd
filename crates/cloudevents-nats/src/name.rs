//! Attribute names as header names.

use cloudevents_core::TextBuffer;
use std::borrow::Cow;

/// The header with the media type of a document. It has no meaning in binary mode: `datacontenttype` has its own header.
pub(crate) const CONTENT_TYPE: &str = "content-type";
/// The prefix of every attribute.
pub(crate) const PREFIX: &str = "ce-";

/// Returns the attribute that a header names: the text behind `ce-`, in lower case. Names compare in any case (NATS-3.1.3.1-b).
#[inline]
pub(crate) fn attribute(header: &str) -> Option<Cow<'_, str>> {
    let (prefix, name) = header.split_at_checked(PREFIX.len())?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return None;
    }
    let lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) })
}

/// The header of an attribute that the specification defines, without a copy.
#[inline]
pub(crate) fn core(name: &str) -> Option<TextBuffer> {
    Some(TextBuffer::from_static(match name {
        "id" => "ce-id",
        "source" => "ce-source",
        "type" => "ce-type",
        "dataschema" => "ce-dataschema",
        "schemaurl" => "ce-schemaurl",
        "subject" => "ce-subject",
        "time" => "ce-time",
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn prefixes() {
        for (header, attribute) in [
            ("ce-id", Some("id")),
            ("CE-Id", Some("id")),
            ("ce-", Some("")),
            ("ce_id", None),
            ("id", None),
            ("é", None),
            ("", None),
        ] {
            assert_eq!(super::attribute(header).as_deref(), attribute, "{header}");
        }
    }
}
