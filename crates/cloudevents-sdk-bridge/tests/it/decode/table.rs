//! In what way the two read documents differently, and who is right.

use crate::{
    both::{Both, Difference},
    ledger::Explanation,
    seen::{SeenData, SeenValue},
    tree::Tree,
};
use cloudevents_core::{ErrorKind, ErrorKind::*};

/// The first explanation that applies is the one that counts, so the particular ones come first. None of them takes our word for
/// what is wrong with a document: they look at it.
pub(super) const TABLE: &[Explanation<Both, Difference>] = &[
    // What we refuse and the SDK takes.
    Explanation {
        trap: "J18",
        clause: "CE-Context-Attributes-d",
        reason: "the SDK takes the last of two members of a name",
        applies: |both, difference| {
            refused(difference, DuplicateAttribute)
                && both.tree().members().windows(2).any(|pair| pair[0].0 == pair[1].0)
        },
    },
    Explanation {
        trap: "J6",
        clause: "CE-Naming-a",
        reason: "the SDK does not check names",
        applies: |both, difference| {
            refused(difference, InvalidName)
                && both.tree().members().iter().any(|(name, _)| {
                    let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
                    name != "data_base64" && (name.is_empty() || !is_name)
                })
        },
    },
    Explanation {
        trap: "-",
        clause: "CE-datacontenttype-b",
        reason: "the SDK does not check media types",
        applies: |both, difference| {
            refused(difference, InvalidMediaType)
                && matches!(both.member("datacontenttype"), Some(Tree::String(text))
                    if text.ends_with(';') || text.chars().any(|c| c.is_control() || !c.is_ascii()))
        },
    },
    Explanation {
        trap: "-",
        clause: "SDK-Acceptance-a",
        reason: "0.3 has no data_base64: the SDK makes it an extension",
        applies: |both, difference| {
            (refused(difference, InvalidName) || refused(difference, InvalidType))
                && both.is_03()
                && both.has("data_base64")
        },
    },
    Explanation {
        trap: "-",
        clause: "CE-id-b",
        reason: "the SDK takes an empty id",
        applies: |both, difference| is_empty(both, difference, "id"),
    },
    Explanation {
        trap: "-",
        clause: "CE-source-b",
        reason: "the SDK takes an empty source",
        applies: |both, difference| is_empty(both, difference, "source"),
    },
    Explanation {
        trap: "-",
        clause: "CE-type-b",
        reason: "the SDK takes an empty type",
        applies: |both, difference| is_empty(both, difference, "type"),
    },
    Explanation {
        trap: "-",
        clause: "CE-subject-b",
        reason: "the SDK takes an empty subject",
        applies: |both, difference| is_empty(both, difference, "subject"),
    },
    Explanation {
        trap: "J30",
        clause: "CE-datacontenttype-b",
        reason: "the SDK takes any text for a media type",
        applies: |both, difference| {
            let text = both.content_type().unwrap_or_default();
            let essence = text.split(';').next().unwrap_or_default();
            let is_token = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
            refuses(difference, "datacontenttype")
                && !essence.split_once('/').is_some_and(|(ty, subtype)| is_token(ty) && is_token(subtype))
        },
    },
    Explanation {
        trap: "J31",
        clause: "CE-Type-System-f",
        reason: "the SDK takes control characters in a String",
        applies: |both, difference| {
            refused(difference, InvalidString)
                && value_of(both, difference).is_some_and(|text| text.chars().any(char::is_control))
        },
    },
    Explanation {
        trap: "J31",
        clause: "CE-Type-System-g",
        reason: "the SDK takes noncharacters in a String",
        applies: |both, difference| {
            refused(difference, InvalidString)
                && value_of(both, difference).is_some_and(|text| {
                    text.chars()
                        .any(|c| matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe)
                })
        },
    },
    Explanation {
        trap: "J4",
        clause: "CE-Type-System-d",
        reason: "the SDK's Integer has 64 bits",
        applies: |both, difference| {
            refused(difference, InvalidInteger)
                && matches!(
                    attribute(difference).and_then(|name| both.member(name)),
                    Some(Tree::Number(text)) if text.parse::<i64>().is_ok_and(|n| i32::try_from(n).is_err())
                )
        },
    },
    Explanation {
        trap: "-",
        clause: "CE-Type-System-k",
        reason: "the SDK takes any text for a URI-reference",
        applies: |both, difference| {
            refused(difference, InvalidUriReference)
                && value_of(both, difference).is_some_and(|text| !is_uri_text(&text))
        },
    },
    Explanation {
        trap: "-",
        clause: "CE-Type-System-l",
        reason: "the SDK takes a space for the T of a timestamp",
        applies: |both, difference| refused(difference, InvalidTimestamp) && has_time_with(both, ' '),
    },
    Explanation {
        trap: "-",
        clause: "CE-Type-System-l",
        reason: "the SDK takes U+2212 for the minus of an offset",
        applies: |both, difference| refused(difference, InvalidTimestamp) && has_time_with(both, '\u{2212}'),
    },
    Explanation {
        trap: "J25",
        clause: "CE-Type-System-l",
        reason: "the SDK takes a leap second at the end of any minute",
        applies: |both, difference| {
            refused(difference, InvalidTimestamp)
                && value(both, "time").is_some_and(|text| text.get(16..19) == Some(":60"))
        },
    },
    Explanation {
        trap: "J29",
        clause: "CE-Type-System-j",
        reason: "the SDK takes a URI with a fragment",
        applies: |both, difference| {
            refused(difference, InvalidUri)
                && value_of(both, difference).is_some_and(|text| text.contains('#'))
        },
    },
    Explanation {
        trap: "-",
        clause: "CE-dataschema-b",
        reason: "the SDK mends what is no URI by the rules of the WHATWG",
        applies: |both, difference| {
            refused(difference, InvalidUri)
                && value_of(both, difference).is_some_and(|text| !is_uri_text(&text))
        },
    },
    Explanation {
        trap: "J15",
        clause: "JSON-3.1.2-h",
        reason: "the SDK takes what begins with application/json for JSON",
        applies: |both, difference| {
            refused(difference, InvalidData)
                && !matches!(both.member("data"), None | Some(Tree::String(_)))
                && takes_wrongly_for_json(both)
        },
    },
    Explanation {
        trap: "-",
        clause: "SDK-Acceptance-a",
        reason: "the SDK takes any datacontentencoding, and ignores all but base64",
        applies: |both, difference| {
            both.is_03()
                && refuses(difference, "datacontentencoding")
                && matches!(
                    both.member("datacontentencoding"),
                    Some(Tree::String(text)) if !text.eq_ignore_ascii_case("base64")
                )
        },
    },
    // What the SDK refuses and we take.
    Explanation {
        trap: "J9",
        clause: "JSON-3.1.2-a",
        reason: "the SDK does not take data_base64 that is null for none",
        applies: |both, difference| {
            they_refuse(difference)
                && !both.is_03()
                && both.member("data_base64") == Some(Tree::Text("null".into()))
        },
    },
    Explanation {
        trap: "J22",
        clause: "JSON-3.1.2-d",
        reason: "the SDK has no place for numbers beyond the range of f64",
        applies: |both, difference| {
            they_refuse(difference) && both.member("data").is_some_and(|data| data.has_number_out_of_range())
        },
    },
    Explanation {
        trap: "-",
        clause: "JSON-3.1.2-d",
        reason: "the SDK refuses a lone surrogate within JSON data, which is JSON text",
        applies: |both, difference| {
            they_refuse(difference)
                && matches!(&both.member("data"), Some(Tree::Text(text)) if text.contains("\\ud"))
        },
    },
    Explanation {
        trap: "-",
        clause: "CE-Type-System-e",
        reason: "the SDK takes -0 for a fraction; the grammar of Integer has it",
        applies: |both, difference| {
            they_refuse(difference)
                && both
                    .tree()
                    .members()
                    .iter()
                    .any(|(name, value)| name != "data" && *value == Tree::Number("-0".into()))
        },
    },
    Explanation {
        trap: "-",
        clause: "CE-dataschema-b",
        reason: "the SDK refuses URIs that are no URLs by the rules of the WHATWG",
        applies: |both, difference| {
            they_refuse(difference) && !both.is_03() && is_uri_but_no_url(both, "dataschema")
        },
    },
    Explanation {
        trap: "-",
        clause: "SDK-Acceptance-a",
        reason: "the SDK refuses a schemaurl that is no URL; 0.3 has URI-references there",
        applies: |both, difference| {
            they_refuse(difference) && both.is_03() && is_uri_but_no_url(both, "schemaurl")
        },
    },
    Explanation {
        trap: "-",
        clause: "JSON-2.2-e",
        reason: "the SDK does not take datacontentencoding that is null for unset",
        applies: |both, difference| {
            they_refuse(difference)
                && both.is_03()
                && both.member("datacontentencoding") == Some(Tree::Text("null".into()))
        },
    },
    Explanation {
        trap: "J14",
        clause: "JSON-3.1.1-f",
        reason: "the SDK overlooks JSON content types with upper case or parameters, and refuses their values",
        applies: |both, difference| {
            they_refuse(difference)
                && overlooks_json(both)
                && !matches!(both.member("data"), Some(Tree::String(_)))
        },
    },
    Explanation {
        trap: "-",
        clause: "SDK-Acceptance-a",
        reason: "the SDK refuses base64 of 0.3 that is not JSON under a JSON content type, or none",
        applies: |both, difference| {
            they_refuse(difference)
                && is_base64_03(both)
                && both.content_type().is_none_or(|text| is_json_to_them(&text))
        },
    },
    // What both take and understand differently.
    Explanation {
        trap: "J27",
        clause: "CE-time-b",
        reason: "the SDK turns every timestamp into UTC",
        applies: |both, difference| {
            changed(difference, "time") && value(both, "time").is_some_and(|text| !text.ends_with(['z', 'Z']))
        },
    },
    Explanation {
        trap: "J27",
        clause: "CE-time-b",
        reason: "the SDK keeps nanoseconds, and writes 0, 3, 6 or 9 digits",
        applies: |both, difference| {
            changed(difference, "time")
                && value(both, "time").is_some_and(|text| text.contains('.') && text.ends_with('Z'))
        },
    },
    Explanation {
        trap: "J26",
        clause: "CE-time-b",
        reason: "the SDK writes T and Z in upper case",
        applies: |both, difference| {
            changed(difference, "time") && value(both, "time").is_some_and(|text| text.ends_with('z'))
        },
    },
    Explanation {
        trap: "J28",
        clause: "CE-dataschema-b",
        reason: "the SDK spells URIs as a WHATWG URL does",
        applies: |both, difference| changed(difference, "dataschema") && !both.is_03(),
    },
    Explanation {
        trap: "J28",
        clause: "SDK-Acceptance-a",
        reason: "the SDK spells URIs as a WHATWG URL does, in 0.3 too",
        applies: |both, difference| changed(difference, "schemaurl") && both.is_03(),
    },
    Explanation {
        trap: "J11",
        clause: "JSON-3.1.2-c",
        reason: "the SDK takes data_base64 without content type for JSON when it is JSON",
        applies: |both, difference| {
            both.has("data_base64") && !both.has("datacontenttype") && bytes_as_json(difference)
        },
    },
    Explanation {
        trap: "J12",
        clause: "JSON-3.1.2-a",
        reason: "the SDK forgets that data_base64 was bytes under what it takes for a JSON content type",
        applies: |both, difference| {
            both.has("data_base64")
                && both.content_type().is_some_and(|text| is_json_to_them(&text))
                && bytes_as_json(difference)
        },
    },
    Explanation {
        trap: "J12",
        clause: "SDK-Acceptance-a",
        reason: "the SDK forgets that base64 of 0.3 was bytes under what it takes for a JSON content type, or none",
        applies: |both, difference| {
            is_base64_03(both)
                && both.content_type().is_none_or(|text| is_json_to_them(&text))
                && bytes_as_json(difference)
        },
    },
    Explanation {
        trap: "J14",
        clause: "JSON-3.1.1-f",
        reason: "the SDK overlooks JSON content types with upper case or parameters, and takes strings for text",
        applies: |both, difference| {
            overlooks_json(both)
                && matches!(
                    difference,
                    Difference::Data { ours: Some(SeenData::Json(Tree::String(ours))), theirs: Some(SeenData::Text(theirs)) }
                        if ours == theirs
                )
        },
    },
    Explanation {
        trap: "J15",
        clause: "JSON-3.1.2-g",
        reason: "the SDK takes what begins with application/json, or ends with +json anywhere, for JSON",
        applies: |both, difference| {
            takes_wrongly_for_json(both)
                && matches!(
                    difference,
                    Difference::Data { ours: Some(SeenData::Text(ours)), theirs: Some(SeenData::Json(Tree::String(theirs))) }
                        if ours == theirs
                )
        },
    },
    Explanation {
        trap: "J22",
        clause: "JSON-3.1.2-d",
        reason: "the SDK holds numbers as i64, u64 or f64",
        applies: |_, difference| {
            matches!(
                difference,
                Difference::Data { ours: Some(SeenData::Json(ours)), theirs: Some(SeenData::Json(theirs)) }
                    if ours.same_but_numbers(theirs)
            )
        },
    },
    Explanation {
        trap: "-",
        clause: "JSON-3.1.2-d",
        reason: "the SDK keeps the last of two members of a name within the data",
        applies: |_, difference| {
            matches!(
                difference,
                Difference::Data { ours: Some(SeenData::Json(ours)), theirs: Some(SeenData::Json(_)) }
                    if ours.has_duplicates()
            )
        },
    },
];

