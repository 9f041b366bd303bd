//! Detecting the content mode of a message.

use super::is_utf8;
use crate::{Error, ErrorKind, FormatId, MediaType};

const TREE: &[u8] = b"application/cloudevents";

/// The content mode that a content type implies.
///
/// ```
/// use cloudevents_core::codec::{Detected, detect};
///
/// match detect(Some("application/cloudevents+toml"))? {
///     Detected::Structured(format) => assert_eq!(format.as_str(), "toml"), // which no crate here implements
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detected {
    /// No media type, or one outside `application/cloudevents`: binary mode, if the message is a CloudEvent at all.
    NotADocument,
    /// One event in this format, which may be unknown to this program.
    Structured(FormatId),
    /// A batch in this format, which may be unknown to this program.
    Batched(FormatId),
}

/// Detects the content mode of a message by its content type (clause HTTP-3-c, and the same clause of other bindings).
///
/// Case and parameters do not matter. A parameter may be empty (RFC 9110, section 5.6.6). A `charset` other than UTF-8 is an error of kind
/// [`Unsupported`](ErrorKind::Unsupported).
///
/// ```
/// use cloudevents_core::{FormatId, codec::{Detected, detect}};
///
/// assert_eq!(detect(Some("Application/CloudEvents+JSON; charset=utf-8"))?, Detected::Structured(FormatId::JSON));
/// assert_eq!(detect(Some("application/cloudevents-batch+json"))?, Detected::Batched(FormatId::JSON));
/// assert_eq!(detect(Some("application/json"))?, Detected::NotADocument);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[inline]
pub fn detect(content_type: Option<&str>) -> Result<Detected, Error> {
    match content_type {
        // The most common spelling.
        Some("application/cloudevents+json") => Ok(Detected::Structured(FormatId::JSON)),
        Some(text) if is_in_tree(text) => detect_document(text),
        _ => Ok(Detected::NotADocument),
    }
}

#[inline]
pub(super) fn is_in_tree(media_type: &str) -> bool {
    media_type.as_bytes().get(..TREE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TREE))
}

fn detect_document(text: &str) -> Result<Detected, Error> {
    let without_empty;
    let media_type = match MediaType::parse(text) {
        Ok(media_type) => media_type,
        Err(_) => {
            // A header may have tabs between its parameters, too; a media type as such has none.
            without_empty = MediaType::without_empty_parameters(text);
            let known = without_empty.as_deref().and_then(|text| MediaType::parse(text).ok());
            known.ok_or_else(|| crate::format::unknown(text))?
        }
    };
    if !is_utf8(media_type)
        && let Some(charset) = media_type.parameter("charset")
    {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail(alloc::format!("charset `{charset}`: documents are read as UTF-8")));
    }
    let subtype = media_type.subtype().to_ascii_lowercase();
    Ok(match subtype.split_once('+') {
        Some(("cloudevents", suffix)) if !suffix.is_empty() => Detected::Structured(FormatId::found(suffix)),
        Some(("cloudevents-batch", suffix)) if !suffix.is_empty() => {
            Detected::Batched(FormatId::found(suffix))
        }
        _ if subtype.starts_with("cloudevents-batch") => {
            Detected::Batched(FormatId::found(media_type.essence()))
        }
        _ => Detected::Structured(FormatId::found(media_type.essence())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detection() {
        let structured = |suffix: &str| Detected::Structured(FormatId::found(suffix));
        for (text, expected) in [
            ("application/cloudevents+json ; charset=UTF-8", structured("json")),
            ("application/cloudevents+json;\tcharset=utf-8\t; a=b", structured("json")),
            ("application/cloudevents+json;", structured("json")),
            ("application/cloudevents+json; ;charset=utf-8\t; ", structured("json")),
            ("application/cloudevents+jsonfoo", structured("jsonfoo")),
            ("application/cloudeventstrailing", structured("application/cloudeventstrailing")),
            ("application/cloudevents", structured("application/cloudevents")),
            ("APPLICATION/CLOUDEVENTS-BATCH+AVRO-Compact", Detected::Batched(FormatId::new("avro-compact"))),
            ("application/cloudevent+json", Detected::NotADocument),
            ("text/plain", Detected::NotADocument),
        ] {
            assert_eq!(detect(Some(text)).unwrap(), expected, "{text}");
        }
        assert_eq!(detect(None).unwrap(), Detected::NotADocument);
        assert_eq!(
            detect(Some("application/cloudevents+json;; charset=latin1")).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        assert_eq!(detect(Some("application/cloudevents+")).unwrap(), structured("application/cloudevents+"));
        let batch = Detected::Batched(FormatId::found("application/cloudevents-batch+"));
        assert_eq!(detect(Some("application/cloudevents-batch+")).unwrap(), batch);
        assert_eq!(detect(Some("application/cloudevents/x")).unwrap_err().kind(), ErrorKind::UnknownFormat);
    }
}
