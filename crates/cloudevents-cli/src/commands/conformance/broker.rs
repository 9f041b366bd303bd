//! Implementations behind a broker: how each binding writes messages as they stand, and reads events.

use crate::{
    connect::{self, Certificates, Sending},
    failure::{Failure, Status},
};
use cloudevents_conformance::{Arrived, Channel, ChannelError};
use cloudevents_kit::{
    Delivery, Error, Receiver, Sender,
    transport::{Endpoint, Outgoing, ReceiverOptions},
};
use cloudevents_testkit::tagged;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// The differences between the bindings.
#[derive(Clone, Copy)]
pub(super) struct Binding {
    /// The name that the testee protocol has for it.
    pub(super) name: &'static str,
    /// How messages of the testee protocol are sent as they stand.
    pub(super) way: Way,
}

/// How messages are sent as they stand.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// By the sender of the protocol.
    #[cfg_attr(
        not(any(feature = "kafka", feature = "amqp", feature = "mqtt", feature = "nats")),
        expect(dead_code, reason = "no protocol with a sender is on")
    )]
    Sender(Write),
    /// As requests of HTTP.
    Requests,
}

/// Writes a message of the testee protocol as it stands.
type Write = fn(&Value) -> Result<Outgoing, Error>;

impl Binding {
    pub(super) fn of(url: &str) -> Result<Self, Failure> {
        let endpoint = Endpoint::parse(url).map_err(connect::failed)?;
        match endpoint.scheme() {
            "http" | "https" => Ok(Self { name: "http", way: Way::Requests }),
            #[cfg(feature = "kafka")]
            "kafka" => Ok(Self { name: "kafka", way: Way::Sender(raw::kafka) }),
            #[cfg(feature = "amqp")]
            "amqp" | "amqps" => Ok(Self { name: "amqp", way: Way::Sender(raw::amqp) }),
            #[cfg(feature = "mqtt")]
            "mqtt" | "mqtts"
                if endpoint.option("version").is_some_and(|version| version.starts_with('3')) =>
            {
                Err(Failure::usage("there is no driver for MQTT 3.1.1")
                    .help("it has no binary mode; use MQTT 5"))
            }
            #[cfg(feature = "mqtt")]
            "mqtt" | "mqtts" => Ok(Self { name: "mqtt5", way: Way::Sender(raw::mqtt) }),
            #[cfg(feature = "nats")]
            scheme if scheme.starts_with("nats") => Ok(Self { name: "nats", way: Way::Sender(raw::nats) }),
            scheme => {
                let words = format!("there is no driver for `{}` URLs", crate::plain::plain(scheme));
                Err(Failure::usage(words)
                    .help("consumers and producers are tested over http, kafka, amqp, mqtt and nats URLs"))
            }
        }
    }
}

/// Messages exactly as stated, valid or not.
#[cfg(any(feature = "amqp", feature = "kafka", feature = "mqtt", feature = "nats"))]
mod raw {
    use super::{Error, Outgoing, Value};
    use cloudevents_kit::{
        ErrorKind,
        transport::{Origin, Received},
    };
    use cloudevents_testkit::testee::message;

    #[cfg(feature = "kafka")]
    pub(super) fn kafka(message: &Value) -> Result<Outgoing, Error> {
        let record = message::kafka(message)?;
        let headers = record.headers.into_iter();
        let mut raw = cloudevents_kit::transport::Raw::default();
        raw.headers = headers.map(|header| (header.name.as_str().to_owned().into(), header.value)).collect();
        (raw.key, raw.body) = (record.key, record.value);
        Ok(as_received(raw))
    }

    #[cfg(feature = "mqtt")]
    pub(super) fn mqtt(message: &Value) -> Result<Outgoing, Error> {
        use cloudevents_kit::mqtt::{
            Version,
            rumqttc_next034::{Qos, ReceivedPublish, publish},
        };
        // The sender has topic and quality of service.
        let publish = publish(message::mqtt(message, Version::V5)?, "", Qos::AtLeastOnce);
        Ok(as_received(ReceivedPublish::from(publish)))
    }

