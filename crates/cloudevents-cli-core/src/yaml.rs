//! Events as YAML. Catalogs have the same reader.

pub use cloudevents_catalog::yaml::{Document, Documents, one};

use cloudevents_kit::Event;
use std::borrow::Cow;

/// The longest YAML that is read, in bytes.
pub(crate) const LARGEST: usize = 64 << 20;

/// Whether a text that is not JSON begins like YAML: with a marker, a comment, or a member of a mapping.
pub(crate) fn is_likely(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.starts_with(b"---") || line.starts_with(b"%YAML") || line.starts_with(b"#") {
        return true;
    }
    let line = line.trim_ascii_end();
    let line = line.strip_prefix(b"- ").unwrap_or(line).trim_ascii_start();
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let after = line.get(name.len()..).unwrap_or_default();
    let is_name = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_\"' ".contains(byte));
    !name.is_empty() && is_name && (after == b":" || after.starts_with(b": "))
}

/// Returns an event as a YAML document.
pub fn of_event(event: &Event) -> String {
    write(&writable(event))
}

/// Returns an event that YAML can hold. A JSON payload that it cannot, because of half a character (an unpaired surrogate) or a member name
/// that occurs twice, becomes `data_base64`: the same bytes, with their content type.
pub fn writable(event: &Event) -> Cow<'_, Event> {
    let cannot = || Documents::new(&write(event)).any(|document| document.is_err());
    let Some(payload) = event.data().filter(|_| cannot()) else { return Cow::Borrowed(event) };
    let content_type = event.datacontenttype().map_or("application/json", |known| known.as_str());
    let bytes = bytes::Bytes::copy_from_slice(payload.as_bytes());
    let binary = event.clone().into_builder().binary(content_type, bytes).build();
    binary.map_or(Cow::Borrowed(event), Cow::Owned)
}

fn write(event: &Event) -> String {
    crate::json_view::yaml(&String::from_utf8_lossy(&cloudevents_kit::json::encode_lossy(event)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::{Error, ErrorKind};
    use proptest::prelude::*;

    fn json(text: &str) -> Result<Vec<String>, Error> {
        Documents::new(text).map(|document| document.map(|document| document.json)).collect()
    }

    fn one(text: &str) -> String {
        let mut documents = json(text).unwrap();
        assert_eq!(documents.len(), 1, "{text}");
        documents.remove(0)
    }

    #[test]
    fn likely_texts() {
        for yes in [
            "---\na: 1",
            "# c\n",
            "\u{feff}%YAML 1.2\n---\n",
            "\nspecversion: \"1.0\"\n",
            "- id: 1",
            "\"a b\": 1",
            "a:\n",
        ] {
            assert!(is_likely(yes.as_bytes()), "{yes}");
        }
        for no in [
            "",
            "{\"a\": 1}",
            "[1]",
            "nonsense",
            "{oops",
            "http://x",
            "\x0a\x011",
            ": a",
            "- 1",
            "<event a: b>",
        ] {
            assert!(!is_likely(no.as_bytes()), "{no}");
        }
    }

    /// A key without an indicator has 1,024 characters at most (YAML 1.2.2, section 7.4.2).
    #[test]
    fn keys_of_any_length_are_read_back() {
        for length in [100, 200, 1023, 1025, 100_000] {
            let long = "é".repeat(length);
            for value in [
                format!("{{\"{long}\":1,\"b\":{{\"{long}\":[{{\"{long}\":{{\"c\":[]}},\"d\":[1]}}]}}}}"),
                format!("[{{\"{long}\":[[{{\"{long}\":2}}]]}},{{}}]"),
            ] {
                assert_eq!(one(&crate::json_view::yaml(&value)), value, "{length}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_as_yaml_is_read_back(value in cloudevents_testkit::any::json()) {
            // YAML has no unpaired surrogates.
            let halves = value.contains("\\ud8");
            match json(&crate::json_view::yaml(&value)) {
                Ok(documents) => prop_assert_eq!([compact(&documents[0])], [compact(&value)]),
                Err(error) if halves && error.kind() == ErrorKind::InvalidDocument => {}
                // A duplicate name, which JSON allows.
                Err(error) => prop_assert_eq!(error.kind(), ErrorKind::DuplicateAttribute, "{}", error),
            }
        }
    }

    /// JSON without white space, and strings in one spelling.
    fn compact(json: &str) -> String {
        let mut out = String::new();
        let mut rest = json;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '"' => {
                    let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                    out += &serde_json::Value::from(stream.next().unwrap().unwrap()).to_string();
                    stream.byte_offset()
                }
                _ => {
                    if !first.is_ascii_whitespace() {
                        out.push(first);
                    }
                    first.len_utf8()
                }
            };
            rest = rest.split_at(length).1;
        }
        out
    }
}
