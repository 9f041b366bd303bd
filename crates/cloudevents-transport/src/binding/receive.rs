//! The trait that a receiving binding implements, and the private mirror that makes it dynamic.

use crate::{Connectivity, Counters, InFlight, LetterBox, ReceiverCapabilities, Stopper, binding::Incoming};
use cloudevents_core::Error;
use futures_util::future::BoxFuture;
use std::{fmt, sync::Arc, time::Duration};

/// How a binding receives. Implement it with `async fn`, and give it to [`Receiver::new`](crate::Receiver::new).
///
/// ```
/// use cloudevents_core::{Decoded, DecodeOptions, Error, Event, Message};
/// use cloudevents_transport::{
///     Outcome, Raw, Received, Receiver, ReceiverCapabilities, Settlement,
///     binding::{Incoming, Receive, Settle, Token},
/// };
/// use std::time::Duration;
/// use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
///
/// /// Events of this program. What is not accepted goes to the end of the queue.
/// struct Channel(UnboundedSender<Event>, UnboundedReceiver<Event>);
///
/// impl Receive for Channel {
///     fn capabilities(&self) -> ReceiverCapabilities { ReceiverCapabilities::queue() }
///     async fn next(&mut self) -> Result<Option<Incoming>, Error> {
///         let Some(event) = self.1.recv().await else { return Ok(None) };
///         let token = Token::new(Unsettled(event.clone(), self.0.clone()));
///         let received = Received::new(Ok(Decoded::clean(Message::from(event))), Raw::default());
///         Ok(Some(Incoming::new(received, token)))
///     }
///     async fn drain(&mut self, _: Duration) -> Result<(), Error> { Ok(()) }
/// }
///
/// struct Unsettled(Event, UnboundedSender<Event>);
///
/// impl Settle for Unsettled {
///     fn settle(self: Box<Self>, how: Settlement) -> Outcome {
///         if how != Settlement::Accept {
///             let _ = self.1.send(self.0);
///         }
///         Outcome::done()
///     }
/// }
///
/// # futures_util::FutureExt::now_or_never(async {
/// let (send, receive) = unbounded_channel();
/// send.send(Event::builder().id("1").source("/s").ty("t").build()?)?;
/// let mut receiver = Receiver::new(Channel(send, receive), DecodeOptions::strict());
/// drop(receiver.next().await?);
/// receiver.next().await?.unwrap().accept().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap().unwrap();
/// ```
pub trait Receive: Send + 'static {
    /// The capabilities of the protocol. The receiver reads them once, when it is created.
    fn capabilities(&self) -> ReceiverCapabilities;

    /// Returns the next message, or `None` after draining and when no more messages can come.
    ///
    /// Cancel-safe: a message leaves the source in the poll that returns it, or its token is dropped on the
    /// way, which releases it. An error is about the connection, not about a message. A later call tries
    /// again, or is an error of kind [`Closed`](cloudevents_core::ErrorKind::Closed): then the receiver has ended for good.
    fn next(&mut self) -> impl Future<Output = Result<Option<Incoming>, Error>> + Send;

    /// Stops taking messages, releases prefetched ones, and returns when every token is settled and the
    /// broker has the settlements. At the deadline it passes on the settlements made so far and returns an
    /// error of kind [`Timeout`](cloudevents_core::ErrorKind::Timeout). The other messages are delivered
    /// again.
    ///
    /// If the future is dropped, no more messages are taken, and `drain` can be called again.
    fn drain(&mut self, deadline: Duration) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns the stopper of the receiver, for a binding that has to know of a stop before [`drain`](Self::drain).
    ///
    /// Messages that are released in between should wait, or the broker may send them once more. The receiver calls it once, when it is
    /// created. The default is a new one.
    fn stopper(&self) -> Stopper {
        Stopper::default()
    }

    /// The state of the connection, for protocols that have one.
    fn connectivity(&self) -> Connectivity {
        Connectivity::connectionless()
    }

    /// Whether nothing is received at the moment because of messages that are not settled, besides the bounds of the receiver. Before
    /// [`isolate`](Self::isolate): nothing from one of several partitions.
    fn is_held_up(&self) -> bool {
        false
    }

    /// The number of settled messages that come again all the same if the receiver ends now: in a log, messages behind an unsettled one.
    /// Default: none.
    fn settled_ahead(&self) -> usize {
        0
    }

    /// Nothing more is received from now on, and delivered messages are settled within this time, if they can be.
    ///
    /// A binding whose partitions may be taken away keeps them so long. It counts messages that were settled in vain among
    /// [`settled_ahead`](Self::settled_ahead). The default does nothing.
    fn finish(&mut self, within: Duration) {
        let _ = within;
    }

    /// The rejected messages that the dead-letter sink has not stored yet. Default: none.
    fn letters(&self) -> LetterBox {
        LetterBox::default()
    }

    /// From now on, every message is handled by itself, and some may be blocked for long. A binding that receives from several partitions
    /// at once can make sure that none of them takes all permits. It may count how often it holds one back. The default does nothing.
    fn isolate(&mut self, in_flight: &InFlight, counters: &Arc<Counters>) {
        let _ = (in_flight, counters);
    }
}

/// [`Receive`], dynamic.
pub(crate) trait DynReceive: Send {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Incoming>, Error>>;
    fn drain(&mut self, deadline: Duration) -> BoxFuture<'_, Result<(), Error>>;
    fn connectivity(&self) -> Connectivity;
    fn is_held_up(&self) -> bool;
    fn settled_ahead(&self) -> usize;
    fn finish(&mut self, within: Duration);
    fn letters(&self) -> LetterBox;
    fn isolate(&mut self, in_flight: &InFlight, counters: &Arc<Counters>);
}

impl<T: Receive> DynReceive for T {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Incoming>, Error>> {
        Box::pin(Receive::next(self))
    }

    fn drain(&mut self, deadline: Duration) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(Receive::drain(self, deadline))
    }

    fn connectivity(&self) -> Connectivity {
        Receive::connectivity(self)
    }

    fn is_held_up(&self) -> bool {
        Receive::is_held_up(self)
    }

    fn settled_ahead(&self) -> usize {
        Receive::settled_ahead(self)
    }

    fn finish(&mut self, within: Duration) {
        Receive::finish(self, within);
    }

    fn letters(&self) -> LetterBox {
        Receive::letters(self)
    }

    fn isolate(&mut self, in_flight: &InFlight, counters: &Arc<Counters>) {
        Receive::isolate(self, in_flight, counters);
    }
}

impl fmt::Debug for dyn DynReceive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receive")
    }
}
