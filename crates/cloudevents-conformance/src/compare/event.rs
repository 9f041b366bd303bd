//! Events: by specversion, by attributes, and by data.

use std::collections::BTreeMap;

use cloudevents_vectors::{JsonComparison, PayloadComparison};

use crate::infoset;
use crate::tree::{
    self,
    json::{self, Json, Text},
};

use super::added::{TIME, is_timestamp};
use super::how::{CONTENT_TYPE, Implied, TIMESTAMP, is_extension};
use super::{Difference, How, MOST, Path, bytes, forms, media_type};

/// Notes where a list of events is not the wanted one.
pub(crate) fn diff_all(path: &Path, how: &How, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
    match (wanted.items(), got.items()) {
        (Some(wanted), Some(got)) => {
            if wanted.len() != got.len() {
                let count = |events: &[Json]| format!("{} events", events.len());
                differences.push(path.differs(count(wanted), count(got)));
            }
            for (index, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                diff(&path.item(index), how, wanted, got, differences);
            }
        }
        _ => differences.push(path.differs(wanted, got)),
    }
}

/// Notes where an event is not the wanted one.
pub(crate) fn diff(path: &Path, how: &How, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
    if !got.is_object() {
        differences.push(path.differs(wanted, got));
        return;
    }
    member(path, "specversion", wanted, got, differences);
    let path_of_attributes = path.member("attributes");
    let implies_json = match how.implied {
        Implied::None => false,
        Implied::NoBytes => {
            // The sentence about bytes is of version 1.0.
            let is_old = wanted.get("specversion").and_then(Json::as_str) == Some("0.3");
            is_old || wanted.get("data").is_none_or(|data| data.get("binary").is_none())
        }
        Implied::All => true,
    };
    let of_both = (wanted.get("attributes"), got.get("attributes"));
    attributes(&path_of_attributes, how, implies_json, of_both, differences);
    let path = path.member("data");
    match (wanted.get("data"), got.get("data")) {
        (None, None) => (),
        (Some(one), None) | (None, Some(one)) if how.empty_is_none && is_empty(one) => (),
        (None, Some(got)) if how.null_is_none && is_null(got) => (),
        (Some(wanted), None) => differences.push(path.differs(wanted, "no payload")),
        (None, Some(got)) => differences.push(path.differs("no payload", got)),
        (Some(wanted), Some(got)) => data(&path, how, wanted, got, differences),
    }
}

/// Whether a payload is no bytes or no characters.
fn is_empty(data: &Json) -> bool {
    ["binary", "text"].iter().any(|kind| data.get(kind).and_then(Json::as_str).is_some_and(str::is_empty))
}

/// Whether a payload is the JSON value `null`, of any kind.
fn is_null(data: &Json) -> bool {
    [("json", "null"), ("text", "null"), ("binary", "bnVsbA==")]
        .iter()
        .any(|(kind, text)| data.get(kind).and_then(Json::as_str) == Some(text))
}

fn attributes(
    path: &Path,
    how: &How,
    implies_json: bool,
    (wanted, got): (Option<&Json>, Option<&Json>),
    differences: &mut Vec<Difference>,
) {
    let by_name = |attributes: Option<&'_ Json>| -> BTreeMap<Text, Json> {
        attributes.map(Json::members).unwrap_or_default().iter().cloned().collect()
    };
    let (wanted, mut got) = (by_name(wanted), by_name(got));
    for (name, wanted) in &wanted {
        let attribute = name.as_str().unwrap_or_default();
        let path = path.member(&name.to_string());
        match got.remove(name) {
            None => differences.push(path.differs(wanted, "nothing")),
            Some(got) if how.canonical_strings && is_canonical_string(how, wanted, &got) => (),
            Some(got) if how.canonical_strings && is_same_reference(wanted, &got) => (),
            Some(got) if is_extension(attribute) && is_of_text(how, wanted, &got) => (),
            Some(got) => {
                member(&path, "type", wanted, &got, differences);
                let spelled_alike = || {
                    let values = wanted.get("value").zip(got.get("value"));
                    values.is_some_and(|(wanted, got)| how.is_spelled_alike(attribute, wanted, got))
                };
                if !same_timestamp(how, wanted, &got) && !spelled_alike() {
                    member(&path, "value", wanted, &got, differences);
                }
            }
        }
    }
    for (name, got) in got.into_iter().take(MOST) {
        if how.may_add_time && name.as_str() == Some(TIME) && is_time(&got) {
            continue;
        }
        if implies_json && name.as_str() == Some(CONTENT_TYPE) && is_json(&got) {
            continue;
        }
        differences.push(path.member(&name.to_string()).differs("nothing", got));
    }
}

