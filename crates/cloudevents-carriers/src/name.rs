//! Attribute names as header names.

use crate::Carrier;
use cloudevents_core::codec::CoreName;
use std::borrow::Cow;

/// Returns the attribute that a header names by this prefix, in lower case if the carrier ignores case.
///
/// An empty prefix names no attributes, since it would make every header one.
pub(crate) fn attribute<'h>(carrier: &Carrier, prefix: &str, header: &'h str) -> Option<Cow<'h, str>> {
    if prefix.is_empty() {
        return None;
    }
    if !carrier.any_case {
        return header.strip_prefix(prefix).map(Cow::Borrowed);
    }
    let (start, name) = header.split_at_checked(prefix.len())?;
    if !start.eq_ignore_ascii_case(prefix) {
        return None;
    }
    let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) })
}

/// Whether two names of headers are the same for this carrier.
pub(crate) fn is_same(carrier: &Carrier, one: &str, other: &str) -> bool {
    if carrier.any_case { one.eq_ignore_ascii_case(other) } else { one == other }
}

/// Whether a header without a prefix may be an extension: its name is legal, and no attribute of the specification has it.
pub(crate) fn is_extension(header: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !header.is_empty() && header.bytes().all(is_legal) && CoreName::of(header.as_bytes()).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::PULSAR;

    #[test]
    fn prefixes() {
        let any = Carrier { prefix: "ce-", any_case: true, ..PULSAR };
        for (header, exact, ignoring) in [
            ("ce-id", Some("id"), Some("id")),
            ("CE-Id", None, Some("id")),
            ("ce-", Some(""), Some("")),
            ("ce_id", None, None),
            ("é", None, None),
            ("", None, None),
        ] {
            assert_eq!(attribute(&PULSAR, "ce-", header).as_deref(), exact, "{header}");
            assert_eq!(attribute(&any, any.prefix, header).as_deref(), ignoring, "{header}");
            assert_eq!(attribute(&any, "", header), None);
        }
    }

    #[test]
    fn extensions_without_a_prefix() {
        assert!(is_extension("traceparent") && is_extension("0"));
        assert!(!["", "id", "specversion", "data-x", "Key", "é"].into_iter().any(is_extension));
    }
}
