//! Sinks for rejected messages.

use crate::{
    DeadLetter, InFlight,
    binding::{Owner, Ownership, Resolver},
    observing::LETTERS,
    receiving::letter_box::LetterBox,
    running::retry::{SHORTEST_PAUSE, doubled},
};
use cloudevents_core::{Error, ErrorKind};
use futures_util::{
    FutureExt,
    future::BoxFuture,
    future::{FusedFuture, OptionFuture},
};
use std::{fmt, pin::pin, sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    task::{JoinError, JoinHandle},
    time::{Instant, sleep, timeout},
};

/// How long a sink has after the end. Then the message is at the broker as before, even if the sink still stores it.
const GRACE: Duration = Duration::from_secs(5);

/// The longest pause before a dead letter is tried again.
const LONGEST: Duration = Duration::from_secs(60);

/// How long a sink may take until that is reported. After that, at twice the time.
const SILENT: Duration = Duration::from_secs(10);

/// Stores rejected messages, for example in another topic, a table or a file. Implement it with `async fn`.
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_transport::{DeadLetter, DeadLetterSink, binding::log::LogOptions};
///
/// struct Print;
/// impl DeadLetterSink for Print {
///     async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
///         println!("{:?} after {} attempts: {}", letter.received.offset(), letter.attempt, letter.reason);
///         Ok(())
///     }
/// }
/// let options = LogOptions::default().with_sink(Print);
/// ```
pub trait DeadLetterSink: Send + Sync + 'static {
    /// Returns when the message is stored. After an error, it is called again with growing pauses. Meanwhile the message is neither settled
    /// nor handled again. [`DeadLetter::stored_at`] records the place, so that the log of a bridge names it.
    ///
    /// After an error of kind [`TooLarge`](ErrorKind::TooLarge) that is not temporary, it is called again at once with a smaller dead
    /// letter: first without [its headers](DeadLetter::headers), then without the other headers of the message, at last with the body
    /// alone. After an error of kind [`Inexact`](ErrorKind::Inexact) or [`Unsupported`](ErrorKind::Unsupported), the destination cannot
    /// express a part. Then it is called first without the key, then without the other headers of the message, then without the headers of
    /// the dead letter, and at last with the body alone. A warning names the parts that were left out.
    fn put(&self, letter: DeadLetter) -> impl Future<Output = Result<(), Error>> + Send;
}

/// [`DeadLetterSink`], dynamic.
trait DynSink: Send + Sync {
    fn put(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), Error>>;
}

impl<T: DeadLetterSink> DynSink for T {
    fn put(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(DeadLetterSink::put(self, letter))
    }
}

/// A call of the sink, which ends when this is dropped.
struct Putting(JoinHandle<Result<(), Error>>);

impl Drop for Putting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How rejected messages are treated.
#[derive(Clone)]
pub(crate) enum Rejected {
    Sink(Sink),
    /// The broker handles them as configured there.
    #[cfg(feature = "queue")]
    Broker,
    Drop,
}

/// The dead letters of one receiver.
#[derive(Default)]
pub(crate) struct Letters {
    /// Ends attempts at dead letters that could not be stored.
    owner: Owner,
    missing: LetterBox,
}

impl Letters {
    /// The dead letters of a receiver that treats rejected messages so.
    pub(crate) fn of(rejected: &Rejected) -> Self {
        match rejected {
            Rejected::Sink(_) => Self { owner: Owner::default(), missing: LetterBox::of_a_place() },
            _ => Self::default(),
        }
    }

    /// The receiver ends, and no dead letter is tried again.
    pub(crate) fn leave(&self) {
        self.owner.leave();
    }

    /// The dead letters that the sink has not stored yet.
    pub(crate) fn missing(&self) -> LetterBox {
        self.missing.clone()
    }
}

/// A dead letter that the sink has not stored. It stays in the number, to be reported, if the receiver has ended before that.
struct Missing {
    all: InFlight,
    size: usize,
    letters: Ownership,
    is_stored: bool,
}

impl Missing {
    fn end(mut self, is_stored: bool) {
        self.is_stored = is_stored;
    }
}

impl Drop for Missing {
    fn drop(&mut self) {
        if self.is_stored || self.letters.is_held() {
            self.all.give_back(self.size);
        }
    }
}

/// A sink of any type.
#[derive(Clone)]
pub(crate) struct Sink(Arc<dyn DynSink>);

impl Sink {
    pub(crate) fn new(sink: impl DeadLetterSink) -> Self {
        Self(Arc::new(sink))
    }

