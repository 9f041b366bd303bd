//! Bodies of messages: documents of a format compare as trees of its notation, anything else as bytes.

use cloudevents_vectors::JsonComparison;

use crate::tree::json::{self, Json};
use crate::tree::xml;

use super::{Difference, How, Path, bytes, media_type};

/// The notation of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    /// An event, or a batch of them, in the JSON format.
    Json,
    /// An event, or a batch of them, in the XML format.
    Xml,
    /// Bytes that mean nothing here: a payload, or a format without a tree of its own.
    Opaque,
}

impl Notation {
    /// The notation of the format of this name, `json-batch` and the like included.
    pub(crate) fn of_format(name: &str) -> Self {
        match name {
            "json" | "json-batch" => Notation::Json,
            "xml" | "xml-batch" => Notation::Xml,
            _ => Notation::Opaque,
        }
    }

    /// The notation of a message with this content type.
    pub(crate) fn of_content_type(content_type: &str) -> Self {
        let essence = media_type::essence(content_type);
        let format = ["application/cloudevents+", "application/cloudevents-batch+"]
            .iter()
            .find_map(|prefix| essence.strip_prefix(prefix));
        format.map_or(Notation::Opaque, Notation::of_format)
    }
}

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
        return diff_xml(path, wanted, got, differences);
    }
    let wanted_document = (notation == Notation::Json).then(|| parse(wanted).ok()).flatten();
    match wanted_document {
        // Also a document that is wanted although it is not of the format.
        None => bytes::diff(path, wanted, got, differences),
        Some((wanted_text, wanted)) => match parse(got) {
            Ok((got_text, mut got)) => {
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

fn diff_xml(path: &Path, wanted: &[u8], got: &[u8], differences: &mut Vec<Difference>) {
    let read = |body: &[u8]| {
        let text = str::from_utf8(body).map_err(|error| error.to_string())?;
        xml::parse(text).map(xml::normalized)
    };
    match (read(wanted), read(got)) {
        // Also a document that is wanted although it is not of the format.
        (Err(_), _) => bytes::diff(path, wanted, got, differences),
        (Ok(wanted_tree), Ok(got_tree)) if wanted_tree == got_tree => {}
        (Ok(_), Ok(_)) => differences.push(path.differs(bytes::show(wanted), bytes::show(got))),
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
        for opaque in ["application/json", "application/cloudevents+jsonx", "application/xml", ""] {
            assert_eq!(Notation::of_content_type(opaque), Notation::Opaque, "{opaque}");
        }
    }

    #[test]
    fn documents_compare_as_trees_and_payloads_as_bytes() {
        let (wanted, got) = (r#"{"id":"1","data":[1]}"#, br#"{ "data": [ 1 ], "id": "1" }"#);
        assert_eq!(differences(Notation::Json, Value, wanted, got), [""; 0]);
        assert_eq!(differences(Notation::Opaque, Value, wanted, got).len(), 1);
        assert_eq!(
            differences(Notation::Json, Text, wanted, got),
            ["body.data: wanted the text [1], got the text [ 1 ]"]
        );
        assert_eq!(
            differences(
                Notation::Json,
                Text,
                r#"[{"data":1},{"data":"a"}]"#,
                br#"[{"data":1},{"data":"\u0061"}]"#
            ),
            ["body[1].data: wanted the text \"a\", got the text \"\\u0061\""]
        );
    }

    #[test]
    fn times_compare_by_their_instants_and_payloads_by_their_text() {
        let (wanted, got) =
            (r#"[{"time":"2018-04-05T17:31:00Z"}]"#, br#"[{"time":"2018-04-05T18:31:00.0+01:00"}]"#);
        assert_eq!(differences(Notation::Json, Value, wanted, got), [""; 0]);
        assert_eq!(
            differences(Notation::Json, Value, wanted, br#"[{"time":"2018-04-05T18:31:00.1+01:00"}]"#),
            ["body[0].time: wanted \"2018-04-05T17:31:00Z\", got \"2018-04-05T18:31:00.1+01:00\""]
        );
        let (wanted, got) = (
            r#"{"x":"2018-04-05T17:31:00Z","data":{"time":"2018-04-05T17:31:00Z"}}"#,
            br#"{"x":"2018-04-05T17:31:00.0Z","data":{"time":"2018-04-05T17:31:00.0Z"}}"#,
        );
        assert_eq!(differences(Notation::Json, Value, wanted, got).len(), 2);
    }

    #[test]
    fn numbers_of_payloads_can_be_doubles() {
        let (wanted, got) = (r#"{"x":1,"data":[0.10]}"#, br#"{"x":1.0,"data":[0.1]}"#);
        assert_eq!(differences(Notation::Json, Double, wanted, got), ["body.x: wanted 1, got 1.0"]);
        assert_eq!(differences(Notation::Json, Value, wanted, got).len(), 2);
    }

    #[test]
    fn a_body_that_is_not_json_is_told() {
        let [difference] = differences(Notation::Json, Value, "{}", b"\xff").try_into().unwrap();
        assert!(difference.starts_with("body: wanted {}, got text that is not JSON"), "{difference}");
    }

    #[test]
    fn a_wanted_body_that_is_not_json_compares_as_bytes() {
        assert_eq!(differences(Notation::Json, Value, "{oops", b"{oops"), [""; 0]);
        assert_eq!(differences(Notation::Json, Value, "{oops", b"{}").len(), 1);
    }
}
