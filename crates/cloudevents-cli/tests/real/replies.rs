//! `ce listen --reply` answers `ce send --reply`.

use crate::program::{GOOD, Listener, ce, ce_with, file};
use cloudevents_testkit::{amqp, mqtt, nats};

#[test]
fn requests_are_answered() {
    let (nats, mqtt, amqp) =
        (nats::Server::start().unwrap(), mqtt::Broker::start().unwrap(), amqp::Broker::start().unwrap());
    let answer = GOOD.replace("\"1\"", "\"answer\"");
    let reply = file("reply-to-requests.json", &answer);
    // What the listener reads, and its options, are not for its answers.
    for (from, to) in [
        (nats.url("prices.*?queue=q"), nats.url("prices.gold")),
        (mqtt.url("plant/%23?client=listener"), mqtt.url("plant/a")),
        (amqp.url("questions?prefetch=7"), amqp.url("questions")),
    ] {
        let listener = Listener::at(&from, &["--count", "3", "--reply", reply.to_str().unwrap()]);
        ce_with(&["send", "--reply", &to, "--timeout", "20"], format!("{GOOD}\n{GOOD}\n"))
            .ended(0)
            .prints(&format!("{answer}\n{answer}\n"));
        // An event that asks for no answer is accepted.
        ce_with(&["send", &to], GOOD).ended(0);
        let listened = listener.end().ended(0).prints(&format!("{GOOD}\n{GOOD}\n{GOOD}\n"));
        let note = "note: message 3 asks for no answer, and gets none [no-reply]";
        listened.says_times("[no-reply]", 1).says(note);
    }
    assert!(amqp.queue("questions").is_empty());
}

/// Before a message is taken that could not be answered.
#[test]
fn a_protocol_without_replies_is_refused_at_the_start() {
    let broker = mqtt::Broker::start().unwrap();
    let reply = file("no-reply.json", GOOD);
    for url in [
        broker.url("plant?version=3.1.1"),
        "kafka://127.0.0.1:9/orders".to_owned(),
        "nats+jetstream://127.0.0.1:9/orders".to_owned(),
        "redis://127.0.0.1:9/orders".to_owned(),
        "ws://127.0.0.1:0/".to_owned(),
        "-".to_owned(),
    ] {
        ce(&["listen", &url, "--idle", "1", "--reply", reply.to_str().unwrap()])
            .ended(2)
            .says_first("error: --reply: this protocol has no replies\n")
            .never_says("listening at");
    }
}
