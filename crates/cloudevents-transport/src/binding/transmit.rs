//! The trait that a sending binding implements, and the private mirror that makes it dynamic.

use crate::{Connectivity, Outcome, Outgoing, Receipt, SenderCapabilities};
use cloudevents_core::{Error, ErrorKind, Message};
use futures_util::future::BoxFuture;
use std::{fmt, time::Duration};

/// How a binding sends. Implement it with `async fn`, and give it to [`Sender::new`](crate::Sender::new).
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_transport::{Confirmed, Outcome, Outgoing, Receipt, Sender, SenderCapabilities, binding::Transmit};
///
/// struct Nowhere;
/// impl Transmit for Nowhere {
///     fn capabilities(&self) -> SenderCapabilities { SenderCapabilities::plain(Confirmed::Written) }
///     async fn enqueue(&self, _: Outgoing) -> Result<Outcome<Receipt>, Error> { Ok(Outcome::ready(Ok(Receipt::new()))) }
///     async fn close(&self) -> Result<(), Error> { Ok(()) }
/// }
/// let sender: Sender = Sender::new(Nowhere);
/// ```
pub trait Transmit: Send + Sync + 'static {
    /// The capabilities of the protocol. The sender reads them once, when it is created.
    fn capabilities(&self) -> SenderCapabilities;

    /// The headers of the message that the protocol cannot carry with it, in ascending order of their indexes.
    ///
    /// Each has its index and the reason, such as "a value of NATS is text without line breaks". [`Outgoing::lost_headers`] makes the list
    /// of a rule for one header.
    ///
    /// The sender applies its [`LossPolicy`](crate::LossPolicy) to them, so none of them comes to [`enqueue`](Self::enqueue). The default
    /// is for a protocol that carries any header, or none.
    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        let _ = outgoing;
        Vec::new()
    }

    /// Waits for a permit and hands the message over. The outcome resolves without being polled.
    ///
    /// If the future is dropped before it returns, nothing was sent. An error is about this message only,
    /// unless its kind is [`Closed`](ErrorKind::Closed): later messages may still succeed.
    ///
    /// The sender has compared the message with the [`capabilities`](Self::capabilities), so a binding
    /// ignores parts that it does not carry.
    fn enqueue(&self, outgoing: Outgoing) -> impl Future<Output = Result<Outcome<Receipt>, Error>> + Send;

    /// Sends a request and waits for the reply. If the future is dropped, the reply is ignored.
    ///
    /// The default returns an error of kind [`Unsupported`](ErrorKind::Unsupported).
    fn request(
        &self,
        outgoing: Outgoing,
        limit: Duration,
    ) -> impl Future<Output = Result<Message, Error>> + Send {
        let _ = (outgoing, limit);
        async { Err(Error::new(ErrorKind::Unsupported).with_detail("the protocol has no replies")) }
    }

    /// Checks that the sender's own address takes messages, as far as the protocol shows that without a message.
    ///
    /// If the address does not exist, an error of kind [`Refused`](ErrorKind::Refused) names it. If the protocol does not show that, or
    /// this user may not find out, it is a success. The default is a success.
    fn check(&self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// The state of the connection. The default is for protocols without a connection that outlives a
    /// message.
    fn connectivity(&self) -> Connectivity {
        Connectivity::connectionless()
    }

    /// Whether an error of [`enqueue`](Self::enqueue) or of an outcome is a refusal of this very message: no later
    /// attempt can succeed, and other messages may. `None` leaves it to
    /// [`Sender::refuses_message`](crate::Sender::refuses_message), which knows no protocols.
    fn refuses_message(&self, error: &Error) -> Option<bool> {
        let _ = error;
        None
    }

    /// Waits for every pending outcome, then closes. If the future is dropped, the outcomes still resolve.
    fn close(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// [`Transmit`], dynamic.
pub(crate) trait DynTransmit: Send + Sync {
    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)>;
    fn enqueue(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Outcome<Receipt>, Error>>;
    fn request(&self, outgoing: Outgoing, limit: Duration) -> BoxFuture<'_, Result<Message, Error>>;
    fn check(&self) -> BoxFuture<'_, Result<(), Error>>;
    fn connectivity(&self) -> Connectivity;
    fn refuses_message(&self, error: &Error) -> Option<bool>;
    fn close(&self) -> BoxFuture<'_, Result<(), Error>>;
}

impl<T: Transmit> DynTransmit for T {
    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        Transmit::lost_headers(self, outgoing)
    }

    fn enqueue(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Outcome<Receipt>, Error>> {
        Box::pin(Transmit::enqueue(self, outgoing))
    }

    fn request(&self, outgoing: Outgoing, limit: Duration) -> BoxFuture<'_, Result<Message, Error>> {
        Box::pin(Transmit::request(self, outgoing, limit))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(Transmit::check(self))
    }

    fn connectivity(&self) -> Connectivity {
        Transmit::connectivity(self)
    }

    fn refuses_message(&self, error: &Error) -> Option<bool> {
        Transmit::refuses_message(self, error)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(Transmit::close(self))
    }
}

impl fmt::Debug for dyn DynTransmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transmit")
    }
}
