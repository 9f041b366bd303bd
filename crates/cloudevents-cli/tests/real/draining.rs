//! A signal ends a bridge in order: the message on its way is finished. A second signal ends the bridge at once.

use crate::program::{Bridge, GOOD, ce_with};
use cloudevents_testkit::{amqp::Broker, patience};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// A bridge whose target has the request of its only message, and has not responded.
fn on_its_way(broker: &Broker) -> (Bridge, TcpStream) {
    let from = broker.url("orders");
    assert_eq!(ce_with(&["send", &from], GOOD).status, 0);
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/events", target.local_addr().unwrap());
    let bridge = Bridge::start(&[&format!("{from}?dead-letter=rejected"), &hook]);
    let request = loop {
        let (mut stream, _) = target.accept().unwrap();
        if stream.read(&mut [0]).is_ok_and(|read| read > 0) {
            break stream;
        }
    };
    (bridge, request)
}

#[test]
fn a_signal_waits_for_the_message_on_its_way() {
    for signal in ["-TERM", "-INT"] {
        let broker = Broker::start().unwrap();
        let (mut bridge, mut request) = on_its_way(&broker);
        bridge.signal(signal);
        bridge.line("finishing 1 message, press Ctrl-C again to stop");
        // The end has begun, and the bridge is still there.
        assert!(bridge.child.try_wait().unwrap().is_none(), "{signal}");
        assert!(bridge.get("/ready").starts_with("HTTP/1.1 "), "{signal}");
        assert_eq!(broker.queue("orders").unsettled(), 1, "{signal}");
        request.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
        let (status, text) = bridge.end();
        assert_eq!(status, Some(0), "{signal}: {text}");
        assert!(text.contains("1 message moved, 0 refused"), "{signal}: {text}");
        let queue = broker.queue("orders");
        assert_eq!((queue.len(), queue.unsettled()), (0, 0), "{signal}");
    }
}

#[test]
fn a_second_signal_in_the_end_stops_at_once_and_the_message_comes_again() {
    for signal in ["-TERM", "-INT"] {
        let broker = Broker::start().unwrap();
        let (mut bridge, _request) = on_its_way(&broker);
        bridge.signal(signal);
        bridge.line("finishing 1 message");
        bridge.signal(signal);
        let (status, text) = bridge.end();
        assert_eq!(status, Some(130), "{signal}: {text}");
        let (queue, begin) = (broker.queue("orders"), Instant::now());
        while (queue.len(), queue.unsettled()) != (1, 0) {
            assert!(begin.elapsed() < patience(), "{signal}: {queue:?}");
            thread::sleep(Duration::from_millis(5)); // between two looks
        }
    }
}
