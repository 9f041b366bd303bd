//! Answers of Pub/Sub: `vectors/answers.json`. A case has the document that it is copied from (`from`), an `answer`, and the `messages`
//! that are read: what the API says of each, and its `event` as a JSON document, or the code of its `error`. An answer without `messages`
//! is an error.

use cloudevents_core::{DecodeOptions, ErrorKind};
use cloudevents_pubsub::{GOOGLE_PUBSUB, reqwest013::ReceivedMessage};
use cloudevents_transport::Origin;
use serde_json::{Value, json};
use std::time::SystemTime;

#[test]
fn each_answer_is_read_as_its_document_says() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("vectors/answers.json")).unwrap();
    assert!(cases.len() >= 10, "{} cases", cases.len());
    for case in &cases {
        let name = case["case"].as_str().unwrap();
        assert!(case["from"].as_str().is_some_and(|from| from.len() > 10), "{name}: no source");
        let answer = case["answer"].to_string();
        let read = ReceivedMessage::of_answer(answer.as_bytes(), "orders");
        match (read, case["messages"].as_array()) {
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::Disconnected, "{name}"),
            (Ok(read), Some(wanted)) => {
                let read: Vec<Value> = read.iter().map(shown).collect();
                assert_eq!(&read, wanted, "{name}");
            }
            (read, wanted) => panic!("{name}: {read:?} in place of {wanted:?}"),
        }
    }
}

/// A message without its absent members, as a case has it.
fn shown(message: &ReceivedMessage) -> Value {
    assert_eq!(&*message.subscription, "orders");
    let mut shown = json!({"ackId": &*message.ack_id});
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            shown[name] = value;
        }
    };
    add("messageId", (!message.id.is_empty()).then(|| message.id.as_ref().into()));
    add("orderingKey", message.ordering_key.as_deref().map(Value::from));
    add("deliveryAttempt", message.attempt.map(Value::from));
    let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    add("nanoseconds", message.published.map(|time| since(time).to_string().into()));
    let mut forwarded = Vec::new();
    message.headers(&mut |name, value| {
        if message.is_forwarded(name) {
            let value = String::from_utf8(value.unwrap().into_owned()).unwrap();
            forwarded.push(json!([name, value]));
        }
    });
    add("headers", (!forwarded.is_empty()).then_some(forwarded.into()));
    match GOOGLE_PUBSUB.decode(&message.message, &DecodeOptions::strict()) {
        Ok(decoded) => {
            let (document, _) = cloudevents_json::encode(&decoded.value);
            add("event", Some(serde_json::from_slice(&document).unwrap()));
        }
        Err(error) => add("error", Some(error.kind().code().into())),
    }
    shown
}
