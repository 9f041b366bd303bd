//! Queues, exchanges and bindings: declaring, deleting, counting.

use super::client::{Behaviour, Refused::*, name, number, text, until};
use amq_protocol::{
    protocol::{AMQPClass, exchange, queue},
    types::{AMQPValue, FieldTable},
};

pub(super) const ALL: &[Behaviour] = &[
    ("a queue is declared again as it is, and counts are true", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["a", "b"]);
        let again = client.declare(&queue).unwrap();
        assert_eq!((again.queue.as_str(), again.message_count, again.consumer_count), (&*queue, 2, 0));
        client.consume(&queue, "c").unwrap();
        client.next();
        client.next();
        assert_eq!(client.counts(&queue), Ok((0, 1)));
    }),
    ("a queue without a name gets one", |place| {
        let mut client = place.client();
        let declared = client.declare("").unwrap().queue.to_string();
        assert!(declared.starts_with("amq.gen-"), "{declared}");
        assert_ne!(client.declare("").unwrap().queue.to_string(), declared);
    }),
    ("a queue whose arguments differ is 406", |place| {
        let mut client = place.client();
        let queue = name("q");
        client.declare_with(&queue, [("x-message-ttl", number(60_000))]).unwrap();
        assert_eq!(
            client.declare_with(&queue, [("x-message-ttl", number(60_001))]).unwrap_err(),
            Channel(406)
        );
        client.open(1).unwrap();
        assert_eq!(client.declare(&queue).unwrap_err(), Channel(406));
        client.open(1).unwrap();
        client.declare_with(&queue, [("x-message-ttl", AMQPValue::LongLongInt(60_000))]).unwrap();
    }),
    ("a queue whose durability or deletion differs is 406", |place| {
        let (mut client, queue) = place.with_queue();
        let declare = |durable, auto_delete| queue::Declare {
            queue: queue.as_str().into(),
            durable,
            auto_delete,
            ..Default::default()
        };
        assert_eq!(client.declare_as(declare(false, false)).unwrap_err(), Channel(406));
        client.open(1).unwrap();
        assert_eq!(client.declare_as(declare(true, true)).unwrap_err(), Channel(406));
        client.open(1).unwrap();
        client.declare_as(declare(true, false)).unwrap();
    }),
    ("a queue that is shared is not declared as exclusive, nor the other way round: 405", |place| {
        let (mut client, queue) = place.with_queue();
        let declare = |queue: &str, exclusive| queue::Declare {
            queue: queue.into(),
            durable: true,
            exclusive,
            ..Default::default()
        };
        assert_eq!(client.declare_as(declare(&queue, true)).unwrap_err(), Channel(405));
        client.open(1).unwrap();
        let own = name("q");
        client.declare_as(declare(&own, true)).unwrap();
        client.declare_as(declare(&own, true)).unwrap();
        assert_eq!(client.declare_as(declare(&own, false)).unwrap_err(), Channel(405));
    }),
    ("a queue of no type is one of the type classic", |place| {
        let (mut client, queue) = place.with_queue();
        client.declare_with(&queue, [("x-queue-type", text("classic"))]).unwrap();
        let other = client.declare_with(&queue, [("x-queue-type", text("quorum"))]);
        assert_eq!(other.unwrap_err(), Channel(406));
    }),
    ("an argument without x- is not looked at", |place| {
        let (mut client, queue) = place.with_queue();
        client.declare_with(&queue, [("mine", number(1))]).unwrap();
    }),
    ("a queue of an unknown type is 406", |place| {
        let mut client = place.client();
        let declared = client.declare_with(&name("q"), [("x-queue-type", text("nonsense"))]);
        assert_eq!(declared.unwrap_err(), Channel(406));
    }),
    ("a quorum queue that is not durable, or of one connection, or deletes itself is 406", |place| {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), text("quorum"));
        let declare = queue::Declare { queue: name("q").into(), arguments, ..Default::default() };
        assert_eq!(place.client().declare_as(declare.clone()).unwrap_err(), Channel(406));
        let exclusive = queue::Declare { durable: true, exclusive: true, ..declare.clone() };
        assert_eq!(place.client().declare_as(exclusive).unwrap_err(), Channel(406));
        let auto_delete = queue::Declare { durable: true, auto_delete: true, ..declare };
        assert_eq!(place.client().declare_as(auto_delete).unwrap_err(), Channel(406));
    }),
    ("arguments with values of another type or range are 406", |place| {
        let mut client = place.client();
        for (argument, value) in [
            ("x-message-ttl", text("1000")),
            ("x-message-ttl", number(-1)),
            ("x-expires", number(0)),
            ("x-expires", text("1000")),
            ("x-dead-letter-exchange", number(1)),
            ("x-dead-letter-routing-key", number(1)),
        ] {
            let declared = client.declare_with(&name("q"), [(argument, value)]);
            assert_eq!(declared.unwrap_err(), Channel(406), "{argument}");
            client.open(1).unwrap();
        }
    }),
    ("a dead-letter routing key without an exchange is 406", |place| {
        let declared = place.client().declare_with(&name("q"), [("x-dead-letter-routing-key", text("k"))]);
        assert_eq!(declared.unwrap_err(), Channel(406));
    }),
    ("names that begin with amq. are 403", |place| {
        let mut client = place.client();
        assert_eq!(client.declare(&name("amq.q")).unwrap_err(), Channel(403));
        client.open(1).unwrap();
        assert_eq!(client.declare_exchange(&name("amq.e"), "direct").unwrap_err(), Channel(403));
    }),
    ("a passive declaration of what is missing is 404, whatever its flags", |place| {
        let (mut client, queue) = place.with_queue();
        assert_eq!(client.counts(&name("q")).unwrap_err(), Channel(404));
        client.open(1).unwrap();
        let passive = |name: &str| {
            exchange::AMQPMethod::Declare(exchange::Declare {
                exchange: name.into(),
                kind: "topic".into(),
                passive: true,
                ..Default::default()
            })
        };
        assert_eq!(client.exchange(passive(&name("e"))).unwrap_err(), Channel(404));
        client.open(1).unwrap();
        client.exchange(passive("amq.direct")).unwrap();
        assert_eq!(client.counts(&queue), Ok((0, 0)));
    }),
    ("an exchange whose type or durability differs is 406", |place| {
        let mut client = place.client();
        let exchange = name("e");
        client.declare_exchange(&exchange, "topic").unwrap();
        client.declare_exchange(&exchange, "topic").unwrap();
        for (kind, durable) in [("direct", true), ("topic", false)] {
            let again = client.exchange(exchange::AMQPMethod::Declare(exchange::Declare {
                exchange: exchange.as_str().into(),
                kind: kind.into(),
                durable,
                ..Default::default()
            }));
            assert_eq!(again.unwrap_err(), Channel(406), "{kind} {durable}");
            client.open(1).unwrap();
        }
    }),
    ("an exchange of an unknown type is 503, which ends the connection", |place| {
        assert_eq!(place.client().declare_exchange(&name("e"), "nonsense").unwrap_err(), Connection(503));
    }),
    ("the exchanges that are always there may be declared as they are", |place| {
        let mut client = place.client();
        for (exchange, kind) in [("amq.direct", "direct"), ("amq.fanout", "fanout"), ("amq.topic", "topic")] {
            client.declare_exchange(exchange, kind).unwrap();
        }
    }),
    ("the default exchange is neither declared, deleted nor bound", |place| {
        let (mut client, queue) = place.with_queue();
        assert_eq!(client.declare_exchange("", "direct").unwrap_err(), Channel(403));
        client.open(1).unwrap();
        let delete = exchange::AMQPMethod::Delete(exchange::Delete::default());
        assert_eq!(client.exchange(delete).unwrap_err(), Channel(403));
        client.open(1).unwrap();
        assert_eq!(client.bind(&queue, "", "k").unwrap_err(), Channel(403));
        client.open(1).unwrap();
        assert_eq!(client.unbind(&queue, "", "k").unwrap_err(), Channel(403));
        client.open(1).unwrap();
        assert_eq!(client.unbind(&queue, "", &queue).unwrap_err(), Channel(403));
    }),
    ("a quorum queue without a name is 406", |place| {
        let declared = place.client().declare_with("", [("x-queue-type", text("quorum"))]);
        assert_eq!(declared.unwrap_err(), Channel(406));
    }),
    ("values of arguments that are none are 406", |place| {
        let mut client = place.client();
        for (argument, value) in [
            ("x-overflow", text("nonsense")),
            ("x-overflow", number(1)),
            ("x-queue-type", number(1)),
            ("x-dead-letter-strategy", text("at-most-once")), // of quorum queues alone
        ] {
            let declared = client.declare_with(&name("q"), [(argument, value)]);
            assert_eq!(declared.unwrap_err(), Channel(406), "{argument}");
            client.open(1).unwrap();
        }
        let arguments = [("x-queue-type", text("quorum")), ("x-dead-letter-strategy", text("nonsense"))];
        assert_eq!(client.declare_with(&name("q"), arguments).unwrap_err(), Channel(406));
    }),
    ("binding a missing queue is 404", |place| {
        assert_eq!(place.client().bind(&name("q"), "amq.direct", "k").unwrap_err(), Channel(404));
    }),
    ("binding to a missing exchange is 404, and makes none", |place| {
        let (mut client, queue) = place.with_queue();
        let exchange = name("e");
        assert_eq!(client.bind(&queue, &exchange, "k").unwrap_err(), Channel(404));
        client.open(1).unwrap();
        assert_eq!(client.publish(&exchange, "k", "x"), Err(Channel(404)));
    }),
    ("a binding that is removed routes no more", |place| {
        let (mut client, queue) = place.with_queue();
        client.bind(&queue, "amq.direct", &queue).unwrap();
        client.publish("amq.direct", &queue, "before").unwrap();
        client.unbind(&queue, "amq.direct", &queue).unwrap();
        client.publish("amq.direct", &queue, "after").unwrap();
        assert_eq!(client.take_all(&queue), ["before"]);
    }),
    ("removing a binding that is not there succeeds", |place| {
        let (mut client, queue) = place.with_queue();
        client.unbind(&queue, "amq.direct", "nothing").unwrap();
    }),
    ("removing a binding of a missing queue or exchange succeeds", |place| {
        let (mut client, queue) = place.with_queue();
        client.unbind(&name("q"), "amq.direct", "k").unwrap();
        client.unbind(&queue, &name("e"), "k").unwrap();
    }),
    ("purging removes what is ready, and counts it", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["a", "b", "c"]);
        client.get(&queue, false).unwrap().unwrap();
        let purge = |name: &str| queue::AMQPMethod::Purge(queue::Purge { queue: name.into(), nowait: false });
        let AMQPClass::Queue(queue::AMQPMethod::PurgeOk(purged)) = client.queue(purge(&queue)).unwrap()
        else {
            panic!()
        };
        assert_eq!(purged.message_count, 2);
        assert_eq!(client.counts(&queue), Ok((0, 0)));
        assert_eq!(client.queue(purge(&name("q"))).unwrap_err(), Channel(404));
        // The one that was held is back.
        client.open(1).unwrap();
        assert_eq!(client.take_all(&queue), ["a"]);
    }),
    ("deleting a queue counts its messages, and again finds none", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["a", "b"]);
        assert_eq!(client.delete(&queue), Ok(2));
        assert_eq!(client.delete(&queue), Ok(0));
        assert_eq!(client.counts(&queue).unwrap_err(), Channel(404));
    }),
    ("a queue that must be empty or unused is not deleted, which is 406", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["a"]);
        let delete = |if_unused, if_empty| queue::Delete {
            queue: queue.as_str().into(),
            if_unused,
            if_empty,
            nowait: false,
        };
        assert_eq!(client.delete_as(delete(false, true)), Err(Channel(406)));
        client.open(1).unwrap();
        client.consume(&queue, "c").unwrap();
        client.open(2).unwrap();
        assert_eq!(client.delete_as(delete(true, false)), Err(Channel(406)));
    }),
    ("a deleted queue leaves its bindings behind", |place| {
        let (mut client, queue) = place.with_queue();
        client.bind(&queue, "amq.direct", &queue).unwrap();
        client.delete(&queue).unwrap();
        client.declare(&queue).unwrap();
        client.publish("amq.direct", &queue, "x").unwrap();
        assert_eq!(client.take_all(&queue), [""; 0]);
    }),
    ("a deleted exchange is gone, and deleting it again succeeds", |place| {
        let (mut client, queue) = place.with_queue();
        let exchange = name("e");
        client.declare_exchange(&exchange, "fanout").unwrap();
        client.bind(&queue, &exchange, "").unwrap();
        let delete = |if_unused| {
            let exchange = exchange.as_str().into();
            exchange::AMQPMethod::Delete(exchange::Delete { exchange, if_unused, nowait: false })
        };
        assert_eq!(client.exchange(delete(true)).unwrap_err(), Channel(406));
        client.open(1).unwrap();
        client.exchange(delete(false)).unwrap();
        client.exchange(delete(false)).unwrap();
        assert_eq!(client.publish(&exchange, "", "x"), Err(Channel(404)));
        client.open(1).unwrap();
        client.declare_exchange(&exchange, "fanout").unwrap();
        client.publish(&exchange, "", "x").unwrap();
        assert_eq!(client.take_all(&queue), [""; 0]);
    }),
    ("an exchange that is always there is not deleted, which is 403", |place| {
        let delete = exchange::Delete { exchange: "amq.topic".into(), ..Default::default() };
        let deleted = place.client().exchange(exchange::AMQPMethod::Delete(delete));
        assert_eq!(deleted.unwrap_err(), Channel(403));
    }),
    ("an exclusive queue is 405 for others, and ends with its connection", |place| {
        let (mut owner, mut other) = (place.client(), place.client());
        let queue = name("q");
        let declare =
            || queue::Declare { queue: queue.as_str().into(), exclusive: true, ..Default::default() };
        owner.declare_as(declare()).unwrap();
        assert_eq!(other.declare_as(declare()).unwrap_err(), Channel(405));
        other.open(1).unwrap();
        assert!(matches!(other.get(&queue, true), Err(Channel(405))));
        other.open(1).unwrap();
        assert_eq!(other.consume(&queue, "c").unwrap_err(), Channel(405));
        owner.put(&queue, ["x"]);
        assert_eq!(owner.take_all(&queue), ["x"]);
        owner.end();
        other.open(1).unwrap();
        assert_eq!(other.counts(&queue).unwrap_err(), Channel(404));
    }),
    ("a queue that deletes itself goes with its last consumer", |place| {
        let mut client = place.client();
        let queue = name("q");
        let declare =
            queue::Declare { queue: queue.as_str().into(), auto_delete: true, ..Default::default() };
        client.declare_as(declare).unwrap();
        client.consume(&queue, "a").unwrap();
        client.consume(&queue, "b").unwrap();
        client.cancel("a").unwrap();
        assert_eq!(client.counts(&queue), Ok((0, 1)));
        client.cancel("b").unwrap();
        assert_eq!(client.counts(&queue).unwrap_err(), Channel(404));
    }),
    ("a queue that expires goes when it has no consumer", |place| {
        let mut client = place.client();
        let (used, unused) = (name("q"), name("q"));
        // Long enough that the consumer comes before. The other one is there longer: when it is gone, this one would be.
        for (queue, expires) in [(&used, 3000), (&unused, 4000)] {
            client.declare_with(queue, [("x-expires", number(expires))]).unwrap();
        }
        client.consume(&used, "c").unwrap();
        // Every mandatory message comes back once the queue is gone.
        until(|| {
            client.mandatory("", &unused, "x").unwrap();
            client.returned.pop_front()
        });
        assert_eq!(client.counts(&used), Ok((0, 1)));
    }),
    ("a method that wants no answer gets none", |place| {
        let mut client = place.client();
        let queue = name("q");
        let declare = queue::Declare {
            queue: queue.as_str().into(),
            durable: true,
            nowait: true,
            ..Default::default()
        };
        client.method(AMQPClass::Queue(queue::AMQPMethod::Declare(declare)));
        let bind = queue::Bind {
            queue: queue.as_str().into(),
            exchange: "amq.direct".into(),
            routing_key: queue.as_str().into(),
            nowait: true,
            arguments: FieldTable::default(),
        };
        client.method(AMQPClass::Queue(queue::AMQPMethod::Bind(bind)));
        client.select().unwrap();
        client.publish("amq.direct", &queue, "x").unwrap();
        assert_eq!(client.counts(&queue), Ok((1, 0)));
    }),
    ("a refusal closes one channel, and its number can be used again", |place| {
        let (mut client, queue) = place.with_queue();
        client.open(2).unwrap();
        assert_eq!(client.counts(&name("q")).unwrap_err(), Channel(404));
        client.switch(1);
        assert_eq!(client.counts(&queue), Ok((0, 0)));
        client.open(2).unwrap();
        assert_eq!(client.counts(&queue), Ok((0, 0)));
    }),
];
