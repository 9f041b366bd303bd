//! Capabilities of receivers.

use crate::Orders;
use std::time::Duration;

/// Where a part of a settlement is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// In the broker, so it survives a crash of this process.
    Broker,
    /// At the sender on the other end of the exchange, if it complies, as with HTTP.
    Peer,
    /// In this process, within bounds. A crash loses it, unless the broker still holds the message unsettled.
    Memory,
    /// Nowhere. A settlement that needs it is an error of kind [`Unsupported`](cloudevents_core::ErrorKind::Unsupported).
    None,
}

/// How a protocol settles messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settles {
    /// One by one, in any order.
    Each,
    /// Cumulatively: a message is settled only when all messages before it are.
    InOrder,
    /// Not at all: the broker forgets a message once it has sent it.
    Never,
}

/// Whether the deadline of a delivery can be renewed while a handler works on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extends {
    /// There is no deadline. [`Delivery::extend`](crate::Delivery::extend) succeeds and does nothing.
    NotNeeded,
    /// The deadline is this long, and [`Delivery::extend`](crate::Delivery::extend) renews it. The queue
    /// machine also renews it while a delivery is held.
    Every(Duration),
    /// There may be a deadline, which cannot be renewed: [`Delivery::extend`](crate::Delivery::extend) is an
    /// error of kind [`Unsupported`](cloudevents_core::ErrorKind::Unsupported).
    Never,
}

/// Capabilities of a receiver. A binding starts from a preset and changes fields.
///
/// ```
/// use cloudevents_transport::{By, Extends, ReceiverCapabilities};
/// use std::time::Duration;
///
/// let mut jetstream = ReceiverCapabilities::queue();
/// jetstream.delays = By::Broker;
/// jetstream.extends = Extends::Every(Duration::from_secs(30));
/// assert_eq!(jetstream.redelivers, By::Broker);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverCapabilities {
    /// How the protocol settles messages.
    pub settles: Settles,
    /// Where a released or retried message is delivered again from.
    pub redelivers: By,
    /// Where a retry waits for its delay. With [`Memory`](By::Memory) here and [`Broker`](By::Broker) in
    /// `redelivers`, the message stays unsettled meanwhile.
    pub delays: By,
    /// Where rejected messages are kept.
    pub rejects: By,
    /// Where attempts are counted. With [`None`](By::None), every attempt is the first.
    pub counts: By,
    /// Whether the deadline of a delivery can be renewed.
    pub extends: Extends,
    /// Which messages are received in the order of sending.
    pub orders: Orders,
    /// Whether a reply can be sent.
    pub replies: bool,
    /// Whether one message can hold several events.
    pub batches: bool,
    /// Whether consumers with other purposes may compete for the messages, so that accepting one takes it from
    /// them: a queue. Members of one group or subscription, which do the same work, do not count.
    pub shared: bool,
    /// Whether accepted messages stay at the source, where they can be read again: a log with a history.
    pub keeps: bool,
}

impl ReceiverCapabilities {
    /// A queue that settles one by one, redelivers, counts attempts, and cannot delay retries.
    pub const fn queue() -> Self {
        Self {
            settles: Settles::Each,
            redelivers: By::Broker,
            delays: By::Memory,
            rejects: By::Broker,
            counts: By::Broker,
            extends: Extends::Never,
            orders: Orders::Nothing,
            replies: false,
            batches: false,
            shared: true,
            keeps: false,
        }
    }

    /// A log with one committed offset per partition. Everything else is done from memory.
    pub const fn log() -> Self {
        Self {
            settles: Settles::InOrder,
            redelivers: By::Memory,
            delays: By::Memory,
            rejects: By::Memory,
            counts: By::Memory,
            extends: Extends::NotNeeded,
            orders: Orders::Partition,
            replies: false,
            batches: false,
            shared: false,
            keeps: true,
        }
    }

    /// A protocol that forgets messages once it has sent them. Retries come from memory.
    pub const fn unsettled() -> Self {
        Self { settles: Settles::Never, orders: Orders::Everything, keeps: false, ..Self::log() }
    }

    /// A request whose response is the settlement. The sender decides about a message that was not accepted.
    pub const fn exchange() -> Self {
        Self {
            settles: Settles::Each,
            redelivers: By::Peer,
            delays: By::Peer,
            rejects: By::Peer,
            counts: By::None,
            extends: Extends::Never,
            orders: Orders::Nothing,
            replies: false,
            batches: true,
            shared: false,
            keeps: false,
        }
    }
}
