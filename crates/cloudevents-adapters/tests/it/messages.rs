//! Messages whose bodies are documents of other systems.

use crate::tools::{data, named};
use cloudevents_adapters::{Adapter, Adapters};
use cloudevents_core::{
    DecodeOptions, Decoded, Document, Error, ErrorKind, Event, FormatId, Formats, Message,
};
use cloudevents_json::Json;
use cloudevents_transport::{Bridge, Raw, Received, bridge::BridgePolicy, fake::FakeQueue};
use std::time::Duration;

const GRID: &str = r#"{"topic":"/t","subject":"s","eventType":"Blob","eventTime":"2017-06-26T18:41:00Z","id":"7","data":{"n":1.50}}"#;

fn with() -> DecodeOptions {
    DecodeOptions::strict().with_formats(Formats::none().with(Json::new()))
}

/// A message that nothing marks as an event.
fn unmarked(body: &str) -> Received {
    received(Err(Error::new(ErrorKind::NotACloudEvent)), body)
}

fn received(message: Result<Message, Error>, body: &str) -> Received {
    let mut raw = Raw::default();
    raw.body = Some(bytes::Bytes::copy_from_slice(body.as_bytes()));
    raw.headers.push(("X-Gitlab-Event-UUID".into(), Some("13792a34".into())));
    raw.headers.push(("binary".into(), Some(b"\xff"[..].into())));
    Received::new(message.map(Decoded::clean), raw)
}

fn events(message: Message) -> Vec<Event> {
    message.events(&with()).unwrap().value
}

fn converted(received: &Received) -> Option<Result<Vec<Event>, Error>> {
    let message = Adapters::known().message(received, &with())?;
    Some(message.map(|decoded| events(decoded.value)))
}

