//! When an end without messages has no more of them.

use cloudevents_kit::transport::{Connectivity, Missing};

/// Whether an end is connected, and no message that was delivered before comes again.
pub(super) fn is_here(end: &Connectivity) -> bool {
    match end.missing() {
        Some(Missing::ComesAgain) => false,
        // It ends each connection, and is not waited for.
        Some(Missing::Unreadable) => true,
        _ => end.state().is_connected(),
    }
}