/// Whether an attribute of another type came as the String that is its canonical text.
fn is_canonical_string(how: &How, wanted: &Json, got: &Json) -> bool {
    if type_of(got) != Some("String") || type_of(wanted).is_none_or(|name| name == "String") {
        return false;
    }
    let is_timestamp = type_of(wanted) == Some(TIMESTAMP);
    let (Some(wanted), Some(got)) = (wanted.get("value"), got.get("value").and_then(Json::as_str)) else {
        return false;
    };
    match wanted.as_str() {
        Some(text) => text == got || is_timestamp && how.same_instant(text, got),
        // An Integer or a Boolean, whose canonical text is that of JSON.
        None => wanted.to_string() == got,
    }
}

/// Whether a URI came as a URI-reference, or the other way round: most native types are of both.
fn is_same_reference(wanted: &Json, got: &Json) -> bool {
    let is_reference = |value: &Json| matches!(type_of(value), Some("URI" | "URI-reference"));
    let text = |value: &Json| value.get("value").and_then(Json::as_str).map(str::to_owned);
    is_reference(wanted) && is_reference(got) && text(wanted).is_some() && text(wanted) == text(got)
}

/// Whether a String came as a value of another type that has the same canonical text. The carrier has to write both alike.
fn is_of_text(how: &How, wanted: &Json, got: &Json) -> bool {
    let (Some("String"), Some(of_type)) = (type_of(wanted), type_of(got)) else { return false };
    let Some((text, value)) = wanted.get("value").zip(got.get("value")) else { return false };
    let same_text = || {
        text.as_str().zip(value.as_str()).is_some_and(|(text, value)| match of_type {
            TIMESTAMP => how.same_instant(text, value),
            _ => text == value,
        })
    };
    how.written_alike.contains(&of_type) && (same_text() || forms::is_canonical_string(value, text))
}

/// Whether an attribute is the content type that the JSON format implies.
fn is_json(attribute: &Json) -> bool {
    attribute.get("value").and_then(Json::as_str).is_some_and(media_type::is_json)
}

/// Whether two attributes are timestamps that are the same.
fn same_timestamp(how: &How, wanted: &Json, got: &Json) -> bool {
    let (wanted, got) = (timestamp(wanted), timestamp(got));
    wanted.zip(got).is_some_and(|(wanted, got)| how.same_instant(wanted, got))
}

/// Whether an attribute is a timestamp that names an instant.
fn is_time(attribute: &Json) -> bool {
    timestamp(attribute).is_some_and(is_timestamp)
}

/// The text of an attribute of the type Timestamp.
fn timestamp(attribute: &Json) -> Option<&str> {
    let is_timestamp = type_of(attribute) == Some(TIMESTAMP);
    attribute.get("value").and_then(Json::as_str).filter(|_| is_timestamp)
}

/// The type that an attribute is called.
fn type_of(attribute: &Json) -> Option<&str> {
    attribute.get("type").and_then(Json::as_str)
}

fn member(path: &Path, name: &str, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
    let path = path.member(name);
    match (wanted.get(name), got.get(name)) {
        (Some(wanted), Some(got)) => json::diff(&path, wanted, got, differences),
        (Some(wanted), None) => differences.push(path.differs(wanted, "nothing")),
        (None, _) => (),
    }
}

/// Whether characters with half a surrogate pair have the octets that are wanted.
fn is_half_a_pair(wanted: &Json, got: &Json) -> bool {
    got.unpaired().is_some_and(|got| bytes::base64(wanted).is_ok_and(|wanted| wanted == got))
}

