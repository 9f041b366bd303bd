//! `ce send` and `ce listen` with an MQTT broker in this process.

use crate::program::{GOOD, Listener, ce_with};
use cloudevents_testkit::mqtt::{Answer, Broker, Published};

#[test]
fn from_one_to_the_other() {
    let broker = Broker::start().unwrap();
    let listener = Listener::at(&broker.url("plant/%23"), &["--count", "3"]);
    assert!(listener.notes.contains("as with `reject=drop` in the URL"), "{}", listener.notes);
    let url = broker.url("plant/{type}");
    let ran = ce_with(&["send", &url], GOOD);
    assert_eq!((ran.status, ran.err.as_str()), (0, format!("1 event sent to {url}\n").as_str()));
    let two = format!("{GOOD}\n{GOOD}\n");
    assert_eq!(ce_with(&["send", &url, "--mode", "structured", "--parallel", "8"], two).status, 0);
    let listened = listener.end();
    assert_eq!((listened.status, listened.err.as_str()), (0, "3 events received\n"));
    assert_eq!(listened.out.lines().collect::<Vec<_>>(), [GOOD, GOOD, GOOD]);
    assert!(broker.published().iter().all(|message| message.topic == "plant/t"));
}

#[test]
fn mqtt_3_takes_documents() {
    let broker = Broker::start().unwrap();
    let url = broker.url("plant?version=3.1.1");
    let listener = Listener::at(&url, &["--count", "1"]);
    let ran = ce_with(&["send", &url], GOOD);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(listener.end().out, format!("{GOOD}\n"));
}

#[test]
fn what_is_no_event_is_reported() {
    let broker = Broker::start().unwrap();
    let listener = Listener::at(&broker.url("plant"), &["--count", "1"]);
    let mut message = Published::new("plant", "{\"specversion\":\"1.0\",\n \"id\":7}");
    message.content_type = Some("application/cloudevents+json".into());
    broker.publish(message);
    assert_eq!(ce_with(&["send", &broker.url("plant")], GOOD).status, 0);
    let listened = listener.end();
    assert_eq!((listened.status, listened.out.as_str()), (1, format!("{GOOD}\n").as_str()));
    let wanted = "error: attribute `id` has the wrong type [invalid-type]\n  --> message 1:2:7 (";
    assert!(listened.err.contains(wanted), "{}", listened.err);
}

/// In MQTT, `#` is a wildcard. What is shown is the topic of each message, not the filter.
#[test]
fn each_message_is_shown_with_its_topic() {
    let broker = Broker::start().unwrap();
    let mut kept = Published::new("plant/a/b", "not an event");
    kept.retain = true;
    broker.publish(kept);
    let url = format!("{}#", broker.url("plant/"));
    let listener = Listener::at(&url, &["--count", "1", "-v"]);
    assert_eq!(ce_with(&["send", &broker.url("plant/{type}")], GOOD).status, 0);
    let old = ce_with(&["send", &broker.url("plant/old?version=3.1.1")], GOOD);
    assert_eq!(old.status, 0, "{}", old.err);
    let listened = listener.end();
    assert!(
        listened.err.contains("message 1 at plant/a/b, retained, not a CloudEvent\n\n  not an event\n"),
        "{}",
        listened.err
    );
    assert!(listened.err.contains("message 2 at plant/t, binary mode"), "{}", listened.err);
    assert!(listened.err.contains("(at plant/a/b, retained)"), "{}", listened.err);
}

#[test]
fn a_document_of_mqtt_3_is_recognised() {
    let broker = Broker::start().unwrap();
    let listener = Listener::at(&broker.url("plant"), &["--count", "1"]);
    assert_eq!(ce_with(&["send", &broker.url("plant?version=3.1.1")], GOOD).status, 0);
    assert_eq!(ce_with(&["send", &broker.url("plant?qos=2")], GOOD).status, 0);
    let listened = listener.end();
    assert!(listened.err.contains("try `version=3.1.1`"), "{}", listened.err);
}

/// What people read, programs read, too.
#[test]
fn programs_see_what_is_retained() {
    let broker = Broker::start().unwrap();
    let mut kept = Published::new("plant/a", "not an event");
    kept.retain = true;
    broker.publish(kept);
    let ran = crate::program::ce(&[
        "listen",
        &broker.url("plant/a"),
        "-v",
        "--idle",
        "5",
        "--error-format",
        "json",
    ]);
    let message = ran.errors().into_iter().find(|line| line["mode"] == "not a CloudEvent").unwrap();
    assert!(message["message"].as_str().unwrap().starts_with("message 1 at plant/a, retained"), "{message}");
    assert!(message.get("partition").is_none(), "{message}");
    assert_eq!(
        (&message["retained"], &message["payload"]),
        (&true.into(), &"not an event".into()),
        "{message}"
    );
}

/// Nothing was received, so nothing failed.
#[test]
fn ctrl_c_while_it_reconnects_is_no_failure() {
    let mut broker = Broker::start().unwrap();
    let mut listener = Listener::at(&broker.url("plant"), &[]);
    broker.stop();
    listener.until("the connection was lost; reconnecting");
    listener.interrupt();
    let listened = listener.end();
    assert_eq!((listened.status, listened.err.as_str()), (0, "0 events received\n"));
}

/// What is no secret is shown.
#[test]
fn options_of_urls_are_shown() {
    let broker = Broker::start().unwrap();
    let url = broker.url("plant?qos=2&retain=true");
    let ran = ce_with(&["send", &url], GOOD);
    assert_eq!(ran.err, format!("1 event sent to {url}\n"));
}

#[test]
fn refusals_and_failures_are_distinguished() {
    let mut broker = Broker::start().unwrap();
    let url = broker.url("plant");
    broker.answer(Answer::refuse(0x97));
    let ran = ce_with(&["send", &url], GOOD);
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(ran.err.contains("quota exceeded"), "{}", ran.err);
    broker.stop();
    assert_eq!(ce_with(&["send", &url], GOOD).status, 3);
    assert_eq!(ce_with(&["send", &format!("{url}?qos=3")], GOOD).status, 2);
}
