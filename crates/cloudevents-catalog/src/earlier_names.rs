//! Earlier names of members, and places in documents that have them.

use serde_json::Value;

/// Members of messages, and the names that they have now.
pub(crate) const MESSAGE_NAMES: [(&str, &str); 9] = [
    ("basemessageuri", "basemessage"),
    ("basemessageurl", "basemessage"),
    ("dataschemaurl", "dataschemauri"),
    ("schemaurl", "dataschemauri"),
    ("schema", "dataschema"),
    ("schemaformat", "dataschemaformat"),
    ("metadata", "envelopemetadata"),
    ("format", "envelope"),
    ("protocolmetadata", "protocoloptions"),
];

/// Members of schemas, and of endpoints, likewise.
pub(crate) const SCHEMA_NAMES: [(&str, &str); 1] = [("schemaformat", "format")];
pub(crate) const ENDPOINT_NAMES: [(&str, &str); 1] = [("format", "envelope")];

/// Returns a place as it is in the document, and whether it is there.
///
/// In the document, members may have earlier names, and attributes may be a level deeper.
pub(crate) fn written(document: &Value, place: &str) -> (String, bool) {
    let (mut written, mut at) = (String::with_capacity(place.len()), Some(document));
    for token in place.split('/').skip(1) {
        let names = MESSAGE_NAMES.iter().chain(&SCHEMA_NAMES);
        let earlier = names.filter(|(_, now)| *now == token).map(|(earlier, _)| format!("/{earlier}"));
        let deeper = written.ends_with("metadata").then(|| format!("/attributes/{token}"));
        let mut ways = std::iter::once(format!("/{token}")).chain(earlier).chain(deeper);
        let found = ways.find_map(|way| Some((at?.pointer(&way)?, way)));
        at = found.as_ref().map(|(value, _)| *value);
        // Missing members have the present name.
        written.push_str(&found.map_or_else(|| format!("/{token}"), |(_, way)| way));
    }
    (written, at.is_some())
}