fn data(path: &Path, how: &How, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
    let ([(wanted_kind, wanted_value)], [(got_kind, got_value)]) = (wanted.members(), got.members()) else {
        return json::diff(path, wanted, got, differences);
    };
    if wanted_kind != got_kind {
        match spelled(got_kind, got_value) {
            Some(text) if how.payload == PayloadComparison::Json && wanted_kind.as_str() == Some("json") => {
                json_text(path, how, wanted_value, &text, differences);
            }
            // An implementation may hold an element as its characters or octets.
            Some(text) if wanted_kind.as_str() == Some("xml") && is_same_element(wanted_value, &text) => (),
            _ if is_half_a_pair(wanted_value, got_value) => (),
            _ => differences.push(path.differs(wanted, got)),
        }
        return;
    }
    let path = path.member(&wanted_kind.to_string());
    match wanted_kind.as_str() {
        Some("json") if how.json != JsonComparison::Text => {
            json_text(&path, how, wanted_value, got_value, differences)
        }
        Some("cbor") => cbor(&path, wanted_value, got_value, differences),
        Some("binary") => base64(&path, wanted_value, got_value, differences),
        Some("xml") => xml(&path, wanted_value, got_value, differences),
        Some("proto") => {
            member(&path, "typeurl", wanted_value, got_value, differences);
            match (wanted_value.get("value"), got_value.get("value")) {
                (Some(wanted), Some(got)) => base64(&path.member("value"), wanted, got, differences),
                _ => member(&path, "value", wanted_value, got_value, differences),
            }
        }
        _ => json::diff(&path, wanted_value, got_value, differences),
    }
}

/// The characters of a payload of the kind `text` or `binary`.
fn spelled(kind: &Text, value: &Json) -> Option<Json> {
    match kind.as_str() {
        Some("text") => Some(value.clone()),
        Some("binary") => {
            let octets = bytes::base64(value).ok()?;
            Some(Json::from(&std::str::from_utf8(&octets).ok()?.into()))
        }
        _ => None,
    }
}

/// Compares JSON that is given as text. If one of the two is not JSON, their texts are compared.
fn json_text(path: &Path, how: &How, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
    let parsed = |value: &Json| value.as_str().map(json::parse);
    match (parsed(wanted), parsed(got)) {
        (Some(Ok(wanted)), Some(Ok(mut got))) => {
            how.spell_payload_alike(&wanted, &mut got);
            json::diff(path, &wanted, &got, differences);
        }
        (Some(Ok(wanted)), Some(Err(reason))) => {
            differences.push(path.differs(wanted, format!("text that is not JSON ({reason}): {got}")));
        }
        _ => json::diff(path, wanted, got, differences),
    }
}

/// Compares elements by their infosets: declarations of namespaces that nothing uses, the order of attributes, and the two ways to
/// write an element without content make no difference.
fn xml(path: &Path, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
    if !is_same_element(wanted, got) {
        json::diff(path, wanted, got, differences);
    }
}

fn is_same_element(wanted: &Json, got: &Json) -> bool {
    wanted.as_str().zip(got.as_str()).is_some_and(|(one, other)| infoset::same(one, other))
}

/// Compares CBOR items. Widths of lengths and numbers and the order of members make no difference. Bytes compare if one is no item.
fn cbor(path: &Path, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
    let parsed = |value: &Json| bytes::base64(value).ok().and_then(|item| tree::cbor::parse(&item).ok());
    match (parsed(wanted), parsed(got)) {
        (Some(wanted), Some(got)) => tree::node::diff(path, &wanted, &got, differences),
        _ => base64(path, wanted, got, differences),
    }
}

fn base64(path: &Path, wanted: &Json, got: &Json, differences: &mut Vec<Difference>) {
    match (bytes::base64(wanted), bytes::base64(got)) {
        (Ok(wanted), Ok(got)) => bytes::diff(path, &wanted, &got, differences),
        (Ok(wanted), Err(got)) => differences.push(path.differs(bytes::show(&wanted), got)),
        (Err(_), _) => json::diff(path, wanted, got, differences),
    }
}

#[cfg(test)]
mod tests {
    use cloudevents_vectors::JsonComparison::{Double, Text, Value};
    use cloudevents_vectors::TimestampComparison;

    use super::*;

    fn differences(json: JsonComparison, wanted: &str, got: &str) -> Vec<String> {
        how_differences(&How { json, ..How::default() }, wanted, got)
    }

