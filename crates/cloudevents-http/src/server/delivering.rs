//! Waiting for a settlement.

use super::{
    answer::{Answer, Settled},
    exchange::{Exchange, Stage},
};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// Waits until the message of [`Exchange::deliver`] is settled.
#[must_use = "the message is handed over; await it to learn how it was settled"]
pub struct Delivering(Pin<Box<dyn Future<Output = Settled> + Send>>);

impl Delivering {
    pub(super) fn new(exchange: Exchange, answer: oneshot::Receiver<Answer>) -> Self {
        Self(Box::pin(async move {
            let mut stage = exchange.0.stage.clone();
            let answer = tokio::select! {
                biased;
                answer = answer => answer.unwrap_or(Answer::Later(None)),
                () = Stage::over(&mut stage) => Answer::Stopped,
            };
            answer.settled(|received| exchange.fault(received))
        }))
    }
}

impl Future for Delivering {
    type Output = Settled;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Settled> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Delivering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivering").finish_non_exhaustive()
    }
}
