//! What a program without this crate does: lapin alone.

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};

/// A channel to the broker of this URL, all of which but the scheme is that of lapin.
pub(crate) async fn channel(server: &str) -> (Connection, Channel) {
    let (at, _) = server.split_once('?').unwrap_or((server, ""));
    let url = format!("{}/%2f", at.replacen("rabbitmq://", "amqp://", 1).trim_end_matches('/'));
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    (connection, channel)
}

/// Sends a message with these headers to a queue.
pub(crate) async fn publish(server: &str, queue: &str, headers: &[(&str, &str)], body: &[u8]) {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert((*name).into(), AMQPValue::LongString((*value).into()));
    }
    publish_with(server, queue, BasicProperties::default().with_headers(table), body).await;
}

/// Sends a message with these properties to a queue.
pub(crate) async fn publish_with(server: &str, queue: &str, properties: BasicProperties, body: &[u8]) {
    let (connection, channel) = channel(server).await;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sent = channel.basic_publish("".into(), queue.into(), options, body, properties).await.unwrap();
    let confirmation = sent.await.unwrap();
    assert!(confirmation.is_ack() && confirmation.take_message().is_none());
    let _ = connection.close(200, "OK".into()).await;
}