fn attribute(difference: &Difference) -> Option<&str> {
    match difference {
        Difference::WeRefuse(error) => error.attribute(),
        _ => None,
    }
}

fn refused(difference: &Difference, kind: ErrorKind) -> bool {
    matches!(difference, Difference::WeRefuse(error) if error.kind() == kind)
}

fn refuses(difference: &Difference, name: &str) -> bool {
    attribute(difference) == Some(name)
}

fn they_refuse(difference: &Difference) -> bool {
    matches!(difference, Difference::TheyRefuse)
}

fn changed(difference: &Difference, attribute: &str) -> bool {
    matches!(
        difference,
        Difference::Attribute { name, ours: Some(SeenValue::Text(_)), theirs: Some(SeenValue::Text(_)) }
            if name == attribute
    )
}

fn bytes_as_json(difference: &Difference) -> bool {
    matches!(
        difference,
        Difference::Data { ours: Some(SeenData::Bytes(bytes)), theirs: Some(SeenData::Json(json)) }
            if String::from_utf8(bytes.clone()).is_ok_and(|text| Tree::parse(&text).same_but_numbers(json))
    )
}

fn value(both: &Both, name: &str) -> Option<String> {
    match both.member(name) {
        Some(Tree::String(text)) => Some(text),
        _ => None,
    }
}

