//! Deliveries: events, batches, documents, repairs.

use crate::{event, events, one, received};
use cloudevents_core::{
    DecodeOptions, Decoded, Document, ErrorKind, FormatId, Formats, Leniency, Message, RepairKind,
};
use cloudevents_json::Json;
use cloudevents_transport::{Delivery, Receiver, fake::FakeQueue};

async fn receive(message: Message, decoding: DecodeOptions) -> (Delivery, Receiver) {
    let queue = FakeQueue::new();
    queue.sender().send(message).await.unwrap();
    let mut receiver = queue.receiver(decoding);
    (receiver.next().await.unwrap().unwrap(), receiver)
}

fn json() -> DecodeOptions {
    DecodeOptions::strict().with_formats(Formats::none().with(Json::new()))
}

#[tokio::test]
async fn a_batch_shares_its_settlement() {
    let all: Vec<_> = events(3).collect();
    let (message, _) = Message::batched(&all, &Json::new()).unwrap();
    let (delivery, receiver) = receive(message, json()).await;
    assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::Batched);
    assert_eq!(delivery.events().unwrap(), all);
    assert_eq!(receiver.metrics().invalid, 0); // a batch is not an error
    delivery.accept().await.unwrap();
    assert_eq!(receiver.metrics().accepted, 1);
}

#[tokio::test]
async fn a_document_is_read_when_asked_for_and_once() {
    let (message, _) = Message::structured(&event("x"), &Json::new()).unwrap();
    let (delivery, _receiver) = receive(message, json()).await;
    assert_eq!(delivery.attribute("id").unwrap().as_deref(), Some("x"));
    assert_eq!(delivery.event().unwrap(), event("x"));
    assert_eq!(delivery.events().unwrap(), [event("x")]);
    assert!(delivery.decoded().unwrap().repairs.is_empty());
    assert!(format!("{delivery:?}").contains("Structured"));
}

/// A binding that has decoded the document itself: what it has is what the program gets.
#[tokio::test]
async fn a_document_that_was_decoded_is_not_decoded_again() {
    let (message, _) = Message::structured(&event("in the document"), &Json::new()).unwrap();
    let received = received(message).with_event(Decoded::clean(event("x")));
    let delivery = one(received, json()).next().await.unwrap().unwrap();
    assert_eq!(delivery.event().unwrap(), event("x"));
    assert_eq!(delivery.events().unwrap(), [event("x")]);
    assert_eq!(delivery.decoded().unwrap().value, event("x"));
    assert_eq!(delivery.attribute("id").unwrap().as_deref(), Some("in the document"));
    delivery.accept().await.unwrap();
}

#[tokio::test]
async fn a_wrong_document_counts_once() {
    let message = Message::Structured(Document::new(FormatId::JSON, "{"));
    let (delivery, receiver) = receive(message, json()).await;
    assert_eq!(receiver.metrics().invalid, 0); // not decoded yet
    for _ in 0..3 {
        assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::InvalidDocument);
    }
    assert_eq!(receiver.metrics().invalid, 1);
    assert!(delivery.message().is_ok()); // it can be forwarded unchanged
}

#[tokio::test]
async fn repairs_are_told() {
    let body = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","dataschema":"http://x/#y"}"#;
    let message = Message::Structured(Document::new(FormatId::JSON, body));
    let (delivery, _receiver) = receive(message.clone(), json()).await;
    assert_eq!(delivery.event().unwrap_err().attribute(), Some("dataschema"));
    let (delivery, receiver) = receive(message, json().with_leniency(Leniency::all())).await;
    let repairs: Vec<_> = delivery.decoded().unwrap().repairs.iter().map(|repair| repair.kind()).collect();
    assert_eq!(repairs, [RepairKind::UriFragment]);
    assert_eq!((receiver.metrics().repaired, receiver.metrics().invalid), (1, 0));
}

#[tokio::test]
async fn repairs_of_a_batch_are_told() {
    let one =
        |id, more: &str| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t"{more}}}"#);
    let body = format!("[{},{}]", one(1, ""), one(2, r#","dataschema":"http://x/#y""#));
    let message = Message::Batched(Document::new(FormatId::JSON, body));
    let (delivery, receiver) = receive(message, json().with_leniency(Leniency::all())).await;
    assert_eq!(delivery.events().unwrap().len(), 2);
    let repairs: Vec<_> = delivery.repairs().iter().map(|repair| repair.kind()).collect();
    assert_eq!((repairs, receiver.metrics().repaired), (vec![RepairKind::UriFragment], 1));
}

#[tokio::test]
async fn an_unknown_format_is_reported_and_can_be_forwarded() {
    let message = Message::Structured(Document::new(FormatId::new("toml"), "id = 1"));
    let (delivery, _receiver) = receive(message, DecodeOptions::strict()).await;
    assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::UnknownFormat);
    let (received, token) = delivery.into_parts();
    assert_eq!(received.body().unwrap().len(), received.message().unwrap().body_len());
    token.settle(cloudevents_transport::Settlement::Accept).await.unwrap();
}
