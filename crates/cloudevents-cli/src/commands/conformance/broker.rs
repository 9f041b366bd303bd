//! Implementations behind a broker: how each binding writes messages as they stand, and reads events.

use crate::{
    connect::{self, Sending},
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
use tokio::{runtime::Runtime, time::timeout};

/// What differs from binding to binding.
#[derive(Clone, Copy)]
pub(super) struct Binding {
    /// The name that the testee protocol has for it.
    pub(super) name: &'static str,
    /// Writes a message of the testee protocol as it stands.
    outgoing: fn(&Value) -> Result<Outgoing, Error>,
}

impl Binding {
    pub(super) fn of(url: &str) -> Result<Self, Failure> {
        let endpoint = Endpoint::parse(url).map_err(connect::failed)?;
        match endpoint.scheme() {
            #[cfg(feature = "kafka")]
            "kafka" => Ok(Self { name: "kafka", outgoing: raw::kafka }),
            #[cfg(feature = "amqp")]
            "amqp" | "amqps" => Ok(Self { name: "amqp", outgoing: raw::amqp }),
            scheme => {
                let words = format!("there is no driver for `{}` URLs", crate::plain::plain(scheme));
                Err(Failure::usage(words).help("consumers and producers are tested over kafka and amqp URLs"))
            }
        }
    }
}

/// Messages as they stand, whatever they are.
#[cfg(any(feature = "amqp", feature = "kafka"))]
mod raw {
    use super::{Error, Outgoing, Value};
    use cloudevents_kit::{
        ErrorKind,
        transport::{Origin, Raw, Received},
    };
    use cloudevents_testkit::testee::message;

    #[cfg(feature = "kafka")]
    pub(super) fn kafka(message: &Value) -> Result<Outgoing, Error> {
        let record = message::kafka(message)?;
        let headers = record.headers.into_iter();
        let mut raw = Raw::default();
        raw.headers = headers.map(|header| (header.name.as_str().to_owned().into(), header.value)).collect();
        (raw.key, raw.body) = (record.key, record.value);
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

/// A consumer's two places.
pub(super) struct Broker {
    sender: Sender,
    receiver: Receiver,
    outgoing: fn(&Value) -> Result<Outgoing, Error>,
    /// Dropped last: the clients need it.
    runtime: Runtime,
}

impl Broker {
    pub(super) fn open(url: &str, echo: &str, binding: Binding, limit: Duration) -> Result<Self, Failure> {
        let runtime = connect::runtime()?;
        let sending = Sending { timeout: limit, parallel: 1, ..Sending::default() };
        let (sender, receiver) = runtime.block_on(async {
            let receiver =
                connect::receiver(echo, ReceiverOptions::from(cloudevents_kit::decoding())).await?;
            Ok::<_, Failure>((connect::sender(url, &sending).await?, receiver.receiver))
        })?;
        Ok(Self { sender, receiver, outgoing: binding.outgoing, runtime })
    }
}

impl Channel for Broker {
    fn send(&mut self, message: &Value) -> Result<(), ChannelError> {
        let unwritable = |error: Error| ChannelError::Unwritable(error.to_string());
        let outgoing = (self.outgoing)(message).map_err(unwritable)?;
        let sent = self.runtime.block_on(self.sender.send(outgoing));
        sent.map(drop).map_err(|error| match connect::status_of(&error) {
            Status::Network => ChannelError::Lost(error.to_string()),
            _ => unwritable(error),
        })
    }

    fn receive(&mut self, within: Duration) -> Result<Option<Arrived>, ChannelError> {
        let receiver = &mut self.receiver;
        self.runtime.block_on(async {
            match timeout(within, receiver.next()).await {
                Err(_) => Ok(None),
                Ok(Ok(Some(delivery))) => {
                    let arrived = arrived(&delivery);
                    // It is not needed again, whether the broker reads this or not.
                    drop(delivery.accept());
                    Ok(Some(arrived))
                }
                Ok(Ok(None)) => Err(ChannelError::Lost("the receiver has ended".to_owned())),
                Ok(Err(error)) => Err(ChannelError::Lost(error.to_string())),
            }
        })
    }
}

fn arrived(delivery: &Delivery) -> Arrived {
    match delivery.event() {
        Ok(event) => Arrived::Event(tagged::from_event(&event)),
        Err(error) => Arrived::Unreadable(error.to_string()),
    }
}
