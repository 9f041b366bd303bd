//! `ce send` and `ce listen` with a Kafka broker in this process.

use crate::program::{GOOD, Listener, ce, ce_with};
use cloudevents_kit::{Document, FormatId, Message};
use cloudevents_testkit::{kafka::Broker, slowed};
use std::time::Duration;

fn broker(topics: &[&str]) -> Broker {
    let broker = Broker::start().unwrap();
    for topic in topics {
        broker.create_topic(topic, 1).unwrap();
    }
    broker
}

/// Puts a document that is not an event into a topic.
fn put(url: &str, document: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sender = cloudevents_kit::connect_sender(url).await.unwrap();
        let message = Message::Structured(Document::new(FormatId::JSON, document));
        sender.send(message).await.unwrap();
    });
}

#[test]
fn from_one_to_the_other() {
    let broker = broker(&["orders"]);
    let url = broker.url("orders");
    // Before a consumer listens:
    let ran = ce_with(&["send", &url], GOOD);
    assert_eq!((ran.status, ran.err.as_str()), (0, format!("1 event sent to {url}\n").as_str()));
    let listener = Listener::at(&url, &["--count", "5"]);
    let keyed = broker.url("orders?key=partitionkey");
    let with_key =
        r#"{"specversion":"1.0","id":"2","source":"/s","type":"t","partitionkey":"k","data":{"total":1.10}}"#;
    assert_eq!(ce_with(&["send", &keyed], with_key).status, 0);
    let input = format!("{GOOD}\n{GOOD}\n");
    assert_eq!(ce_with(&["send", &url, "--mode", "structured", "--parallel", "8"], input).status, 0);
    let ran = ce_with(&["send", &url, "--mode", "structured", "--format", "protobuf"], GOOD);
    assert_eq!(ran.status, 0, "{}", ran.err);

    let wanted = "note: the URL has no `group`: listening from the beginning, in its own group ce-listen-";
    assert!(listener.notes.starts_with(wanted), "{}", listener.notes);
    assert!(listener.notes.contains("as with `reject=drop` in the URL [reject-drop]"), "{}", listener.notes);
    let listened = listener.end();
    assert_eq!((listened.status, listened.err.as_str()), (0, "5 events received\n"));
    let lines: Vec<_> = listened.out.lines().collect();
    let with_type = with_key.replace(r#""type":"t","#, r#""type":"t","datacontenttype":"application/json","#);
    assert_eq!(lines, [GOOD, &with_type, GOOD, GOOD, GOOD]);

    let records = broker.messages("orders").unwrap();
    let of =
        |index: usize, name: &str| records[index].header(name).map(|value| String::from_utf8_lossy(value));
    assert_eq!(of(0, "ce_id").unwrap(), "1");
    assert_eq!(records[1].key.as_deref(), Some(&b"k"[..]));
    assert_eq!(of(3, "content-type").unwrap(), "application/cloudevents+json");
    assert_eq!(of(4, "content-type").unwrap(), "application/cloudevents+protobuf");
}

#[test]
fn what_is_no_event_goes_to_the_dead_letters() {
    let broker = broker(&["orders", "rejected"]);
    let url = broker.url("orders");
    put(&url, "{\"specversion\":\"1.0\",\n \"id\":7}");
    assert_eq!(ce_with(&["send", &url], GOOD).status, 0);
    let listener = Listener::at(&broker.url("orders?group=g&dead-letter=rejected"), &["--count", "1"]);
    assert_eq!(listener.notes, "");
    let listened = listener.end();
    assert_eq!((listened.status, listened.out.as_str()), (1, format!("{GOOD}\n").as_str()));
    let wanted = "error: attribute `id` has the wrong type [invalid-type]\n  --> message 1:2:7 (";
    assert!(listened.err.starts_with(wanted), "{}", listened.err);
    assert_eq!(broker.messages("rejected").unwrap().len(), 1);
    assert_eq!(broker.committed("g", "orders").unwrap(), [Some(2)]);
}

/// Of each partition.
#[test]
fn the_last_messages_are_shown() {
    let broker = Broker::start().unwrap();
    broker.create_topic("orders", 2).unwrap();
    // Keys decide about the partition: `a` and `b` are in different ones, by murmur or by CRC.
    let event = |id: usize, key: &str| {
        GOOD.replace(r#""id":"1""#, &format!(r#""id":"{id}","partitionkey":"{key}""#)) + "\n"
    };
    let events: String = (0..20).map(|id| event(id, if id % 2 == 0 { "a" } else { "b" })).collect();
    assert_eq!(ce_with(&["send", &broker.url("orders?key=partitionkey")], events).status, 0);
    let ids = |last: &str| {
        let ran =
            ce_with(&["listen", &broker.url("orders"), "--last", last, "--idle", "5", "-f", "%p %i\\n"], "");
        assert_eq!(ran.status, 0, "{}", ran.err);
        let wanted =
            format!("listening from the last {last} messages of each partition on, in its own group");
        assert!(ran.err.contains(&wanted), "{}", ran.err);
        ran.out.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>()
    };
    let all = ids("1000");
    assert_eq!(all.len(), 20);
    // In each partition, those with the highest numbers.
    let mut wanted = std::collections::BTreeSet::new();
    for partition in ["0 ", "1 "] {
        let mut numbers: Vec<usize> =
            all.iter().filter_map(|line| line.strip_prefix(partition)?.parse().ok()).collect();
        numbers.sort_unstable();
        wanted.extend(numbers.iter().rev().take(3).map(|number| format!("{partition}{number}")));
    }
    assert_eq!(ids("3"), wanted);
    let url = broker.url("orders?group=g&reject=drop");
    for exists in [false, true] {
        let ran = ce(&["listen", &url, "--last", "3", "--idle", "5"]);
        assert_eq!(
            (ran.status, ran.err.contains("the begin that is set has no effect")),
            (0, exists),
            "{}",
            ran.err
        );
    }
}

/// An outcome takes a round trip, and messages do not wait for those of others.
#[test]
fn many_are_in_flight_in_their_order() {
    let broker = broker(&["orders"]);
    let event = |id: usize| GOOD.replace(r#""id":"1""#, &format!(r#""id":"{id}""#)) + "\n";
    broker.answer_after(Duration::from_millis(200)).unwrap();
    let begin = std::time::Instant::now();
    let ran = ce_with(&["send", &broker.url("orders")], (0..300).map(event).collect::<String>());
    assert_eq!(ran.status, 0, "{}", ran.err);
    // One after the other, that would be a minute.
    assert!(begin.elapsed() < slowed(Duration::from_secs(20)), "{:?}", begin.elapsed());
    let stored = broker.messages("orders").unwrap();
    let ids: Vec<_> = stored
        .iter()
        .map(|record| String::from_utf8_lossy(record.header("ce_id").unwrap()).into_owned())
        .collect();
    assert_eq!(ids, (0..300).map(|id| id.to_string()).collect::<Vec<_>>());
}

/// Keys are left out with a warning where HTTP has none, and the first lines say what is moved. Messages without a key lose nothing.
#[test]
fn a_bridge_to_http_needs_no_flag() {
    let broker = broker(&["orders", "unkeyed"]);
    assert_eq!(ce_with(&["send", &broker.url("orders?key=id")], format!("{GOOD}\n{GOOD}")).status, 0);
    assert_eq!(ce_with(&["send", &broker.url("unkeyed")], GOOD).status, 0);
    for (topic, number, warnings) in [("orders", 2, 1), ("unkeyed", 1, 0)] {
        let listener = Listener::start(&["--count", &number.to_string()]);
        let from = broker.url(&format!("{topic}?group={topic}&reject=drop"));
        let ran = ce_with(&["bridge", &from, &listener.url, "--idle", "5"], "");
        assert_eq!(ran.status, 0, "{}", ran.err);
        assert_eq!(ran.err.matches("the keys of messages are left out").count(), warnings, "{}", ran.err);
        assert!(ran.err.contains(&format!("bridge from {from} to {}", listener.url)), "{}", ran.err);
        assert_eq!(listener.end().out, format!("{GOOD}\n").repeat(number));
    }
}

/// A new group waits three seconds for members, and one whose member was killed for its session to end.
#[test]
fn a_bridge_that_its_group_has_not_let_in_is_not_idle() {
    let broker = broker(&["orders"]);
    broker.rebalance_after(Duration::from_secs(6));
    assert_eq!(ce_with(&["send", &broker.url("orders")], GOOD).status, 0);
    let to = format!("file:{}", crate::program::file("out.jsonl", "").display());
    let from = broker.url("orders?group=g&reject=drop");
    let ran = ce_with(&["bridge", &from, &to, "--idle", "4"], "");
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.err.ends_with("1 message moved, 0 refused\n"), "{}", ran.err);
}

/// Letters of one key are in one partition. What a dry run shows never leaves it, so that what is behind it is not seen.
#[test]
fn a_dry_run_of_letters_in_one_of_two_partitions_says_that_there_may_be_others() {
    let broker = Broker::start().unwrap();
    broker.create_topic("rejected", 2).unwrap();
    let keyed = GOOD.replace(r#""id""#, r#""partitionkey":"k","id""#) + "\n";
    let ran = ce_with(&["send", &broker.url("rejected?key=partitionkey")], keyed.repeat(1100));
    assert_eq!(ran.status, 0, "{}", ran.err);
    let to = format!("file:{}", crate::program::file("out.jsonl", "").display());
    let from = broker.url("rejected?group=g&reject=drop");
    let ran = ce_with(&["bridge", &from, &to, "--redrive", "--dry-run", "--idle", "5"], "");
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(ran.err.matches("would be sent").count(), 1024, "{}", ran.err);
    assert_eq!(ran.err.matches("no more than 1,024 messages can be held at once").count(), 1, "{}", ran.err);
}

/// A request of Kafka has events of one partition: with hundreds of partitions, many events have to be under way for requests of more than
/// a few of them.
#[cfg(unix)]
#[test]
fn thousands_of_events_are_under_way_at_once() {
    use crate::program::{command, file};
    use std::{fs::File, io::Write, process::Stdio, sync::mpsc, thread};
    const EVENTS: usize = 20_000;
    let broker = broker(&["orders"]);
    let events = file("events.jsonl", format!("{GOOD}\n").repeat(EVENTS));
    let pipe = crate::pipes::fifo("next");
    let files = ["-", events.to_str().unwrap(), pipe.to_str().unwrap()];
    let mut sending = command(&["send", &broker.url("orders"), "--timeout", "120"])
        .args(files)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = sending.stdin.take().unwrap();
    writeln!(first, "{GOOD}").unwrap();
    while broker.ends("orders").unwrap() != [1] {
        thread::yield_now();
    }
    broker.go_away().unwrap();
    drop(first);
    let (opened, is_open) = mpsc::channel();
    thread::spawn(move || opened.send(File::create(pipe).is_ok()));
    // It reads the next file when each event of the one before is under way.
    let all = is_open.recv_timeout(cloudevents_testkit::patience());
    broker.come_back().unwrap();
    if all.is_err() {
        sending.kill().unwrap();
    }
    assert_eq!((all, sending.wait().unwrap().code()), (Ok(true), Some(0)));
    assert_eq!(broker.ends("orders").unwrap(), [1 + EVENTS as i64]);
}

#[cfg(not(feature = "kafka-tls"))]
#[test]
fn what_this_build_lacks_is_named() {
    for arguments in [
        ["send", "kafka://u:p@127.0.0.1:9/t?sasl=scram-sha-512"],
        ["listen", "kafka://u:p@127.0.0.1:9/t?sasl=scram-sha-256"],
    ] {
        let ran = ce_with(&arguments, GOOD);
        assert_eq!(ran.status, 2, "{}", ran.err);
        assert!(ran.err.contains("--features kafka-tls cloudevents-cli"), "{}", ran.err);
    }
}

#[test]
fn what_does_not_fit_is_wrong_usage() {
    for arguments in [
        ["send", "kafka://127.0.0.1:9/t", "--mode", "batched"],
        ["send", "kafka://127.0.0.1:9/t", "--header", "a: b"],
        ["send", "kafka://127.0.0.1:9/t", "--authorization-env", "HOME"],
        ["send", "kafka://127.0.0.1:9/t?mode=structured", "--timeout", "1"],
        ["send", "kafka://127.0.0.1:9/t?grup=g", "--timeout", "1"],
        ["send", "kafka://127.0.0.1:9/", "--timeout", "1"],
        ["listen", "kafka://127.0.0.1:9/t?offset=first", "--idle", "1"],
        ["listen", "kafka://127.0.0.1:9/t?reject=keep", "--idle", "1"],
    ] {
        let ran = ce_with(&arguments, GOOD);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn when_nobody_is_there() {
    let url = "kafka://me:s3cret@127.0.0.1:9/t";
    for arguments in [vec!["send", url, "--timeout", "1"], vec!["listen", url]] {
        let ran = ce_with(&arguments, GOOD);
        assert_eq!((ran.status, ran.out.as_str()), (3, ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains("\n  = help: "), "{}", ran.err);
        assert!(!ran.err.contains("s3cret"), "{}", ran.err);
    }
}

#[test]
fn a_key_is_an_attribute() {
    for name in ["data.customer.id", "customer_id", "data"] {
        let ran = ce_with(&["send", "kafka://127.0.0.1:9/orders", "-o", &format!("key={name}")], GOOD);
        assert_eq!(ran.status, 2, "{}", ran.err);
        assert!(
            ran.err.contains(&format!("`{name}`")) && ran.err.contains("help: name an attribute"),
            "{}",
            ran.err
        );
    }
}
