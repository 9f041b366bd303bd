//! RabbitMQ, by lapin.

use super::{Broker, PREFETCH, unconfirmed};
use crate::{
    failure::Result,
    hand::Hand,
    load::{Load, digits},
};
use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, PublisherConfirm,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use std::{collections::VecDeque, convert::Infallible};

/// A broker, and the type of its queues.
#[derive(Debug)]
pub(crate) struct RabbitMq(pub(crate) String, pub(crate) &'static str);

impl RabbitMq {
    async fn channel(&self) -> Result<(Connection, Channel)> {
        let url = format!("{}/%2f", self.0.replacen("rabbitmq://", "amqp://", 1).trim_end_matches('/'));
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }
}

impl Broker for RabbitMq {
    const IS_LOG: bool = false;

    fn name(&self) -> String {
        format!("RabbitMQ, {}", self.1)
    }

    async fn open(&self, place: &str, _reader: &str) -> Result<()> {
        let (_connection, channel) = self.channel().await?;
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(self.1.into()));
        channel.queue_declare(place.into(), options, arguments).await?;
        Ok(())
    }

    async fn fill(&self, place: &str, load: Load) -> Result<()> {
        let (_connection, channel) = self.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let (payload, mut open) = (load.payload(), VecDeque::new());
        for number in 0..load.count {
            if open.len() >= unconfirmed(load)
                && let Some(first) = open.pop_front()
            {
                confirmed(first).await?;
            }
            let mut headers = FieldTable::default();
            for (name, value) in load.attributes(number) {
                headers.insert(format!("ce-{name}").into(), AMQPValue::LongString(value.into()));
            }
            let properties = BasicProperties::default()
                .with_delivery_mode(2)
                .with_content_type("application/json".into())
                .with_headers(headers);
            let options = BasicPublishOptions { mandatory: true, immediate: false };
            open.push_back(
                channel.basic_publish("".into(), place.into(), options, &payload, properties).await?,
            );
        }
        for one in open {
            confirmed(one).await?;
        }
        Ok(())
    }

    async fn read(&self, place: &str, _reader: &str, hand: &Hand) -> Result<Infallible> {
        let (_connection, channel) = self.channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let consuming = channel.basic_consume(
            place.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let mut consumer = consuming.await?;
        loop {
            let delivery = consumer.next().await.ok_or("the consumer has ended")??;
            let headers = delivery.properties.headers().as_ref().ok_or("a message without headers")?;
            let number = match headers.inner().get("ce-id") {
                Some(AMQPValue::LongString(id)) => digits(id.as_bytes()),
                _ => None,
            };
            let (body, channel) = (delivery.data.clone().into(), channel.clone());
            let acknowledge = async move {
                let _ = channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default()).await;
            };
            hand.give(number.ok_or("a message without a number")?, body, acknowledge).await;
        }
    }

    fn source(&self, place: &str, _reader: &str) -> String {
        format!("{}?queue={place}&reject=drop", self.0)
    }

    fn sink(&self, place: &str) -> String {
        format!("{}?queue={place}", self.0)
    }
}

async fn confirmed(sent: PublisherConfirm) -> Result<()> {
    let confirmation = sent.await?;
    if confirmation.is_ack() { Ok(()) } else { Err("the broker does not take a message".into()) }
}
