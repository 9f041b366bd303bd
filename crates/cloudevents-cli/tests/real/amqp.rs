//! `ce send` and `ce listen` with an AMQP broker in this process.

use crate::program::{GOOD, Listener, ce_with};
use cloudevents_kit::{Document, FormatId, Message};
use cloudevents_testkit::amqp::{Answer, Broker, BrokerOptions};

#[test]
fn messages_stay_where_they_are_looked_at() {
    let broker = cloudevents_testkit::amqp::Broker::start().unwrap();
    let queue = broker.queue("orders");
    let url = broker.url("orders");
    assert_eq!(crate::program::ce_with(&["send", &url], crate::program::GOOD).status, 0);
    for end in [&["--idle", "5"][..], &["--count", "1", "--idle", "30"]] {
        let ran = crate::program::ce_with(&[&["listen", &url, "--peek"], end].concat(), "");
        assert_eq!((ran.status, ran.out), (0, format!("{}\n", crate::program::GOOD)));
        assert_eq!((queue.len(), queue.unsettled()), (1, 0), "{}", ran.err);
    }
}

#[test]
fn from_one_to_the_other() {
    let broker = Broker::start().unwrap();
    let url = broker.url("orders");
    let input = r#"{"specversion":"1.0","id":"2","source":"/s","type":"t","datacontenttype":"application/json","priority":3,"data":{"total":1.10}}"#;
    // The default is said once to be news to older consumers, and nothing is said where the separator is chosen.
    let ran = ce_with(&["send", &url], format!("{input}\n{GOOD}\n"));
    assert!(ran.err.starts_with("note: consumers of release 1.0.2 do not read attributes"), "{}", ran.err);
    assert_eq!(ran.err.matches("note: ").count(), 1);
    assert!(ran.status == 0 && ran.err.ends_with(&format!("2 events sent to {url}\n")), "{}", ran.err);
    for chosen in ["separator=underscore", "separator=colon", "peer=java-4"] {
        let ran = ce_with(&["send", &broker.url("other"), "-o", chosen], GOOD);
        assert!(ran.status == 0 && ran.err.starts_with("1 event sent to "), "{}", ran.err);
    }
    let listener = Listener::at(&url, &["--count", "5"]);
    assert_eq!(listener.url, url);
    assert!(
        listener.notes.contains("as with `reject=broker` in the URL [reject-broker]"),
        "{}",
        listener.notes
    );
    let two = format!("{GOOD}\n{GOOD}\n");
    assert_eq!(ce_with(&["send", &url, "--mode", "structured", "--parallel", "8"], two).status, 0);
    let ran = ce_with(&["send", &url, "--mode", "structured", "--format", "cbor"], GOOD);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let listened = listener.end();
    assert_eq!((listened.status, listened.err.as_str()), (0, "5 events received\n"));
    let lines: Vec<_> = listened.out.lines().collect();
    assert_eq!(lines, [input, GOOD, GOOD, GOOD, GOOD]);
    assert!(broker.queue("orders").is_empty());
}

#[test]
fn what_is_no_event_is_rejected() {
    let broker = Broker::start().unwrap();
    let url = broker.url("orders");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sender = cloudevents_kit::connect_sender(&url).await.unwrap();
        let body = "{\"specversion\":\"1.0\",\n \"id\":7}";
        sender.send(Message::Structured(Document::new(FormatId::JSON, body))).await.unwrap();
    });
    assert_eq!(ce_with(&["send", &url], GOOD).status, 0);
    let listened = Listener::at(&url, &["--count", "1"]).end();
    assert_eq!((listened.status, listened.out.as_str()), (1, format!("{GOOD}\n").as_str()));
    let wanted = "error: attribute `id` has the wrong type [invalid-type]\n  --> message 1:2:7 (";
    assert!(listened.err.starts_with(wanted), "{}", listened.err);
    assert_eq!(broker.queue("orders").dead_letters().len(), 1);
}

#[test]
fn listening_goes_on_when_the_broker_is_back() {
    let mut broker = Broker::start().unwrap();
    let url = broker.url("orders");
    let mut listener = Listener::at(&url, &["--count", "1"]);
    broker.stop();
    // A connection that is back before the loss was looked at is not reported.
    listener.until("warning: the connection was lost; reconnecting");
    broker.restart().unwrap();
    assert_eq!(ce_with(&["send", &url], GOOD).status, 0);
    let listened = listener.end();
    assert_eq!(
        (listened.status, listened.out.as_str()),
        (0, format!("{GOOD}\n").as_str()),
        "{}",
        listened.err
    );
    assert!(!listened.err.contains("the connection was lost"), "once: {}", listened.err);
}

#[test]
fn refusals_and_failures_are_told_apart() {
    let broker = Broker::start().unwrap();
    let orders = broker.queue("orders");
    for (answer, status) in
        [(Answer::reject("amqp:not-allowed", "closed for today"), 1), (Answer::Release, 3)]
    {
        orders.answer(answer);
        let ran = ce_with(&["send", &broker.url("orders")], GOOD);
        assert_eq!(ran.status, status, "{}", ran.err);
        assert_eq!(ran.err.contains("closed for today"), status == 1, "{}", ran.err);
    }
}

#[test]
fn users_are_let_in_and_not_shown() {
    let mut options = BrokerOptions::default();
    options.users.push(("alice".into(), "s3cret".into()));
    let broker = Broker::with_options(options).unwrap();
    let of = |user: &str| broker.url("orders").replace("amqp://", &format!("amqp://{user}@"));
    let (right, wrong) =
        (ce_with(&["send", &of("alice:s3cret")], GOOD), ce_with(&["send", &of("alice:other")], GOOD));
    assert_eq!((right.status, wrong.status), (0, 1), "{}{}", right.err, wrong.err);
    assert!(!right.err.contains("s3cret") && !wrong.err.contains("other"), "{}{}", right.err, wrong.err);
}

#[test]
fn what_does_not_fit_is_wrong_usage() {
    for arguments in [
        ["send", "amqp://127.0.0.1:9/q", "--mode", "batched"],
        ["send", "amqp://127.0.0.1:9/q", "--header", "a: b"],
        ["send", "amqp://127.0.0.1:9/q?mode=structured", "--timeout", "1"],
        ["send", "amqp://127.0.0.1:9/q?prefetch=7", "--timeout", "1"],
        ["listen", "amqp://127.0.0.1:9/", "--idle", "1"],
    ] {
        let ran = ce_with(&arguments, GOOD);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn when_nobody_is_there() {
    let url = "amqp://me:s3cret@127.0.0.1:9/q";
    for command in ["send", "listen"] {
        let ran = ce_with(&[command, url], GOOD);
        assert_eq!((ran.status, ran.out.as_str()), (3, ""), "{command}: {}", ran.err);
        assert!(ran.err.contains("check the URL") && !ran.err.contains("s3cret"), "{}", ran.err);
    }
}
