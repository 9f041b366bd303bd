//! Parts of RabbitMQ that the embedded broker lacks: it refuses them with 540. And what would take long to see, or many bytes.

use super::client::{Behaviour, Refused::*, name, number, table, text};
use amq_protocol::{
    frame::{AMQPContentHeader, AMQPFrame},
    protocol::{AMQPClass, BasicProperties, basic, exchange, tx},
    types::AMQPValue,
};

pub(super) const ALL: &[Behaviour] = &[
    ("arguments of queues that it does not know", |place| {
        for (argument, value) in [
            ("x-max-length", number(1)),
            ("x-max-length-bytes", number(1)),
            ("x-overflow", text("reject-publish-dlx")),
            ("x-max-priority", number(10)),
            ("x-single-active-consumer", AMQPValue::Boolean(true)),
            ("x-queue-type", text("stream")),
            ("x-whatever", number(1)),
        ] {
            let declared = place.client().declare_with(&name("q"), [(argument, value)]);
            assert_eq!(declared.unwrap_err(), Connection(540), "{argument}");
        }
        for (argument, value) in [("x-delivery-limit", number(3)), ("x-overflow", text("reject-publish-dlx"))]
        {
            let arguments = [("x-queue-type", text("quorum")), (argument, value)];
            let declared = place.client().declare_with(&name("q"), arguments);
            assert_eq!(declared.unwrap_err(), Connection(540), "{argument}");
        }
    }),
    ("arguments of exchanges", |place| {
        let declare = exchange::Declare {
            exchange: name("e").into(),
            kind: "topic".into(),
            arguments: table([("alternate-exchange", text("amq.fanout"))]),
            ..Default::default()
        };
        let declared = place.client().exchange(exchange::AMQPMethod::Declare(declare));
        assert_eq!(declared.unwrap_err(), Connection(540));
    }),
    ("bindings of exchanges to exchanges", |place| {
        let (from, to) = ("amq.topic".into(), "amq.fanout".into());
        let bind = exchange::Bind { source: from, destination: to, ..Default::default() };
        assert_eq!(place.client().exchange(exchange::AMQPMethod::Bind(bind)).unwrap_err(), Connection(540));
        let (from, to) = ("amq.topic".into(), "amq.fanout".into());
        let unbind = exchange::Unbind { source: from, destination: to, ..Default::default() };
        assert_eq!(
            place.client().exchange(exchange::AMQPMethod::Unbind(unbind)).unwrap_err(),
            Connection(540)
        );
    }),
    ("transactions", |place| {
        let select = AMQPClass::Tx(tx::AMQPMethod::Select(tx::Select {}));
        assert_eq!(place.client().call(select).unwrap_err(), Connection(540));
    }),
    ("priorities of consumers", |place| {
        let (mut client, queue) = place.with_queue();
        let consume = basic::Consume {
            queue: queue.into(),
            arguments: table([("x-priority", number(1))]),
            ..Default::default()
        };
        assert_eq!(client.consume_as(consume).unwrap_err(), Connection(540));
    }),
    ("replies without a queue", |place| {
        let consumed = place.client().consume("amq.rabbitmq.reply-to", "c");
        assert_eq!(consumed.unwrap_err(), Connection(540));
        let declared = place.client().declare("amq.rabbitmq.reply-to");
        assert_eq!(declared.unwrap_err(), Connection(540));
        assert_eq!(place.client().counts("amq.rabbitmq.reply-to").unwrap_err(), Connection(540));
    }),
    ("a message of more than 128 MiB, as in RabbitMQ 3, is 406", |place| {
        let (mut client, queue) = place.with_queue();
        let publish = basic::Publish { routing_key: queue.into(), ..Default::default() };
        client.method(AMQPClass::Basic(basic::AMQPMethod::Publish(publish)));
        let properties = BasicProperties::default();
        let header = AMQPContentHeader { class_id: 60, body_size: (128 << 20) + 1, properties };
        client.frame(&AMQPFrame::Header(1, header));
        assert_eq!(client.answer().unwrap_err(), Channel(406));
    }),
    // RabbitMQ does this every three minutes.
    ("dead letters of at-least-once wait until a queue takes them", |place| {
        let (mut client, queue, dead) = (place.client(), name("q"), name("dead"));
        let arguments = [
            ("x-queue-type", text("quorum")),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text(&dead)),
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-overflow", text("reject-publish")),
        ];
        client.declare_with(&queue, arguments).unwrap();
        client.put(&queue, ["a", "b"]);
        for _ in 0..2 {
            let tag = client.get(&queue, false).unwrap().unwrap().tag;
            client.reject(tag, false).unwrap();
        }
        assert_eq!(client.counts(&queue), Ok((0, 0)));
        client.declare(&dead).unwrap();
        client.consume(&dead, "c").unwrap();
        assert_eq!([client.next(), client.next()].map(|sent| sent.text().to_owned()), ["a", "b"]);
    }),
];
