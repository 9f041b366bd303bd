//! A channel that consumes a queue.

use super::{
    acknowledge::Settling,
    connection::{Connected, FAREWELL},
    failure,
    options::{Limit, QueueType, Target, fixed, random, short},
    publisher::declare,
    received::ReceivedMessage,
    retry::{self, Retries},
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_transport::{
    By, Host, Outcome, Received, ReceiverCapabilities, Settlement,
    binding::{
        connect::Connect,
        queue::{Arrived, QueueSource},
    },
};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, join_all, pending},
};
use lapin::{
    Consumer,
    message::Delivery,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Once},
};
use tokio::time::timeout;

/// Opens channels, each on a separate connection.
pub(super) struct Linking {
    pub(super) target: Arc<Target>,
    pub(super) queue: Arc<str>,
    pub(super) declare: Option<QueueType>,
    pub(super) prefetch: u16,
    pub(super) decoding: DecodeOptions,
    pub(super) retries: Arc<Retries>,
    /// For a warning about the queue.
    pub(super) warning: Arc<Once>,
}

/// How often a message may come back to its queue without a warning.
const OFTEN: u32 = 10;

impl Connect for Linking {
    type Connection = Source;

    /// Connects again if the first message is too large, which may end the connection before it is open.
    async fn connect(&self, host: &Host) -> Result<Source, Error> {
        let was_exceeded = self.target.limit.is_exceeded();
        match self.open(host).await {
            Err(_) if !was_exceeded && self.target.limit.is_exceeded() => self.open(host).await,
            opened => opened,
        }
    }
}

impl Linking {
    async fn open(&self, host: &Host) -> Result<Source, Error> {
        let connected = Connected::begin(&self.target, host).await?;
        let queue = short("the queue", &self.queue)?;
        if let Some(queue_type) = self.declare {
            declare(&connected, &queue, queue_type.arguments()).await?;
        }
        let channel = connected.channel().await?;
        let prefetch = self.target.limit.prefetch(self.prefetch);
        let limits = channel.basic_qos(prefetch, BasicQosOptions::default()).await;
        limits.map_err(failure::refusal)?;
        connected.watched.deliveries().take(prefetch);
        let tag = short("the consumer tag", &format!("cloudevents-{}", random()))?;
        let arguments = arguments(self.declare);
        let consumer = channel.basic_consume(queue, tag, BasicConsumeOptions::default(), arguments).await;
        let consumer = consumer.map_err(failure::refusal)?;
        let settling = Settling::new(channel, Arc::clone(&connected.watched));
        Ok(Source {
            consumer,
            kept: VecDeque::new(),
            stopping: false,
            is_confirmed: false,
            connected,
            settling: Arc::new(settling),
            topic: Arc::clone(&self.queue),
            limit: Arc::clone(&self.target.limit),
            decoding: self.decoding.clone(),
            retries: Arc::clone(&self.retries),
            warning: Arc::clone(&self.warning),
        })
    }
}

/// The arguments of a consumer of a queue.
///
/// RabbitMQ 4.3 takes messages back from a consumer that has held them for 30 minutes, or another `consumer_timeout`. The consumer may name
/// a longer time: 49 days here, in milliseconds. RabbitMQ refuses that for queues of other types, which have no such time. Before 4.3, it
/// ignores it.
///
/// The priority is the default priority of consumers. RabbitMQ refuses any priority for a stream, as a stream has none (since 3.10).
fn arguments(declared: Option<QueueType>) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(fixed("x-priority"), AMQPValue::LongInt(0));
    if declared == Some(QueueType::Quorum) {
        arguments.insert(fixed("x-consumer-timeout"), AMQPValue::LongLongInt(u32::MAX.into()));
    }
    arguments
}

/// A consumer on its own connection.
pub(super) struct Source {
    consumer: Consumer,
    /// Deliveries that arrived while no message could be taken.
    kept: VecDeque<Arrived<Tag>>,
    /// Whether the consumer was cancelled.
    stopping: bool,
    /// Whether the broker has answered behind all acknowledgements.
    is_confirmed: bool,
    connected: Connected,
    settling: Arc<Settling>,
    /// The queue.
    topic: Arc<str>,
    limit: Arc<Limit>,
    decoding: DecodeOptions,
    retries: Arc<Retries>,
    warning: Arc<Once>,
}

/// Identifies a delivery, and keeps the message, which a retry sends again.
#[derive(Clone)]
pub(super) struct Tag {
    number: u64,
    received: Received,
    attempt: u32,
}

impl Source {
    /// Returns the next delivery. Cancel-safe.
    async fn read(&mut self) -> Result<Arrived<Tag>, Error> {
        let taken = self.consumer.next().await;
        if taken.is_none() && self.stopping {
            return pending().await; // nothing else comes
        }
        self.arrived(taken)
    }

