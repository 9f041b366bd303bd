//! Other SDKs, and a bare client library, send to us and receive from us. What they are, and what is known to differ, is in
//! `spec-tests/crosslang/amqp`, whose `run.sh` starts this.

use crate::tools::{next, strict, within};
use cloudevents_amqp::fe2o3_amqp018::{AmqpSenderOptions, receiver, sender};
use cloudevents_core::{AttributeType, Event, Message, Mode};
use cloudevents_testkit::{
    amqp::Broker,
    crosslang::{ask, attributes, compare, differences, peers, samples},
    tagged,
};
use serde_json::{Value as Tree, json};
use std::{
    collections::BTreeSet,
    env, process,
    sync::atomic::{AtomicU32, Ordering},
};

/// `NAME=PROGRAM`, one a line.
const PEERS: &str = "CE_TEST_AMQP_PEERS";

/// The file of known differences.
const KNOWN: &str = "CE_TEST_AMQP_DIFFERENCES";

/// What peers write. `text` is binary mode as it may be, too: colons, canonical strings, and an amqp-value where that holds the payload.
fn they_write_in(peer: &str) -> &'static [&'static str] {
    if peer == "proton" { &["binary", "text", "structured"] } else { &["binary", "structured"] }
}

/// What we write. `colon` is binary mode with the other separator.
const WE_WRITE_IN: [&str; 3] = ["binary", "colon", "structured"];

type Found<'e> = Vec<(&'e str, Vec<String>)>;

/// The broker: one in memory unless `CE_TEST_AMQP_URL` names one without a user.
struct Place {
    url: String,
    _memory: Option<Broker>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_languages() {
    let (Ok(lines), Ok(known)) = (env::var(PEERS), env::var(KNOWN)) else {
        println!("skipped: {PEERS} is not set; spec-tests/crosslang/amqp/run.sh sets it");
        return;
    };
    let samples = samples().unwrap();
    let place = match env::var("CE_TEST_AMQP_URL") {
        Ok(url) => Place { url, _memory: None },
        Err(_) => {
            let broker = Broker::start().unwrap();
            Place { url: broker.url(""), _memory: Some(broker) }
        }
    };
    let (mut found, mut names) = (BTreeSet::new(), BTreeSet::new());
    for (name, program) in peers(&lines) {
        names.insert(name.to_owned());
        let mut note = |way: &str, mode: &str, differing: Found<'_>| {
            for (event, items) in differing {
                found.extend(items.iter().map(|item| [name, way, mode, event, item].map(str::to_owned)));
            }
        };
        for mode in they_write_in(name) {
            note("they write", mode, they_write(program, &place, mode, &samples).await);
        }
        for mode in WE_WRITE_IN {
            note("we write", mode, we_write(program, &place, mode, &samples).await);
        }
        println!("{name}: {} events each way in each mode", samples.len());
    }
    match compare(&found, &std::fs::read_to_string(known).unwrap(), &names) {
        Ok(table) => println!("{table}"),
        Err(wrong) => panic!("\n{wrong}"),
    }
}

async fn they_write<'e>(
    program: &str,
    place: &Place,
    mode: &str,
    samples: &'e [(String, Event)],
) -> Found<'e> {
    let address = address();
    let events: Vec<_> = samples.iter().map(|(_, event)| tagged::from_event(event)).collect();
    let answers =
        ask(program, &place.url, &json!({"address": address, "mode": mode, "events": events})).unwrap();
    assert_eq!(answers.len(), samples.len());
    let mut receiver = receiver(&format!("{}{address}", place.url), strict()).await.unwrap();
    let mut found = Vec::new();
    for ((name, event), answer) in samples.iter().zip(answers) {
        if !answer.is_null() {
            println!("{name}, {mode}: does not write it: {answer}");
            found.push((&**name, vec!["does not write it".into()]));
            continue;
        }
        let delivery = next(&mut receiver).await;
        let mut items = match delivery.event() {
            Ok(got) => {
                let mut items = differences(event, &attributes(&got), got.data_bytes().map(|data| &**data));
                if mode == "binary" {
                    items.extend(types(event, &got));
                }
                items
            }
            Err(error) => {
                println!("{name}, {mode}: {error}");
                vec![format!("refused {}", error.kind().code())]
            }
        };
        let is_structured =
            delivery.message().is_ok_and(|message| matches!(message, Message::Structured { .. }));
        if is_structured != (mode == "structured") {
            items.push("mode".into());
        }
        within(delivery.accept()).await.unwrap();
        found.push((&**name, items));
    }
    found
}

async fn we_write<'e>(program: &str, place: &Place, mode: &str, samples: &'e [(String, Event)]) -> Found<'e> {
    let address = address();
    let option = match mode {
        "structured" => "?mode=structured",
        "colon" => "?separator=colon",
        _ => "",
    };
    let sender =
        sender(&format!("{}{address}{option}", place.url), AmqpSenderOptions::default()).await.unwrap();
    for (_, event) in samples {
        within(sender.send(event)).await.unwrap();
    }
    within(sender.close()).await.unwrap();
    let answers = ask(program, &place.url, &json!({"address": address, "count": samples.len()})).unwrap();
    assert_eq!(answers.len(), samples.len(), "messages did not arrive");
    let mut found = Vec::new();
    for ((name, event), answer) in samples.iter().zip(answers) {
        if let Some(error) = answer.get("error").and_then(Tree::as_str) {
            println!("{name}, {mode}: does not read it: {error}");
            found.push((&**name, vec!["does not read it".into()]));
            continue;
        }
        let data = answer["data"].as_str().map(|data| tagged::to_bytes(&json!({"base64": data})).unwrap());
        let got = answer["attributes"].as_object().unwrap().iter();
        let got = got.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned())).collect();
        found.push((&**name, differences(&carried(event, mode), &got, data.as_deref())));
    }
    found
}

/// The event as the message has it: binary mode says which content type JSON has that has none, and has a payload where there is none.
fn carried(event: &Event, mode: &str) -> Event {
    if mode == "structured" {
        return event.clone();
    }
    let (message, _) = cloudevents_amqp::encode(event, Mode::Binary).unwrap();
    cloudevents_amqp::decode(&message, &cloudevents_core::Decoding::strict()).unwrap().value
}

/// Attributes whose type is another one, where AMQP has the type.
fn types(event: &Event, got: &Event) -> Vec<String> {
    let native = |kind| match kind {
        AttributeType::Uri | AttributeType::UriReference => AttributeType::String,
        other => other,
    };
    let mut items = Vec::new();
    for (name, value) in event.attributes() {
        let (sent, got) =
            (value.attribute_type(), got.attribute(name.as_str()).map(|value| value.attribute_type()));
        if got.is_some_and(|got| native(got) != native(sent)) {
            items.push(format!("type of {}", name.as_str()));
        }
    }
    items
}

fn address() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("crosslang-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
