//! What dead letters say, protocol by protocol.

use crate::program::{GOOD, Listener, ce, url_of};
use crate::suggested::send_documents;
use cloudevents_testkit::{amqp, kafka, mqtt, nats, rabbitmq};

/// Sends a document that is not an event, has it rejected, and reads the dead letter.
fn check(from: &str, rejected: &str) {
    // Before the letter, as not every protocol keeps messages.
    let mut letters = Listener::at(rejected, &["-v"]);
    let joined = if from.contains('?') { '&' } else { '?' };
    let name = rejected.rsplit(['/', '=']).next().unwrap();
    let listener = Listener::at(&format!("{from}{joined}dead-letter={name}"), &[]);
    send_documents(from, &["{\"specversion\":\"1.0\""]);
    letters.line("dead-letter-error: invalid-document");
    listener.stop().ended(1);
    letters.stop();
}

#[test]
fn a_letter_names_the_error_of_a_document() {
    let broker = kafka::Broker::start().unwrap();
    for topic in ["orders", "rejected"] {
        broker.create_topic(topic, 1).unwrap();
    }
    check(&broker.url("orders"), &broker.url("rejected"));
    let broker = amqp::Broker::start().unwrap();
    check(&broker.url("orders"), &broker.url("rejected"));
    let broker = mqtt::Broker::start().unwrap();
    check(&broker.url("orders"), &broker.url("rejected"));
    let server = nats::Server::start().unwrap();
    check(&server.url("orders"), &server.url("rejected"));
    let broker = rabbitmq::Broker::start().unwrap();
    for queue in ["orders", "rejected"] {
        broker.queue(queue);
    }
    check(&broker.url("queue=orders"), &broker.url("queue=rejected"));
}

/// A bridge would move nothing from the first letter on.
#[test]
fn a_place_that_is_missing_is_an_error_of_opening() {
    let check = |from: &str, option: &str, place: &str, words: &str| {
        let joined = if from.contains('?') { '&' } else { '?' };
        let to = "http://127.0.0.1:9/events";
        let named = format!("{from}{joined}dead-letter={option}");
        for arguments in [vec![&*named, to], vec![from, to, "--dead-letter", place]] {
            let ran =
                ce(&[&["bridge", "--error-format", "json", "--idle", "1"], &*arguments].concat()).ended(1);
            let errors = ran.errors();
            let last = errors.last().unwrap();
            let detail = last["detail"].as_str().unwrap();
            assert_eq!((&last["kind"], &last["severity"]), (&"refused".into(), &"error".into()), "{last}");
            assert!(detail.contains(": the dead-letter place ") && detail.contains(option), "{last}");
            assert!(detail.contains(words) && last["help"].is_string(), "{last}");
            assert_eq!(ran.err.matches(words).count(), 1, "{}", ran.err);
        }
    };
    let broker = rabbitmq::Broker::start().unwrap();
    broker.queue("orders");
    check(&broker.url("queue=orders"), "missing", &broker.url("queue=missing"), "no queue 'missing'");
    let broker = amqp::Broker::start().unwrap();
    broker.queue("missing");
    broker.delete_queue("missing");
    check(&broker.url("orders"), "missing", &broker.url("missing"), "amqp:not-found");
    let broker = kafka::Broker::start().unwrap();
    for topic in ["orders", "missing"] {
        broker.create_topic(topic, 1).unwrap();
    }
    broker.forget_topic("missing").unwrap();
    let code = "Broker: Unknown topic or partition";
    check(&broker.url("orders?group=g"), "missing", &broker.url("missing"), code);
    broker.forbid_topic("missing").unwrap();
    check(
        &broker.url("orders?group=g"),
        "missing",
        &broker.url("missing"),
        "Broker: Topic authorization failed",
    );
}