#[test]
fn one_event_is_in_binary_mode_and_several_are_a_batch() {
    let message = Adapters::known().message(&unmarked(GRID), &with()).unwrap().unwrap().value;
    let Message::Binary(event) = &message else { panic!("{message:?}") };
    assert_eq!((named(event), data(event)), (["7", "/t", "Blob", "s"], r#"{"n":1.50}"#));
    let two = format!("[{GRID},{}]", GRID.replace(r#""7""#, r#""8""#));
    let message = Adapters::known().message(&unmarked(&two), &with()).unwrap().unwrap().value;
    assert!(matches!(message, Message::Batched(_)), "{message:?}");
    let events = events(message);
    assert_eq!([events[0].id(), events[1].id(), data(&events[1])], ["7", "8", r#"{"n":1.50}"#]);
    let push =
        r#"{"object_kind":"push","repository":{"homepage":"http://example.com/d"},"checkout_sha":"da15"}"#;
    let events = converted(&unmarked(push)).unwrap().unwrap();
    assert_eq!(events[0].id(), "13792a34", "the headers are those of the message");
}

#[test]
fn a_message_is_converted_as_a_whole_or_not_at_all() {
    let wrong = GRID.replace(r#""2017-06-26T18:41:00Z""#, r#""yesterday""#);
    let error = converted(&unmarked(&format!("[{GRID},{wrong}]"))).unwrap().unwrap_err();
    assert_eq!((error.kind(), error.index()), (ErrorKind::InvalidTimestamp, Some(1)));
    let error = converted(&unmarked(&wrong)).unwrap().unwrap_err();
    assert_eq!((error.kind(), error.index()), (ErrorKind::InvalidTimestamp, None));
    let change = r#"{"op":"c","source":{"connector":"postgresql"}}"#;
    let error = converted(&unmarked(change)).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
}

/// A receiver may skip messages of the kind `NotACloudEvent`. A message that also has events is none of them.
#[test]
fn a_message_with_an_event_is_no_message_without_one() {
    let event = r#"{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/s\",\"type\":\"t\"}"#;
    let batch = |bodies: [&str; 2]| {
        let records =
            bodies.map(|body| format!(r#"{{"eventSource":"aws:sqs","messageId":"1","body":"{body}"}}"#));
        converted(&unmarked(&format!(r#"{{"Records":[{}]}}"#, records.join(",")))).unwrap()
    };
    assert_eq!(batch([event, event]).unwrap().len(), 2);
    for (bodies, index, kind) in [
        ([event, "hello"], 1, ErrorKind::InvalidData),
        (["hello", event], 0, ErrorKind::InvalidData),
        (["hello", "hello"], 0, ErrorKind::NotACloudEvent),
    ] {
        let error = batch(bodies).unwrap_err();
        assert_eq!((error.kind(), error.index()), (kind, Some(index)), "{error:#}");
        assert!(error.help().unwrap().contains("`--map`"), "{error:#}");
    }
}

#[test]
fn what_is_an_event_or_unknown_stays() {
    let event = GRID.replacen('{', r#"{"specversion":"1.0","source":"/s","type":"t","#, 1);
    let document = |format, body: &str| Message::Structured(Document::new(format, body.to_owned()));
    for stays in [
        unmarked(&event),
        unmarked(r#"{"n":1}"#),
        unmarked("not JSON"),
        Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), Raw::default()),
        received(Ok(document(FormatId::JSON, &event)), &event),
        received(Ok(document(FormatId::new("xml"), GRID)), GRID),
    ] {
        assert!(converted(&stays).is_none(), "{stays:?}");
    }
    // As over MQTT 3.1.1, where a document has no mark.
    let of_a_document = received(Ok(document(FormatId::JSON, GRID)), GRID);
    assert_eq!(converted(&of_a_document).unwrap().unwrap()[0].id(), "7");
}

#[test]
fn a_message_is_named_in_one_line() {
    let named =
        |body| Adapters::known().named(&unmarked(body), |name| format!("`--from {name}` makes events of it"));
    let error = named(GRID).unwrap();
    let words = "it is an event in the schema of Azure Event Grid: `--from event-grid` makes events of it";
    assert_eq!((error.kind(), error.detail()), (ErrorKind::NotACloudEvent, words));
    let change = named(r#"{"op":"c","source":{"connector":"postgresql"}}"#).unwrap();
    assert!(
        change.detail().contains("CloudEventsConverter") && !change.detail().contains("--from"),
        "{change}"
    );
    assert!(named(r#"{"n":1}"#).is_none());
    let document = Message::Structured(Document::new(FormatId::JSON, GRID));
    assert!(Adapters::known().named(&received(Ok(document), GRID), str::to_owned).is_none());
}

#[test]
fn own_adapters_come_first_and_one_may_be_alone() {
    let own = r#"{"name":"grid","what":"w","reference":"r","mappings":[{"where":{"eventType":"*"},"id":"{id}","source":"/own","type":"t"}]}"#;
    let adapters = Adapters::known().with(Adapter::parse_all(own).unwrap());
    let name = |adapters: &Adapters, document: &str| {
        adapters.recognize(document.as_bytes()).map(|adapter| adapter.name().to_owned())
    };
    let other = r#"{"Records":[{"eventSource":"aws:s3","s3":{}}]}"#;
    assert_eq!(name(&adapters, GRID).as_deref(), Some("grid"));
    assert_eq!(name(&adapters, &format!("[{GRID}]")).as_deref(), Some("grid"));
    assert_eq!(name(&adapters, other).as_deref(), Some("aws-s3"));
    assert_eq!(name(&adapters, &GRID.replacen('{', r#"{"specversion":"1.0","#, 1)), None);
    assert_eq!(name(&Adapters::known(), GRID).as_deref(), Some("event-grid"));
    let only = adapters.only("grid").unwrap();
    assert_eq!((name(&only, GRID).as_deref(), name(&only, other)), (Some("grid"), None));
    assert_eq!((only.names().collect::<Vec<_>>(), adapters.names().next()), (vec!["grid"], Some("grid")));
    assert!(adapters.only("no such").is_none() && adapters.only("aws-s3").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_bridge_sends_the_events() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    from.push_garbage(ErrorKind::NotACloudEvent, format!("[{GRID},{GRID}]").as_bytes());
    from.push_garbage(ErrorKind::NotACloudEvent, br#"{"n":1}"#);
    let adapters = Adapters::known();
    let receiver = from.receiver(with()).convert(move |received, with| adapters.message(received, with));
    let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
    bridge.run().until(tokio::time::sleep(Duration::from_secs(60))).await.unwrap();
    assert_eq!((from.len(), from.rejected().len(), to.len()), (0, 1, 2));
    let event = to.receiver(with()).next().await.unwrap().unwrap().event().unwrap();
    assert_eq!((named(&event), data(&event)), (["7", "/t", "Blob", "s"], r#"{"n":1.50}"#));
}
