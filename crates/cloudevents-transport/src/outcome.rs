//! How sending or settling went, to be asked or not.

use crate::metrics::Counters;
use cloudevents_core::{Error, ErrorKind};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// The answer to something that is under way already: a message that was handed over, a settlement that was submitted.
///
/// It is hot. Awaiting it tells how it went; dropping it undoes nothing, and neither does cancelling the await. One that is
/// decided costs no allocation. It needs no runtime, and may be awaited again after it answered.
///
/// ```
/// use cloudevents_transport::Outcome;
///
/// # futures_util::FutureExt::now_or_never(async {
/// assert!(Outcome::done().await.is_ok());
///
/// let (resolver, outcome) = Outcome::channel();
/// resolver.resolve(Ok(()));
/// assert!(outcome.await.is_ok());
/// # }).unwrap();
/// ```
#[must_use = "it is under way already: await the outcome to learn how it went, or drop it by name"]
pub struct Outcome {
    state: State,
    watch: Option<Watch>,
}

enum State {
    Decided(Result<(), Error>),
    Channel(oneshot::Receiver<Result<(), Error>>),
    Future(Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>),
}

/// Counts the answer when it is known.
struct Watch {
    counters: Arc<Counters>,
    answered: fn(&Counters, &Result<(), Error>),
}

impl Outcome {
    /// It went well, and everything is done.
    pub fn done() -> Self {
        Self::ready(Ok(()))
    }

    /// This is how it went.
    pub fn ready(result: Result<(), Error>) -> Self {
        Self { state: State::Decided(result), watch: None }
    }

    /// Somebody else finds out: the resolver is for whoever does the work. Dropping it unresolved is an error of kind
    /// [`Disconnected`](ErrorKind::Disconnected).
    pub fn channel() -> (Resolver, Self) {
        let (sender, receiver) = oneshot::channel();
        (Resolver(sender), Self { state: State::Channel(receiver), watch: None })
    }

    /// A future that watches work under way. It must not be what does the work: nobody may ever poll it.
    pub fn watching(future: impl Future<Output = Result<(), Error>> + Send + 'static) -> Self {
        Self { state: State::Future(Box::pin(future)), watch: None }
    }

    /// The answer, when it is known without waiting.
    pub fn decided(&self) -> Option<&Result<(), Error>> {
        match &self.state {
            State::Decided(result) => Some(result),
            State::Channel(_) | State::Future(_) => None,
        }
    }

    /// Counts the answer: at once when there is one, else when somebody learns it.
    pub(crate) fn counted(
        mut self,
        counters: &Arc<Counters>,
        answered: fn(&Counters, &Result<(), Error>),
    ) -> Self {
        match &self.state {
            State::Decided(result) => answered(counters, result),
            _ => self.watch = Some(Watch { counters: Arc::clone(counters), answered }),
        }
        self
    }
}

impl Future for Outcome {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.state {
            State::Decided(result) => return Poll::Ready(result.clone()),
            State::Channel(receiver) => match Pin::new(receiver).poll(context) {
                Poll::Ready(answer) => answer.unwrap_or_else(|_| Err(unanswered())),
                Poll::Pending => return Poll::Pending,
            },
            State::Future(future) => match future.as_mut().poll(context) {
                Poll::Ready(result) => result,
                Poll::Pending => return Poll::Pending,
            },
        };
        if let Some(watch) = self.watch.take() {
            (watch.answered)(&watch.counters, &result);
        }
        self.state = State::Decided(result.clone());
        Poll::Ready(result)
    }
}

#[cold]
fn unanswered() -> Error {
    Error::new(ErrorKind::Disconnected).with_detail("nobody is left to say how it went")
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Decided(result) => f.debug_tuple("Outcome").field(result).finish(),
            State::Channel(_) | State::Future(_) => f.write_str("Outcome(..)"),
        }
    }
}

/// Answers an [`Outcome`]; see [`Outcome::channel`].
#[derive(Debug)]
pub struct Resolver(oneshot::Sender<Result<(), Error>>);

impl Resolver {
    /// Says how it went. That nobody wants to know is no mistake.
    pub fn resolve(self, result: Result<(), Error>) {
        let _ = self.0.send(result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn an_answer_can_be_had_again() {
        let (resolver, mut outcome) = Outcome::channel();
        assert!((&mut outcome).now_or_never().is_none());
        resolver.resolve(Err(Error::new(ErrorKind::Refused)));
        assert_eq!((&mut outcome).now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(outcome.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Refused);
    }

    #[test]
    fn a_dropped_resolver_is_an_error() {
        let (resolver, outcome) = Outcome::channel();
        drop(resolver);
        assert_eq!(outcome.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
    }
}
