//! Maps attribute names to names of application properties.

use crate::Separator;
use cloudevents_core::{TextBuffer, codec::CoreName as CoreAttribute};
use std::borrow::Cow;

/// The name of the property of a core attribute, which is static.
pub(crate) struct CoreName(Cow<'static, str>);

impl From<CoreName> for TextBuffer {
    #[inline]
    fn from(CoreName(name): CoreName) -> Self {
        match name {
            Cow::Borrowed(name) => Self::from_static(name),
            Cow::Owned(name) => name.into(),
        }
    }
}

impl From<CoreName> for String {
    #[inline]
    fn from(CoreName(name): CoreName) -> Self {
        name.into_owned()
    }
}

/// Returns the attribute that an application property names, and the separator: the part after
/// `cloudEvents_` or `cloudEvents:`, which are case-sensitive.
#[inline]
pub(crate) fn attribute(property: &str) -> Option<(&str, Separator)> {
    let rest = property.strip_prefix("cloudEvents")?;
    match rest.strip_prefix('_') {
        Some(name) => Some((name, Separator::Underscore)),
        None => Some((rest.strip_prefix(':')?, Separator::Colon)),
    }
}

/// The prefixes of Kafka and HTTP, which bridges between protocols keep.
const FOREIGN_PREFIXES: [&str; 2] = ["ce_", "ce-"];

/// The prefix of another protocol with which a property begins.
pub(crate) fn foreign_prefix(property: &str) -> Option<&'static str> {
    FOREIGN_PREFIXES.into_iter().find(|prefix| property.starts_with(prefix))
}

/// Whether a property without a prefix could be an extension.
pub(crate) fn is_extension(property: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !property.is_empty()
        && property.bytes().all(legal)
        // Core attributes of version 0.3 would be read as such: then the payload changes.
        && !["data", "datacontentencoding", "schemaurl"].contains(&property)
        && CoreAttribute::of(property.as_bytes()).is_none()
}

/// Returns the property name of a core attribute, or of `specversion`, as a static text.
#[inline]
pub(crate) fn core(name: &str, separator: Separator) -> CoreName {
    let names = match name {
        "specversion" => ["cloudEvents_specversion", "cloudEvents:specversion"],
        "id" => ["cloudEvents_id", "cloudEvents:id"],
        "source" => ["cloudEvents_source", "cloudEvents:source"],
        "type" => ["cloudEvents_type", "cloudEvents:type"],
        "dataschema" => ["cloudEvents_dataschema", "cloudEvents:dataschema"],
        "schemaurl" => ["cloudEvents_schemaurl", "cloudEvents:schemaurl"],
        "subject" => ["cloudEvents_subject", "cloudEvents:subject"],
        "time" => ["cloudEvents_time", "cloudEvents:time"],
        other => return CoreName(Cow::Owned(format!("{}{other}", prefix(separator)))),
    };
    let [underscore, colon] = names;
    CoreName(Cow::Borrowed(match separator {
        Separator::Underscore => underscore,
        Separator::Colon => colon,
    }))
}

#[inline]
pub(crate) fn prefix(separator: Separator) -> &'static str {
    match separator {
        Separator::Underscore => "cloudEvents_",
        Separator::Colon => "cloudEvents:",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (property, attribute) in [
            ("cloudEvents_id", Some(("id", Separator::Underscore))),
            ("cloudEvents:id", Some(("id", Separator::Colon))),
            ("cloudEvents_", Some(("", Separator::Underscore))),
            ("cloudEvents:_x", Some(("_x", Separator::Colon))),
            ("cloudEvents", None),
            ("cloudEvents-id", None),
            ("cloudevents_id", None),
            ("CloudEvents:id", None),
            ("ce-id", None),
            ("", None),
        ] {
            assert_eq!(super::attribute(property), attribute, "{property}");
        }
    }

    #[test]
    fn written_names_are_read_again() {
        for separator in [Separator::Underscore, Separator::Colon] {
            for name in
                ["specversion", "id", "source", "type", "dataschema", "schemaurl", "subject", "time", "other"]
            {
                assert_eq!(attribute(&String::from(core(name, separator))), Some((name, separator)));
            }
        }
    }
}
