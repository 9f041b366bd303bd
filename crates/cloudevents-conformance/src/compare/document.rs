//! Bodies of messages: documents of a format compare as trees of its notation, anything else as bytes.

use cloudevents_vectors::JsonComparison;

use crate::infoset;
use crate::tree::json::{self, Json, Kind, Text};
use crate::tree::node::{self, Node};
use crate::tree::{avro, cbor, protobuf};

use super::{Difference, How, Path, bytes, media_type};

/// The notation of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    /// An event, or a batch of them, in the JSON format.
    Json,
    /// An event, or a batch of them, in the XML format.
    Xml,
    /// An event in the Protobuf format.
    Protobuf,
    /// A batch of events in the Protobuf format.
    ProtobufBatch,
    /// An event in the Avro format.
    Avro,
    /// An event in the Avro compact format.
    AvroCompact,
    /// An event in the CBOR format.
    Cbor,
    /// A payload under a JSON content type.
    JsonPayload,
    /// Bytes that mean nothing here: another payload, or a format without a tree of its own.
    Opaque,
}

impl Notation {
    /// The notation of the format of this name, `json-batch` and the like included.
    pub(crate) fn of_format(name: &str) -> Self {
        match name {
            "json" | "json-batch" => Notation::Json,
            "xml" | "xml-batch" => Notation::Xml,
            "protobuf" => Notation::Protobuf,
            "protobuf-batch" => Notation::ProtobufBatch,
            "avro" => Notation::Avro,
            "avro-compact" => Notation::AvroCompact,
            "cbor" => Notation::Cbor,
            _ => Notation::Opaque,
        }
    }

    /// The notation of a message with this content type.
    pub(crate) fn of_content_type(content_type: &str) -> Self {
        let essence = media_type::essence(content_type);
        if let Some(format) = essence.strip_prefix("application/cloudevents-batch+") {
            return Notation::of_format(&format!("{format}-batch"));
        }
        if let Some(format) = essence.strip_prefix("application/cloudevents+") {
            return Notation::of_format(format);
        }
        let is_json = essence.ends_with("/json") || essence.ends_with("+json");
        if is_json { Notation::JsonPayload } else { Notation::Opaque }
    }

    /// How documents are read whose notation is bytes.
    fn reader(self) -> Option<Reader> {
        match self {
            Notation::Protobuf => Some(protobuf::parse),
            Notation::ProtobufBatch => Some(protobuf::parse_batch),
            Notation::Avro => Some(avro::parse),
            Notation::AvroCompact => Some(avro::parse_compact),
            Notation::Cbor => Some(cbor::parse),
            Notation::Json | Notation::Xml | Notation::JsonPayload | Notation::Opaque => None,
        }
    }
}

/// Reads a document whose notation is bytes.
type Reader = fn(&[u8]) -> Result<Node, String>;

/// Notes where a body is not the wanted one.
pub(crate) fn diff(
    path: &Path,
    notation: Notation,
    how: &How,
    wanted: &[u8],
    got: &[u8],
    differences: &mut Vec<Difference>,
) {
    if notation == Notation::Xml {
        return diff_xml(path, how, wanted, got, differences);
    }
    if notation == Notation::JsonPayload {
        return diff_payload(path, how, wanted, got, differences);
    }
    if let Some(read) = notation.reader() {
        let got = if notation == Notation::AvroCompact { without_fingerprint(wanted, got) } else { got };
        return match (read(wanted), read(got)) {
            // Also a document that is wanted although it is not of the format.
            (Err(_), _) => bytes::diff(path, wanted, got, differences),
            (Ok(mut wanted), Ok(mut got)) => {
                [&mut wanted, &mut got].into_iter().for_each(|event| leave_out_unset(notation, event));
                if notation == Notation::Cbor {
                    leave_out_tags(&mut wanted, &got);
                }
                how.spell_nodes_alike(&wanted, &mut got);
                node::diff(path, &wanted, &got, differences);
            }
            (Ok(wanted), Err(reason)) => {
                let got = format!("bytes that are not in the format ({reason}): {}", bytes::show(got));
                differences.push(path.differs(wanted, got));
            }
        };
    }
    let wanted_document = (notation == Notation::Json).then(|| parse(wanted).ok()).flatten();
    match wanted_document.map(|(text, tree)| (text, without_unset(tree))) {
        // Also a document that is wanted although it is not of the format.
        None => bytes::diff(path, wanted, got, differences),
        Some((wanted_text, wanted)) => match parse(got) {
            Ok((got_text, got)) => {
                let mut got = without_unset(got);
                how.spell_alike(&wanted, &mut got);
                json::diff(path, &wanted, &got, differences);
                if how.json == JsonComparison::Text {
                    payloads(path, (wanted_text, &wanted), (got_text, &got), differences);
                }
            }
            Err(reason) => {
                let got = format!("text that is not JSON ({reason}): {}", bytes::show(got));
                differences.push(path.differs(wanted, got));
            }
        },
    }
}

