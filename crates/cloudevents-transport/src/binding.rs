//! What a binding implements, and the private mirror that makes it dynamic.

use crate::{Outcome, Raw, Token, content::Content};
use cloudevents_core::{Decoded, Error, Message};
use std::{fmt, pin::Pin, sync::Arc, time::Duration};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a binding sends. Implement it with `async fn`, and give it to [`Sender::new`](crate::Sender::new).
///
/// ```
/// use cloudevents_core::{Error, Message};
/// use cloudevents_transport::{Outcome, Sender, Transmit};
///
/// struct Nowhere;
/// impl Transmit for Nowhere {
///     async fn enqueue(&self, _: Message) -> Result<Outcome, Error> { Ok(Outcome::done()) }
///     async fn close(&self) -> Result<(), Error> { Ok(()) }
/// }
/// let sender: Sender = Sender::new(Nowhere);
/// ```
pub trait Transmit: Send + Sync + 'static {
    /// Waits for room, hands the message over, and answers with the outcome, which is under way and needs no polling.
    ///
    /// Dropped before it answers, nothing was sent. An error says that this message was not handed over; whether the next one
    /// can be is told by trying.
    fn enqueue(&self, message: Message) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// What [`enqueue`](Self::enqueue) would answer with at once; the message when it would have to wait, or may have to. It never waits.
    ///
    /// It is asked first, and saves the future. A binding that always has to wait leaves it out: then `enqueue` is asked each time.
    #[allow(clippy::result_large_err)] // the message is given back
    fn try_enqueue(&self, message: Message) -> Result<Result<Outcome, Error>, Message> {
        Err(message)
    }

    /// Waits for every pending outcome, then closes. Dropped before it answers, the outcomes go their way.
    fn close(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// How a binding receives. Implement it with `async fn`, and give it to [`Receiver::new`](crate::Receiver::new).
///
/// ```
/// use cloudevents_core::{Decoded, Decoding, Error, Event, Message};
/// use cloudevents_transport::{Incoming, Intake, Outcome, Raw, Receiver, Settle, Settlement, Token};
/// use std::time::Duration;
/// use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
///
/// /// Events of this program. What is not accepted goes to the end of the queue.
/// struct Channel(UnboundedSender<Event>, UnboundedReceiver<Event>);
///
/// impl Intake for Channel {
///     async fn next(&mut self) -> Result<Option<Incoming>, Error> {
///         let Some(event) = self.1.recv().await else { return Ok(None) };
///         let token = Token::new(Unsettled(event.clone(), self.0.clone()));
///         Ok(Some(Incoming::new(Ok(Decoded::clean(Message::from(event))), Raw::default(), token)))
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
/// let mut receiver = Receiver::new(Channel(send, receive), Decoding::strict());
/// drop(receiver.next().await?);
/// receiver.next().await?.unwrap().accept().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap().unwrap();
/// ```
pub trait Intake: Send + 'static {
    /// The next message; `None` when it was drained, or when there will never be another.
    ///
    /// Cancel-safe: a message leaves the source in the poll that returns it, or else its token is dropped on the way, which
    /// releases it. An error is about the connection, not about a message; calling again tries again, unless the kind is
    /// [`Closed`](cloudevents_core::ErrorKind::Closed).
    fn next(&mut self) -> impl Future<Output = Result<Option<Incoming>, Error>> + Send;

    /// What [`next`](Self::next) would answer with at once; `None` when it would have to wait, or may have to. It never waits.
    ///
    /// It is asked first, and saves the future where messages come faster than they are taken. A binding that has none ready without one
    /// leaves it out: then `next` is asked each time.
    fn try_next(&mut self) -> Option<Result<Option<Incoming>, Error>> {
        None
    }

    /// Takes nothing more, releases what was prefetched, and answers when every token is settled and the settlements are
    /// with the broker. At the deadline it answers with an error of kind [`Timeout`](cloudevents_core::ErrorKind::Timeout), having
    /// passed on what was settled until then; the rest comes again.
    ///
    /// Dropped before it answers, it takes nothing more all the same, and can be called again.
    fn drain(&mut self, deadline: Duration) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A message as a binding hands it over: one per *transport* message.
#[derive(Debug)]
pub struct Incoming {
    pub(crate) content: Content,
    pub(crate) attempt: u32,
    pub(crate) token: Token,
}

impl Incoming {
    /// A message, or why it is none; what came; and the token that settles it. It is the first attempt.
    ///
    /// The error is of kind [`NotACloudEvent`](cloudevents_core::ErrorKind::NotACloudEvent) exactly when nothing about the message
    /// claims to be a CloudEvent.
    pub fn new(message: Result<Decoded<Message>, Error>, raw: impl Into<Arc<Raw>>, token: Token) -> Self {
        Self { content: Content::Own { message, raw: raw.into() }, attempt: 1, token }
    }

    /// The same as this attempt, counted from 1, as far as the protocol knows.
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt.max(1);
        self
    }
}

/// [`Transmit`], dynamic.
pub(crate) trait DynTransmit: Send + Sync {
    fn enqueue(&self, message: Message) -> BoxFuture<'_, Result<Outcome, Error>>;
    #[allow(clippy::result_large_err)]
    fn try_enqueue(&self, message: Message) -> Result<Result<Outcome, Error>, Message>;
    fn close(&self) -> BoxFuture<'_, Result<(), Error>>;
}

impl<T: Transmit> DynTransmit for T {
    fn enqueue(&self, message: Message) -> BoxFuture<'_, Result<Outcome, Error>> {
        Box::pin(Transmit::enqueue(self, message))
    }

    fn try_enqueue(&self, message: Message) -> Result<Result<Outcome, Error>, Message> {
        Transmit::try_enqueue(self, message)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(Transmit::close(self))
    }
}

/// [`Intake`], dynamic.
pub(crate) trait DynIntake: Send {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Incoming>, Error>>;
    fn try_next(&mut self) -> Option<Result<Option<Incoming>, Error>>;
    fn drain(&mut self, deadline: Duration) -> BoxFuture<'_, Result<(), Error>>;
}

impl<T: Intake> DynIntake for T {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Incoming>, Error>> {
        Box::pin(Intake::next(self))
    }

    fn try_next(&mut self) -> Option<Result<Option<Incoming>, Error>> {
        Intake::try_next(self)
    }

    fn drain(&mut self, deadline: Duration) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(Intake::drain(self, deadline))
    }
}

impl fmt::Debug for dyn DynTransmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transmit")
    }
}

impl fmt::Debug for dyn DynIntake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Intake")
    }
}
