//! Dead letters that a bridge sends to its destination.

use super::header_rule::is_trace_context;
use crate::{
    Carries, DeadLetter, Outgoing, Sender,
    receiving::left_out::{KEY, NOT_CARRIED},
};
use cloudevents_core::{Error, ErrorKind};

/// Returns when the destination has stored the dead letter. Parts that it cannot take are left out.
pub(super) async fn stored(mut letter: DeadLetter, place: &Sender) -> Result<(), Error> {
    let mut refused: Option<Error> = None;
    loop {
        let sent = place.send(letter.outgoing_to(place)).await;
        let (kind, failure) = match sent.and_then(|receipt| letter.stored_at(receipt)) {
            Ok(()) => {
                letter.is_stored(refused);
                return Ok(());
            }
            // It is there, and takes nothing: as bad as one that is away.
            Err(failure) if !place.refuses_message(&failure) => (ErrorKind::Disconnected, failure),
            Err(failure) if letter.leave_out(failure.kind()) => {
                refused.get_or_insert(failure);
                continue;
            }
            Err(failure) => {
                let first = refused.unwrap_or(failure);
                (first.kind(), first)
            }
        };
        // Wherever the message cannot be kept, it stays at the source.
        let detail = format!("the dead-letter place does not take the message: {}", failure.message());
        let after = failure.retry_after();
        let error = Error::new(kind).with_detail(detail).with_source(failure);
        return Err(match after {
            Some(after) => error.with_retry_after(after),
            None => error,
        });
    }
}

/// Returns the error of the destination that is behind an error of [`stored`].
pub(super) fn reason(failure: &Error) -> Error {
    let said = std::error::Error::source(failure).and_then(|source| source.downcast_ref::<Error>());
    said.unwrap_or(failure).clone()
}

impl DeadLetter {
    /// The dead letter as a message for a destination that may carry less than the protocol of the message. The trace context was not
    /// requested, so it is left out without a report.
    pub(crate) fn outgoing_to(&mut self, place: &Sender) -> Outgoing {
        let mut letter = match place.capabilities().carries.contains(Carries::AS_RECEIVED) {
            true => self.outgoing_as_it_came(),
            false => self.outgoing(),
        };
        if !place.capabilities().carries.contains(Carries::KEY) && letter.record_key().is_some() {
            letter.remove_key();
            self.lacks(KEY);
        }
        let lost = place.lost_headers(&letter);
        let lost: Vec<_> = lost.into_iter().map(|(index, _)| index).collect();
        let is_asked_for = |(index, (name, _)): (usize, (&str, _))| {
            !is_trace_context(name) && lost.binary_search(&index).is_ok()
        };
        if letter.headers().enumerate().any(is_asked_for) || !letter.headers_without_bytes().is_empty() {
            self.lacks(NOT_CARRIED);
        }
        letter.leave_out(&lost);
        letter
    }
}
