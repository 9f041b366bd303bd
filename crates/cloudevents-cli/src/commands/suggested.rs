//! Suggests options that would read a message that was refused.

use crate::lenient::suggestion;
use cloudevents_kit::{DecodeOptions, ErrorKind, Format, RepairKind, json::Json, transport::Received};

/// The largest message that is tried.
const TRIED: usize = 64 << 10;

/// Names the repairs and the peers that would read the document in this message, or JSON that nothing marks as an event.
///
/// `None` if none would, if the message can be read, and for errors in headers.
pub(super) fn of(received: &Received, with: &DecodeOptions) -> Option<String> {
    if received.size() > TRIED {
        return None;
    }
    let body = received.body()?;
    match received.message() {
        Ok(message) => {
            let reads = |with: &DecodeOptions| message.events(with).ok().map(|decoded| decoded.value);
            reads(with).is_none().then(|| suggestion(with, reads))?
        }
        Err(error) if error.kind() == ErrorKind::NotACloudEvent => suggestion(with, |with| {
            let assumes = with.leniency.allows(RepairKind::AssumedJson);
            let decoded = assumes.then(|| Json::new().decode(body.clone(), with))?;
            decoded.ok().map(|decoded| decoded.value)
        }),
        Err(_) => None,
    }
}
