//! Tests of the XML format. Each is an element of a file; the document that is read is that element, with the declarations of the file.

use std::fmt::Write;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Value, json};

use super::{case, golden};

/// The tests refer to the types of XML Schema with this prefix, and do not declare it.
const SCHEMA: &str = r#" xmlns:xs="http://www.w3.org/2001/XMLSchema""#;

/// The values of the attributes of `test`.
#[derive(Default)]
struct Test {
    id: String,
    title: Option<String>,
    sample: Option<String>,
    kind: String,
    /// Its reader has to know extensions beforehand, or rules of its own for them.
    foreknowledge: bool,
    document: Option<String>,
}

/// The tests of a file. A test that is refused only by a reader that knows extensions beforehand is left out: the protocol has no such
/// thing.
pub(super) fn format_tests(text: &str) -> Result<Vec<Value>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader::from_str(text);
    let (mut open, mut declared, mut default_kind) = (0_usize, String::new(), String::new());
    let (mut begin, mut test, mut tests) = (0, Test::default(), Vec::new());
    loop {
        let before = position(&reader);
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match (&event, open) {
            (Event::Start(root), 0) => {
                default_kind = attribute(root, "testType")?.unwrap_or_default();
                declared = declarations(root)?;
            }
            (Event::Start(start), 1) => test = described(start, &default_kind)?,
            (Event::Start(_) | Event::Empty(_), 2) => begin = before,
            _ => (),
        }
        match event {
            Event::Start(_) => open = open.saturating_add(1),
            Event::End(_) => open = open.saturating_sub(1),
            Event::Eof if open == 0 => break,
            Event::Eof => return Err("the document ends early".into()),
            Event::Empty(_) if open == 2 => (),
            _ => continue,
        }
        let here = position(&reader);
        if open == 2 && here > begin && begin > 0 && test.document.is_none() {
            test.document = Some(declaring(text.get(begin..here).unwrap_or_default(), &declared));
            begin = 0;
        } else if open == 1 && !test.id.is_empty() {
            tests.extend(cased(std::mem::take(&mut test))?);
        }
    }
    if tests.is_empty() { Err("there is no `test`".into()) } else { Ok(tests) }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn described(start: &BytesStart<'_>, default_kind: &str) -> Result<Test, String> {
    let flag = |name| Ok::<_, String>(attribute(start, name)?.is_some_and(|value| value == "true"));
    Ok(Test {
        id: attribute(start, "id")?.ok_or("a test has no `id`")?,
        title: attribute(start, "description")?,
        sample: attribute(start, "sampleId")?,
        kind: attribute(start, "testType")?.unwrap_or_else(|| default_kind.to_owned()),
        foreknowledge: flag("sampleExtensionAttributes")? || flag("extensionConstraints")?,
        document: None,
    })
}

fn cased(test: Test) -> Result<Option<Value>, String> {
    let Test { id, title, sample, kind, foreknowledge, document } = test;
    let document = document.ok_or_else(|| format!("{id}: no element"))?;
    let (via, outcomes) = match kind.as_str() {
        "ValidSingleEvent" => ("xml", golden::of_event(sample.as_deref())),
        "ValidBatch" => ("xml-batch", golden::of_batch(sample.as_deref())),
        "InvalidSingleEvent" | "InvalidBatch" if foreknowledge => return Ok(None),
        "InvalidSingleEvent" => ("xml", Ok(vec![json!({"error": {}})])),
        "InvalidBatch" => ("xml-batch", Ok(vec![json!({"error": {}})])),
        other => return Err(format!("{id}: no such `testType`: {other}")),
    };
    let request = json!({"op": "decode", "via": via, "message": {"body": {"text": document}}});
    let mut case = case(&id, title.as_deref().unwrap_or(&id), request, outcomes?);
    if let Some(members) = case.as_object_mut() {
        members.insert("draft".into(), json!(true));
        members.insert("revisions".into(), json!(["main"]));
    }
    Ok(Some(case))
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let Some(found) = start.try_get_attribute(name).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let value = found.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
    Ok(Some(value.into_owned()))
}

/// The declarations of namespaces in a start tag, as they are written.
fn declarations(start: &BytesStart<'_>) -> Result<String, String> {
    let mut declared = SCHEMA.to_owned();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name = attribute.key.as_ref();
        if name.starts_with("xmlns:") && name != "xmlns:xs" {
            let _ = write!(declared, " {name}=\"{}\"", attribute.value);
        }
    }
    Ok(declared)
}

/// An element with these declarations in its start tag.
fn declaring(element: &str, declared: &str) -> String {
    let end = element.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).unwrap_or(element.len());
    let (name, rest) = element.split_at(end);
    format!("{name}{declared}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"<?xml version="1.0"?>
<testFile xmlns:ce="http://cloudevents.io/xmlformat/V1" testType="ValidSingleEvent">
  <!-- none -->
  <test id="validMinimal" sampleId="minimal" description="Minimal">
    <ce:event specversion="1.0"><ce:id>minimal</ce:id></ce:event>
  </test>
  <test id="empty" testType="ValidBatch" sampleId="empty"><ce:batch /></test>
  <test id="bad" testType="InvalidBatch"><batch/></test>
  <test id="known" testType="InvalidSingleEvent" sampleExtensionAttributes="true"><ce:event/></test>
</testFile>"#;

    #[test]
    fn elements_become_documents() {
        let cases = format_tests(FILE).unwrap();
        let ids: Vec<_> = cases.iter().map(|case| case["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["valid-minimal", "empty", "bad"]);
        assert_eq!(
            cases[0]["request"]["message"]["body"]["text"],
            format!(
                r#"<ce:event{SCHEMA} xmlns:ce="http://cloudevents.io/xmlformat/V1" specversion="1.0"><ce:id>minimal</ce:id></ce:event>"#
            )
        );
        assert_eq!(cases[0]["title"], "Minimal");
        assert_eq!(
            (&cases[0]["request"]["via"], &cases[1]["request"]["via"]),
            (&json!("xml"), &json!("xml-batch"))
        );
        assert_eq!(cases[1]["expect"], json!([{"result": {"events": []}}]));
        assert_eq!(cases[2]["expect"], json!([{"error": {}}]));
        assert_eq!(cases[2]["draft"], true);
    }

    #[test]
    fn what_is_no_file_of_tests_says_so() {
        for text in [
            "",
            "<testFile/>",
            "<testFile><test/></testFile>",
            "<testFile><test id='a'/></testFile>",
            "<testFile><test id='a'>",
        ] {
            assert!(format_tests(text).is_err(), "{text}");
        }
        assert!(format_tests(&FILE.replace("sampleId=\"minimal\"", "sampleId=\"other\"")).is_err());
    }
}
