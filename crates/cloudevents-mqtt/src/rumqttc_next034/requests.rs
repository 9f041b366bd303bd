//! Requests, and the replies to them.

use super::{packet::Arrived, received::received, refusal::MqttRefusal};
use crate::Version;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Message};
use cloudevents_transport::{Partition, binding::confirms};
use std::sync::Arc;
use tokio::sync::watch;

/// The requests of one connection that wait for replies.
pub(super) struct Requests {
    topic: Arc<str>,
    waiting: confirms::Requests<(Arrived, Version)>,
    /// Whether the subscription to the topic is confirmed.
    subscription: watch::Sender<Subscription>,
}

#[derive(Clone, Default)]
enum Subscription {
    #[default]
    None,
    Sent,
    Confirmed,
    Failed(Error),
}

impl Requests {
    pub(super) fn new(topic: Arc<str>) -> Self {
        Self { topic, waiting: confirms::Requests::new(), subscription: watch::Sender::default() }
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Whether the caller has to subscribe to the topic: true once.
    pub(super) fn begins_subscribing(&self) -> bool {
        self.subscription.send_if_modified(|subscription| {
            let first = matches!(subscription, Subscription::None);
            if first {
                *subscription = Subscription::Sent;
            }
            first
        })
    }

    pub(super) fn subscribed(&self, refusal: Option<MqttRefusal>) {
        self.subscription.send_replace(match refusal {
            None => Subscription::Confirmed,
            Some(refusal) => Subscription::Failed(
                refusal
                    .into_error()
                    .with_help("the broker has to let this user subscribe to the topic for replies"),
            ),
        });
    }

    /// Waits for the subscription, and begins a request.
    pub(super) async fn begin(&self) -> Result<Request<'_>, Error> {
        let mut subscription = self.subscription.subscribe();
        let decided =
            |subscription: &Subscription| !matches!(subscription, Subscription::None | Subscription::Sent);
        let found = subscription.wait_for(decided).await.map(|found| found.clone());
        if let Ok(Subscription::Failed(error)) = found {
            return Err(error);
        }
        Ok(Request { topic: &self.topic, waiting: self.waiting.begin()? })
    }

    /// Takes a message of the topic. A message that answers no request is dropped.
    pub(super) fn reply(&self, reply: Arrived, version: Version) {
        let correlation =
            reply.publish.properties.as_ref().and_then(|properties| properties.correlation_data.as_deref());
        let number = correlation.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        if number.is_none_or(|number| !self.waiting.resolve(number, (reply, version))) {
            tracing::debug!("a message on the topic for replies answers no request");
        }
    }

    pub(super) fn end(&self, error: &Error) {
        self.subscription.send_replace(Subscription::Failed(error.clone()));
        let lost =
            Error::new(ErrorKind::Disconnected).with_detail("the connection was lost before the reply came");
        self.waiting.end(&lost);
    }
}

/// A request that was begun. Dropping it ignores the reply.
pub(super) struct Request<'a> {
    topic: &'a Arc<str>,
    waiting: confirms::Request<(Arrived, Version)>,
}

impl Request<'_> {
    pub(super) fn topic(&self) -> &str {
        self.topic
    }

    pub(super) fn correlation(&self) -> [u8; 8] {
        self.waiting.number().to_be_bytes()
    }

    /// Waits for the reply.
    pub(super) async fn answer(self, with: &DecodeOptions) -> Result<Message, Error> {
        let (reply, version) = self.waiting.reply().await?;
        let partition = Partition::new(Arc::clone(self.topic), 0);
        received(reply, version, &partition, with).message().cloned()
    }
}
