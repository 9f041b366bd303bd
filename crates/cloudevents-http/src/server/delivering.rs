//! Waiting for a settlement.

use super::{
    answer::{Settled, Settling},
    exchange::Exchange,
    waiting::Place,
};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// Waits until the message of [`Exchange::deliver`] is settled.
///
/// Written by hand, so that it is small and can be moved: servers keep it in the futures of their requests.
#[must_use = "the message is handed over; await it to learn how it was settled"]
pub struct Delivering {
    exchange: Exchange,
    settling: Arc<Settling>,
    looked: bool,
    answered: bool,
    /// Among those that wait, since it had to.
    place: Option<Place>,
}

impl Delivering {
    pub(super) fn new(exchange: Exchange, settling: Arc<Settling>) -> Self {
        Self { exchange, settling, looked: false, answered: false, place: None }
    }
}

impl Future for Delivering {
    type Output = Settled;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Settled> {
        let this = &mut *self;
        // Most messages are settled when the other tasks that are ready had a turn, and need no waker.
        if !this.looked {
            this.looked = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Poll::Ready(answer) = this.settling.answer.poll(context) {
            this.answered = true;
            return Poll::Ready(answer.settled(|received| this.exchange.fault(received)));
        }
        if this.place.is_none() {
            this.place = this.exchange.0.waiting.join(&this.settling);
        }
        match this.place {
            Some(_) => Poll::Pending, // the end of waiting is an answer, too
            None => Poll::Ready(Settled::Stopped),
        }
    }
}

/// Its message then has no sender that waits.
impl Drop for Delivering {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.exchange.0.waiting.leave(place);
        }
        if !self.answered {
            self.settling.answer.close();
        }
    }
}

impl fmt::Debug for Delivering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivering").finish_non_exhaustive()
    }
}
