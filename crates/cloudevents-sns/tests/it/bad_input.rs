//! Documents that are wrong are forwarded, with the attributes that can be read of them.

use cloudevents_core::{Document, ErrorKind, FormatId, Message};
use cloudevents_sns::{encode_message, is_cloudevent};
use proptest::prelude::*;

fn names(document: &'static str, format: FormatId) -> Vec<String> {
    let message = encode_message(&Message::Structured(Document::new(format, document))).unwrap();
    message.attributes.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn what_cannot_be_read_is_absent() {
    for document in ["{}", "no document", "[", r#"{"type":1}"#, r#"{"type":""}"#] {
        assert_eq!(names(document, FormatId::JSON), ["content-type"], "{document}");
    }
    assert_eq!(names(r#"{"type":"t"}"#, FormatId::new("toml")), ["content-type"]);
    // SNS does not carry the character.
    assert_eq!(
        names("{\"type\":\"t\",\"subject\":\"\\u001b\"}", FormatId::JSON),
        ["content-type", "ce-type"]
    );
}

#[test]
fn a_batch_is_no_message() {
    let batch = Message::Batched(Document::new(FormatId::JSON, "[]"));
    assert_eq!(encode_message(&batch).unwrap_err().kind(), ErrorKind::Unsupported);
}

proptest! {
    #[test]
    fn any_document(document in prop_oneof![".{0,40}", r#"\{"(type|source|subject)":"?.{0,8}"?\}"#]) {
        if let Ok(message) = encode_message(&Message::Structured(Document::new(FormatId::JSON, document))) {
            prop_assert!(is_cloudevent(&message) && message.attributes.len() <= 4);
        }
    }
}