/// A document of events without the attributes that are null: null and absent both mean unset (JSON format, section 2.2). The payload
/// `data` may be null.
fn without_unset(mut tree: Json) -> Json {
    match &mut tree.kind {
        Kind::Array(events) => {
            for event in events {
                if let Kind::Object(members) = &mut event.kind {
                    members.retain(is_set);
                }
            }
        }
        Kind::Object(members) => members.retain(is_set),
        _ => (),
    }
    tree
}

/// Leaves out the attributes of an event in Avro or CBOR that are null. The payload `data` may be null.
///
/// They are unset (Avro format, section 2.3; CBOR format, section 2.2).
fn leave_out_unset(notation: Notation, event: &mut Node) {
    match (notation, event) {
        (Notation::Avro, event) => {
            if let Some(Node::Map(attributes)) = event.get_mut("attribute") {
                attributes
                    .retain(|_, value| !matches!(value, Node::Tagged(_, value) if **value == Node::Null));
            }
        }
        (Notation::Cbor, Node::Map(members)) => {
            members.retain(|name, value| *value != Node::Null || *name == Node::Text("data".to_owned()));
        }
        _ => (),
    }
}

/// A datum of Avro compact without the head of the single-object encoding, if the wanted datum has none.
///
/// The draft speaks of the fingerprint of its schema, and does not say whether a datum has one.
fn without_fingerprint<'b>(wanted: &[u8], got: &'b [u8]) -> &'b [u8] {
    got.strip_prefix(&FINGERPRINT).filter(|_| !wanted.starts_with(&FINGERPRINT)).unwrap_or(got)
}

/// The marker of the single-object encoding, and the CRC-64-AVRO of the schema of the draft.
const FINGERPRINT: [u8; 10] = [0xc3, 0x01, 0xba, 0x27, 0xb9, 0x22, 0x09, 0xf0, 0xef, 0x56];

/// Leaves out the tags of attributes of an event in CBOR if the other event has the same text without a tag.
///
/// A time, a URI and a URI-reference may each be tagged or plain (CBOR format, section 2.2).
fn leave_out_tags(wanted: &mut Node, got: &Node) {
    for (name, value) in wanted.members_mut().filter(|(name, _)| *name != "data") {
        let plain = match value {
            Node::Tagged(tag, text) if matches!(&**tag, "tag 0" | "tag 32") => Some(&**text),
            _ => None,
        };
        if let Some(plain) = plain.filter(|plain| got.get(name) == Some(plain)).cloned() {
            *value = plain;
        }
    }
}

fn is_set((name, value): &(Text, Json)) -> bool {
    !value.is_null() || name.as_str() == Some("data")
}

/// Compares payloads. If the request gave the payload as JSON, spellings may differ (RFC 8259, section 2). Otherwise bytes are compared.
fn diff_payload(path: &Path, how: &How, wanted: &[u8], got: &[u8], differences: &mut Vec<Difference>) {
    match (how.compares_json_bodies().then(|| parse(wanted).ok()).flatten(), parse(got)) {
        (Some((_, wanted)), Ok((_, mut got))) => {
            how.spell_body_alike(&wanted, &mut got);
            json::diff(path, &wanted, &got, differences);
        }
        _ => bytes::diff(path, wanted, got, differences),
    }
}

fn diff_xml(path: &Path, how: &How, wanted: &[u8], got: &[u8], differences: &mut Vec<Difference>) {
    let read = |body: &[u8]| {
        let text = str::from_utf8(body).map_err(|error| error.to_string())?;
        infoset::parse(text).map(infoset::normalized)
    };
    match (read(wanted), read(got)) {
        // Also a document that is wanted although it is not of the format.
        (Err(_), _) => bytes::diff(path, wanted, got, differences),
        (Ok(wanted_tree), Ok(got_tree)) => {
            if wanted_tree != how.spell_elements_alike(&wanted_tree, got_tree) {
                differences.push(path.differs(bytes::show(wanted), bytes::show(got)));
            }
        }
        (Ok(_), Err(reason)) => {
            let got = format!("text that is not XML ({reason}): {}", bytes::show(got));
            differences.push(path.differs(bytes::show(wanted), got));
        }
    }
}

fn parse(body: &[u8]) -> Result<(&str, Json), String> {
    let text = str::from_utf8(body).map_err(|error| error.to_string())?;
    json::parse(text).map(|tree| (text, tree)).map_err(|malformed| malformed.to_string())
}

