//! What the XML format makes of an event: a table written by hand, against which round trips are checked.
//!
//! | | XML |
//! |---|---|
//! | all seven types of extensions | kept |
//! | an extension whose name begins with a digit | left out |
//! | no content type, native payload | made explicit, but for XML elements |
//! | JSON payload | kept |
//! | text | kept; JSON under a JSON content type when it is JSON |
//! | JSON or text with characters that XML does not have | bytes |
//! | bytes | kept; a body as its content type says, but for CBOR |
//! | XML element | kept, with the namespace declarations of the document; text when it is no element |
//! | CBOR item | bytes, with its content type |
//! | protobuf `Any` | bytes, with its content type |
//! | a payload of no bytes | kept |
//! | specversion 0.3 | refused |

use cloudevents_core::{Data, Event, Payload};

const DECLARED: [(&str, &str); 3] = [
    ("ce", "http://cloudevents.io/xmlformat/V1"),
    ("xsi", "http://www.w3.org/2001/XMLSchema-instance"),
    ("xs", "http://www.w3.org/2001/XMLSchema"),
];

/// The event as it is when it comes out of the XML format.
pub(crate) fn xml_form(event: &Event) -> Event {
    let mut event = event.clone();
    let digits: Vec<String> = event
        .extensions()
        .map(|(name, _)| name.as_str().to_owned())
        .filter(|name| name.as_bytes()[0].is_ascii_digit())
        .collect();
    for name in digits {
        assert!(event.remove(&name));
    }
    let Some(data) = event.data() else { return event };
    let (payload, native) = match data {
        Data::Json(json) if has_all(json.as_str()) => {
            (Payload::json(json.as_str().to_owned()).unwrap(), false)
        }
        Data::Json(json) => (Payload::binary(json.as_str().to_owned()), false),
        Data::Text(text) if has_all(text) => (Payload::text(text), false),
        Data::Text(text) => (Payload::binary(text.to_owned()), false),
        Data::Xml(element) => (Payload::xml(declared(element)), true),
        _ => (Payload::binary(data.as_bytes().to_vec()), false),
    };
    let mut builder = event.clone().into_builder();
    if let (None, Some(content_type), false) = (event.datacontenttype(), event.content_type(), native) {
        builder = builder.datacontenttype(content_type.as_str());
    }
    builder.payload_only(Ok(payload)).build().unwrap()
}

/// Whether XML 1.0 has all of the characters, by the words of its production 2.
fn has_all(text: &str) -> bool {
    text.chars()
        .map(u32::from)
        .all(|code| matches!(code, 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x10000..=0x10FFFF))
}

/// The element with the declarations of the document, for one that has none of these prefixes itself.
fn declared(element: &str) -> String {
    let end = element.find([' ', '/', '>']).unwrap();
    let declarations: String = DECLARED
        .iter()
        .filter(|(prefix, _)| !element.contains(&format!(" xmlns:{prefix}=")))
        .map(|(prefix, uri)| format!(" xmlns:{prefix}=\"{uri}\""))
        .collect();
    format!("{}{declarations}{}", &element[..end], &element[end..])
}
