//! Letters that a bridge sends to its place.

use super::policy::is_trace_context;
use crate::{
    Carries, DeadLetter, Outgoing, Sender,
    receiving::letter::{KEY, NOT_CARRIED},
};

impl DeadLetter {
    /// The letter as a message for a place that may carry less than the protocol of the message. The trace context, which was not asked
    /// for, goes without a report.
    pub(crate) fn outgoing_to(&mut self, place: &Sender) -> Outgoing {
        let mut letter = self.outgoing();
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
