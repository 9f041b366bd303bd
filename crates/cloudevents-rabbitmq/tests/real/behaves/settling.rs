//! Acknowledging, rejecting and returning.

use super::client::{Behaviour, Refused::*, text};
use amq_protocol::types::AMQPValue;

pub(super) const ALL: &[Behaviour] = &[
    ("an unknown tag is 406", |place| {
        let mut client = place.client();
        assert_eq!(client.ack(1, false), Err(Channel(406)));
        client.open(1).unwrap();
        assert_eq!(client.ack(1, true), Err(Channel(406)));
        client.open(1).unwrap();
        assert_eq!(client.nack(1, false, true), Err(Channel(406)));
        client.open(1).unwrap();
        assert_eq!(client.reject(1, true), Err(Channel(406)));
        client.open(1).unwrap();
        assert_eq!(client.ack(0, false), Err(Channel(406)));
    }),
    ("settling twice is 406", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["1"]);
        let sent = client.get(&queue, false).unwrap().unwrap();
        client.ack(sent.tag, false).unwrap();
        assert_eq!(client.ack(sent.tag, false), Err(Channel(406)));
    }),
    ("the tag of another channel is 406", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["1"]);
        let sent = client.get(&queue, false).unwrap().unwrap();
        client.open(2).unwrap();
        assert_eq!(client.ack(sent.tag, false), Err(Channel(406)));
    }),
    ("tag 0 with multiple is everything", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["1", "2", "3"]);
        (0..3).for_each(|_| drop(client.get(&queue, false).unwrap().unwrap()));
        client.ack(0, true).unwrap();
        client.close();
        client.open(1).unwrap();
        assert_eq!(client.take_all(&queue), [""; 0]);
    }),
    ("tag 0 with multiple is also nothing", |place| {
        let mut client = place.client();
        client.ack(0, true).unwrap();
        client.nack(0, true, true).unwrap();
    }),
    ("multiple settles all up to the tag", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["1", "2", "3"]);
        (0..3).for_each(|_| drop(client.get(&queue, false).unwrap().unwrap()));
        client.ack(2, true).unwrap();
        client.close();
        client.open(1).unwrap();
        assert_eq!(client.take_all(&queue), ["3"]);
    }),
    ("multiple up to a tag that is settled is 406", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["1", "2"]);
        (0..2).for_each(|_| drop(client.get(&queue, false).unwrap().unwrap()));
        client.ack(2, false).unwrap();
        assert_eq!(client.ack(2, true), Err(Channel(406)));
    }),
    ("what is returned keeps its position, and is redelivered", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["1", "2", "3"]);
        let (one, two) = (client.get(&queue, false).unwrap().unwrap(), client.get(&queue, false).unwrap());
        client.nack(two.unwrap().tag, false, true).unwrap();
        client.reject(one.tag, true).unwrap();
        for (text, redelivered) in [("1", true), ("2", true), ("3", false)] {
            let sent = client.take(&queue).unwrap();
            assert_eq!((sent.text(), sent.redelivered), (text, redelivered));
        }
    }),
    ("what is rejected is gone where dead letters go nowhere", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["1", "2"]);
        client.get(&queue, false).unwrap().unwrap();
        client.get(&queue, false).unwrap().unwrap();
        client.reject(1, false).unwrap();
        client.nack(2, false, false).unwrap();
        client.close();
        client.open(1).unwrap();
        assert_eq!(client.take_all(&queue), [""; 0]);
    }),
    ("nack with multiple returns several", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["1", "2", "3"]);
        (0..3).for_each(|_| drop(client.get(&queue, false).unwrap().unwrap()));
        client.nack(0, true, true).unwrap();
        assert_eq!(client.take_all(&queue), ["1", "2", "3"]);
    }),
    ("a closed channel returns what it holds", |place| {
        let (mut client, queue) = place.with_queue();
        client.consume(&queue, "c").unwrap();
        client.put(&queue, ["1", "2"]);
        client.next();
        client.next();
        client.close();
        client.open(1).unwrap();
        let sent = client.take(&queue).unwrap();
        assert_eq!((sent.text(), sent.redelivered), ("1", true));
    }),
    ("a connection that ends returns what it holds", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["1"]);
        client.get(&queue, false).unwrap().unwrap();
        client.end();
        let mut other = place.client();
        other.consume(&queue, "c").unwrap();
        assert!(other.next().redelivered);
    }),
    ("a quorum queue counts how often a message came back", |place| {
        let mut client = place.client();
        let queue = super::client::name("q");
        client.declare_with(&queue, [("x-queue-type", text("quorum"))]).unwrap();
        client.consume(&queue, "c").unwrap();
        client.put(&queue, ["1"]);
        let count = |value: Option<AMQPValue>| match value {
            Some(AMQPValue::LongLongInt(count)) => Some(count),
            None => None,
            other => panic!("{other:?}"),
        };
        for expected in [None, Some(1), Some(2)] {
            let sent = client.next();
            assert_eq!(count(sent.header("x-delivery-count")).filter(|count| *count > 0), expected);
            client.nack(sent.tag, false, true).unwrap();
        }
    }),
];
