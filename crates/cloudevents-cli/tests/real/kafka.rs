//! `ce send` and `ce listen` with a Kafka broker in this process.

use crate::{
    program::{GOOD, Listener, ce, ce_with, command, file, until, url_of, variable, with_id},
    suggested::send_documents,
};
use cloudevents_testkit::{kafka::Broker, patience, slowed};
use std::{
    collections::BTreeSet,
    fs::File,
    io::Write,
    process::Stdio,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

fn broker(topics: &[&str]) -> Broker {
    let broker = Broker::start().unwrap();
    for topic in topics {
        broker.create_topic(topic, 1).unwrap();
    }
    broker
}

#[test]
fn from_one_to_the_other() {
    let broker = broker(&["orders"]);
    let url = broker.url("orders");
    // Before a consumer listens:
    ce_with(&["send", &url], GOOD).ended(0).says_only(&format!("1 event sent to {url}\n"));
    let listener = Listener::at(&url, &["--count", "5"]);
    let keyed = broker.url("orders?key=partitionkey");
    let with_key =
        r#"{"specversion":"1.0","id":"2","source":"/s","type":"t","partitionkey":"k","data":{"total":1.10}}"#;
    ce_with(&["send", &keyed], with_key).ended(0);
    let input = format!("{GOOD}\n{GOOD}\n");
    ce_with(&["send", &url, "--mode", "structured", "--parallel", "8"], input).ended(0);
    ce_with(&["send", &url, "--mode", "structured", "--format", "protobuf"], GOOD).ended(0);

    let wanted = "note: the URL has no `group`: listening from the beginning, in its own group ce-listen-";
    assert!(listener.notes.starts_with(wanted), "{}", listener.notes);
    assert!(listener.notes.contains("as with `reject=drop` in the URL [reject-drop]"), "{}", listener.notes);
    let listened = listener.end().ended(0).says_only("5 events received\n");
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
    send_documents(&url, &["{\"specversion\":\"1.0\",\n \"id\":7}"]);
    ce_with(&["send", &url], GOOD).ended(0);
    let listener = Listener::at(&broker.url("orders?group=g&dead-letter=rejected"), &["--count", "1"]);
    assert_eq!(listener.notes, "");
    let listened = listener.end().ended(1).prints(&format!("{GOOD}\n"));
    listened
        .says_first("error: attribute `id` has the wrong type [invalid-type]\n  --> message 1:2:7 (")
        .says_last("1 event received, 1 message without an event\n");
    let ran = ce(&["listen", &url, "--idle", "3", "--error-format", "json"]).ended(1);
    let last = ran.errors().pop().unwrap();
    let numbers = (&last["kind"], &last["received"], &last["not_events"]);
    assert_eq!(numbers, (&"summary".into(), &1.into(), &1.into()), "{last}");
    assert_eq!(broker.messages("rejected").unwrap().len(), 1);
    assert_eq!(broker.committed("g", "orders").unwrap(), [Some(2)]);
}

/// It gets no partition, and would say no more than that no event came.
#[test]
fn a_look_at_a_real_group_whose_members_have_all_partitions_says_so() {
    let Some(server) = variable("CE_TEST_KAFKA_URL") else { return };
    let topic = format!("{}/beside-{}", server.trim_end_matches('/'), std::process::id());
    ce(&["create", &topic, "--set", "partitions=1"]).ended(0);
    ce_with(&["send", &topic], GOOD).ended(0);
    let group = format!("{topic}?group=g-{}&reject=drop", std::process::id());
    let service = Listener::at(&group, &["--count", "2"]);
    until("the group has committed", || ce(&["look", &group]).out.contains(r#""committed":1"#));
    let looked = ce(&["listen", &group, "--last", "3", "--idle", "5"]).ended(0).prints("");
    looked.says("the group exists, and its other members have all partitions: this member gets its share with the next rebalance");
    ce_with(&["send", &topic], GOOD).ended(0);
    service.end().ended(0).prints_lines(2);
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
    ce_with(&["send", &broker.url("orders?key=partitionkey")], events).ended(0);
    let ids = |last: &str| {
        let ran = ce(&["listen", &broker.url("orders"), "--last", last, "--idle", "5", "-f", "%p %i\\n"])
            .ended(0)
            .says(&format!("listening from the last {last} messages of each partition on, in its own group"));
        ran.out.lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let all = ids("1000");
    assert_eq!(all.len(), 20);
    // In each partition, those with the highest numbers.
    let mut wanted = BTreeSet::new();
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
    // A group that has read of one partition only skips nothing of the other.
    let url = broker.url("orders?group=h&reject=drop");
    let first = ce(&["listen", &url, "--count", "1"]);
    let rest = ce(&["listen", &url, "--last", "1", "--idle", "5"]);
    assert_eq!((first.lines().len(), rest.lines().len()), (1, 19), "{}", rest.err);
}

/// An outcome takes a round trip, and messages do not wait for those of others.
#[test]
fn many_are_in_flight_in_their_order() {
    let broker = broker(&["orders"]);
    let event = |id: usize| with_id(id) + "\n";
    broker.answer_after(Duration::from_millis(200)).unwrap();
    let begin = Instant::now();
    ce_with(&["send", &broker.url("orders")], (0..300).map(event).collect::<String>()).ended(0);
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
    ce_with(&["send", &broker.url("orders?key=id")], format!("{GOOD}\n{GOOD}")).ended(0);
    ce_with(&["send", &broker.url("unkeyed")], GOOD).ended(0);
    for (topic, number, warnings) in [("orders", 2, 1), ("unkeyed", 1, 0)] {
        let listener = Listener::start(&["--count", &number.to_string()]);
        let from = broker.url(&format!("{topic}?group={topic}&reject=drop"));
        ce(&["bridge", &from, &listener.url, "--idle", "5"])
            .ended(0)
            .says_times("the keys of messages are left out", warnings)
            .says(&format!("bridge from {from} to {}", listener.url));
        assert_eq!(listener.end().out, format!("{GOOD}\n").repeat(number));
    }
}

/// A new group waits three seconds for members, and one whose member was killed for its session to end.
#[test]
fn a_bridge_that_its_group_has_not_let_in_is_not_idle() {
    let broker = broker(&["orders"]);
    broker.rebalance_after(Duration::from_secs(6));
    ce_with(&["send", &broker.url("orders")], GOOD).ended(0);
    let to = url_of("out.jsonl", "");
    let from = broker.url("orders?group=g&reject=drop");
    ce(&["bridge", &from, &to, "--idle", "4"]).ended(0).says_last("1 message moved, 0 refused\n");
}

/// Letters of one key are in one partition. What a dry run shows never leaves it, so that what is behind it is not seen.
#[test]
fn a_dry_run_of_letters_in_one_of_two_partitions_says_that_there_may_be_others() {
    let broker = Broker::start().unwrap();
    broker.create_topic("rejected", 2).unwrap();
    let keyed = GOOD.replace(r#""id""#, r#""partitionkey":"k","id""#) + "\n";
    ce_with(&["send", &broker.url("rejected?key=partitionkey")], keyed.repeat(1100)).ended(0);
    let to = url_of("out.jsonl", "");
    let from = broker.url("rejected?group=g&reject=drop");
    ce(&["bridge", &from, &to, "--redrive", "--dry-run", "--idle", "5"])
        .ended(0)
        .says_times("would be sent", 1024)
        .says_times("no more than 1,024 messages can be held at once", 1);
}

/// A request of Kafka has events of one partition: with hundreds of partitions, many events have to be under way for requests of more than
/// a few of them.
#[test]
fn thousands_of_events_are_under_way_at_once() {
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
    let all = is_open.recv_timeout(patience());
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
        ce_with(&arguments, GOOD).ended(2).says("--features kafka-tls cloudevents-cli");
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
        ce_with(&arguments, GOOD).ended(2).prints("");
    }
}

#[test]
fn when_nobody_is_there() {
    let url = "kafka://me:s3cret@127.0.0.1:9/t";
    for arguments in [vec!["send", url, "--timeout", "1"], vec!["listen", url]] {
        ce_with(&arguments, GOOD).ended(3).prints("").says("\n  = help: ").never_says("s3cret");
    }
}

#[test]
fn a_key_is_an_attribute() {
    for name in ["data.customer.id", "customer_id", "data"] {
        ce_with(&["send", "kafka://127.0.0.1:9/orders", "-o", &format!("key={name}")], GOOD)
            .ended(2)
            .says(&format!("`{name}`"))
            .says("help: name an attribute");
    }
}
