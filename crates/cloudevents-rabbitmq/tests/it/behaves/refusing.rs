//! Parts of RabbitMQ that the embedded broker lacks: it refuses them with 540.

use super::client::{Behaviour, Refused::*, name, number, table, text};
use amq_protocol::{
    protocol::{AMQPClass, basic, exchange, tx},
    types::AMQPValue,
};

pub(super) const ALL: &[Behaviour] = &[
    ("arguments of queues that it does not know", |place| {
        for (argument, value) in [
            ("x-max-length", number(1)),
            ("x-max-length-bytes", number(1)),
            ("x-overflow", text("reject-publish-dlx")),
            ("x-max-priority", number(10)),
            ("x-delivery-limit", number(3)),
            ("x-single-active-consumer", AMQPValue::Boolean(true)),
            ("x-queue-type", text("stream")),
            ("x-whatever", number(1)),
        ] {
            let declared = place.client().declare_with(&name("q"), [(argument, value)]);
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
    }),
];
