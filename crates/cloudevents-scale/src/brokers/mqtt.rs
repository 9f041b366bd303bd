//! MQTT 5, by rumqttc.

use super::Broker;
use crate::{
    failure::Result,
    hand::Hand,
    load::{Load, digits},
};
use rumqttc_v5::{
    AckMode, AsyncClient, BrokerSessionResumePolicy, Event, EventLoop, Incoming, MqttOptions, PublishOptions,
    mqttbytes::{QoS, v5::PublishProperties},
};
use std::convert::Infallible;

#[derive(Debug)]
pub(crate) struct Mqtt(pub(crate) String);

/// The most unconfirmed messages, in both directions: the default of receivers.
const UNCONFIRMED: u16 = 1024;

impl Mqtt {
    fn client(&self, name: &str) -> Result<(AsyncClient, EventLoop)> {
        let address = self.0.trim_start_matches("mqtt://").trim_end_matches('/');
        let (host, port) = address.split_once(':').ok_or("the URL has no port")?;
        let mut options = MqttOptions::new(name, (host, port.parse()?));
        options
            .set_keep_alive(30)
            .set_ack_mode(AckMode::Manual)
            .set_max_packet_size(Some(2 << 20))
            .set_receive_maximum(Some(UNCONFIRMED))
            .set_outgoing_inflight_upper_limit(UNCONFIRMED)
            .set_clean_start(name.is_empty())
            .set_session_expiry_interval(Some(3600))
            .set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly);
        Ok(AsyncClient::builder(options).capacity(usize::from(UNCONFIRMED)).build())
    }
}

impl Broker for Mqtt {
    const IS_LOG: bool = false;

    fn name(&self) -> String {
        "MQTT".to_owned()
    }

    /// Begins the session, and leaves it.
    async fn open(&self, place: &str, reader: &str) -> Result<()> {
        let (client, mut polled) = self.client(reader)?;
        client.subscribe(place, QoS::AtLeastOnce).await?;
        while !matches!(polled.poll().await?, Event::Incoming(Incoming::SubAck(_))) {}
        client.disconnect().await?;
        while polled.poll().await.is_ok() {}
        Ok(())
    }

    async fn fill(&self, place: &str, load: Load) -> Result<()> {
        let (client, mut polled) = self.client("")?;
        let (payload, count) = (load.payload(), load.count);
        let confirmed = async {
            let mut confirmed = 0;
            while confirmed < count {
                confirmed +=
                    usize::from(matches!(polled.poll().await?, Event::Incoming(Incoming::PubAck(_))));
            }
            Ok(())
        };
        let send = async {
            for number in 0..count {
                let properties = PublishProperties {
                    content_type: Some("application/json".to_owned()),
                    user_properties: load
                        .attributes(number)
                        .map(|(name, value)| (name.to_owned(), value))
                        .into(),
                    ..PublishProperties::default()
                };
                let options = PublishOptions::new(QoS::AtLeastOnce).properties(properties);
                client.publish(place, payload.clone(), options).await?;
            }
            Ok(())
        };
        tokio::try_join!(confirmed, send).map(|_| ())
    }

    async fn read(&self, _place: &str, reader: &str, hand: &Hand) -> Result<Infallible> {
        let (client, mut polled) = self.client(reader)?;
        loop {
            let Event::Incoming(Incoming::Publish(publish)) = polled.poll().await? else { continue };
            let properties = publish.properties.as_ref().ok_or("a message without properties")?;
            let id = properties.user_properties.iter().find(|(name, _)| name == "id");
            let number = id.and_then(|(_, id)| digits(id.as_bytes())).ok_or("a message without a number")?;
            let (body, client) = (publish.payload.clone(), client.clone());
            let acknowledge = async move {
                // No more than these are unconfirmed, so there is room.
                let _ = client.try_ack(&publish);
            };
            hand.give(number, body, acknowledge).await;
        }
    }

    fn source(&self, place: &str, reader: &str) -> String {
        format!("{}{place}?client={reader}&reject=drop&session=1h", self.0)
    }

    fn sink(&self, place: &str) -> String {
        format!("{}{place}", self.0)
    }
}
