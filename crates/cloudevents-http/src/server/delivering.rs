//! Waiting for a settlement.

use super::{
    answer::{Answer, Settled},
    exchange::{Exchange, Phase, reached},
};
use cloudevents_transport::Received;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// Waits until the message of [`Exchange::deliver`] is settled.
///
/// Written by hand, so that it is small and can be moved: servers keep it in the futures of their requests.
#[must_use = "the message is handed over; await it to learn how it was settled"]
pub struct Delivering {
    exchange: Exchange,
    /// What was handed over, for the response to a rejection.
    received: Received,
    settled: oneshot::Receiver<Answer>,
    looked: bool,
    /// The end of waiting for settlements.
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Delivering {
    pub(super) fn new(exchange: Exchange, received: Received, settled: oneshot::Receiver<Answer>) -> Self {
        Self { exchange, received, settled, looked: false, over: None }
    }
}

impl Future for Delivering {
    type Output = Settled;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Settled> {
        let this = &mut *self;
        if let Poll::Ready(answered) = Pin::new(&mut this.settled).poll(context) {
            let fault = || this.exchange.fault(&this.received);
            return Poll::Ready(answered.unwrap_or(Answer::Later(None)).settled(fault));
        }
        // Most messages are settled when the other tasks that are ready had a turn.
        if !this.looked {
            this.looked = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let over = this.over.get_or_insert_with(|| {
            let mut phase = this.exchange.0.phase.clone();
            Box::pin(async move { reached(&mut phase, Phase::Over).await })
        });
        over.as_mut().poll(context).map(|()| Settled::Stopped)
    }
}

impl fmt::Debug for Delivering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivering").finish_non_exhaustive()
    }
}
