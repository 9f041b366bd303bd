//! Sending events.

use crate::{Counters, Metrics, Outcome, Transmit, binding::DynTransmit};
use cloudevents_core::{Error, ErrorKind, Event, Message};
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Outcomes that [`Sender::send_all`] has open at once.
const WINDOW: usize = 1024;

/// Sends events to one address: a topic, a queue, a URL. Clones share the connection.
///
/// ```
/// # #[cfg(feature = "fake")] futures_util::FutureExt::now_or_never(async {
/// use cloudevents_core::Event;
/// use cloudevents_transport::fake::FakeQueue;
///
/// let sender = FakeQueue::new().sender();
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// sender.send(&event).await?;
/// sender.close().await?;
/// assert_eq!(sender.metrics().sent, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap().unwrap();
/// ```
#[derive(Clone)]
pub struct Sender {
    transmit: Arc<dyn DynTransmit>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    counters: Arc<Counters>,
    closed: AtomicBool,
}

impl Sender {
    /// A sender over this binding.
    pub fn new(binding: impl Transmit) -> Self {
        Self { transmit: Arc::new(binding), state: Arc::default() }
    }

    /// Sends an event and answers when the peer has it.
    ///
    /// Events go in binary mode; a binding whose protocol has none writes a document, as its options say. Dropping the
    /// future leaves open whether the event was sent: either nothing was handed over, or it is under way and stays so. Who must
    /// know uses [`enqueue`](Self::enqueue).
    ///
    /// Errors: [`Closed`](ErrorKind::Closed) after [`close`](Self::close), [`Refused`](ErrorKind::Refused) when the peer declined
    /// the event, [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when nobody knows whether it has it,
    /// and what else the binding says.
    pub async fn send(&self, event: &Event) -> Result<(), Error> {
        self.hand_over(Message::Binary(event.clone())).await?.await
    }

    /// Sends a message as it is, documents untouched, and answers when the peer has it. The same as [`send`](Self::send) otherwise.
    pub async fn send_message(&self, message: Message) -> Result<(), Error> {
        self.hand_over(message).await?.await
    }

