//! Requests that a server refuses before there is a message.

use crate::{console::Console, failure::Status, report::Report};
use cloudevents_kit::{Delivery, Error, ErrorKind, Receiver, transport::OnRefusal};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The most refusals that wait to be reported. A flood of them is reported as far as it can be.
const REFUSALS: usize = 64;

/// Returns a function that sees refusals, and where they arrive.
pub(super) fn channel() -> (OnRefusal, mpsc::Receiver<Error>) {
    let (refused, refusals) = mpsc::channel(REFUSALS);
    (Arc::new(move |error: &Error| drop(refused.try_send(error.clone()))), refusals)
}

/// Waits for the next message of a receiver. Reports refusals meanwhile: a flood of them leaves every message its turn.
pub(super) async fn next(
    receiver: &mut Receiver,
    refusals: &mut mpsc::Receiver<Error>,
    console: &Console,
) -> Result<Option<Delivery>, Error> {
    loop {
        // Not biased: either may come without end.
        tokio::select! {
            Some(error) = refusals.recv() => tell(&error, console),
            next = receiver.next() => return next,
        }
    }
}

/// Reports a refusal. A request that no message can come from, such as a probe, is no failure, and neither is one without a right to send, nor a handshake.
pub(super) fn tell(error: &Error, console: &Console) {
    let words = "a request was refused";
    if error.kind() == ErrorKind::Refused {
        console.report(&Report::warning(words).kind("refused").detail(error.detail()));
    } else {
        let report = Report::new(words).kind(error.kind().code());
        let report = match error.detail() {
            "" => report.detail(error.message().to_string()),
            detail => report.detail(detail),
        };
        console.error(Status::No, &report);
    }
}
