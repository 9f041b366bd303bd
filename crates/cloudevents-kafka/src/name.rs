//! Attribute names as header names.

/// What carries `datacontenttype`, or the media type of a document.
pub(crate) const CONTENT_TYPE: &str = "content-type";

/// The prefix of every other attribute.
pub(crate) const PREFIX: &str = "ce_";

/// The attribute a header names: what follows `ce_`. Case matters, as it does in Kafka.
#[inline]
pub(crate) fn attribute(header: &str) -> Option<&str> {
    header.strip_prefix(PREFIX)
}

/// The header of an attribute that the specification names. Those of extensions have to be put together.
#[inline]
pub(crate) fn core_header(name: &str) -> Option<&'static str> {
    Some(match name {
        "id" => "ce_id",
        "source" => "ce_source",
        "type" => "ce_type",
        "datacontenttype" => CONTENT_TYPE,
        "dataschema" => "ce_dataschema",
        "subject" => "ce_subject",
        "time" => "ce_time",
        _ => return None,
    })
}

/// Whether this is an attribute that is kept without its name.
#[inline]
pub(crate) fn is_core(name: &str) -> bool {
    matches!(
        name,
        "specversion" | "id" | "source" | "type" | "datacontenttype" | "dataschema" | "subject" | "time"
    )
}
