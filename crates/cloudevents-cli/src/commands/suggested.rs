//! Suggests options that would read a message that was refused.

use crate::lenient::suggestion;
use cloudevents_kit::{DecodeOptions, FormatId, adapters::recognize, transport::Received};

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

/// Names the system of a document that its message calls an event, and how to make events of it. Over WebSockets, the connection calls each
/// message an event.
///
/// `None` for an event, and for a document of no known system.
pub(super) fn system(received: &Received) -> Option<String> {
    received.message().ok()?.format().filter(|format| **format == FormatId::JSON)?;
    let document = received.whole_body().ok()??;
    let adapter = recognize(&document)?;
    Some(adapter.unread(&document, &how(adapter.name())).detail().to_owned())
}

/// How to make events of documents of a system, in an error.
pub(super) fn how(adapter: &str) -> String {
    format!("`--from {adapter}` makes events of it")
}