/// The text of the attribute that we refuse.
fn value_of(both: &Both, difference: &Difference) -> Option<String> {
    value(both, attribute(difference)?)
}

fn has_time_with(both: &Both, character: char) -> bool {
    value(both, "time").is_some_and(|text| text.contains(character))
}

fn is_empty(both: &Both, difference: &Difference, name: &str) -> bool {
    refused(difference, EmptyAttribute)
        && refuses(difference, name)
        && value(both, name) == Some(String::new())
}

/// Only characters that URIs have, and no broken escapes.
fn is_uri_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.bytes().enumerate().all(|(at, byte)| match byte {
        b'%' => bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)),
        b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
        byte => byte.is_ascii_graphic(),
    })
}

fn is_uri_but_no_url(both: &Both, name: &str) -> bool {
    use cloudevents::event::TryIntoUrl;
    value(both, name).is_some_and(|text| is_uri_text(&text) && text.into_url().is_err())
}

/// The rule of the specification, once more: the subtype is json, or ends with +json.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.split_once('/').is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// The rule of the SDK.
fn is_json_to_them(content_type: &str) -> bool {
    content_type.starts_with("application/json")
        || content_type.starts_with("text/json")
        || content_type.ends_with("+json")
}

fn overlooks_json(both: &Both) -> bool {
    both.content_type().is_some_and(|text| is_json(&text) && !is_json_to_them(&text))
}

fn takes_wrongly_for_json(both: &Both) -> bool {
    both.content_type().is_some_and(|text| !is_json(&text) && is_json_to_them(&text))
}

fn is_base64_03(both: &Both) -> bool {
    both.is_03() && value(both, "datacontentencoding").is_some_and(|text| text.eq_ignore_ascii_case("base64"))
}
