//! Maps attribute names to header names.

/// The header of `datacontenttype`, or of a document's media type.
pub(crate) const CONTENT_TYPE: &str = "content-type";

/// The prefix of every other attribute.
pub(crate) const PREFIX: &str = "ce_";

/// The prefixes of HTTP and AMQP, which some producers write here.
const FOREIGN_PREFIXES: [&str; 3] = ["ce-", "cloudEvents:", "cloudEvents_"];

/// The prefix of another protocol with which a header begins.
pub(crate) fn foreign_prefix(header: &str) -> Option<&'static str> {
    FOREIGN_PREFIXES.into_iter().find(|prefix| header.starts_with(prefix))
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
