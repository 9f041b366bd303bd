//! Attribute names as names of user properties: unchanged.

use cloudevents_core::TextBuffer;

/// The attribute a user property names, if its name could be that of one.
#[inline]
pub(crate) fn attribute(property: &str) -> Option<&str> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (!property.is_empty() && property.bytes().all(legal)).then_some(property)
}

/// The prefix of attributes in HTTP, which some peers write in MQTT, too.
pub(crate) const FOREIGN_PREFIX: &str = "ce-";

/// The attribute that a user property with the prefix of HTTP names.
#[inline]
pub(crate) fn prefixed(property: &str) -> Option<&str> {
    property.strip_prefix(FOREIGN_PREFIX)
}

/// The name of an attribute that the specification defines, without a copy.
#[inline]
pub(crate) fn core(name: &str) -> Option<TextBuffer> {
    Some(TextBuffer::from_static(match name {
        "id" => "id",
        "source" => "source",
        "type" => "type",
        "dataschema" => "dataschema",
        "schemaurl" => "schemaurl",
        "subject" => "subject",
        "time" => "time",
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_what_could_be_an_attribute() {
        for (property, attribute) in [
            ("id", Some("id")),
            ("ce-id", None),
            ("Id", None),
            ("x-mqtt-client-id", None),
            ("größe", None),
            ("trace2", Some("trace2")),
            ("", None),
        ] {
            assert_eq!(super::attribute(property), attribute, "{property}");
        }
    }
}
