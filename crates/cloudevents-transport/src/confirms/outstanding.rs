//! Answers that have not arrived, of which few are polled.

use crate::Receipt;
use cloudevents_core::Error;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::task::coop::unconstrained;

/// The answers to messages that were sent.
///
/// Most peers answer in the order of sending. So only the first answer is polled, which needs neither a place in a set nor a waker or a
/// timer for each message. When the first one is late, the others can be [scattered](Self::scatter).
pub(super) struct Outstanding<F> {
    /// In the order of sending.
    line: VecDeque<Numbered<F>>,
    /// Taken out of the line, and polled whenever they are woken.
    scattered: FuturesUnordered<Numbered<F>>,
}

/// An answer, and the number of its message.
struct Numbered<F> {
    number: u64,
    answer: F,
}

impl<F: Future<Output = Result<Receipt, Error>> + Unpin> Outstanding<F> {
    pub(super) fn push(&mut self, number: u64, answer: F) {
        self.line.push_back(Numbered { number, answer });
    }

    pub(super) fn len(&self) -> usize {
        self.line.len().saturating_add(self.scattered.len())
    }

    /// Returns an answer that has arrived, with the number of its message. Otherwise the next one that is polled wakes the task.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<(u64, Result<Receipt, Error>)>> {
        if let Some(first) = self.line.front_mut()
            && let Poll::Ready(answered) = unconstrained(first).poll_unpin(context)
        {
            self.line.pop_front();
            return Poll::Ready(Some(answered));
        }
        unconstrained(self.scattered.next()).poll_unpin(context)
    }

    /// The number of the first message in line, if others are behind it.
    pub(super) fn first_of_several(&self) -> Option<u64> {
        self.line.front().filter(|_| self.line.len() > 1).map(|first| first.number)
    }

    /// From now on, the answers that are in line are heard in any order.
    pub(super) fn scatter(&mut self) {
        self.scattered.extend(self.line.drain(..));
    }
}

impl<F> Default for Outstanding<F> {
    fn default() -> Self {
        Self { line: VecDeque::new(), scattered: FuturesUnordered::new() }
    }
}

impl<F: Future<Output = Result<Receipt, Error>> + Unpin> Future for Numbered<F> {
    type Output = (u64, Result<Receipt, Error>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.answer.poll_unpin(context));
        Poll::Ready((self.number, answer))
    }
}
