//! What dead letters say, protocol by protocol.

use crate::program::{GOOD, Listener, ce, file};
use cloudevents_kit::{Document, FormatId, Message};
use cloudevents_testkit::{amqp, kafka, mqtt, nats, rabbitmq};

/// Sends a document that is not an event, has it rejected, and reads the dead letter.
fn check(from: &str, rejected: &str) {
    // Before the letter, as not every protocol keeps messages.
    let mut letters = Listener::at(rejected, &["-v"]);
    let joined = if from.contains('?') { '&' } else { '?' };
    let name = rejected.rsplit(['/', '=']).next().unwrap();
    let listener = Listener::at(&format!("{from}{joined}dead-letter={name}"), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sender = cloudevents_kit::connect_sender(from).await.unwrap();
        sender
            .send(Message::Structured(Document::new(FormatId::JSON, "{\"specversion\":\"1.0\"")))
            .await
            .unwrap();
        sender.close().await.unwrap();
    });
    letters.until("dead-letter-error: invalid-document");
    listener.interrupt();
    assert_eq!(listener.end().status, 1, "{from}");
    letters.interrupt();
    letters.end();
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
        // A letter without a subscriber has no place.
        let subscriber = Listener::at(&broker.url("rejected"), &[]);
        let (from, to) = (file(name, text), file("out.jsonl", ""));
        let [from, to] = [from, to].map(|path| format!("file:{}", path.display()));
        let ran = ce(&["bridge", &from, &to, "--dead-letter", &broker.url("rejected")]);
        assert_eq!(ran.status, 0, "{name}: {}", ran.err);
        assert!(ran.err.contains(&format!("{good} messages moved, 1 refused")), "{name}: {}", ran.err);
        let letters: Vec<_> = broker.published().iter().map(|letter| letter.payload.clone()).collect();
        let letters: Vec<_> = letters.iter().map(|letter| String::from_utf8_lossy(letter)).collect();
        assert_eq!(letters, [wanted], "{name}");
        subscriber.interrupt();
        subscriber.end();
    }
}
