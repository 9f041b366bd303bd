//! Consumers: tags, turns and room.

use super::client::{Behaviour, Refused::*, name, number, table};
use amq_protocol::protocol::basic;

pub(super) const ALL: &[Behaviour] = &[
    ("consuming from a missing queue is 404", |place| {
        assert_eq!(place.client().consume(&name("q"), "c").unwrap_err(), Channel(404));
    }),
    ("a consumer without a tag gets one", |place| {
        let (mut client, queue) = place.with_queue();
        let (one, two) = (client.consume(&queue, "").unwrap(), client.consume(&queue, "").unwrap());
        assert!(one.starts_with("amq.ctag-") && one != two, "{one} {two}");
        client.put(&queue, ["x"]);
        assert!([one, two].contains(&client.next().consumer));
    }),
    ("a tag that is used on the channel is 530, which ends the connection", |place| {
        let (mut client, queue) = place.with_queue();
        client.consume(&queue, "c").unwrap();
        assert_eq!(client.consume(&queue, "c").unwrap_err(), Connection(530));
    }),
    ("a tag that another channel uses is free", |place| {
        let (mut client, queue) = place.with_queue();
        client.consume(&queue, "c").unwrap();
        client.open(2).unwrap();
        client.consume(&queue, "c").unwrap();
    }),
    ("consumers of a queue take turns", |place| {
        let (mut client, queue) = place.with_queue();
        for tag in ["a", "b", "c"] {
            client.consume(&queue, tag).unwrap();
        }
        client.put(&queue, ["1", "2", "3", "4", "5", "6"]);
        let got: Vec<_> = (0..6).map(|_| client.next().consumer).collect();
        for tag in ["a", "b", "c"] {
            assert_eq!(got.iter().filter(|got| *got == tag).count(), 2, "{got:?}");
        }
    }),
    ("consumers of two connections take turns", |place| {
        let (mut one, queue) = place.with_queue();
        let mut two = place.client();
        one.consume(&queue, "one").unwrap();
        two.consume(&queue, "two").unwrap();
        place.client().put(&queue, ["1", "2", "3", "4"]);
        let first = [one.next(), one.next()].map(|sent| sent.text().to_owned());
        let second = [two.next(), two.next()].map(|sent| sent.text().to_owned());
        let mut all = [first, second].concat();
        all.sort();
        assert_eq!(all, ["1", "2", "3", "4"]);
    }),
    ("prefetch is of each consumer", |place| {
        let (mut client, queue) = place.with_queue();
        client.qos(1, false).unwrap();
        client.consume(&queue, "a").unwrap();
        client.consume(&queue, "b").unwrap();
        client.put(&queue, ["1", "2", "3"]);
        let (one, two) = (client.next(), client.next());
        let mut tags = [one.consumer.clone(), two.consumer.clone()];
        tags.sort();
        assert_eq!(tags, ["a", "b"]);
        assert_eq!(client.counts(&queue), Ok((1, 2)));
        client.ack(one.tag, false).unwrap();
        let third = client.next();
        assert_eq!((third.text(), &third.consumer), ("3", &one.consumer));
    }),
    ("prefetch holds for consumers that come later", |place| {
        let (mut client, queue) = place.with_queue();
        client.qos(1, false).unwrap();
        client.consume(&queue, "one").unwrap();
        client.qos(2, false).unwrap();
        client.put(&queue, ["1", "2", "3"]);
        client.next();
        assert_eq!(client.counts(&queue), Ok((2, 1)));
        client.consume(&queue, "two").unwrap();
        assert_eq!((client.next().consumer, client.next().consumer), ("two".into(), "two".into()));
    }),
    ("what is got does not count for prefetch", |place| {
        let (mut client, queue) = place.with_queue();
        client.qos(1, false).unwrap();
        client.put(&queue, ["1", "2"]);
        client.get(&queue, false).unwrap().unwrap();
        client.consume(&queue, "c").unwrap();
        assert_eq!(client.next().text(), "2");
    }),
    ("a consumer that does not settle has no limit, and leaves nothing", |place| {
        let (mut client, queue) = place.with_queue();
        client.qos(1, false).unwrap();
        client
            .consume_as(basic::Consume {
                queue: queue.as_str().into(),
                consumer_tag: "c".into(),
                no_ack: true,
                ..Default::default()
            })
            .unwrap();
        client.put(&queue, ["1", "2", "3"]);
        assert_eq!((client.next().tag, client.next().tag, client.next().tag), (1, 2, 3));
        client.close();
        client.open(1).unwrap();
        assert_eq!(client.take_all(&queue), [""; 0]);
    }),
    ("a consumer that is cancelled keeps what it has", |place| {
        let (mut client, queue) = place.with_queue();
        client.consume(&queue, "c").unwrap();
        client.put(&queue, ["1"]);
        let sent = client.next();
        client.cancel("c").unwrap();
        client.put(&queue, ["2"]);
        assert_eq!(client.counts(&queue), Ok((1, 0)));
        client.ack(sent.tag, false).unwrap();
        client.close();
        client.open(1).unwrap();
        assert_eq!(client.take_all(&queue), ["2"]);
    }),
    ("cancelling a consumer that is not there succeeds", |place| {
        place.client().cancel("absent").unwrap();
    }),
    ("consumers of a deleted queue are cancelled", |place| {
        let (mut client, queue) = place.with_queue();
        client.consume(&queue, "c").unwrap();
        place.client().delete(&queue).unwrap();
        assert_eq!(client.next_cancelled(), "c");
    }),
    ("getting from a missing queue is 404", |place| {
        assert!(matches!(place.client().get(&name("q"), true), Err(Channel(404))));
    }),
    ("getting returns how much is left, or that the queue is empty", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["1", "2"]);
        let first = client.get(&queue, false).unwrap().unwrap();
        assert_eq!((first.text(), first.left, first.redelivered, first.tag), ("1", 1, false, 1));
        assert_eq!(client.get(&queue, true).unwrap().unwrap().left, 0);
        assert!(client.get(&queue, false).unwrap().is_none());
        client.ack(first.tag, false).unwrap();
    }),
    ("the priority of a consumer may be the default one", |place| {
        let (mut client, queue) = place.with_queue();
        let arguments = table([("x-priority", number(0))]);
        client
            .consume_as(basic::Consume { queue: queue.as_str().into(), arguments, ..Default::default() })
            .unwrap();
        client.put(&queue, ["1"]);
        assert_eq!(client.next().text(), "1");
    }),
    ("unknown arguments of a consumer change nothing", |place| {
        let (mut client, queue) = place.with_queue();
        client
            .consume_as(basic::Consume {
                queue: queue.as_str().into(),
                arguments: table([("mine", number(1))]),
                ..Default::default()
            })
            .unwrap();
        client.put(&queue, ["1"]);
        assert_eq!(client.next().text(), "1");
    }),
];
