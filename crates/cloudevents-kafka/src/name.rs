//! Maps attribute names to header names.

/// The header of `datacontenttype`, or of a document's media type.
pub(crate) const CONTENT_TYPE: &str = "content-type";

/// The prefix of every other attribute.
pub(crate) const PREFIX: &str = "ce_";

/// Returns the attribute that a header names: the part after `ce_`. Header names are case-sensitive, as in
/// Kafka.
#[inline]
pub(crate) fn attribute(header: &str) -> Option<&str> {
    header.strip_prefix(PREFIX)
}

/// Returns the header name of an attribute that the specification defines. Names for extensions must be
/// composed.
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
