//! `ce send` and `ce listen` with a NATS server in this process.

use crate::program::{Bridge, GOOD, Listener, ce_with, wait};
use cloudevents_testkit::{
    nats::{Server, ServerOptions},
    slowed,
};
use std::time::Duration;

#[test]
fn from_one_to_the_other() {
    let server = Server::start().unwrap();
    let (url, all) = (server.url("orders.new"), server.url("orders.*"));
    let listener = Listener::at(&all, &["--count", "4"]);
    assert_eq!(listener.url, all);
    assert!(listener.notes.contains("as with `reject=drop` in the URL [reject-drop]"), "{}", listener.notes);
    let input = r#"{"specversion":"1.0","id":"2","source":"/s","type":"t","datacontenttype":"application/json","subject":"café","data":{"total":1.10}}"#;
    // The default is said once to be news to older consumers, and nothing is said where the mode is chosen.
    ce_with(&["send", &url], input)
        .ended(0)
        .says_first("note: consumers of release 1.0.2 do not read binary mode over NATS")
        .says_times("note: ", 1)
        .says_last(&format!("1 event sent to {url}\n"));
    let two = format!("{GOOD}\n{GOOD}\n");
    ce_with(&["send", &url, "--mode", "structured", "--parallel", "8"], two).ended(0);
    let by_type = server.url("orders.{type}");
    // The type has dots, so `*` does not match it; core NATS does not report that there is no subscriber.
    ce_with(&["send", &by_type], GOOD).ended(0);
    ce_with(&["send", &url], GOOD).ended(0);
    let listened = listener.end().ended(0).says_only("4 events received\n");
    assert_eq!(listened.out.lines().collect::<Vec<_>>(), [input, GOOD, GOOD, GOOD]);
}

#[test]
fn listening_goes_on_when_the_server_is_back() {
    let mut server = Server::start().unwrap();
    let url = server.url("orders");
    let mut listener = Listener::at(&url, &["--count", "1"]);
    server.stop();
    // A connection that is back before the loss was looked at is not reported.
    listener.line("warning: the connection was lost; reconnecting");
    server.restart().unwrap();
    wait(async { server.has_subscriptions("orders", 1).await });
    ce_with(&["send", &url], GOOD).ended(0);
    // Once.
    let listened = listener.end().ended(0).prints(&format!("{GOOD}\n"));
    listened.never_says("the connection was lost").says("connected again");
}

/// Half a minute is the default. An outage is no idle time.
#[test]
fn an_outage_ends_listening_when_that_is_requested() {
    let mut server = Server::start().unwrap();
    let listener = Listener::idle(&server.url("orders"), "1", &["--reconnect-for", "3"]);
    server.stop();
    let begin = std::time::Instant::now();
    listener.end().ended(3);
    assert!(begin.elapsed() < slowed(Duration::from_secs(15)), "{:?}", begin.elapsed());
}

/// An outage has a beginning and an end, in both forms of reports.
#[test]
fn a_bridge_says_that_it_is_connected_again() {
    for form in ["text", "json"] {
        let mut server = Server::start().unwrap();
        let from = server.url("orders?reject=drop");
        let mut bridge = Bridge::start(&[&from, "file:/dev/null", "--losses", "log", "--error-format", form]);
        server.stop();
        bridge.line("the connection to FROM was lost; reconnecting");
        server.restart().unwrap();
        let line = bridge.line("connected to FROM again");
        if form == "json" {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let (after, began, ended) = (&line["after"], &line["began"], &line["ended"]);
            assert!(after.as_str().unwrap().ends_with('s'), "{line}");
            assert!(began.as_str().unwrap().ends_with('Z') && began.as_str() < ended.as_str(), "{line}");
        }
        bridge.signal("-KILL");
        bridge.end();
    }
}

#[test]
fn refusals_and_failures_are_told_apart() {
    let mut options = ServerOptions::default();
    options.users.push(("alice".into(), "s3cret".into()));
    let server = Server::with_options(options).unwrap();
    let url = |user: &str| server.url("orders").replace("nats://", &format!("nats://{user}@"));
    ce_with(&["send", &url("alice:s3cret")], GOOD).ended(0);
    ce_with(&["send", &url("alice:wr0ng")], GOOD)
        .ended(1)
        .never_says("wr0ng")
        .says("authorization violation");
    let avro = url("alice:s3cret");
    for (arguments, status) in [
        (vec!["send", "nats://127.0.0.1:9/orders", "--timeout", "1"], 3),
        (vec!["send", avro.as_str(), "--mode", "structured", "--format", "avro"], 2),
        (vec!["send", "nats://127.0.0.1:9/q", "--mode", "batched"], 2),
        (vec!["send", "nats://127.0.0.1:9/q", "--header", "a: b"], 2),
        (vec!["send", "nats://127.0.0.1:9/q?mode=structured", "--timeout", "1"], 2),
        (vec!["send", "nats://127.0.0.1:9/q?consumer=c", "--timeout", "1"], 2),
        (vec!["listen", "nats://127.0.0.1:9/", "--idle", "1"], 2),
    ] {
        ce_with(&arguments, GOOD).ended(status);
    }
}

/// The server does not wait, and keeps nothing: what came and was not moved is counted, wherever it was.
#[test]
fn what_a_bridge_drops_and_what_is_lost_with_it_is_counted() {
    let server = Server::start().unwrap();
    let hook = format!("http://127.0.0.1:{}/", cloudevents_testkit::ports::free()); // nothing listens there
    let from = server.url("orders?reject=drop&prefetch=10&in-flight=5");
    let bridge = Bridge::start(&[&from, &hook]);
    ce_with(&["send", &server.url("orders")], format!("{GOOD}\n").repeat(500)).ended(0);
    bridge.until(&["cloudevents_dropped_total"], 450);
    bridge.signal("-INT");
    let (status, said) = bridge.end();
    let number = |end: &str| -> usize {
        let line = said.lines().find(|line| line.starts_with("error: ") && line.contains(end));
        let number = line.and_then(|line| line.trim_start_matches("error: ").split(' ').next()?.parse().ok());
        number.unwrap_or_else(|| panic!("{end}: {said}"))
    };
    let (dropped, lost) = (number("messages dropped"), number("messages lost"));
    assert!(dropped >= 450 && dropped + lost == 500, "{said}");
    assert_eq!(status, Some(3), "{said}");
}

#[test]
fn what_comes_faster_than_it_is_printed_is_counted() {
    let server = Server::start().unwrap();
    let from = server.url("orders?prefetch=1&in-flight=1");
    let listener = Listener::idle(&from, "2", &["--delay", "0.1"]);
    ce_with(&["send", &server.url("orders")], format!("{GOOD}\n").repeat(100)).ended(0);
    // Also while it lasts.
    let ran = listener.end().ended(3).says("WARN cloudevents_transport::dropped: messages are dropped");
    let dropped = 100 - ran.lines().len();
    ran.says(&format!("error: {dropped} messages dropped"));
}
