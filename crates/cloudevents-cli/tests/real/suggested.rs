//! Suggestions for a message that was refused.

use crate::program::{Bridge, Listener};
use cloudevents_kit::{Document, FormatId, Message};
use cloudevents_testkit::rabbitmq;
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// A document that one repair reads.
const UPPER_CASE: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","partitionKey":"k"}"#;
const READS: &str = "= help: --lenient=lower-cased-name reads it";

#[test]
fn of_json_that_nothing_marks_as_an_event() {
    let mut listener = Listener::start(&[]);
    let address = listener.url.trim_start_matches("http://").trim_end_matches("/events").to_owned();
    let event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{event}",
        event.len()
    )
    .unwrap();
    stream.read_to_string(&mut String::new()).unwrap();
    listener.until("= help: --lenient=assumed-json reads it; it may be from ");
    listener.interrupt();
    assert_eq!(listener.end().status, 1);
}

/// Listening and moving say the same.
#[test]
fn of_a_document() {
    let broker = rabbitmq::Broker::start().unwrap();
    for queue in ["listened", "moved"] {
        broker.queue(queue);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let sender =
                cloudevents_kit::connect_sender(&broker.url(&format!("queue={queue}"))).await.unwrap();
            sender.send(Message::Structured(Document::new(FormatId::JSON, UPPER_CASE))).await.unwrap();
            sender.close().await.unwrap();
        });
    }
    let mut listener = Listener::at(&broker.url("queue=listened&reject=drop"), &[]);
    listener.until(READS);
    listener.interrupt();
    listener.end();
    let target = Listener::start(&[]);
    let mut bridge = Bridge::start(&[&broker.url("queue=moved&reject=drop"), &target.url]);
    bridge.line(READS);
    bridge.signal("-TERM");
    bridge.end();
    target.interrupt();
    target.end();
}
