//! Attribute names as header names.

use cloudevents_core::TextBuffer;

/// The prefix that is written.
pub(crate) const PREFIX: &str = "ce-";

/// How a header names an attribute: each protocol that RabbitMQ speaks has its own spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// AMQP 0.9.1: `ce-`.
    Dash,
    /// AMQP 1.0: `cloudEvents_`.
    Underscore,
    /// AMQP 1.0: `cloudEvents:`.
    Colon,
    /// MQTT 5: no prefix.
    Bare,
}

/// The attribute a header names by a prefix, and by which.
#[inline]
pub(crate) fn prefixed(header: &str) -> Option<(&str, Spelling)> {
    if let Some(name) = header.strip_prefix(PREFIX) {
        return Some((name, Spelling::Dash));
    }
    let rest = header.strip_prefix("cloudEvents")?;
    match rest.strip_prefix('_') {
        Some(name) => Some((name, Spelling::Underscore)),
        None => Some((rest.strip_prefix(':')?, Spelling::Colon)),
    }
}

/// The attribute a header names in this spelling.
#[inline]
pub(crate) fn attribute(header: &str, spelling: Spelling) -> Option<&str> {
    match (spelling, prefixed(header)) {
        (Spelling::Bare, None) => bare(header),
        (Spelling::Bare, Some(_)) => None,
        (_, found) => found.map(|(name, _)| name),
    }
}

/// The attribute a header names without a prefix, if its name could be that of one.
#[inline]
pub(crate) fn bare(header: &str) -> Option<&str> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (!header.is_empty() && header.bytes().all(legal)).then_some(header)
}

/// The header of an attribute that the specification defines, without a copy.
#[inline]
pub(crate) fn core(name: &str) -> Option<TextBuffer> {
    Some(TextBuffer::from_static(match name {
        "specversion" => "ce-specversion",
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
    use super::*;

    #[test]
    fn spellings() {
        for (header, attribute) in [
            ("ce-id", Some(("id", Spelling::Dash))),
            ("ce-", Some(("", Spelling::Dash))),
            ("cloudEvents_id", Some(("id", Spelling::Underscore))),
            ("cloudEvents:id", Some(("id", Spelling::Colon))),
            ("CE-id", None),
            ("cloudevents_id", None),
            ("cloudEvents-id", None),
            ("id", None),
            ("", None),
        ] {
            assert_eq!(prefixed(header), attribute, "{header}");
        }
        assert_eq!((bare("id"), bare("x-death"), bare("Id"), bare("")), (Some("id"), None, None, None));
    }
}
