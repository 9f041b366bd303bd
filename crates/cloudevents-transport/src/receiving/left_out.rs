//! The parts of a dead letter that its destination does not take, and which part is left out next.

use crate::{DeadLetter, Raw, Received};
use cloudevents_core::{Error, ErrorKind};

/// The names of parts that are left out of a dead letter that is refused.
pub(crate) const KEY: &str = "the key";
pub(super) const HEADERS: &str = "the headers of the letter";
pub(super) const OTHERS: &str = "the headers of the message";
const ATTRIBUTES: &str = "all but the body";

/// The name of a part that is left out before sending, because the destination carries no headers.
pub(crate) const NOT_CARRIED: &str = "headers that the place does not carry";

impl DeadLetter {
    /// Leaves out one more part of a dead letter that a destination refuses. Returns `false` if no further part may be left out.
    ///
    /// If the dead letter is too large, its headers are left out first, because any part may be too large. If the destination cannot
    /// express a part, this is more likely a part of the message. If the body is not bytes, it needs all properties of its own protocol.
    pub(crate) fn leave_out(&mut self, refusal: ErrorKind) -> bool {
        let (by_size, is_bytes) = (refusal == ErrorKind::TooLarge, self.received.origin().has_whole_body());
        let has_key = !by_size && is_bytes && self.outgoing().record_key().is_some();
        let others = (OTHERS, is_bytes);
        // A destination that takes no headers may take the event. Then the log has the reason of the dead letter.
        let [first, second] = if by_size { [(HEADERS, true), others] } else { [others, (HEADERS, true)] };
        let steps = [(KEY, has_key), first, second, (ATTRIBUTES, is_bytes)];
        let mut steps = steps.into_iter().filter(|(what, may)| *may && !self.left_out.contains(what));
        let Some((what, _)) = steps.next() else { return false };
        if what == OTHERS || what == ATTRIBUTES {
            self.received = bare(&self.received, what == OTHERS);
        }
        self.left_out.push(what);
        true
    }

    /// A destination has stored the dead letter. Reports the parts that were left out, and the reason.
    pub(crate) fn is_stored(&self, refusal: Option<Error>) {
        if !self.left_out.is_empty() {
            let error = refusal.as_ref().map(tracing::field::display);
            tracing::warn!(received = ?self.received, reason = %self.reason, left_out = ?self.left_out, error,
                "a dead letter is stored without a part that its place does not take");
        }
    }

    pub(crate) fn lacks(&mut self, what: &'static str) {
        if !self.left_out.contains(&what) {
            self.left_out.push(what);
        }
    }
}

/// The message without its headers, and without its key and its attributes where these are not to be kept.
fn bare(received: &Received, keeps_attributes: bool) -> Received {
    let mut raw = Raw::without_headers(received.origin());
    if !keeps_attributes {
        raw.key = None;
    }
    let message = match received.decoded_message() {
        Ok(_) if !keeps_attributes => Err(Error::new(ErrorKind::NotACloudEvent)),
        message => message.cloned().map_err(Clone::clone),
    };
    Received::new(message, raw)
}
