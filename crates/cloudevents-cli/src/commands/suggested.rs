//! Suggests options that would read a message that was refused.

use crate::lenient::suggestion;
use cloudevents_kit::{DecodeOptions, transport::Received};

/// The largest message that is tried.
const TRIED: usize = 64 << 10;

/// Names the repairs and the peers that would read this message: its headers, its document, or JSON that nothing marks as an event.
///
/// `None` if none would, and if the message can be read.
pub(super) fn of(received: &Received, with: &DecodeOptions) -> Option<String> {
    if received.size() > TRIED {
        return None;
    }
    let reads = |with: &DecodeOptions| {
        let message = match received.origin().decode_message(with) {
            Some(decoded) => decoded.ok()?.value,
            // Only its document is decoded again.
            None => received.message().ok()?.clone(),
        };
        message.events(with).ok().map(|decoded| decoded.value)
    };
    match reads(with) {
        Some(_) => None,
        None => suggestion(with, reads),
    }
}