    /// Waits for room, hands a message over, and answers with the outcome, which is under way: awaiting it tells when the peer has
    /// the message, dropping it undoes nothing.
    ///
    /// Dropping the future before it answers: nothing was sent.
    pub fn enqueue(&self, message: Message) -> impl Future<Output = Result<Outcome, Error>> + Send + '_ {
        self.hand_over(message)
    }

    /// Sends events or messages one behind the other without waiting for each, and answers when the peer has all of them, or with
    /// the ones it does not have.
    ///
    /// A failure does not stop the rest; those behind it may therefore arrive before it is sent again. Up to 1,024 outcomes are
    /// open at once, besides what the binding itself limits. Dropping the future: what was handed over is under way, the
    /// rest was not sent.
    ///
    /// ```
    /// # #[cfg(feature = "fake")] futures_util::FutureExt::now_or_never(async {
    /// # use cloudevents_core::Event;
    /// # let sender = cloudevents_transport::fake::FakeQueue::new().sender();
    /// # let events: Vec<Event> = vec![];
    /// if let Err(failure) = sender.send_all(events.iter().cloned()).await {
    ///     let again: Vec<&Event> = failure.failed.iter().filter_map(|(index, _)| events.get(*index)).collect();
    ///     println!("{failure}; {} to be sent again", again.len());
    /// }
    /// # }).unwrap();
    /// ```
    pub async fn send_all<I>(&self, messages: I) -> Result<(), SendAllError>
    where
        I: IntoIterator<Item: Into<Message>, IntoIter: Send>,
    {
        let mut open = VecDeque::new();
        let mut failed = Vec::new();
        let mut total = 0_usize;
        for (index, message) in messages.into_iter().map(Into::into).enumerate() {
            total = total.saturating_add(1);
            if open.len() >= WINDOW
                && let Some((index, outcome)) = open.pop_front()
            {
                note(index, outcome, &mut failed).await;
            }
            match self.enqueue(message).await {
                Ok(outcome) if outcome.decided().is_some_and(Result::is_ok) => {}
                Ok(outcome) => open.push_back((index, outcome)),
                Err(error) => failed.push((index, error)),
            }
        }
        for (index, outcome) in open {
            note(index, outcome, &mut failed).await;
        }
        if failed.is_empty() {
            return Ok(());
        }
        failed.sort_unstable_by_key(|(index, _)| *index);
        Err(SendAllError { failed, total })
    }

    /// Takes no more messages, waits for every pending outcome, then closes the connection, for all clones.
    ///
    /// Dropping the future: the sender takes no more messages all the same, and what is under way stays so. Closing again asks the
    /// binding again.
    pub async fn close(&self) -> Result<(), Error> {
        self.state.closed.store(true, Ordering::Release);
        let result = self.transmit.close().await;
        match &result {
            Ok(()) => tracing::debug!(metrics = %self.metrics(), "sender closed"),
            Err(error) => tracing::warn!(%error, "sender not closed properly"),
        }
        result
    }

    /// What was sent through this sender and its clones.
    pub fn metrics(&self) -> Metrics {
        self.state.counters.snapshot()
    }

    /// The counters behind [`metrics`](Self::metrics), to be read when the sender is not at hand.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.state.counters)
    }

    async fn hand_over(&self, message: Message) -> Result<Outcome, Error> {
        let begun = match self.try_hand_over(message) {
            Ok(begun) => begun,
            Err(message) => self.transmit.enqueue(message).await,
        };
        match begun {
            Ok(outcome) => {
                self.state.counters.enqueued();
                Ok(outcome.counted(&self.state.counters, Counters::answered))
            }
            Err(error) => {
                self.state.counters.not_sent(&error);
                Err(error)
            }
        }
    }

    /// What can be done without waiting; else the message.
    #[allow(clippy::result_large_err)]
    fn try_hand_over(&self, message: Message) -> Result<Result<Outcome, Error>, Message> {
        if self.state.closed.load(Ordering::Acquire) {
            return Ok(Err(Error::new(ErrorKind::Closed)));
        }
        self.transmit.try_enqueue(message)
    }
}

async fn note(index: usize, outcome: Outcome, failed: &mut Vec<(usize, Error)>) {
    if let Err(error) = outcome.await {
        failed.push((index, error));
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("closed", &self.state.closed.load(Ordering::Relaxed))
            .field("metrics", &format_args!("{}", self.metrics()))
            .finish_non_exhaustive()
    }
}

/// The messages of [`Sender::send_all`] that the peer does not have, or of which nobody knows.
///
/// ```
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_transport::SendAllError;
///
/// let failure = SendAllError { failed: vec![(3, Error::new(ErrorKind::Refused))], total: 5 };
/// assert_eq!(failure.to_string(), "1 of 5 events were not sent; the first is number 3: the peer refused this [refused]");
/// ```
#[derive(Clone, Debug)]
pub struct SendAllError {
    /// The place of each in what was to be sent, counted from 0, and what was wrong; in that order.
    pub failed: Vec<(usize, Error)>,
    /// How many were to be sent.
    pub total: usize,
}

impl fmt::Display for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} events were not sent", self.failed.len(), self.total)?;
        match self.failed.first() {
            Some((index, error)) => write!(f, "; the first is number {index}: {error}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SendAllError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failed.first().map(|(_, error)| error as _)
    }
}

/// The first failure, with its index, where one is all there is room for.
impl From<SendAllError> for Error {
    fn from(failure: SendAllError) -> Self {
        match failure.failed.into_iter().next() {
            Some((index, error)) => error.with_index(index),
            None => Self::new(ErrorKind::Transport),
        }
    }
}