    fn arrived(&self, taken: Option<lapin::Result<Delivery>>) -> Result<Arrived<Tag>, Error> {
        let delivery = match taken {
            Some(Ok(delivery)) => delivery,
            Some(Err(error)) => return Err(failure::lost(error)),
            None => return Err(failure::cancelled()),
        };
        let number = delivery.delivery_tag;
        let message = ReceivedMessage::from(delivery).at(&self.topic);
        let attempt = message.attempt();
        if message.came_back() >= OFTEN {
            self.warning.call_once(|| {
                tracing::warn!(
                    queue = %self.topic,
                    times = message.came_back(),
                    "a message came back to its queue so often, with all that was prefetched; RabbitMQ 4 deletes or dead-letters what does 20 \
                     times, unless the policy `delivery-limit` is -1"
                );
            });
        }
        let decoded = self.limit.check(&message.body).and_then(|()| message.decode(&self.decoding));
        let received = Received::new(decoded, message);
        Ok(Arrived { received: received.clone(), tag: Tag { number, received, attempt }, attempt })
    }
}

impl QueueSource for Source {
    type Tag = Tag;

    const ARRIVES_LATE: bool = true;

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = ReceiverCapabilities::queue();
        if self.retries.waits_at_broker() {
            capabilities.delays = By::Broker;
        }
        capabilities
    }

    fn lost(&self) -> BoxFuture<'static, Error> {
        self.connected.ended(self.settling.channel()).boxed()
    }

    /// Cancels the consumer, so that nothing more comes.
    ///
    /// A quorum queue answers when it has the earlier acknowledgements. With the end of the channel, RabbitMQ drops acknowledgements that
    /// it has not passed on.
    async fn stop(&mut self) -> Result<(), Error> {
        self.stopping = true;
        let cancelling =
            self.settling.channel().basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        match timeout(FAREWELL, cancelling).await {
            Ok(cancelled) => {
                self.is_confirmed = cancelled.is_ok();
                cancelled.map_err(failure::lost)
            }
            Err(_) => Err(failure::disconnected("the broker did not cancel the consumer")),
        }
    }

    async fn next(&mut self) -> Result<Arrived<Tag>, Error> {
        match self.kept.pop_front() {
            Some(arrived) => Ok(arrived),
            None => self.read().await,
        }
    }

    fn position(tag: &Tag) -> u64 {
        tag.number
    }

    /// Only reading shows that the broker has cancelled the consumer. The socket bounds the deliveries before that.
    async fn tend(&mut self) -> Error {
        loop {
            match self.read().await {
                Ok(arrived) => self.kept.push_back(arrived),
                Err(error) => return error,
            }
        }
    }

    /// Returns when acknowledgements are on their way. AMQP 0.9.1 does not confirm them.
    ///
    /// A retry is published first, and acknowledged when the broker has confirmed that.
    ///
    /// Messages that are released once the receiver stops are left to the end of the channel. RabbitMQ returns all of them in order then.
    /// It returns single messages to a quorum queue later than those, so they would come behind them.
    async fn settle(&mut self, tags: Vec<Tag>, how: Settlement) -> Result<Outcome, Error> {
        let numbers = tags.iter().map(|tag| tag.number);
        self.is_confirmed &= how == Settlement::Release;
        match how {
            Settlement::Accept => self.settling.accept(numbers)?,
            Settlement::Release if self.stopping => {}
            Settlement::Reject { .. } => self.settling.refuse(numbers, false)?,
            Settlement::Retry { after } => {
                let (settling, retries) = (Arc::clone(&self.settling), Arc::clone(&self.retries));
                let lost = self.lost();
                return Ok(Outcome::watching(async move {
                    let retried = join_all(tags.iter().map(|tag| {
                        let (settling, retries) = (&settling, &retries);
                        async move {
                            match retry::late(retries.again(&tag.received, tag.attempt, after).await).await {
                                Ok(()) => settling.accept(std::iter::once(tag.number)),
                                Err(error) => {
                                    // It stays in the queue.
                                    settling.refuse(std::iter::once(tag.number), true)?;
                                    Err(error)
                                }
                            }
                        }
                    }));
                    // Lost messages come again by themselves. Retries that still wait to be sent then, in an alarm or an outage, are not
                    // sent.
                    tokio::select! {
                        biased;
                        error = lost => Err(error),
                        retried = retried => retried.into_iter().collect(),
                    }
                }));
            }
            _ => self.settling.refuse(numbers, true)?,
        }
        Ok(Outcome::done())
    }

    fn unconfirmed(&self) -> Option<String> {
        let most = self.connected.watched.deliveries().unconfirmed();
        (most > 0 && !self.is_confirmed).then(|| format!("up to {most} settled messages"))
    }

    /// Closes the channel, and waits for the broker to confirm that, having read everything before. The
    /// broker delivers the messages again that arrived meanwhile.
    async fn close(self) -> Result<(), Error> {
        let closed = timeout(FAREWELL, self.settling.channel().close(200, fixed("OK"))).await;
        let confirmed = self.connected.close().await;
        match closed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if !confirmed => Err(failure::lost(error)),
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(Error::new(ErrorKind::Timeout)
                .with_detail(format!("the broker did not close the channel within {FAREWELL:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another type refuses it, as the embedded broker does.
    #[test]
    fn only_quorum_queues_hear_how_long_messages_may_be_held() {
        let named = |declared| arguments(declared).contains_key("x-consumer-timeout");
        assert_eq!(
            [None, Some(QueueType::Classic), Some(QueueType::Quorum)].map(named),
            [false, false, true]
        );
    }
}