/// Over MQTT 5 and JetStream, and with `mandatory` of RabbitMQ, it is seen with each letter.
#[test]
fn a_place_that_never_says_whether_a_letter_is_stored_is_warned_of_once() {
    let check = |from: &str, place: Option<&str>, wanted: usize| {
        let to = "http://127.0.0.1:9/events";
        let mut arguments = vec!["bridge", from, to, "--losses", "log", "--idle", "1"];
        arguments.extend(place.into_iter().flat_map(|place| ["--dead-letter", place]));
        let words = "the dead-letter place does not report whether anything stores a letter";
        ce(&arguments).ended(0).says_times(words, wanted);
    };
    let server = nats::Server::start().unwrap();
    let from = server.url("orders");
    check(&format!("{from}?dead-letter=lost"), None, 1);
    check(&from, Some(&server.url("lost")), 1);
    let broker = mqtt::Broker::start().unwrap();
    for (version, wanted) in [("3.1.1", 1), ("5", 0)] {
        let at = |topic: &str| broker.url(&format!("{topic}?version={version}"));
        check(&format!("{}&client=c&dead-letter=lost", at("orders")), None, wanted);
        check(&from, Some(&at("lost")), wanted);
    }
    check(&from, Some(&broker.url("lost?qos=2")), 1);
    let broker = rabbitmq::Broker::start().unwrap();
    broker.queue("lost");
    check(&from, Some(&broker.url("queue=lost&mandatory=false")), 1);
    check(&from, Some(&broker.url("queue=lost")), 0);
}

/// Nothing of the events around it, which are moved.
#[test]
fn a_letter_of_a_file_has_the_text_of_one_event() {
    let bad = r#"{"specversion":"1.0","id":"2"}"#;
    let filler = format!(
        r#"{{"specversion":"1.0","id":"3","source":"/s","type":"t","data":"{}"}}"#,
        "x".repeat(9 << 20)
    );
    let yaml = "specversion: \"1.0\"\nid: \"1\"\nsource: /s\ntype: t\n";
    let item = format!("- {}\n", yaml.trim_end().replace('\n', "\n  "));
    let in_flow = format!("{{{}}}", yaml.trim_end().replace('\n', ", "));
    for (name, text, wanted, good) in [
        ("in.jsonl", format!("{GOOD}\n  {bad} \n{GOOD}\n{GOOD}\n"), bad, 3),
        ("one.json", format!("[{GOOD},{bad},{GOOD}]"), bad, 2),
        ("row.json", format!("{GOOD}{bad}{GOOD}"), bad, 2),
        ("large.json", format!("[{GOOD},{bad},{filler}]"), bad, 2),
        (
            "in.yaml",
            format!("{yaml}---\nspecversion: \"1.0\"\nid: \"2\"\n---\n{yaml}"),
            "---\nspecversion: \"1.0\"\nid: \"2\"\n",
            2,
        ),
        (
            "block.yaml",
            format!("{item}- specversion: \"1.0\"\n  id: \"2\"\n{item}{item}"),
            "- specversion: \"1.0\"\n  id: \"2\"",
            3,
        ),
        (
            "flow.yaml",
            format!("---\n[{in_flow}, {{specversion: \"1.0\", id: \"2\"}}, {in_flow}]\n"),
            "{specversion: \"1.0\", id: \"2\"}",
            2,
        ),
        ("malformed.yaml", format!("{yaml}---\n{yaml}---\n{{oops\n"), "---\n{oops\n", 2),
    ] {
        let broker = mqtt::Broker::start().unwrap();
        // A letter without a subscriber is not stored.
        let subscriber = Listener::at(&broker.url("rejected"), &[]);
        let (from, to) = (url_of(name, text), url_of("out.jsonl", ""));
        ce(&["bridge", &from, &to, "--dead-letter", &broker.url("rejected")])
            .ended(0)
            .says(&format!("{good} messages moved, 1 refused"));
        let letters: Vec<_> = broker.published().iter().map(|letter| letter.payload.clone()).collect();
        let letters: Vec<_> = letters.iter().map(|letter| String::from_utf8_lossy(letter)).collect();
        assert_eq!(letters, [wanted], "{name}");
        subscriber.stop();
    }
}
