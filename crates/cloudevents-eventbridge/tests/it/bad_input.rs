//! Documents of others that are no entries.

use cloudevents_core::{Document, ErrorKind, FormatId, Message};
use cloudevents_eventbridge::encode_message;
use proptest::prelude::*;

fn refused(document: &'static [u8], format: FormatId) -> ErrorKind {
    encode_message(&Message::Structured(Document::new(format, document))).unwrap_err().kind()
}

#[test]
fn what_rules_need_must_be_there() {
    for document in [r#"{"type":"t"}"#, r#"{"source":"/s"}"#, "{}"] {
        assert_eq!(refused(document.as_bytes(), FormatId::JSON), ErrorKind::Unsupported, "{document}");
    }
    assert_eq!(refused(br#"{"type":"","source":"/s"}"#, FormatId::JSON), ErrorKind::EmptyAttribute);
    assert_eq!(
        refused(b"{\"type\":\"t\",\"source\":\"/s\",\"x\":\"\xff\"}", FormatId::JSON),
        ErrorKind::Unsupported
    );
    assert_eq!(refused(b"{}", FormatId::new("toml")), ErrorKind::Unsupported);
}

#[test]
fn a_batch_is_no_entry() {
    let batch = Message::Batched(Document::new(FormatId::JSON, "[]"));
    assert_eq!(encode_message(&batch).unwrap_err().kind(), ErrorKind::Unsupported);
}

proptest! {
    #[test]
    fn any_document(document in prop_oneof![".{0,40}", r#"\{"type":"t","(source|subject|time)":"?.{0,8}"?\}"#]) {
        let _ = encode_message(&Message::Structured(Document::new(FormatId::JSON, document)));
    }
}
