//! The order that `ce bridge` keeps.

use crate::program::{ce, ce_with, with_id};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

const COUNT: usize = 100;

/// A webhook that takes longer for some events than for others, and the ids of those that it has taken.
fn hook() -> (String, Arc<Mutex<Vec<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let taken = Arc::<Mutex<Vec<usize>>>::default();
    let takes = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let takes = Arc::clone(&takes);
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut line, mut id) = (String::from("POST"), 0);
                // The events have no data.
                while !line.trim().is_empty() {
                    line.clear();
                    stream.read_line(&mut line).unwrap();
                    if let Some(text) = line.trim().strip_prefix("ce-id: ") {
                        id = text.parse().unwrap();
                    }
                }
                std::thread::sleep(Duration::from_millis((id * 7 % 11) as u64));
                takes.lock().unwrap().push(id);
                let _ = write!(stream.into_inner(), "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            });
        }
    });
    (url, taken)
}

/// MQTT has no keys at all.
#[test]
fn a_source_without_keys_keeps_its_order() {
    let check = |from: &str, to: &str| {
        let events = (0..COUNT).map(|id| with_id(id) + "\n");
        ce_with(&["send", to], events.collect::<String>()).ended(0);
        let (hook, taken) = hook();
        let ran = ce(&["bridge", from, &hook, "--idle", "3"]).ended(0);
        assert_eq!(*taken.lock().unwrap(), (0..COUNT).collect::<Vec<_>>(), "{from}: {}", ran.err);
    };
    std::thread::scope(|all| {
        all.spawn(|| {
            let broker = cloudevents_testkit::amqp::Broker::start().unwrap();
            check(&broker.url("orders?reject=drop"), &broker.url("orders"));
        });
        all.spawn(|| {
            let broker = cloudevents_testkit::mqtt::Broker::start().unwrap();
            let from = broker.url("orders?client=c&session=1h&reject=drop");
            ce(&["bridge", &from, "http://127.0.0.1:9/", "--idle", "1"]).ended(0); // there is a session
            check(&from, &broker.url("orders"));
        });
        all.spawn(|| {
            let broker = cloudevents_testkit::kafka::Broker::start().unwrap();
            broker.create_topic("orders", 1).unwrap();
            check(&broker.url("orders?group=g&reject=drop"), &broker.url("orders"));
        });
    });
}
