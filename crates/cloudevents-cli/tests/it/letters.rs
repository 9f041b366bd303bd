//! What dead letters say, protocol by protocol.

use crate::program::Listener;
use cloudevents_kit::{Document, FormatId, Message};
use cloudevents_testkit::{amqp, kafka, mqtt, nats, rabbitmq};

/// Sends a document that is not an event, has it rejected, and reads the dead letter.
fn check(from: &str, rejected: &str) {
    // Before the letter, as not every protocol keeps messages.
    let mut letters = Listener::at(rejected, &["-v"]);
    let joined = if from.contains('?') { '&' } else { '?' };
    let name = rejected.rsplit(['/', '=']).next().unwrap();
    let listener = Listener::idle(&format!("{from}{joined}dead-letter={name}"), "3", &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sender = cloudevents_kit::connect_sender(from).await.unwrap();
        sender
            .send(Message::Structured(Document::new(FormatId::JSON, "{\"specversion\":\"1.0\"")))
            .await
            .unwrap();
        sender.close().await.unwrap();
    });
    assert_eq!(listener.end().status, 1, "{from}");
    letters.until("dead-letter-error: invalid-document");
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