    fn how_differences(how: &How, wanted: &str, got: &str) -> Vec<String> {
        let mut found = Vec::new();
        let parse = |text: &str| json::parse(text).unwrap();
        diff_all(&Path::new("events"), how, &parse(wanted), &parse(got), &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    fn event(attributes: &str, data: &str) -> String {
        format!(r#"[{{"specversion":"1.0","attributes":{{{attributes}}}{data}}}]"#)
    }

    #[test]
    fn attributes_compare_by_name_type_and_value() {
        let wanted = event(r#""id":{"type":"String","value":"1"},"n":{"type":"Integer","value":1}"#, "");
        assert_eq!(differences(Value, &wanted, &wanted), [""; 0]);
        let got = event(
            r#""n":{"type":"Integer","value":1.0},"id":{"type":"URI","value":"1"},"x":{"type":"String","value":""}"#,
            "",
        );
        assert_eq!(
            differences(Value, &wanted, &got),
            [
                "events[0].attributes.id.type: expected \"String\", got \"URI\"",
                "events[0].attributes.n.value: expected 1, got 1.0",
                "events[0].attributes.x: unexpected: {\"type\":\"String\",\"value\":\"\"}",
            ]
        );
        assert_eq!(differences(Value, &wanted, &event("", "")).len(), 2);
    }

    #[test]
    fn a_value_may_come_as_its_canonical_string() {
        let strings = How { canonical_strings: true, ..How::default() };
        for (wanted, same, other) in [
            (r#"{"type":"Integer","value":-30}"#, "-30", "-030"),
            (r#"{"type":"Boolean","value":true}"#, "true", "True"),
            (r#"{"type":"Binary","value":"AP8="}"#, "AP8=", "AP8"),
            (r#"{"type":"URI","value":"urn:a"}"#, "urn:a", "urn:A"),
            (
                r#"{"type":"Timestamp","value":"2018-04-05T17:31:00Z"}"#,
                "2018-04-05T17:31:00.0Z",
                "2018-04-05",
            ),
        ] {
            let wanted = event(&format!(r#""x":{wanted}"#), "");
            let string = |text: &str| event(&format!(r#""x":{{"type":"String","value":"{text}"}}"#), "");
            assert_eq!(how_differences(&strings, &wanted, &string(same)), [""; 0]);
            assert_ne!(how_differences(&strings, &wanted, &string(other)), [""; 0], "{other}");
            assert_ne!(how_differences(&How::default(), &wanted, &string(same)), [""; 0], "{same}");
            // What is a String is none of another type.
            assert_ne!(how_differences(&strings, &string(same), &wanted), [""; 0], "{same}");
        }
    }

    #[test]
    fn a_uri_may_come_as_a_reference_and_a_reference_as_a_uri() {
        let found = |canonical_strings, wanted: [&str; 2], got: [&str; 2]| {
            let how = How { canonical_strings, ..How::default() };
            let of = |[of_type, value]: [&str; 2]| {
                event(&format!(r#""x":{{"type":"{of_type}","value":"{value}"}}"#), "")
            };
            how_differences(&how, &of(wanted), &of(got)).len()
        };
        let (uri, reference) = (["URI", "urn:a"], ["URI-reference", "urn:a"]);
        for (one, other) in [(uri, reference), (reference, uri)] {
            assert_eq!((found(true, one, other), found(false, one, other)), (0, 1));
        }
        assert_ne!(found(true, uri, ["URI-reference", "urn:b"]), 0);
        assert_ne!(found(true, uri, ["Binary", "urn:a"]), 0);
    }

    #[test]
    fn a_text_without_a_type_may_come_as_the_type_whose_canonical_string_it_is() {
        const TYPES: &[&str] = &["Integer", "Boolean", "Timestamp", "URI"];
        let untyped = How { written_alike: TYPES, ..How::default() };
        let attribute = |name: &str, typed: &str| event(&format!(r#""{name}":{typed}"#), "");
        let string =
            |name: &str, text: &str| attribute(name, &format!(r#"{{"type":"String","value":"{text}"}}"#));
        for (text, same, others) in [
            (
                "-5",
                r#"{"type":"Integer","value":-5}"#,
                [r#"{"type":"Integer","value":5}"#, r#"{"type":"URI-reference","value":"-5"}"#],
            ),
            (
                "true",
                r#"{"type":"Boolean","value":true}"#,
                [r#"{"type":"Boolean","value":false}"#, r#"{"type":"Integer","value":1}"#],
            ),
            (
                "2018-04-05T17:31:00Z",
                r#"{"type":"Timestamp","value":"2018-04-05T18:31:00.0+01:00"}"#,
                [
                    r#"{"type":"Timestamp","value":"2018-04-05T17:31:01Z"}"#,
                    r#"{"type":"URI","value":"2018-04-05T17:31:01Z"}"#,
                ],
            ),
            (
                "urn:a",
                r#"{"type":"URI","value":"urn:a"}"#,
                [r#"{"type":"URI","value":"urn:A"}"#, r#"{"type":"Binary","value":"urn:a"}"#],
            ),
            (
                "0042",
                r#"{"type":"String","value":"0042"}"#,
                [r#"{"type":"Integer","value":42}"#, r#"{"type":"String","value":"42"}"#],
            ),
        ] {
            assert_eq!(
                how_differences(&untyped, &string("x", text), &attribute("x", same)),
                [""; 0],
                "{text}"
            );
            for other in others {
                assert_ne!(
                    how_differences(&untyped, &string("x", text), &attribute("x", other)),
                    [""; 0],
                    "{other}"
                );
            }
        }
        let five = r#"{"type":"Integer","value":5}"#;
        // The specification says the types of its own attributes, and a format those of all.
        assert_ne!(how_differences(&untyped, &string("id", "5"), &attribute("id", five)), [""; 0]);
        assert_ne!(how_differences(&How::default(), &string("x", "5"), &attribute("x", five)), [""; 0]);
    }

    #[test]
    fn a_content_type_may_come_in_another_spelling() {
        let found = |any_spelling, name: &str, got: &str| {
            let how = How { any_spelling, ..How::default() };
            let attribute = |text: &str| {
                event(&format!(r#""{name}":{{"type":"String","value":{}}}"#, serde_json::json!(text)), "")
            };
            how_differences(&how, &attribute("Text/Plain; Charset=\"utf-8\""), &attribute(got)).len()
        };
        let (same, other) = ("text/plain;charset=utf-8", "text/plain");
        assert_eq!((found(true, CONTENT_TYPE, same), found(false, CONTENT_TYPE, same)), (0, 1));
        assert_eq!((found(true, CONTENT_TYPE, other), found(true, "x", same)), (1, 1));
    }

    #[test]
    fn the_content_type_that_the_json_format_implies_may_be_stated() {
        let json = r#""datacontenttype":{"type":"String","value":"application/json"}"#;
        let implied = |implied, data: &str, stated: &str| {
            let how = How { implied, ..How::default() };
            how_differences(&how, &event("", data), &event(stated, data)).len()
        };
        let (value, bytes) = (r#","data":{"json":"1"}"#, r#","data":{"binary":"AA=="}"#);
        for data in ["", value] {
            assert_eq!(implied(Implied::NoBytes, data, json), 0, "{data}");
            assert_eq!(implied(Implied::None, data, json), 1, "{data}");
        }
        assert_eq!((implied(Implied::NoBytes, bytes, json), implied(Implied::All, bytes, json)), (1, 0));
        assert_eq!(implied(Implied::All, value, &json.replace("/json", "/xml")), 1);
        // One that is stated stays.
        let how = How { implied: Implied::All, ..How::default() };
        assert_eq!(how_differences(&how, &event(json, value), &event("", value)).len(), 1);
    }

    #[test]
    fn specversion_and_the_number_of_events_count() {
        let wanted = event("", "");
        assert_eq!(
            differences(Value, &wanted, &wanted.replace("1.0", "0.3")),
            ["events[0].specversion: expected \"1.0\", got \"0.3\""]
        );
        assert_eq!(differences(Value, &wanted, "[]"), ["events: expected 1 events, got 0 events"]);
        assert_eq!(differences(Value, &wanted, "{}").len(), 1);
        assert_eq!(differences(Value, &wanted, "[1]").len(), 1);
    }

    #[test]
    fn payloads_compare_by_their_kind() {
        let pairs: [(&str, &str, usize); 22] = [
            (r#"{"json":"{\"a\":1,\"b\":2}"}"#, r#"{"json":"{ \"b\":2, \"a\":1 }"}"#, 0),
            (r#"{"json":"1.0"}"#, r#"{"json":"1"}"#, 1),
            (r#"{"json":"1"}"#, r#"{"json":"x"}"#, 1),
            (r#"{"json":"1"}"#, r#"{"json":1}"#, 1),
            (r#"{"json":"\"a\""}"#, r#"{"text":"a"}"#, 1),
            (r#"{"json":"null"}"#, "null", 1),
            (r#"{"text":"a"}"#, r#"{"text":"a"}"#, 0),
            (r#"{"text":"a"}"#, r#"{"text":"b"}"#, 1),
            (r#"{"binary":"YQ=="}"#, r#"{"binary":"YQ=="}"#, 0),
            (r#"{"binary":"YQ=="}"#, r#"{"binary":"Yg=="}"#, 1),
            (r#"{"binary":"YQ=="}"#, r#"{"binary":"YQ"}"#, 1),
            (r#"{"binary":""}"#, r#"{"text":""}"#, 1),
            (r#"{"proto":{"typeurl":"t","value":"YQ=="}}"#, r#"{"proto":{"value":"YQ==","typeurl":"t"}}"#, 0),
            (r#"{"proto":{"typeurl":"t","value":"YQ=="}}"#, r#"{"proto":{"typeurl":"u","value":""}}"#, 2),
            (r#"{"xml":"<a/>"}"#, r#"{"xml":"<b/>"}"#, 1),
            (r#"{"xml":"<a/>"}"#, r#"{"text":"<a></a>"}"#, 0),
            (r#"{"xml":"<a/>"}"#, r#"{"binary":"PGEvPg=="}"#, 0),
            (r#"{"xml":"<a/>"}"#, r#"{"text":"<b/>"}"#, 1),
            (r#"{"text":"<a/>"}"#, r#"{"xml":"<a/>"}"#, 1),
            // The number 5 in one byte and in nine, the number 6, and half a number.
            (r#"{"cbor":"BQ=="}"#, r#"{"cbor":"GwAAAAAAAAAF"}"#, 0),
            (r#"{"cbor":"BQ=="}"#, r#"{"cbor":"Bg=="}"#, 1),
            (r#"{"cbor":"BQ=="}"#, r#"{"cbor":"Gw=="}"#, 1),
        ];
        for (wanted, got, count) in pairs {
            let event = |data: &str| event("", &format!(r#","data":{data}"#));
            assert_eq!(differences(Value, &event(wanted), &event(got)).len(), count, "{wanted} {got}");
        }
    }

    #[test]
    fn an_empty_payload_is_an_absent_one_where_the_carrier_has_but_one_of_them() {
        let how = How { empty_is_none: true, ..How::default() };
        let none = event("", "");
        for empty in [r#"{"binary":""}"#, r#"{"text":""}"#] {
            let empty = event("", &format!(r#","data":{empty}"#));
            assert_eq!(how_differences(&how, &none, &empty), [""; 0]);
            assert_eq!(how_differences(&how, &empty, &none), [""; 0]);
            assert_eq!(differences(Value, &none, &empty).len(), 1);
            assert_eq!(differences(Value, &empty, &none).len(), 1);
        }
        let some = event("", r#","data":{"json":"\"\""}"#);
        assert_eq!(how_differences(&how, &none, &some).len(), 1);
    }

    #[test]
    fn a_null_payload_is_not_an_absent_one() {
        let null = event("", r#","data":{"json":"null"}"#);
        assert_eq!(
            differences(Value, &null, &event("", "")),
            ["events[0].data: expected {\"json\":\"null\"}, got no payload"]
        );
        assert_eq!(differences(Value, &event("", ""), &null).len(), 1);
    }

    #[test]
    fn the_value_null_is_none_where_the_carrier_has_but_one_of_them() {
        let how = How { null_is_none: true, ..How::default() };
        let data = |data: &str| event("", &format!(r#","data":{data}"#));
        let none = event("", "");
        for null in [r#"{"json":"null"}"#, r#"{"text":"null"}"#, r#"{"binary":"bnVsbA=="}"#] {
            assert_eq!(how_differences(&how, &none, &data(null)), [""; 0]);
            // What is stated as a payload is one.
            assert_eq!(how_differences(&how, &data(null), &none).len(), 1);
        }
        assert_eq!(how_differences(&how, &none, &data(r#"{"json":"0"}"#)).len(), 1);
    }

    #[test]
    fn a_json_value_without_a_text_has_any() {
        let data = |kind: &str, value: &str| {
            event("", &format!(r#","data":{{"{kind}":{}}}"#, serde_json::json!(value)))
        };
        let wanted = data("json", r#"{"a":"\u007f","b":1}"#);
        let how = How { payload: PayloadComparison::Json, ..How::default() };
        let spaced = "{ \"b\": 1, \"a\": \"\u{7f}\" }";
        let octets = "eyAiYiI6IDEsICJhIjogIn8iIH0=";
        for (got, free, strict) in [
            (data("text", spaced), 0, 1),
            (data("binary", octets), 0, 1),
            (data("text", "{\"b\":2,\"a\":\"\u{7f}\"}"), 1, 1),
            (data("text", "no JSON"), 1, 1),
            (data("binary", "/w=="), 1, 1),
            (data("xml", spaced), 1, 1),
        ] {
            assert_eq!(how_differences(&how, &wanted, &got).len(), free, "{got}");
            assert_eq!(differences(Value, &wanted, &got).len(), strict, "{got}");
        }
        // What is stated as text compares as text.
        let text = data("text", "{}");
        assert_eq!(how_differences(&how, &text, &data("text", "{ }")).len(), 1);
        assert_eq!(how_differences(&how, &text, &data("json", "{}")).len(), 1);
    }

    #[test]
    fn json_can_compare_as_text() {
        let (wanted, got) = (r#","data":{"json":"[1]"}"#, r#","data":{"json":"[ 1 ]"}"#);
        assert_eq!(differences(Value, &event("", wanted), &event("", got)), [""; 0]);
        assert_eq!(differences(Text, &event("", wanted), &event("", got)).len(), 1);
    }

    #[test]
    fn json_can_compare_by_doubles() {
        let (wanted, got) = (r#","data":{"json":"[1.10]"}"#, r#","data":{"json":"[ 1.1 ]"}"#);
        assert_eq!(differences(Double, &event("", wanted), &event("", got)), [""; 0]);
        assert_eq!(differences(Value, &event("", wanted), &event("", got)).len(), 1);
    }

    #[test]
    fn numbers_of_payloads_may_be_written_as_doubles_are() {
        let how = How { any_spelling: true, ..How::default() };
        let found = |how: &How, wanted: &str, got: &str| {
            let event = |json: &str| event("", &format!(r#","data":{{"json":"{json}"}}"#));
            how_differences(how, &event(wanted), &event(got)).len()
        };
        for (wanted, got) in [("1", "1.0"), ("[[1.50]]", "[[1.5]]")] {
            assert_eq!((found(&how, wanted, got), found(&How::default(), wanted, got)), (0, 1), "{wanted}");
        }
        for (wanted, got) in [("1", "1.5"), ("9007199254740993", "9007199254740992.0"), ("1", "true")] {
            assert_eq!(found(&how, wanted, got), 1, "{wanted}");
        }
        let text = How { json: Text, ..how };
        assert_eq!(found(&text, "1", "1.0"), 1);
    }

    #[test]
    fn timestamps_compare_by_their_instants() {
        let attribute = |of_type: &str, value: &str| {
            event(&format!(r#""x":{{"type":"{of_type}","value":"{value}"}}"#), "")
        };
        let (one, same) = ("2018-04-05T17:31:00Z", "2018-04-05T18:31:00.000+01:00");
        let other = "2018-04-05T17:31:00.000000001Z";
        let by_instant = |wanted: &str, got: &str| how_differences(&How::default(), wanted, got);
        let (wanted, got) = (attribute("Timestamp", one), attribute("Timestamp", same));
        assert_eq!(by_instant(&wanted, &got), [""; 0]);
        let how = How { timestamp: TimestampComparison::Text, ..How::default() };
        assert_eq!(how_differences(&how, &wanted, &got).len(), 1);
        assert_eq!(by_instant(&wanted, &attribute("Timestamp", other)).len(), 1);
        assert_eq!(by_instant(&wanted, &attribute("String", one)).len(), 1);
        assert_eq!(by_instant(&attribute("String", one), &attribute("String", same)).len(), 1);
    }
}