    /// Passes the message to the sink, in a separate task, until the sink has stored it.
    ///
    /// A panic of the sink is an error, and everything else continues. Dropping the future ends it. The message is not tried again when
    /// another consumer has it, or when the receiver ends. If the sink has not stored the message when the receiver ends, the message stays
    /// among the letters, to be reported.
    ///
    /// The first failure decides the outcome, so that a program that waits for it goes on. The message stays at the broker all the same,
    /// and takes no more than its permit. If the failure ended the receiver, one message would stop all others, after each start again.
    pub(crate) fn put(
        &self,
        runtime: &Handle,
        letter: DeadLetter,
        first: Duration,
        message: Option<Ownership>,
        letters: &Letters,
        mut resolver: Resolver,
    ) -> BoxFuture<'static, (Result<(), Error>, Resolver)> {
        let (sink, runtime) = (Arc::clone(&self.0), runtime.clone());
        let (place, size) = (letters.missing(), letter.received.size());
        let all = place.waiting();
        all.count(size);
        let missing = Missing { all, size, letters: letters.owner.ownership(), is_stored: false };
        let over = over(message, &letters.owner);
        let putting = async move {
            let mut over = pin!(over.fuse());
            let (mut failures, mut less, mut refused) = (0_u32, letter.clone(), None);
            loop {
                let (sink, again, attempt) = (Arc::clone(&sink), less.clone(), place.begin());
                let mut putting = Putting(runtime.spawn(async move { sink.put(again).await }));
                let put = tokio::select! {
                    biased;
                    put = answered(&mut putting, &letter) => put,
                    () = async { (&mut over).await; sleep(GRACE).await } => {
                        let error = Error::new(ErrorKind::Timeout).with_detail("the dead-letter sink does not answer");
                        return (Err(error), resolver);
                    }
                };
                let error = match put {
                    Ok(Ok(())) => {
                        less.is_stored(refused);
                        place.stored(&letter, attempt);
                        return (Ok(()), resolver);
                    }
                    Ok(Err(error)) => error,
                    Err(ended) => Error::new(ErrorKind::Transport)
                        .with_detail(format!("the dead-letter sink ended early: {ended}")),
                };
                if over.is_terminated() || over.as_mut().now_or_never().is_some() {
                    return (Err(error), resolver);
                }
                // The refusal of a batch is temporary: its dead letters are sent alone then.
                let is_refusal =
                    matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Inexact | ErrorKind::Unsupported)
                        && !error.is_temporary();
                if is_refusal && less.leave_out(error.kind()) {
                    refused.get_or_insert(error);
                    continue;
                }
                let error = refused.filter(|_| is_refusal).unwrap_or(error);
                // Later, the destination may take it as it is.
                (less, refused) = (letter.clone(), None);
                std::mem::replace(&mut resolver, Resolver::spent()).resolve(Err(error.clone()));
                place.failed(&letter, attempt, &error);
                failures = failures.saturating_add(1);
                let pause = doubled(first.max(SHORTEST_PAUSE), LONGEST, failures);
                tokio::select! {
                    () = sleep(pause) => {}
                    () = &mut over => return (Err(error), resolver),
                }
            }
        };
        Box::pin(async move {
            let ended = putting.await;
            missing.end(ended.0.is_ok());
            ended
        })
    }
}

/// Waits for the answer of the sink. A warning repeats while the sink does not answer.
async fn answered(putting: &mut Putting, letter: &DeadLetter) -> Result<Result<(), Error>, JoinError> {
    let (since, mut patience) = (Instant::now(), SILENT);
    loop {
        if let Ok(put) = timeout(patience, &mut putting.0).await {
            return put;
        }
        tracing::warn!(target: LETTERS, received = ?letter.received, reason = %letter.reason, waited = ?since.elapsed(),
            "the dead-letter sink does not answer; the message is not settled");
        patience = patience.saturating_mul(2);
    }
}

/// Ready when another consumer has the message, or the receiver ends.
fn over(message: Option<Ownership>, letters: &Owner) -> impl Future<Output = ()> + Send + use<> {
    let letters = letters.ownership();
    async move {
        let message = OptionFuture::from(message.map(Ownership::leaving));
        tokio::select! {
            Some(()) = message => {}
            () = letters.leaving() => {}
        }
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sink(_) => "Sink",
            #[cfg(feature = "queue")]
            Self::Broker => "Broker",
            Self::Drop => "Drop",
        })
    }
}
