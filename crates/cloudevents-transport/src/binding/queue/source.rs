//! The trait that a binding implements.

use crate::{Bounds, Outcome, Received, ReceiverCapabilities, Settlement};
use cloudevents_core::Error;
use futures_util::{FutureExt, future::BoxFuture};

/// One connection to a queue, owned by the task of a [`QueueReceiver`](super::QueueReceiver).
///
/// A binding implements this and [`Connect`](crate::binding::connect::Connect).
///
/// An error of any method means that the connection is lost: the task drops the source and reconnects.
pub trait QueueSource: Send + 'static {
    /// Identifies one message for settling. It is cloned if [`Extends::Every`](crate::Extends::Every) is
    /// among the capabilities: the task then renews the deadline while a delivery holds the tag.
    type Tag: Clone + Send + Sync + 'static;

    /// Whether a message can be settled over a connection other than its own. `false` for AMQP, whose links
    /// number their deliveries. `true` for JetStream, which acknowledges by subject, and for a table.
    const TAGS_OUTLIVE_CONNECTIONS: bool = false;

    /// Whether messages may still arrive when no more credit is granted, because earlier credit cannot be
    /// withdrawn. While a receiver stops, they are released.
    const ARRIVES_LATE: bool = false;

    /// The capabilities of the protocol with the connected broker. The first connection decides, except for how often deadlines are
    /// renewed.
    fn capabilities(&self) -> ReceiverCapabilities;

    /// Allows this many more messages, with this many bytes, from now on. The task calls it often, with the current number. A source
    /// that grants credit to the broker does so when the number has changed enough. Sources without credit do
    /// not implement it: they pause because `next` is not called.
    fn allow(&mut self, room: Bounds) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = room;
        async { Ok(()) }
    }

    /// Ends the subscription. It is called once when the receiver stops, before prefetched messages are released.
    ///
    /// Otherwise a broker that sends as long as a consumer has credit would send them again to this one, and behind others. The
    /// messages that are here then are the messages that [`next`](Self::next) returns at once. With [`ARRIVES_LATE`](Self::ARRIVES_LATE),
    /// they are released, and so are messages that arrive all the same.
    fn stop(&mut self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// Returns the next message. Cancel-safe: a message leaves the source in the poll that returns it. Messages that are there already are
    /// taken one after the other and handed over together, with one wake-up of the program.
    fn next(&mut self) -> impl Future<Output = Result<Arrived<Self::Tag>, Error>> + Send;

    /// Maintains the connection while no message may be taken: no permit is free, or the receiver stops.
    ///
    /// It answers requests of the peer that check whether this side is alive. It returns the error when the connection is lost and has no
    /// messages any more. Cancel-safe. The default is for clients that do this by themselves, and report a loss with [`lost`](Self::lost).
    fn tend(&mut self) -> impl Future<Output = Error> + Send {
        std::future::pending()
    }

    /// Returns when the connection is lost, even if messages of it are left that nothing takes.
    ///
    /// The state of the receiver shows the loss from then on. Another connection is made at once. If the protocol settles nothing, it is
    /// made when the remaining messages were taken. Called once for each connection. The default is for clients that do not know of a loss
    /// sooner than [`next`](Self::next) and [`tend`](Self::tend).
    fn lost(&self) -> BoxFuture<'static, Error> {
        std::future::pending().boxed()
    }

    /// The position of the message in its queue, as far as the protocol has one. At the end, the remaining messages are released in this
    /// order. The default is for sources whose messages are not given back.
    fn position(tag: &Self::Tag) -> u64 {
        let _ = tag;
        0
    }

    /// Whether these two may be settled together, with one outcome. Default: yes.
    fn are_alike(one: &Self::Tag, other: &Self::Tag) -> bool {
        let _ = (one, other);
        true
    }

    /// Settles these messages in the same way, in the order in which the program settled them. Returns when
    /// the settlements were handed over; the outcome is the broker's confirmation. These are two steps so
    /// that confirmations do not block the connection.
    ///
    /// It is called only with settlements that the [capabilities](Self::capabilities) promise. A retry has a delay only if the broker
    /// delays. A rejection comes only if the broker keeps rejected messages.
    fn settle(
        &mut self,
        tags: Vec<Self::Tag>,
        how: Settlement,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// The settled messages that may come again when this connection is lost, in words, such as "up to 12 settled messages": the protocol
    /// has not confirmed their settlements. The default, `None`, is for sources whose outcomes are confirmations.
    fn unconfirmed(&self) -> Option<String> {
        None
    }

    /// Renews the deadlines of these messages. Called only if [`Extends::Every`](crate::Extends::Every) is
    /// among the capabilities.
    fn extend(&mut self, tags: Vec<Self::Tag>) -> impl Future<Output = Result<(), Error>> + Send {
        drop(tags);
        async { Ok(()) }
    }

    /// Closes the connection. Returns when the broker has read every settlement, if the protocol reports
    /// that. Messages that arrived meanwhile are released.
    fn close(self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A message from a queue.
#[derive(Clone, Debug)]
pub struct Arrived<T> {
    /// The message.
    pub received: Received,
    /// The tag that settles it.
    pub tag: T,
    /// Delivery attempt, starting at 1, as far as the broker counts.
    pub attempt: u32,
}
