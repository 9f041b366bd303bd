//! What publishers hear.

use super::client::{Behaviour, Refused::*, name};
use amq_protocol::{
    frame::{AMQPContentHeader, AMQPFrame},
    protocol::{AMQPClass, BasicProperties, basic},
};

pub(super) const ALL: &[Behaviour] = &[
    ("publishing to a missing exchange is 404", |place| {
        assert_eq!(place.client().publish(&name("e"), "k", "x"), Err(Channel(404)));
    }),
    ("a message that no queue gets is acknowledged", |place| {
        assert_eq!(place.client().publish("", &name("q"), "x"), Ok(true));
    }),
    ("a mandatory message that no queue gets comes back before it is acknowledged", |place| {
        let (mut client, key) = (place.client(), name("q"));
        assert_eq!(client.mandatory("", &key, "text"), Ok(true));
        let returned = client.returned.pop_front().unwrap();
        assert_eq!((returned.code, returned.key.as_str(), returned.text()), (312, &*key, "text"));
    }),
    ("a mandatory message that a queue gets does not come back", |place| {
        let (mut client, queue) = place.with_queue();
        assert_eq!(client.mandatory("", &queue, "text"), Ok(true));
        assert!(client.returned.is_empty());
    }),
    ("an immediate message is 540, which ends the connection", |place| {
        let (mut client, queue) = place.with_queue();
        let publish = basic::Publish {
            exchange: "".into(),
            routing_key: queue.into(),
            immediate: true,
            ..Default::default()
        };
        assert_eq!(client.publish_as(publish, BasicProperties::default(), "x"), Err(Connection(540)));
    }),
    ("a reply without a queue to a channel that consumes none is 406", |place| {
        let (mut client, queue) = place.with_queue();
        let properties = BasicProperties::default().with_reply_to("amq.rabbitmq.reply-to".into());
        assert_eq!(client.publish_with("", &queue, properties, "x"), Err(Channel(406)));
        client.open(1).unwrap();
        assert_eq!(client.counts(&queue), Ok((0, 0)));
    }),
    ("an expiration that is no number from 0 is 406", |place| {
        let (mut client, queue) = place.with_queue();
        for expiration in ["soon", "-1", "", "1.5", "10s", "315360000001"] {
            let properties = BasicProperties::default().with_expiration(expiration.into());
            assert_eq!(client.publish_with("", &queue, properties, "x"), Err(Channel(406)), "{expiration}");
            client.open(1).unwrap();
        }
        assert_eq!(client.counts(&queue), Ok((0, 0)));
    }),
    ("a user-id of another user is 406", |place| {
        let (mut client, queue) = place.with_queue();
        let by = |user: &str| BasicProperties::default().with_user_id(user.into());
        assert_eq!(client.publish_with("", &queue, by("guest"), "x"), Ok(true));
        assert_eq!(client.publish_with("", &queue, by("mallory"), "x"), Err(Channel(406)));
    }),
    ("a message of many frames is one", |place| {
        let (mut client, queue) = place.with_queue();
        let long = "0123456789".repeat(30_000);
        client.put(&queue, [&*long, ""]);
        assert!(client.take(&queue).unwrap().text() == long);
        assert_eq!(client.take(&queue).unwrap().text(), "");
    }),
    ("properties arrive as they were sent", |place| {
        let (mut client, queue) = place.with_queue();
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_content_encoding("identity".into())
            .with_delivery_mode(2)
            .with_correlation_id("7".into())
            .with_reply_to("answers".into())
            .with_message_id("m".into())
            .with_timestamp(1_700_000_000)
            .with_type("t".into())
            .with_app_id("a".into());
        client.publish_with("", &queue, properties.clone(), "x").unwrap();
        let sent = client.take(&queue).unwrap().properties;
        // A broker may stamp headers.
        assert_eq!(sent.content_type(), properties.content_type());
        assert_eq!(sent.content_encoding(), properties.content_encoding());
        assert_eq!(sent.delivery_mode(), properties.delivery_mode());
        assert_eq!(sent.correlation_id(), properties.correlation_id());
        assert_eq!(sent.reply_to(), properties.reply_to());
        assert_eq!(sent.message_id(), properties.message_id());
        assert_eq!(sent.kind(), properties.kind());
        assert_eq!(sent.app_id(), properties.app_id());
    }),
    ("content that no method announced is 505, which ends the connection", |place| {
        let (mut client, _) = place.with_queue();
        client.frame(&AMQPFrame::Body(1, b"x".as_slice().into()));
        assert_eq!(client.select(), Err(Connection(505)));
    }),
    ("a method within a message is 505, which ends the connection", |place| {
        let (mut client, queue) = place.with_queue();
        let publish = basic::Publish { routing_key: queue.into(), ..Default::default() };
        client.method(AMQPClass::Basic(basic::AMQPMethod::Publish(publish)));
        assert_eq!(client.select(), Err(Connection(505)));
    }),
    ("a method on a channel that is not open is 504, which ends the connection", |place| {
        let mut client = place.client();
        client.switch(7);
        assert_eq!(client.select(), Err(Connection(504)));
    }),
    ("opening a channel twice is 504, which ends the connection", |place| {
        assert_eq!(place.client().open(1), Err(Connection(504)));
    }),
    ("each channel numbers its messages from 1", |place| {
        let (mut client, queue) = place.with_queue();
        client.put(&queue, ["a", "b"]);
        client.open(2).unwrap();
        client.put(&queue, ["c"]);
        client.close();
        client.open(2).unwrap();
        client.put(&queue, ["d"]);
        assert_eq!(client.take_all(&queue), ["a", "b", "c", "d"]);
    }),
    ("messages are numbered from where confirmations were requested", |place| {
        let (mut client, queue) = place.with_queue();
        client.open_unconfirmed(2);
        client.post(basic::Publish { routing_key: queue.as_str().into(), ..Default::default() }, "a");
        client.select().unwrap();
        client.put(&queue, ["b"]);
        assert_eq!(client.take_all(&queue), ["a", "b"]);
    }),
    ("a message with another class than its method is refused", |place| {
        let (mut client, queue) = place.with_queue();
        let publish = basic::Publish { routing_key: queue.into(), ..Default::default() };
        client.method(AMQPClass::Basic(basic::AMQPMethod::Publish(publish)));
        client.frame(&AMQPFrame::Header(
            1,
            AMQPContentHeader { class_id: 50, body_size: 0, properties: BasicProperties::default() },
        ));
        assert_eq!(client.select(), Err(Connection(505)));
    }),
];
