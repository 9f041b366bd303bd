//! Parts of RabbitMQ that the embedded broker lacks: it refuses them with 540. And a message with many bytes.

use super::client::{Behaviour, Refused::*, headers, name, number, table, text};
use amq_protocol::{
    frame::{AMQPContentHeader, AMQPFrame},
    protocol::{AMQPClass, BasicProperties, basic, channel, exchange, queue, tx},
    types::AMQPValue,
};

pub(super) const ALL: &[Behaviour] = &[
    ("arguments of queues that it does not know", |place| {
        for (argument, value) in [
            ("x-max-length", number(1)),
            ("x-max-length-bytes", number(1)),
            ("x-overflow", text("reject-publish-dlx")),
            ("x-max-priority", number(10)),
            ("x-queue-mode", text("lazy")),
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
    ("exchanges of headers, internal ones, ones that delete themselves, and their arguments", |place| {
        let arguments = table([("alternate-exchange", text("amq.fanout"))]);
        let of = |kind: &str| exchange::Declare { kind: kind.into(), ..Default::default() };
        for declare in [
            of("headers"),
            exchange::Declare { internal: true, ..of("topic") },
            exchange::Declare { auto_delete: true, ..of("topic") },
            exchange::Declare { arguments, ..of("topic") },
        ] {
            let declare = exchange::Declare { exchange: name("e").into(), ..declare };
            let declared = place.client().exchange(exchange::AMQPMethod::Declare(declare));
            assert_eq!(declared.unwrap_err(), Connection(540));
        }
    }),
    ("arguments of bindings, and an empty name for the queue that was declared last", |place| {
        for (is_named, arguments) in [(true, table([("kind", text("a"))])), (false, table([]))] {
            let (mut client, queue) = place.with_queue();
            let queue = if is_named { queue } else { String::new() };
            let exchange = "amq.direct".into();
            let bind = queue::Bind { queue: queue.into(), exchange, arguments, ..Default::default() };
            assert_eq!(client.queue(queue::AMQPMethod::Bind(bind)).unwrap_err(), Connection(540));
        }
    }),
    ("further keys of messages", |place| {
        for header in ["CC", "BCC"] {
            let (mut client, queue) = place.with_queue();
            let sent = client.publish_with("", &queue, headers([(header, text("x"))]), "x");
            assert_eq!(sent, Err(Connection(540)), "{header}");
        }
    }),
    ("prefetch of channels, exclusive consumers, recovering, and flow", |place| {
        assert_eq!(place.client().qos(2, true).unwrap_err(), Connection(540));
        let (mut client, queue) = place.with_queue();
        let consume = basic::Consume { queue: queue.into(), exclusive: true, ..Default::default() };
        assert_eq!(client.consume_as(consume).unwrap_err(), Connection(540));
        let recover = basic::AMQPMethod::Recover(basic::Recover { requeue: true });
        assert_eq!(place.client().basic(recover).unwrap_err(), Connection(540));
        let flow = AMQPClass::Channel(channel::AMQPMethod::Flow(channel::Flow { active: true }));
        assert_eq!(place.client().call(flow).unwrap_err(), Connection(540));
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
];