/// Compares the text of the `data` members, of one event or of each in a batch.
fn payloads(path: &Path, wanted: (&str, &Json), got: (&str, &Json), differences: &mut Vec<Difference>) {
    if let (Some(wanted_items), Some(got_items)) = (wanted.1.items(), got.1.items()) {
        for (index, pair) in wanted_items.iter().zip(got_items).enumerate() {
            payloads(&path.item(index), (wanted.0, pair.0), (got.0, pair.1), differences);
        }
    } else if let (Some(wanted_data), Some(got_data)) = (wanted.1.get("data"), got.1.get("data")) {
        let text_of = |text: &str, data: &Json| text.get(data.span.clone()).unwrap_or_default().to_owned();
        let (wanted, got) = (text_of(wanted.0, wanted_data), text_of(got.0, got_data));
        if wanted != got {
            differences
                .push(path.member("data").differs(format!("the text {wanted}"), format!("the text {got}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use cloudevents_vectors::JsonComparison::{Double, Text, Value};

    use super::super::how::Implied;
    use super::*;

    fn differences(notation: Notation, json: JsonComparison, wanted: &str, got: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let how = How { json, ..How::default() };
        diff(&Path::new("body"), notation, &how, wanted.as_bytes(), got, &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn content_types_name_the_notation() {
        for json in ["application/cloudevents+json", "Application/CloudEvents-Batch+JSON ; charset=utf-8"] {
            assert_eq!(Notation::of_content_type(json), Notation::Json, "{json}");
        }
        let batch = "application/cloudevents-batch+protobuf";
        assert_eq!(Notation::of_content_type(batch), Notation::ProtobufBatch);
        assert_eq!(Notation::of_content_type("application/cloudevents-batch+xml"), Notation::Xml);
        for json in ["application/json", "text/JSON", "application/vnd.example+json; a=b"] {
            assert_eq!(Notation::of_content_type(json), Notation::JsonPayload, "{json}");
        }
        for opaque in ["application/jsonx", "application/cloudevents+jsonx", "application/xml", ""] {
            assert_eq!(Notation::of_content_type(opaque), Notation::Opaque, "{opaque}");
        }
    }

    #[test]
    fn a_null_attribute_is_unset_and_a_null_payload_is_not() {
        let (wanted, got) = (r#"{"id":"1"}"#, br#"{"id":"1","subject":null,"x":null}"#);
        assert_eq!(differences(Notation::Json, Value, wanted, got), [""; 0]);
        assert_eq!(
            differences(Notation::Json, Value, r#"[{"id":"1","time":null}]"#, br#"[{"id":"1"}]"#),
            [""; 0]
        );
        assert_eq!(differences(Notation::Json, Value, wanted, br#"{"id":"1","data":null}"#).len(), 1);
        assert_eq!(differences(Notation::Json, Value, r#"{"data":{"a":null}}"#, br#"{"data":{}}"#).len(), 1);
    }

    #[test]
    fn documents_compare_as_trees_and_payloads_as_bytes() {
        let (wanted, got) = (r#"{"id":"1","data":[1]}"#, br#"{ "data": [ 1 ], "id": "1" }"#);
        assert_eq!(differences(Notation::Json, Value, wanted, got), [""; 0]);
        assert_eq!(differences(Notation::Opaque, Value, wanted, got).len(), 1);
        assert_eq!(
            differences(Notation::Json, Text, wanted, got),
            ["body.data: expected the text [1], got the text [ 1 ]"]
        );
        assert_eq!(
            differences(
                Notation::Json,
                Text,
                r#"[{"data":1},{"data":"a"}]"#,
                br#"[{"data":1},{"data":"\u0061"}]"#
            ),
            ["body[1].data: expected the text \"a\", got the text \"\\u0061\""]
        );
    }

    #[test]
    fn times_compare_by_their_instants_and_payloads_by_their_text() {
        let (wanted, got) =
            (r#"[{"time":"2018-04-05T17:31:00Z"}]"#, br#"[{"time":"2018-04-05T18:31:00.0+01:00"}]"#);
        assert_eq!(differences(Notation::Json, Value, wanted, got), [""; 0]);
        assert_eq!(
            differences(Notation::Json, Value, wanted, br#"[{"time":"2018-04-05T18:31:00.1+01:00"}]"#),
            ["body[0].time: expected \"2018-04-05T17:31:00Z\", got \"2018-04-05T18:31:00.1+01:00\""]
        );
        let (wanted, got) = (
            r#"{"x":"2018-04-05T17:31:00Z","data":{"time":"2018-04-05T17:31:00Z"}}"#,
            br#"{"x":"2018-04-05T17:31:00.0Z","data":{"time":"2018-04-05T17:31:00.0Z"}}"#,
        );
        assert_eq!(differences(Notation::Json, Value, wanted, got).len(), 2);
    }

    #[test]
    fn attributes_in_xml_compare_by_their_instants_and_media_types() {
        let event = |children: &str| {
            format!(
                "<event xmlns='http://cloudevents.io/xmlformat/V1' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
                 xmlns:ce='http://cloudevents.io/xmlformat/V1' specversion='1.0'>{children}</event>"
            )
        };
        let how = How { any_spelling: true, timestamps: vec!["t".to_owned()], ..How::default() };
        let found = |wanted: &str, got: &str| {
            let mut found = Vec::new();
            let (wanted, got) = (event(wanted), event(got));
            diff(&Path::new("body"), Notation::Xml, &how, wanted.as_bytes(), got.as_bytes(), &mut found);
            found.len()
        };
        let typed = |text: &str| format!("<t xsi:type='ce:timestamp'>{text}</t>");
        assert_eq!(found("<time>2018-04-05T17:31:00Z</time>", "<time>2018-04-05T19:31:00.0+02:00</time>"), 0);
        assert_eq!(found("<time>2018-04-05T17:31:00Z</time>", "<time>2018-04-05T19:31:00Z</time>"), 1);
        assert_eq!(found(&typed("2018-04-05T17:31:00Z"), &typed("2018-04-05T17:31:00.000z")), 0);
        assert_eq!(found(&typed("2018-04-05T17:31:00Z"), "<t>2018-04-05T17:31:00.000z</t>"), 1);
        // One that the request does not call a timestamp.
        assert_eq!(found("<u>2018-04-05T17:31:00Z</u>", "<u>2018-04-05T17:31:00.0Z</u>"), 1);
        let of_type = |text: &str| format!("<datacontenttype>{text}</datacontenttype>");
        assert_eq!(found(&of_type("text/plain; charset=utf-8"), &of_type("Text/Plain;charset=\"utf-8\"")), 0);
        assert_eq!(found(&of_type("text/plain; charset=utf-8"), &of_type("text/plain")), 1);
    }

    #[test]
    fn numbers_of_payloads_can_be_doubles() {
        let (wanted, got) = (r#"{"x":1,"data":[0.10]}"#, br#"{"x":1.0,"data":[0.1]}"#);
        assert_eq!(differences(Notation::Json, Double, wanted, got), ["body.x: expected 1, got 1.0"]);
        assert_eq!(differences(Notation::Json, Value, wanted, got).len(), 2);
    }

    #[test]
    fn a_body_that_is_not_json_is_told() {
        let [difference] = differences(Notation::Json, Value, "{}", b"\xff").try_into().unwrap();
        assert!(difference.starts_with("body: expected {}, got text that is not JSON"), "{difference}");
    }

    #[test]
    fn a_wanted_body_that_is_not_json_compares_as_bytes() {
        assert_eq!(differences(Notation::Json, Value, "{oops", b"{oops"), [""; 0]);
        assert_eq!(differences(Notation::Json, Value, "{oops", b"{}").len(), 1);
    }

    #[test]
    fn documents_of_bytes_compare_as_trees() {
        let found = |notation, wanted: &[u8], got: &[u8]| {
            let mut found = Vec::new();
            diff(&Path::new("body"), notation, &How::default(), wanted, got, &mut found);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let (one, other) = (&b"\xa2\x61a\x01\x61b\x02"[..], &b"\xbf\x61b\x02\x61a\x18\x01\xff"[..]);
        assert_eq!(found(Notation::Cbor, one, other), [""; 0]);
        assert_eq!(found(Notation::Opaque, one, other).len(), 1);
        assert_eq!(
            found(Notation::Cbor, one, b"\xa2\x61a\x02\x61c\x02"),
            ["body.a: expected 1, got 2", "body.b: missing: 2", "body.c: unexpected: 2"]
        );
        assert_eq!(
            found(Notation::Protobuf, b"\x0a\x011", b"\x0a\x021"),
            [
                "body: expected {\"id\": \"1\"}, got bytes that are not in the format (the document ends too early): \"\\n\\u{2}1\""
            ]
        );
        // A document that is wanted although it is none compares as bytes.
        assert_eq!(found(Notation::Avro, b"x", b"x"), [""; 0]);
        assert_eq!(found(Notation::Avro, b"x", b"\0\x02").len(), 1);
    }

    #[test]
    fn a_document_may_state_the_content_type_that_the_json_format_implies() {
        let found = |may_state, wanted: &str, got: &str| {
            let how = How { may_state, ..How::default() };
            let mut found = Vec::new();
            diff(&Path::new("body"), Notation::Json, &how, wanted.as_bytes(), got.as_bytes(), &mut found);
            found.len()
        };
        let event = |more: &str| format!(r#"{{"id":"1"{more}}}"#);
        let json = r#","datacontenttype":"application/json""#;
        for data in ["", r#","data":1"#, r#","data":"a""#] {
            let (without, with) = (event(data), event(&format!("{data}{json}")));
            assert_eq!(
                (found(Implied::NoBytes, &without, &with), found(Implied::None, &without, &with)),
                (0, 1),
                "{data}"
            );
            assert_eq!(
                found(Implied::NoBytes, &format!("[{without},{without}]"), &format!("[{without},{with}]")),
                0
            );
            // One that is stated stays.
            assert_eq!(found(Implied::NoBytes, &with, &without), 1, "{data}");
        }
        // By `main`, bytes are not JSON. No other content type is implied.
        let bytes = r#","data_base64":"AA==""#;
        let of_bytes = |may_state| found(may_state, &event(bytes), &event(&format!("{bytes}{json}")));
        assert_eq!((of_bytes(Implied::NoBytes), of_bytes(Implied::All)), (1, 0));
        assert_eq!(found(Implied::NoBytes, &event(""), &event(&json.replace("/json", "/xml"))), 1);
        // A payload has members of its own.
        assert_eq!(
            found(Implied::NoBytes, r#"{"data":{}}"#, r#"{"data":{"datacontenttype":"application/json"}}"#),
            1
        );
    }

    #[test]
    fn a_document_has_media_types_and_numbers_of_payloads_in_any_spelling() {
        let found = |any_spelling, wanted: &str, got: &str| {
            let how = How { any_spelling, ..How::default() };
            let mut found = Vec::new();
            diff(&Path::new("body"), Notation::Json, &how, wanted.as_bytes(), got.as_bytes(), &mut found);
            found.len()
        };
        for (wanted, same) in [
            (r#"{"data":{"a":[1]}}"#, r#"{"data":{"a":[1.0]}}"#),
            (r#"[{"data":1}]"#, r#"[{"data":1.0}]"#),
            (r#"{"datacontenttype":"text/plain; a=b"}"#, r#"{"datacontenttype":"Text/Plain;a=b"}"#),
        ] {
            assert_eq!((found(true, wanted, same), found(false, wanted, same)), (0, 1), "{same}");
        }
        // An Integer has no fraction, and text no media type.
        for (wanted, other) in [
            (r#"{"x":1}"#, r#"{"x":1.0}"#),
            (r#"{"data":"text/plain"}"#, r#"{"data":"Text/Plain"}"#),
            (r#"{"data":9007199254740993}"#, r#"{"data":9007199254740992.0}"#),
        ] {
            assert_eq!(found(true, wanted, other), 1, "{other}");
        }
    }

    #[test]
    fn octets_in_xml_may_have_white_space() {
        let found = |kind: &str, wanted: &str, got: &str| {
            let event = |text: &str| {
                format!(
                    "<event xmlns='http://cloudevents.io/xmlformat/V1' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
                     xmlns:xs='http://www.w3.org/2001/XMLSchema' xmlns:ce='http://cloudevents.io/xmlformat/V1' specversion='1.0'>\
                     <x xsi:type='ce:{kind}'>{text}</x><data xsi:type='xs:base64Binary'>{text}</data></event>"
                )
            };
            let (wanted, got, mut found) = (event(wanted), event(got), Vec::new());
            let how = How::default();
            diff(&Path::new("body"), Notation::Xml, &how, wanted.as_bytes(), got.as_bytes(), &mut found);
            found.len()
        };
        assert_eq!([found("binary", "YQBi", "\n YQ\nBi "), found("binary", "YQBi", "YQBj")], [0, 1]);
        assert_eq!(found("string", "YQBi", "YQ Bi"), 1);
    }

    #[test]
    fn an_element_may_be_spelled_in_any_way_as_bytes_too() {
        let found = |xml_given, wanted: &str, got: &str| {
            let how = How { xml_given, ..How::default() };
            let event = |octets: &str| format!(r#"{{"data_base64":"{octets}"}}"#);
            let (wanted, got) = (event(wanted), event(got));
            let mut found = Vec::new();
            diff(&Path::new("body"), Notation::Json, &how, wanted.as_bytes(), got.as_bytes(), &mut found);
            found.len()
        };
        // `<a/>`, `<?xml version="1.0"?><a></a>` and `<b/>`.
        let (wanted, same, other) = ("PGEvPg==", "PD94bWwgdmVyc2lvbj0iMS4wIj8+PGE+PC9hPg==", "PGIvPg==");
        assert_eq!(
            [found(true, wanted, same), found(true, wanted, other), found(false, wanted, same)],
            [0, 1, 1]
        );
    }

    #[test]
    fn a_json_value_becomes_any_of_its_texts_in_documents_that_hold_text() {
        let event = |media_type: &str, kind: &str, text: &str| {
            format!(
                "<event xmlns='http://cloudevents.io/xmlformat/V1' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
                 xmlns:xs='http://www.w3.org/2001/XMLSchema' specversion='1.0'><datacontenttype>{media_type}</datacontenttype>\
                 <data xsi:type='xs:{kind}'>{text}</data></event>"
            )
        };
        let found = |how: &How, wanted: &str, got: &str| {
            let mut found = Vec::new();
            diff(&Path::new("body"), Notation::Xml, how, wanted.as_bytes(), got.as_bytes(), &mut found);
            found.len()
        };
        let given = How { json_encoded: true, ..How::default() };
        let passed = How { json_passed: true, ..How::default() };
        let json = |kind, text| event("application/json", kind, text);
        for how in [&given, &passed] {
            assert_eq!(found(how, &json("string", "[1]"), &json("string", "[ 1.0 ]")), 0);
            assert_eq!(found(how, &json("base64Binary", "WzFd"), &json("base64Binary", "WyAxIF0=")), 0);
            for other in [
                json("string", "[2]"),
                json("base64Binary", "WzFd"),
                json("string", ""),
                json("string", "<a/>"),
            ] {
                assert_eq!(found(how, &json("string", "[1]"), &other), 1, "{other}");
            }
        }
        let text = |text| event("text/plain", "string", text);
        assert_eq!(found(&passed, &text("[1]"), &text("[ 1 ]")), 1);
        assert_eq!(found(&How::default(), &json("string", "[1]"), &json("string", "[ 1 ]")), 1);
        // So in CBOR.
        let cbor = |media_type: &str, text: &str| {
            let member = |text: &str| {
                let length = u8::try_from(text.len()).unwrap();
                let head = if length < 24 { vec![0x60 | length] } else { vec![0x78, length] };
                [&head, text.as_bytes()].concat()
            };
            [&[0xa2][..], &member("datacontenttype"), &member(media_type), &member("data"), &member(text)]
                .concat()
        };
        let found = |how: &How, wanted: &[u8], got: &[u8]| {
            let mut found = Vec::new();
            diff(&Path::new("body"), Notation::Cbor, how, wanted, got, &mut found);
            found.len()
        };
        for (how, media_type, count) in
            [(&passed, "application/json", 0), (&passed, "text/plain", 1), (&given, "text/plain", 0)]
        {
            assert_eq!(
                found(how, &cbor(media_type, "[1]"), &cbor(media_type, "[ 1 ]")),
                count,
                "{media_type}"
            );
        }
    }

    #[test]
    fn a_document_made_of_texts_may_have_the_types_whose_canonical_strings_they_are() {
        let found = |untyped, wanted: &str, got: &str| {
            let how = How { untyped, ..How::default() };
            let mut found = Vec::new();
            diff(&Path::new("body"), Notation::Json, &how, wanted.as_bytes(), got.as_bytes(), &mut found);
            found.len()
        };
        for (wanted, same) in [(r#"{"x":"5"}"#, r#"{"x":5}"#), (r#"{"x":"true"}"#, r#"{"x":true}"#)] {
            assert_eq!((found(true, wanted, same), found(false, wanted, same)), (0, 1), "{same}");
        }
        for (wanted, other) in [
            (r#"{"x":"05"}"#, r#"{"x":5}"#),
            (r#"{"x":"5.0"}"#, r#"{"x":5.0}"#),
            (r#"{"id":"5"}"#, r#"{"id":5}"#),
            (r#"{"data":"5"}"#, r#"{"data":5}"#),
        ] {
            assert_eq!(found(true, wanted, other), 1, "{other}");
        }
    }

    #[test]
    fn an_element_that_was_given_is_written_in_any_spelling() {
        let found = |xml_given, wanted: &str, got: &str| {
            let how = How { xml_given, ..How::default() };
            let event = |text: &str| format!(r#"{{"id":"<a />","data":"{text}"}}"#);
            let mut found = Vec::new();
            let (wanted, got) = (event(wanted), event(got));
            diff(&Path::new("body"), Notation::Json, &how, wanted.as_bytes(), got.as_bytes(), &mut found);
            found.len()
        };
        for same in ["<a b='1' />", "<a b='1'></a>", "<?xml version='1.0'?><a b='1'/>"] {
            assert_eq!((found(true, "<a b='1'/>", same), found(false, "<a b='1'/>", same)), (0, 1), "{same}");
        }
        for other in ["<a b='2'/>", "<a/>", "<a b='1'>", "<a b='1'> </a>", "a"] {
            assert_eq!(found(true, "<a b='1'/>", other), 1, "{other}");
        }
        let found = |wanted: &[u8], got: &[u8]| {
            let how = How { xml_given: true, ..How::default() };
            let mut found = Vec::new();
            diff(&Path::new("body"), Notation::Protobuf, &how, wanted, got, &mut found);
            found.len()
        };
        // The field text_data.
        assert_eq!(found(b"\x3a\x04<a/>", b"\x3a\x05<a />"), 0);
        assert_eq!(found(b"\x3a\x04<a/>", b"\x3a\x04<b/>"), 1);
    }

    #[test]
    fn a_json_value_that_was_given_is_written_as_any_text_of_it() {
        let found = |json_encoded, wanted: &[u8], got: &[u8]| {
            let how = How { json_encoded, ..How::default() };
            let mut found = Vec::new();
            diff(&Path::new("body"), Notation::Protobuf, &how, wanted, got, &mut found);
            found.len()
        };
        let wanted = b"\x3a\x03[1]";
        assert_eq!(
            (found(true, wanted, b"\x3a\x07[ 1.0 ]"), found(false, wanted, b"\x3a\x07[ 1.0 ]")),
            (0, 1)
        );
        assert_eq!(found(true, wanted, b"\x3a\x03[2]"), 1);
    }

    #[test]
    fn a_null_attribute_of_cbor_is_unset_and_a_tag_may_be_absent() {
        let found = |wanted: &[u8], got: &[u8]| {
            let mut found = Vec::new();
            diff(&Path::new("body"), Notation::Cbor, &How::default(), wanted, got, &mut found);
            found.len()
        };
        let (one, with_null) = (&b"\xa1\x61a\x61b"[..], &b"\xa2\x61a\x61b\x61c\xf6"[..]);
        assert_eq!((found(one, with_null), found(with_null, one)), (0, 0));
        // A payload that is null is one.
        assert_eq!(found(one, b"\xa2\x61a\x61b\x64data\xf6"), 1);
        let tagged = b"\xa2\x61a\xd8\x20\x61b\x61c\xc0\x61d";
        for same in [&b"\xa2\x61a\x61b\x61c\xc0\x61d"[..], b"\xa2\x61a\xd8\x20\x61b\x61c\x61d"] {
            assert_eq!(found(tagged, same), 0, "{same:?}");
            // A tag that is not wanted.
            assert_eq!(found(same, tagged), 1, "{same:?}");
        }
        assert_eq!(found(tagged, b"\xa2\x61a\x61x\x61c\x61d"), 1);
        assert_eq!(found(b"\xa1\x64data\xc0\x61d", b"\xa1\x64data\x61d"), 1);
    }

    #[test]
    fn a_null_attribute_of_avro_is_unset() {
        let found = |wanted: &[u8], got: &[u8]| {
            let mut found = Vec::new();
            diff(&Path::new("body"), Notation::Avro, &How::default(), wanted, got, &mut found);
            found.len()
        };
        let (one, with_null) = (&b"\x02\x02a\x06\x02b\0\x02"[..], &b"\x04\x02a\x06\x02b\x02c\0\0\x02"[..]);
        assert_eq!((found(one, with_null), found(with_null, one)), (0, 0));
        // A value is not.
        assert_eq!(found(one, b"\x04\x02a\x06\x02b\x02c\x02\0\0\x02"), 1);
        assert_eq!(found(one, b"\x02\x02a\0\0\x02"), 1);
    }

    #[test]
    fn a_media_type_in_a_document_of_bytes_may_be_spelled_otherwise() {
        let found = |any_spelling, notation, [wanted, got]: [Vec<u8>; 2]| {
            let mut found = Vec::new();
            let how = How { any_spelling, ..How::default() };
            diff(&Path::new("body"), notation, &how, &wanted, &got, &mut found);
            found.len()
        };
        let text = |text: &str| [&[text.len() as u8 * 2], text.as_bytes()].concat();
        let avro =
            |name: &str, value: &str| [&b"\x02"[..], &text(name), b"\x06", &text(value), b"\0\x02"].concat();
        // An entry of the map `attributes`, whose value is in the field ce_string.
        let field = |tag: u8, value: &[u8]| [&[tag, value.len() as u8], value].concat();
        let protobuf = |name: &str, value: &str| {
            let value = field(0x1a, value.as_bytes());
            field(0x2a, &[field(0x0a, name.as_bytes()), field(0x12, &value)].concat())
        };
        let batch = |name: &str, value: &str| field(0x0a, &protobuf(name, value));
        type Document<'a> = &'a dyn Fn(&str, &str) -> Vec<u8>;
        let documents: [(Notation, Document<'_>); 3] =
            [(Notation::Avro, &avro), (Notation::Protobuf, &protobuf), (Notation::ProtobufBatch, &batch)];
        for (notation, document) in documents {
            let both = |name: &str, other: &str| [document(name, "A/B; c=d"), document(name, other)];
            let same = || both("datacontenttype", "a/b;c=d");
            assert_eq!(
                (found(true, notation, same()), found(false, notation, same())),
                (0, 1),
                "{notation:?}"
            );
            assert_eq!(found(true, notation, both("datacontenttype", "a/b;c=e")), 1, "{notation:?}");
            assert_eq!(found(true, notation, both("x", "a/b;c=d")), 1, "{notation:?}");
        }
    }

    #[test]
    fn times_in_documents_of_bytes_compare_by_their_instants() {
        let same = |notation, name: &str, [start, end]: [&[u8]; 2]| {
            let how = How { timestamps: vec!["ext".to_owned()], ..How::default() };
            let document = |time: &str| [start, name.as_bytes(), end, time.as_bytes()].concat();
            let documents = (document("2018-04-05T17:31:00.0Z"), document("2018-04-05t17:31:00.0z"));
            let mut found = Vec::new();
            diff(&Path::new("body"), notation, &how, &documents.0, &documents.1, &mut found);
            found.is_empty()
        };
        for (name, compares) in [("time", true), ("ext", true), ("id", false)] {
            let length = name.len() as u8;
            assert_eq!(same(Notation::Cbor, name, [&[0xa1, 0x60 + length], &[0x76]]), compares, "{name}");
            assert_eq!(
                same(Notation::Cbor, name, [&[0xa1, 0x60 + length], &[0xc0, 0x76]]),
                compares,
                "{name}"
            );
        }
        let avro = |name: &str, time: &str| {
            let text = |text: &str| [&[text.len() as u8 * 2], text.as_bytes()].concat();
            [&b"\x02"[..], &text(name), b"\x06", &text(time), b"\0\x02"].concat()
        };
        for (name, differ) in [("time", 0), ("id", 1)] {
            let mut found = Vec::new();
            let (one, other) = (avro(name, "2018-04-05T17:31:00Z"), avro(name, "2018-04-05T18:31:00+01:00"));
            diff(&Path::new("body"), Notation::Avro, &How::default(), &one, &other, &mut found);
            assert_eq!(found.len(), differ, "{name}");
        }
    }

    #[test]
    fn a_time_may_be_added_where_the_producer_may_set_it() {
        let text = |text: &str| [&[text.len() as u8 * 2], text.as_bytes()].concat();
        let time = "2018-04-05T17:31:00Z";
        let entry = |name: &str, value: &str| [&text(name)[..], b"\x06", &text(value)].concat();
        let avro = |count: &[u8], entries: &[Vec<u8>]| [count, &entries.concat(), b"\0\x02"].concat();
        let compact =
            |time: &[u8]| [&text("1")[..], &text("s"), &text("t"), b"\0\0\0", time, b"\0\x02"].concat();
        let xml = |time: &str| {
            format!(
                "<event xmlns='http://cloudevents.io/xmlformat/V1' specversion='1.0'><id>1</id>{time}</event>"
            )
            .into_bytes()
        };
        for (notation, without, with) in [
            (
                Notation::Json,
                br#"{"id":"1"}"#.to_vec(),
                br#"{"id":"1","time":"2018-04-05T17:31:00Z"}"#.to_vec(),
            ),
            (
                Notation::Json,
                br#"[{"id":"1"}]"#.to_vec(),
                br#"[{"id":"1","time":"2018-04-05T17:31:00Z"}]"#.to_vec(),
            ),
            (Notation::Xml, xml(""), xml("<time>2018-04-05T17:31:00Z</time>")),
            (
                Notation::Cbor,
                b"\xa1\x62id\x611".to_vec(),
                [&b"\xa2\x62id\x611\x64time\xc0\x74"[..], time.as_bytes()].concat(),
            ),
            (
                Notation::Protobuf,
                b"\x0a\x011".to_vec(),
                b"\x0a\x011\x2a\x0c\x0a\x04time\x12\x04\x3a\x02\x08\x01".to_vec(),
            ),
            (
                Notation::Avro,
                avro(b"\x02", &[entry("id", "1")]),
                avro(b"\x04", &[entry("id", "1"), entry("time", time)]),
            ),
            (Notation::AvroCompact, compact(b"\0"), compact(b"\x02\x02")),
        ] {
            let found = |may_add_time, wanted: &[u8], got: &[u8]| {
                let mut found = Vec::new();
                let how = How { may_add_time, ..How::default() };
                diff(&Path::new("body"), notation, &how, wanted, got, &mut found);
                found
            };
            assert_eq!(found(true, &without, &with), [], "{notation:?}");
            assert_eq!(found(true, &with, &with), [], "{notation:?}");
            assert_eq!(found(true, &with, &without).len(), 1, "{notation:?}");
            assert_eq!(found(false, &without, &with).len(), 1, "{notation:?}");
        }
        // Only what is a time.
        let mut found = Vec::new();
        let how = How { may_add_time: true, ..How::default() };
        diff(
            &Path::new("body"),
            Notation::Json,
            &how,
            br#"{"id":"1"}"#,
            br#"{"id":"1","time":"now"}"#,
            &mut found,
        );
        assert_eq!(found.len(), 1);
    }

    /// What the published cases want of a format whose notation is bytes.
    fn published() -> Vec<(String, Notation, Vec<u8>)> {
        let documents = cloudevents_vectors::load_documents().unwrap();
        let mut all = Vec::new();
        for case in documents.into_iter().flat_map(|document| document.cases) {
            let to = case.request.get("to").unwrap_or(&serde_json::Value::Null);
            let via = to.get("via").or_else(|| case.request.get("via")).and_then(|via| via.as_str());
            let notation = Notation::of_format(via.unwrap_or_default());
            for outcome in &case.expect {
                let cloudevents_vectors::Expected::Result(result) = &outcome.expected else { continue };
                let body = result.get("message").and_then(|message| message.get("body"));
                if let (Some(_), Some(body)) = (notation.reader(), body) {
                    all.push((case.id.clone(), notation, bytes::read(&Json::from(body)).unwrap()));
                }
            }
        }
        all
    }

    #[test]
    fn published_documents_are_of_their_notation() {
        let mut seen = std::collections::BTreeMap::new();
        for (id, notation, document) in published() {
            notation.reader().unwrap()(&document).unwrap_or_else(|error| panic!("{id}: {error}"));
            *seen.entry(format!("{notation:?}")).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 5, "{seen:?}");
    }

    #[test]
    fn every_byte_of_a_published_document_counts() {
        for (id, notation, document) in published() {
            // Without optimisation, some of them.
            for at in (0..document.len()).step_by(if cfg!(debug_assertions) { 7 } else { 1 }) {
                let mut other = document.clone();
                other[at] ^= 1;
                let mut found = Vec::new();
                diff(&Path::new("body"), notation, &How::default(), &document, &other, &mut found);
                assert!(!found.is_empty(), "{id}: byte {at}");
            }
        }
    }
}
