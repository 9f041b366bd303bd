//! MQTT 5, by rumqttc.

use super::{Broker, Tool};
use crate::{
    failure::Result,
    hand::Hand,
    load::{Load, digits, number},
};
use rumqttc_v5::{
    AckMode, AsyncClient, BrokerSessionResumePolicy, Event, EventLoop, Incoming, MqttOptions, PublishOptions,
    mqttbytes::{QoS, v5::PublishProperties},
};
use std::convert::Infallible;

/// A broker, and whether a place is one topic, or a topic for each key.
#[derive(Debug)]
pub(crate) struct Mqtt(pub(crate) String, pub(crate) Topics);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Topics {
    One,
    OfKeys,
}

/// The most unconfirmed messages, in both directions: the default of receivers.
const UNCONFIRMED: u16 = 1024;

impl Mqtt {
    fn address(&self) -> Result<(&str, &str)> {
        let address = self.0.trim_start_matches("mqtt://").trim_end_matches('/');
        Ok(address.split_once(':').ok_or("the URL has no port")?)
    }

    /// The topic filter of a reader.
    fn filter(&self, place: &str) -> String {
        match self.1 {
            Topics::One => place.to_owned(),
            Topics::OfKeys => format!("{place}/+"),
        }
    }

    fn topic(&self, place: &str, load: Load, number: usize) -> String {
        match self.1 {
            Topics::One => place.to_owned(),
            Topics::OfKeys => format!("{place}/{}", load.key_text(number)),
        }
    }

    fn client(&self, name: &str) -> Result<(AsyncClient, EventLoop)> {
        let (host, port) = self.address()?;
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
        match self.1 {
            Topics::One => "MQTT".to_owned(),
            Topics::OfKeys => "MQTT, a topic for each key".to_owned(),
        }
    }

    /// Begins the session, and leaves it.
    async fn open(&self, place: &str, reader: &str) -> Result<()> {
        let (client, mut polled) = self.client(reader)?;
        client.subscribe(self.filter(place), QoS::AtLeastOnce).await?;
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
                client.publish(self.topic(place, load, number), payload.clone(), options).await?;
            }
            Ok(())
        };
        tokio::try_join!(confirmed, send).map(|_| ())
    }

    async fn read(&self, _place: &str, reader: &str, hand: &Hand) -> Result<Infallible> {
        let (client, mut polled) = self.client(reader)?;
        loop {
            let Event::Incoming(Incoming::Publish(publish)) = polled.poll().await? else { continue };
            let mut properties = publish.properties.iter().flat_map(|properties| &properties.user_properties);
            let (body, client) = (publish.payload.clone(), client.clone());
            // mosquitto_pub has sent documents.
            let id = properties.find(|(name, _)| name == "id");
            let found = id.map_or_else(|| number(&body), |(_, id)| digits(id.as_bytes()));
            let acknowledge = async move {
                // No more than these are unconfirmed, so there is room.
                let _ = client.try_ack(&publish);
            };
            hand.give(found.ok_or("a message without a number")?, body, acknowledge).await;
        }
    }

    fn source(&self, place: &str, reader: &str) -> String {
        format!("{}{}?client={reader}&reject=drop&session=1h", self.0, self.filter(place))
    }

    fn sink(&self, place: &str) -> String {
        format!("{}{place}", self.0)
    }

    fn tool(&self, place: &str) -> Option<Tool> {
        let (host, port) = self.address().ok()?;
        let arguments = ["-V", "mqttv5", "-h", host, "-p", port, "-q", "1", "-t", place, "-l"];
        // It reads its input at once. It loses lines when more of them wait than there are identifiers of packets.
        Some(Tool { most: 50_000, ..Tool::new("mosquitto_pub", arguments) })
    }
}
