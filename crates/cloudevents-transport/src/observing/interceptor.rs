//! Functions around each send and each handling: for traces, and for measurements per message.

use crate::{Delivery, Failure, Outgoing, Receipt, SenderCapabilities, panics::tell};
use cloudevents_core::Error;
use tracing::Span;

/// Sees each message before it is sent or handled, and the outcome. Both functions do nothing unless they are implemented.
///
/// A sender or a receiver without an interceptor pays nothing for it. Its functions must not wait: they run in the task that sends or
/// handles, or in the task of a client that reports an outcome. Panics are logged, and messages are sent and handled all the same.
///
/// ```
/// # #[cfg(feature = "fake")] futures_util::FutureExt::now_or_never(async {
/// # use cloudevents_core::Event;
/// # use cloudevents_transport::fake::FakeQueue;
/// use cloudevents_transport::{AfterSend, Interceptor, Outgoing, SenderCapabilities};
/// use std::sync::Arc;
///
/// struct Print;
///
/// impl Interceptor for Print {
///     fn sending(&self, message: &mut Outgoing, _to: SenderCapabilities) -> Option<AfterSend> {
///         let size = message.size();
///         Some(Box::new(move |sent| println!("{size} bytes: {}", if sent.is_ok() { "sent" } else { "not sent" })))
///     }
/// }
///
/// let sender = FakeQueue::new().sender().with_interceptor(Arc::new(Print));
/// sender.send(Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap().unwrap();
/// ```
pub trait Interceptor: Send + Sync + 'static {
    /// Called before a message is sent. It may add to the message, for example a header, if [`carries`](SenderCapabilities::carries)
    /// contains it. If the protocol does not carry an addition, it is treated as if the program had set it.
    ///
    /// The function that it returns is called once, with the outcome. It is dropped without a call if the outcome never becomes known: the
    /// program dropped the future of sending before the message was handed over, or the sender ended first.
    fn sending(&self, message: &mut Outgoing, to: SenderCapabilities) -> Option<AfterSend> {
        let _ = (message, to);
        None
    }

    /// Called before each attempt of [`Receiver::run`](crate::Receiver::run) and of bridges at a message;
    /// [`Delivery::attempt`] is its number. Deliveries of [`Receiver::next`](crate::Receiver::next) are not seen: there, the program
    /// knows where handling begins and ends, and can call this function by itself.
    fn handling(&self, delivery: &Delivery) -> Option<Handling> {
        let _ = delivery;
        None
    }
}

/// Called with the outcome of a send.
pub type AfterSend = Box<dyn FnOnce(Result<&Receipt, &Error>) + Send>;

/// Called with the outcome of an attempt.
///
/// Success is a message that was handled or left out by the policies of the receiver. [`Failure::is_reject`] tells a rejection from a
/// failure after which the message is tried again.
pub type AfterHandling = Box<dyn FnOnce(Result<(), &Failure>) + Send>;

/// The span of one attempt at a message, and the function after it.
#[non_exhaustive]
pub struct Handling {
    /// The span that the handler runs in, in place of the one that the receiver would make.
    pub span: Span,
    /// Called once with the outcome. It is dropped without a call if the attempt is abandoned: its partition is revoked, its connection
    /// lost, or the receiver has ended.
    pub after: Option<AfterHandling>,
}

impl Handling {
    /// Surrounds an attempt with a span.
    pub fn new(span: Span) -> Self {
        Self { span, after: None }
    }

    /// Returns it with a function that is called with the outcome.
    pub fn with_after(mut self, after: impl FnOnce(Result<(), &Failure>) + Send + 'static) -> Self {
        self.after = Some(Box::new(after));
        self
    }
}

impl std::fmt::Debug for Handling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handling").field("span", &self.span).finish_non_exhaustive()
    }
}

/// The span that an attempt runs in, and the function that is called after it.
pub(crate) fn around(
    delivery: &Delivery,
    interceptor: Option<&dyn Interceptor>,
) -> (Span, Option<AfterHandling>) {
    match interceptor.and_then(|interceptor| tell(|| interceptor.handling(delivery)).flatten()) {
        Some(handling) => (handling.span, handling.after),
        None => (delivery.span(), None),
    }
}
