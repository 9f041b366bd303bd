//! `ce send` and `ce listen` with an AMQP broker in this process.

use crate::program::{GOOD, Listener, ce_with};
use crate::suggested::send_documents;
use cloudevents_testkit::amqp::{Answer, Broker, BrokerOptions};

#[test]
fn messages_stay_where_they_are_looked_at() {
    let broker = cloudevents_testkit::amqp::Broker::start().unwrap();
    let queue = broker.queue("orders");
    let url = broker.url("orders");
    crate::program::ce_with(&["send", &url], crate::program::GOOD).ended(0);
    for end in [&["--idle", "5"][..], &["--count", "1", "--idle", "30"]] {
        let ran = crate::program::ce_with(&[&["listen", &url, "--peek"], end].concat(), "")
            .ended(0)
            .prints(&format!("{}\n", crate::program::GOOD));
        assert_eq!((queue.len(), queue.unsettled()), (1, 0), "{}", ran.err);
        // Nothing is refused, so no line is about refused messages.
        assert!(!ran.err.contains("[reject-"), "{}", ran.err);
        assert!(ran.err.ends_with("1 event received; 1 message went back\n"), "{}", ran.err);
    }
}

#[test]
fn from_one_to_the_other() {
    let broker = Broker::start().unwrap();
    let url = broker.url("orders");
    let input = r#"{"specversion":"1.0","id":"2","source":"/s","type":"t","datacontenttype":"application/json","priority":3,"data":{"total":1.10}}"#;
    // The default is said once to be news to older consumers, and nothing is said where the separator is chosen.
    let ran = ce_with(&["send", &url], format!("{input}\n{GOOD}\n"))
        .says_first("note: consumers of release 1.0.2 do not read attributes");
    assert_eq!(ran.err.matches("note: ").count(), 1);
    assert!(ran.status == 0 && ran.err.ends_with(&format!("2 events sent to {url}\n")), "{}", ran.err);
    for chosen in ["separator=underscore", "separator=colon", "peer=java-4"] {
        ce_with(&["send", &broker.url("other"), "-o", chosen], GOOD).ended(0).says_first("1 event sent to ");
    }
    let listener = Listener::at(&url, &["--count", "5"]);
    assert_eq!(listener.url, url);
    assert!(
        listener.notes.contains("as with `reject=broker` in the URL [reject-broker]"),
        "{}",
        listener.notes
    );
    let two = format!("{GOOD}\n{GOOD}\n");
    ce_with(&["send", &url, "--mode", "structured", "--parallel", "8"], two).ended(0);
    ce_with(&["send", &url, "--mode", "structured", "--format", "cbor"], GOOD).ended(0);
    let listened = listener.end().ended(0).says_only("5 events received\n");
    let lines: Vec<_> = listened.out.lines().collect();
    assert_eq!(lines, [input, GOOD, GOOD, GOOD, GOOD]);
    assert!(broker.queue("orders").is_empty());
}

#[test]
fn what_is_no_event_is_rejected() {
    let broker = Broker::start().unwrap();
    let url = broker.url("orders");
    send_documents(&url, &["{\"specversion\":\"1.0\",\n \"id\":7}"]);
    ce_with(&["send", &url], GOOD).ended(0);
    let listened = Listener::at(&url, &["--count", "1"]).end().ended(1).prints(&format!("{GOOD}\n"));
    listened.says_first("error: attribute `id` has the wrong type [invalid-type]\n  --> message 1:2:7 (");
    assert_eq!(broker.queue("orders").dead_letters().len(), 1);
}

#[test]
fn listening_goes_on_when_the_broker_is_back() {
    let mut broker = Broker::start().unwrap();
    let url = broker.url("orders");
    let mut listener = Listener::at(&url, &["--count", "1"]);
    broker.stop();
    // A connection that is back before the loss was looked at is not reported.
    listener.line("warning: the connection was lost; reconnecting");
    broker.restart().unwrap();
    ce_with(&["send", &url], GOOD).ended(0);
    // Once.
    listener.end().ended(0).prints(&format!("{GOOD}\n")).never_says("the connection was lost");
}

#[test]
fn refusals_and_failures_are_told_apart() {
    let broker = Broker::start().unwrap();
    let orders = broker.queue("orders");
    for (answer, status) in
        [(Answer::reject("amqp:not-allowed", "closed for today"), 1), (Answer::Release, 3)]
    {
        orders.answer(answer);
        let ran = ce_with(&["send", &broker.url("orders")], GOOD).ended(status);
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
        ce_with(&arguments, GOOD).ended(2).prints("");
    }
}

#[test]
fn when_nobody_is_there() {
    let url = "amqp://me:s3cret@127.0.0.1:9/q";
    for command in ["send", "listen"] {
        ce_with(&[command, url], GOOD).ended(3).prints("").says("check the URL").never_says("s3cret");
    }
}