    #[cfg(feature = "nats")]
    pub(super) fn nats(message: &Value) -> Result<Outgoing, Error> {
        let message = message::nats(message)?;
        let headers = message.headers.into_iter();
        let mut raw = cloudevents_kit::transport::Raw::default();
        raw.headers = headers.map(|(name, value)| (name.as_str().to_owned().into(), Some(value))).collect();
        raw.body = Some(message.payload);
        Ok(as_received(raw))
    }

    #[cfg(feature = "amqp")]
    pub(super) fn amqp(message: &Value) -> Result<Outgoing, Error> {
        use cloudevents_kit::amqp::fe2o3_amqp018::{ReceivedMessage, from_sections};
        Ok(as_received(ReceivedMessage::from(from_sections(message::amqp(message)?)?)))
    }

    fn as_received(origin: impl Origin) -> Outgoing {
        // Nothing decodes it.
        Outgoing::as_received(Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), origin))
    }
}

/// The connections to a consumer, or to a producer.
pub(super) struct Broker {
    /// To the consumer. A producer gets nothing.
    sender: Option<(Sender, Write)>,
    receiver: Receiver,
    /// Dropped last: the clients need it.
    runtime: connect::Runtime,
}

impl Broker {
    /// Receives from the URL that a producer writes to.
    pub(super) fn receiving(url: &str, certificates: &Certificates) -> Result<Self, Failure> {
        let runtime = connect::runtime()?;
        let receiver = runtime.block_on(receiver(url, certificates))?;
        Ok(Self { sender: None, receiver, runtime })
    }

    /// Opens both: the consumer reads from the first, and publishes the events that it has read to the second.
    pub(super) fn open(
        url: &str,
        echo: &str,
        write: Write,
        limit: Duration,
        certificates: &Certificates,
    ) -> Result<Self, Failure> {
        let runtime = connect::runtime()?;
        let connecting = certificates.clone().into();
        let sending = Sending { timeout: limit, parallel: 1, connecting, ..Sending::default() };
        let (sender, receiver) = runtime.block_on(async {
            let receiver = receiver(echo, certificates).await?;
            Ok::<_, Failure>((connect::sender(url, &sending).await?, receiver))
        })?;
        Ok(Self { sender: Some((sender, write)), receiver, runtime })
    }
}

impl Channel for Broker {
    fn send(&mut self, message: &Value) -> Result<(), ChannelError> {
        let unwritable = |error: Error| ChannelError::Unwritable(error.to_string());
        let Some((sender, outgoing)) = &self.sender else {
            return Err(ChannelError::Unwritable("a producer gets no messages".to_owned()));
        };
        let sent = self.runtime.block_on(sender.send(outgoing(message).map_err(unwritable)?));
        sent.map(drop).map_err(|error| match connect::status_of(&error) {
            Status::Network => ChannelError::Lost(error.to_string()),
            _ => unwritable(error),
        })
    }

    fn receive(&mut self, within: Duration) -> Result<Option<Arrived>, ChannelError> {
        self.runtime.block_on(next_within(&mut self.receiver, within))
    }
}

/// The next message of the implementation, if it comes in time.
pub(super) async fn next_within(
    receiver: &mut Receiver,
    within: Duration,
) -> Result<Option<Arrived>, ChannelError> {
    match timeout(within, next(receiver)).await {
        Ok(arrived) => arrived.map(Some),
        Err(_) => Ok(None),
    }
}

/// The next message of the implementation.
pub(super) async fn next(receiver: &mut Receiver) -> Result<Arrived, ChannelError> {
    match receiver.next().await {
        Ok(Some(delivery)) => {
            let arrived = arrived(&delivery);
            // It is not needed again, whether the broker reads this or not.
            drop(delivery.accept());
            Ok(arrived)
        }
        Ok(None) => Err(ChannelError::Lost("the receiver has ended".to_owned())),
        Err(error) => Err(ChannelError::Lost(error.to_string())),
    }
}

/// Opens the URL where messages of the implementation arrive.
pub(super) async fn receiver(url: &str, certificates: &Certificates) -> Result<Receiver, Failure> {
    let options = ReceiverOptions::from(cloudevents_kit::decoding());
    Ok(connect::receiver(url, options, certificates, None).await?.receiver)
}

fn arrived(delivery: &Delivery) -> Arrived {
    match delivery.event() {
        Ok(event) => Arrived::Event(tagged::from_event(&event)),
        Err(error) => Arrived::Unreadable(error.to_string()),
    }
}
