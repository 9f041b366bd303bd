//! Attribute names as names of application properties.

use crate::Separator;
use bytes::Bytes;
use cloudevents_core::{Event, TextBuffer};

/// The attribute an application property names, and how: what follows `cloudEvents_` or `cloudEvents:`, in exactly this case.
#[inline]
pub(crate) fn attribute(property: &str) -> Option<(&str, Separator)> {
    let rest = property.strip_prefix("cloudEvents")?;
    match rest.strip_prefix('_') {
        Some(name) => Some((name, Separator::Underscore)),
        None => Some((rest.strip_prefix(':')?, Separator::Colon)),
    }
}

/// The property of a core attribute, or of `specversion`: static texts.
#[inline]
pub(crate) fn core(name: &str, separator: Separator) -> TextBuffer {
    let names = match name {
        "specversion" => ["cloudEvents_specversion", "cloudEvents:specversion"],
        "id" => ["cloudEvents_id", "cloudEvents:id"],
        "source" => ["cloudEvents_source", "cloudEvents:source"],
        "type" => ["cloudEvents_type", "cloudEvents:type"],
        "dataschema" => ["cloudEvents_dataschema", "cloudEvents:dataschema"],
        "schemaurl" => ["cloudEvents_schemaurl", "cloudEvents:schemaurl"],
        "subject" => ["cloudEvents_subject", "cloudEvents:subject"],
        "time" => ["cloudEvents_time", "cloudEvents:time"],
        other => return format!("{}{other}", prefix(separator)).into(),
    };
    let [underscore, colon] = names;
    fixed(match separator {
        Separator::Underscore => underscore,
        Separator::Colon => colon,
    })
}

/// The properties of all extensions of the event, in their order. They share one buffer.
#[inline]
pub(crate) fn extensions(event: &Event, separator: Separator) -> impl Iterator<Item = TextBuffer> {
    let prefix = prefix(separator);
    let lengths = event.extensions().map(move |(name, _)| prefix.len().saturating_add(name.as_str().len()));
    let mut names = String::with_capacity(lengths.clone().fold(0, usize::saturating_add));
    for (name, _) in event.extensions() {
        names.push_str(prefix);
        names.push_str(name.as_str());
    }
    let names = TextBuffer::from(names);
    let mut start = 0_usize;
    lengths.map(move |length| {
        let range = start..start.saturating_add(length);
        start = range.end;
        names.slice(range).unwrap_or_default()
    })
}

/// A text that is not copied.
#[inline]
pub(crate) fn fixed(text: &'static str) -> TextBuffer {
    TextBuffer::new(Bytes::from_static(text.as_bytes())).unwrap_or_default()
}

#[inline]
fn prefix(separator: Separator) -> &'static str {
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
                assert_eq!(attribute(core(name, separator).as_str()), Some((name, separator)));
            }
        }
    }
}
