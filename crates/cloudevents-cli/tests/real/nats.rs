//! `ce send` and `ce listen` with a NATS server in this process.

use crate::program::{Bridge, GOOD, Listener, Ran, ce_with};
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
    let ran = ce_with(&["send", &url], input);
    assert!(
        ran.err.starts_with("note: consumers of release 1.0.2 do not read binary mode over NATS"),
        "{}",
        ran.err
    );
    assert_eq!(ran.err.matches("note: ").count(), 1);
    assert!(ran.status == 0 && ran.err.ends_with(&format!("1 event sent to {url}\n")), "{}", ran.err);
    let two = format!("{GOOD}\n{GOOD}\n");
    assert_eq!(ce_with(&["send", &url, "--mode", "structured", "--parallel", "8"], two).status, 0);
    let by_type = server.url("orders.{type}");
    // The type has dots, so `*` does not match it; core NATS does not report that there is no subscriber.
    assert_eq!(ce_with(&["send", &by_type], GOOD).status, 0);
    assert_eq!(ce_with(&["send", &url], GOOD).status, 0);
    let listened = listener.end();
    assert_eq!((listened.status, listened.err.as_str()), (0, "4 events received\n"));
    assert_eq!(listened.out.lines().collect::<Vec<_>>(), [input, GOOD, GOOD, GOOD]);
}

#[test]
fn listening_goes_on_when_the_server_is_back() {
    let mut server = Server::start().unwrap();
    let url = server.url("orders");
    let mut listener = Listener::at(&url, &["--count", "1"]);
    server.stop();
    // A connection that is back before the loss was looked at is not reported.
    listener.until("warning: the connection was lost; reconnecting");
    server.restart().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { server.has_subscriptions("orders", 1).await });
    assert_eq!(ce_with(&["send", &url], GOOD).status, 0);
    let listened = listener.end();
    assert_eq!((listened.status, listened.out), (0, format!("{GOOD}\n")), "{}", listened.err);
    assert!(!listened.err.contains("the connection was lost"), "once: {}", listened.err);
    assert!(listened.err.contains("connected again"), "{}", listened.err);
}

/// Half a minute is the default. An outage is no idle time.
#[test]
fn an_outage_ends_listening_when_that_is_requested() {
    let mut server = Server::start().unwrap();
    let listener = Listener::idle(&server.url("orders"), "1", &["--reconnect-for", "3"]);
    server.stop();
    let begin = std::time::Instant::now();
    let listened = listener.end();
    assert_eq!(listened.status, 3, "{}", listened.err);
    assert!(begin.elapsed() < slowed(Duration::from_secs(15)), "{:?}", begin.elapsed());
}

/// An outage has a beginning and an end, in both forms of reports.
#[test]
fn a_bridge_says_that_it_is_connected_again() {
    for form in ["text", "json"] {
        let mut server = Server::start().unwrap();
        let from = server.url("orders?reject=drop");
        let bridge = ["bridge", &from, "file:/dev/null", "--losses", "log", "--error-format", form];
        let mut child = crate::program::command(&bridge)
            .stdin(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        let mut until = |words: &str| {
            let line = lines.by_ref().map(Result::unwrap).find(|line| line.contains(words));
            line.unwrap_or_else(|| panic!("{form}: {words}"))
        };
        until("bridge from nats://");
        server.stop();
        until("the connection to FROM was lost; reconnecting");
        server.restart().unwrap();
        let line = until("connected to FROM again");
        if form == "json" {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let (after, began, ended) = (&line["after"], &line["began"], &line["ended"]);
            assert!(
                after.as_str().unwrap().ends_with('s') && began.as_str().unwrap().ends_with('Z'),
                "{line}"
            );
            assert!(began.as_str() < ended.as_str(), "{line}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn refusals_and_failures_are_told_apart() {
    let mut options = ServerOptions::default();
    options.users.push(("alice".into(), "s3cret".into()));
    let server = Server::with_options(options).unwrap();
    let url = |user: &str| server.url("orders").replace("nats://", &format!("nats://{user}@"));
    assert_eq!(ce_with(&["send", &url("alice:s3cret")], GOOD).status, 0);
    let ran = ce_with(&["send", &url("alice:wr0ng")], GOOD);
    assert_eq!(ran.status, 1, "{}", ran.err);
    assert!(!ran.err.contains("wr0ng") && ran.err.contains("authorization violation"), "{}", ran.err);
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
        let ran = ce_with(&arguments, GOOD);
        assert_eq!(ran.status, status, "{arguments:?}: {}", ran.err);
    }
}

/// The server does not wait, and keeps nothing: what came and was not moved is counted, wherever it was.
#[test]
fn what_a_bridge_drops_and_what_is_lost_with_it_is_counted() {
    let server = Server::start().unwrap();
    let hook = format!("http://127.0.0.1:{}/", cloudevents_testkit::ports::free()); // nothing listens there
    let from = server.url("orders?reject=drop&prefetch=10&in-flight=5");
    let bridge = Bridge::start(&[&from, &hook]);
    assert_eq!(ce_with(&["send", &server.url("orders")], format!("{GOOD}\n").repeat(500)).status, 0);
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
    assert_eq!(ce_with(&["send", &server.url("orders")], format!("{GOOD}\n").repeat(100)).status, 0);
    let Ran { status, out, err } = listener.end();
    let dropped = format!("error: {} messages dropped", 100 - out.lines().count());
    assert!(status == 3 && err.contains(&dropped), "{dropped}: {err}");
    // While it lasts.
    assert!(err.contains("WARN cloudevents_transport::dropped: messages are dropped"), "{err}");
}
