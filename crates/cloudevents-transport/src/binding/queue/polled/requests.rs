//! The requests of a queue, and their limits.

use crate::{ReceiverCapabilities, Settlement, binding::queue::Arrived};
use cloudevents_core::Error;
use futures_util::{FutureExt, future::BoxFuture};
use std::{future::pending, time::Duration};

/// The requests of a queue that sends nothing by itself. [`Polled`](super::Polled) makes it a
/// [`QueueSource`](crate::binding::queue::QueueSource).
pub trait Requests: Send + Sync + 'static {
    /// Identifies one message for settling: a receipt handle, a lock token, the id of an entry.
    type Tag: Clone + Send + Sync + 'static;

    /// Whether each message has its own outcome. If so, [`settle`](Self::settle) is called for one message at a time, and may put messages
    /// of several calls into one request. Otherwise messages that are settled together have one outcome.
    const SETTLES_EACH: bool = false;

    /// See [`QueueSource::capabilities`](crate::binding::queue::QueueSource::capabilities).
    fn capabilities(&self) -> ReceiverCapabilities;

    /// The limits of one request.
    fn most(&self) -> Most;

    /// Requests this number of messages, and waits this long for the first one. It ends by itself, and is never dropped before.
    ///
    /// The first request of a connection does not wait. It only has to show that the peer answers, in a round trip or two: it may return no
    /// message although there are some.
    ///
    /// After an error that is [temporary](Error::is_temporary), such as throttling, [`Polled`](super::Polled) makes another request a
    /// little later. An error of kind [`Disconnected`](cloudevents_core::ErrorKind::Disconnected), or one that is not temporary, is a lost
    /// connection. So are several in a row.
    fn receive(
        &self,
        most: usize,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<Arrived<Self::Tag>>, Error>> + Send;

    /// Settles these messages. Requests are begun in the order in which this is called, if each has been written when its future is first
    /// polled.
    fn settle(&self, tags: &[Self::Tag], how: &Settlement) -> impl Future<Output = Result<(), Error>> + Send;

    /// See [`QueueSource::position`](crate::binding::queue::QueueSource::position). The default is for queues in which a
    /// released message has its old place, or none.
    fn position(tag: &Self::Tag) -> u64 {
        let _ = tag;
        0
    }

    /// Renews the deadlines of these messages.
    fn extend(&self, tags: &[Self::Tag]) -> impl Future<Output = Result<(), Error>> + Send;

    /// Lets a [`receive`](Self::receive) that waits end soon, with the messages that it has. The default lets it wait.
    fn hurry(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// See [`QueueSource::lost`](crate::binding::queue::QueueSource::lost).
    fn lost(&self) -> BoxFuture<'static, Error> {
        pending().boxed()
    }

    /// The last step when everything is settled.
    fn close(&self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }
}

/// The limits of one request.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Messages that are received.
    pub receive: usize,
    /// Messages that are settled or renewed.
    pub settle: usize,
    /// How long a request waits for messages.
    pub wait: Duration,
    /// How long a receiver that stops waits for an open [`receive`](Requests::receive). Messages that it brings later are released, if the
    /// process still runs.
    pub hurry: Duration,
}
