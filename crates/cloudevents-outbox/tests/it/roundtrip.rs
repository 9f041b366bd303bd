//! What comes out of a store equals what went in.

use crate::tools::at;
use cloudevents_core::{Document, FormatId, Message};
use cloudevents_outbox::{Claim, Entry, Store, rusqlite041::SqliteStore};
use cloudevents_testkit::any;
use cloudevents_transport::{Content, Outgoing};
use proptest::prelude::*;
use std::time::Duration;

async fn through(store: &SqliteStore, outgoing: Outgoing) -> Outgoing {
    store.enqueue(vec![Entry::new("a", outgoing).encode(at(0)).unwrap()]).await.unwrap();
    let claimed = store.claim(Claim::new(at(0), 1, Duration::from_secs(60))).await.unwrap();
    claimed.messages[0].outgoing(at(0)).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn events(event in any::event()) {
        let back = block_on(async { through(&SqliteStore::in_memory().unwrap(), Outgoing::from(&event)).await });
        let Content::Message(Message::Binary(read)) = back.content() else { panic!("{back:?}") };
        prop_assert_eq!(read, &event);
    }

    #[test]
    fn documents(body: Vec<u8>, batched: bool, format in prop_oneof![Just("json"), Just("xml"), Just("toml")]) {
        let document = Document::new(FormatId::parse(format).unwrap(), body);
        let message = if batched { Message::Batched(document) } else { Message::Structured(document) };
        let back = block_on(async { through(&SqliteStore::in_memory().unwrap(), Outgoing::from(&message)).await });
        let Content::Message(read) = back.content() else { panic!("{back:?}") };
        prop_assert_eq!(read.mode(), message.mode());
        prop_assert_eq!(read.format(), message.format());
        let body = |message: &Message| match message {
            Message::Structured(document) | Message::Batched(document) => document.body().clone(),
            _ => panic!(),
        };
        prop_assert_eq!(body(read), body(&message));
    }
}

#[test]
fn a_document_in_json_has_the_key_of_its_event() {
    let body = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#;
    let message = Message::Structured(Document::new(FormatId::parse("json").unwrap(), body));
    let stored = Entry::new("a", &message).encode(at(0)).unwrap();
    assert_eq!(
        (stored.source.as_deref(), stored.id.as_deref(), stored.ty.as_deref()),
        (Some("/s"), Some("7"), Some("t"))
    );
}

#[test]
fn what_no_store_can_keep_is_refused() {
    let event = crate::tools::event(1);
    for target in ["", "a\0b", &"x".repeat(1025)] {
        let error = Entry::new(target, &event).encode(at(0)).unwrap_err();
        assert_eq!(error.kind(), cloudevents_core::ErrorKind::Unsupported);
    }
    let raw = cloudevents_transport::Raw::default();
    let foreign = cloudevents_core::Error::new(cloudevents_core::ErrorKind::NotACloudEvent);
    let received = cloudevents_transport::Received::new(Err(foreign), raw);
    let error = Entry::new("a", Outgoing::as_received(received)).encode(at(0)).unwrap_err();
    assert_eq!(error.kind(), cloudevents_core::ErrorKind::Unsupported);
}
