//! Limits that client and broker agree on when they connect.

use super::client::{Behaviour, Refused::*, name};
use amq_protocol::{
    frame::{AMQPContentHeader, AMQPFrame},
    protocol::{AMQPClass, BasicProperties, basic},
    types::AMQPValue,
};
use std::time::{Duration, Instant};

/// The smallest frame that AMQP 0.9.1 allows as a maximum.
const LEAST: u32 = 4096;

pub(super) const ALL: &[Behaviour] = &[
    ("the broker offers 2,047 channels, frames of 128 KiB, and a heartbeat each minute", |place| {
        let offered = place.offered();
        assert_eq!((offered.channel_max, offered.frame_max, offered.heartbeat), (2047, 131_072, 60));
    }),
    ("the broker names the extensions that it has", |place| {
        let server = place.client().server;
        let Some(AMQPValue::FieldTable(capabilities)) = server.inner().get("capabilities") else { panic!() };
        for extension in [
            "authentication_failure_close",
            "basic.nack",
            "consumer_cancel_notify",
            "per_consumer_qos",
            "publisher_confirms",
        ] {
            assert_eq!(capabilities.inner().get(extension), Some(&AMQPValue::Boolean(true)), "{extension}");
        }
    }),
    ("a user whose password is wrong is not let in, which a client hears if it understands it", |place| {
        assert_eq!(
            [false, true].map(|understands| place.strange(understands)),
            [Some(Cut), Some(Connection(403))]
        );
    }),
    ("a client may not want larger frames, or more channels, than the broker offers", |place| {
        for (channel_max, frame_max) in [(100, 131_073), (100, 0), (2048, LEAST), (0, LEAST)] {
            let connected = place.tuned(channel_max, frame_max, 0);
            assert_eq!(connected.err(), Some(Cut), "{channel_max} {frame_max}");
        }
    }),
    ("a client may not want frames that are too small", |place| {
        assert_eq!(place.tuned(100, LEAST - 1, 0).err(), Some(Cut));
    }),
    ("the broker sends no larger frames than the client takes", |place| {
        let (mut other, queue) = place.with_queue();
        other.put(&queue, [&*"x".repeat(10_000)]);
        let mut client = place.tuned(100, LEAST, 0).unwrap();
        client.open(1).unwrap();
        let get = basic::Get { queue: queue.into(), no_ack: true };
        client.method(AMQPClass::Basic(basic::AMQPMethod::Get(get)));
        let (mut bodies, mut total) = (Vec::new(), 0);
        while total < 10_000 {
            if let AMQPFrame::Body(_, body) = client.read_frame().unwrap() {
                total += body.len();
                bodies.push(body.len());
            }
        }
        // A frame has eight bytes besides its payload.
        assert_eq!(bodies, [4088, 4088, 1824]);
    }),
    ("a message that comes back fits the frames that the client takes", |place| {
        let mut client = place.tuned(100, LEAST, 0).unwrap();
        client.open(1).unwrap();
        let publish = basic::Publish { routing_key: name("q").into(), mandatory: true, ..Default::default() };
        client.post(publish, &"x".repeat(5000));
        let mut largest = 0;
        let mut total = 0;
        while total < 5000 {
            if let AMQPFrame::Body(_, body) = client.read_frame().unwrap() {
                total += body.len();
                largest = largest.max(body.len());
            }
        }
        assert_eq!(largest, 4088);
    }),
    ("a frame that is larger than the client wanted is 501, which ends the connection", |place| {
        let (_, queue) = place.with_queue();
        let mut client = place.tuned(100, LEAST, 0).unwrap();
        client.open(1).unwrap();
        let publish = basic::Publish { routing_key: queue.into(), ..Default::default() };
        client.method(AMQPClass::Basic(basic::AMQPMethod::Publish(publish)));
        let properties = BasicProperties::default();
        let header = AMQPContentHeader { class_id: 60, body_size: 10_000, properties };
        client.frame(&AMQPFrame::Header(1, header));
        client.frame(&AMQPFrame::Body(1, vec![b'x'; 10_000]));
        assert_eq!(client.answer().err(), Some(Connection(501)));
    }),
    ("a client may not open more channels than it wanted: 530", |place| {
        let mut client = place.tuned(2, LEAST, 0).unwrap();
        client.open(7).unwrap();
        client.open(1).unwrap();
        assert_eq!(client.open(2), Err(Connection(530)));
    }),
    ("a closed channel makes room for another one", |place| {
        let mut client = place.tuned(1, LEAST, 0).unwrap();
        client.open(1).unwrap();
        client.close();
        client.open(2).unwrap();
    }),
    ("the broker sends heartbeats, and cuts a client off that sends none", |place| {
        let mut client = place.tuned(100, LEAST, 3).unwrap();
        let begin = Instant::now();
        assert_eq!(client.read_frame().unwrap(), AMQPFrame::Heartbeat);
        while client.read_frame().is_ok() {}
        assert!(begin.elapsed() > Duration::from_secs(3));
    }),
    ("a client that sends heartbeats stays", |place| {
        let mut client = place.tuned(100, LEAST, 3).unwrap();
        let begin = Instant::now();
        // Longer than a silent client stays.
        while begin.elapsed() < Duration::from_secs(10) {
            assert_eq!(client.read_frame().unwrap(), AMQPFrame::Heartbeat);
            client.frame(&AMQPFrame::Heartbeat);
        }
        client.open(1).unwrap();
    }),
];
