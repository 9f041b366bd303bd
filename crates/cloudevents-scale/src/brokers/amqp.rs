//! AMQP 1.0, by fe2o3-amqp.

use super::{Broker, PREFETCH, unconfirmed};
use crate::{
    failure::Result,
    hand::Hand,
    load::{Load, digits},
};
use fe2o3_amqp::{
    Connection, Sendable, Session,
    connection::ConnectionHandle,
    link::{delivery::DeliveryInfo, receiver::CreditMode},
    sasl_profile::SaslProfile,
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    messaging::{ApplicationProperties, Body, Data, Header, Message, Outcome, Properties},
    primitives::{Binary, SimpleValue, Value},
};
use std::{collections::VecDeque, convert::Infallible};
use tokio::sync::mpsc;

#[derive(Debug)]
pub(crate) struct Amqp(pub(crate) String);

/// The order in which they are dropped.
struct Open {
    session: SessionHandle<()>,
    _connection: ConnectionHandle<()>,
}

impl Amqp {
    async fn session(&self) -> Result<Open> {
        let address = self.0.trim_start_matches("amqp://").trim_end_matches('/');
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let builder = Connection::builder().container_id(crate::load::fresh("scale"));
        let builder = builder.sasl_profile(SaslProfile::Anonymous).scheme("amqp").hostname("127.0.0.1");
        let mut connection = builder.open_with_stream(stream).await?;
        Ok(Open { session: Session::begin(&mut connection).await?, _connection: connection })
    }
}

impl Broker for Amqp {
    const IS_LOG: bool = false;

    fn name(&self) -> String {
        "AMQP 1.0".to_owned()
    }

    async fn open(&self, _place: &str, _reader: &str) -> Result<()> {
        Ok(())
    }

    async fn fill(&self, place: &str, load: Load) -> Result<()> {
        let mut open = self.session().await?;
        let mut sender = fe2o3_amqp::Sender::attach(&mut open.session, "scale", place).await?;
        let (payload, mut unsettled) = (load.payload(), VecDeque::new());
        for number in 0..load.count {
            if unsettled.len() >= unconfirmed(load)
                && let Some(first) = unsettled.pop_front()
            {
                accepted(first).await?;
            }
            let mut properties = ApplicationProperties::builder();
            for (name, value) in load.attributes(number) {
                properties = properties.insert(format!("cloudEvents_{name}"), value);
            }
            let message: Message<Body<Value>> = Message {
                header: Some(Header { durable: true, ..Header::default() }),
                delivery_annotations: None,
                message_annotations: None,
                properties: Some(Properties {
                    content_type: Some("application/json".into()),
                    ..Properties::default()
                }),
                application_properties: Some(properties.build()),
                body: Body::Data(vec![Data(Binary::from(payload.to_vec()))].into()),
                footer: None,
            };
            unsettled.push_back(sender.send_batchable(Sendable::from(message)).await?);
        }
        for one in unsettled {
            accepted(one).await?;
        }
        sender.close().await?;
        Ok(())
    }

    async fn read(&self, place: &str, _reader: &str, hand: &Hand) -> Result<Infallible> {
        let mut open = self.session().await?;
        let mut receiver = fe2o3_amqp::Receiver::builder()
            .name("scale")
            .source(place)
            .credit_mode(CreditMode::Auto(PREFETCH.into()))
            .attach(&mut open.session)
            .await?;
        // The receiver accepts, so finished deliveries come back to it.
        let (done, mut accepting) = mpsc::unbounded_channel::<DeliveryInfo>();
        loop {
            tokio::select! {
                biased;
                Some(info) = accepting.recv() => receiver.accept(info).await?,
                delivery = receiver.recv::<Body<Value>>() => {
                    let (info, message) = delivery?.into_parts();
                    let properties = message.application_properties.ok_or("a message without properties")?;
                    let number = match properties.0.get("cloudEvents_id") {
                        Some(SimpleValue::String(id)) => digits(id.as_bytes()),
                        _ => None,
                    };
                    let body = match message.body {
                        Body::Data(data) => data.into_iter().next().map(|data| data.0.into_vec()),
                        _ => None,
                    };
                    let done = done.clone();
                    let acknowledge = async move {
                        let _ = done.send(info);
                    };
                    hand.give(number.ok_or("a message without a number")?, body.unwrap_or_default().into(), acknowledge).await;
                }
            }
        }
    }

    fn source(&self, place: &str, _reader: &str) -> String {
        format!("{}{place}?reject=broker", self.0)
    }

    fn sink(&self, place: &str) -> String {
        format!("{}{place}", self.0)
    }
}

async fn accepted(
    outcome: impl Future<Output = std::result::Result<Outcome, fe2o3_amqp::link::SendError>>,
) -> Result<()> {
    match outcome.await? {
        Outcome::Accepted(_) => Ok(()),
        other => Err(format!("the broker does not take a message: {other:?}").into()),
    }
}
