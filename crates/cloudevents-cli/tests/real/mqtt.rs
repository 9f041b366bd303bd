//! `ce send` and `ce listen` with an MQTT broker in this process.

use crate::program::{GOOD, Listener, ce_line, ce_with};
use cloudevents_testkit::mqtt::{Answer, Broker, Published};

#[test]
fn from_one_to_the_other() {
    let broker = Broker::start().unwrap();
    let listener = Listener::at(&broker.url("plant/%23"), &["--count", "3"]);
    assert!(listener.notes.contains("as with `reject=drop` in the URL"), "{}", listener.notes);
    let url = broker.url("plant/{type}");
    ce_with(&["send", &url], GOOD).ended(0).says_only(&format!("1 event sent to {url}\n"));
    let two = format!("{GOOD}\n{GOOD}\n");
    ce_with(&["send", &url, "--mode", "structured", "--parallel", "8"], two).ended(0);
    let listened = listener.end().ended(0).says_only("3 events received\n");
    assert_eq!(listened.out.lines().collect::<Vec<_>>(), [GOOD, GOOD, GOOD]);
    assert!(broker.published().iter().all(|message| message.topic == "plant/t"));
}

#[test]
fn mqtt_3_takes_documents() {
    let broker = Broker::start().unwrap();
    let url = broker.url("plant?version=3.1.1");
    let listener = Listener::at(&url, &["--count", "1"]);
    ce_with(&["send", &url], GOOD).ended(0);
    assert_eq!(listener.end().out, format!("{GOOD}\n"));
}

#[test]
fn what_is_no_event_is_reported() {
    let broker = Broker::start().unwrap();
    let listener = Listener::at(&broker.url("plant"), &["--count", "1"]);
    let mut message = Published::new("plant", "{\"specversion\":\"1.0\",\n \"id\":7}");
    message.content_type = Some("application/cloudevents+json".into());
    broker.publish(message);
    ce_with(&["send", &broker.url("plant")], GOOD).ended(0);
    let listened = listener.end().ended(1).prints(&format!("{GOOD}\n"));
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
    ce_with(&["send", &broker.url("plant/{type}")], GOOD).ended(0);
    ce_with(&["send", &broker.url("plant/old?version=3.1.1")], GOOD).ended(0);
    listener
        .end()
        .says("message 1 at plant/a/b, retained, not a CloudEvent\n\n  not an event\n")
        .says("message 2 at plant/t, binary mode")
        .says("(at plant/a/b, retained)");
}

#[test]
fn a_document_of_mqtt_3_is_recognised() {
    let broker = Broker::start().unwrap();
    let listener = Listener::at(&broker.url("plant"), &["--count", "1"]);
    ce_with(&["send", &broker.url("plant?version=3.1.1")], GOOD).ended(0);
    ce_with(&["send", &broker.url("plant?qos=2")], GOOD).ended(0);
    listener.end().says("try `version=3.1.1`");
}

/// What people read, programs read, too.
#[test]
fn programs_see_what_is_retained() {
    let broker = Broker::start().unwrap();
    let mut kept = Published::new("plant/a", "not an event");
    kept.retain = true;
    broker.publish(kept);
    let ran = ce_line(&format!("listen {} -v --idle 5 --error-format json", broker.url("plant/a")));
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
    listener.line("the connection was lost; reconnecting");
    listener.stop().ended(0).says_only("0 events received\n");
}

/// What is no secret is shown.
#[test]
fn options_of_urls_are_shown() {
    let broker = Broker::start().unwrap();
    let url = broker.url("plant?qos=2&retain=true");
    ce_with(&["send", &url], GOOD).says_only(&format!("1 event sent to {url}\n"));
}

#[test]
fn refusals_and_failures_are_distinguished() {
    let mut broker = Broker::start().unwrap();
    let url = broker.url("plant");
    broker.answer(Answer::refuse(0x97));
    ce_with(&["send", &url], GOOD).ended(1).says("quota exceeded");
    broker.stop();
    ce_with(&["send", &url], GOOD).ended(3);
    ce_with(&["send", &format!("{url}?qos=3")], GOOD).ended(2);
}
