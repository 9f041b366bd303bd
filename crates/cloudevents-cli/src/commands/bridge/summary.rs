//! The summary of a bridge at its end.

use crate::{console::Console, plain::count};
use cloudevents_kit::transport::bridge::BridgeStatus;
use serde_json::json;

/// The numbers of messages that were moved, refused, repaired and left out. A dry run moves none: `shown` is the number that it would send.
///
/// `without_event` is the number of messages that are documents of another system without an event.
pub(super) fn tell(status: &BridgeStatus, without_event: u64, shown: Option<usize>, console: &Console) {
    let (moved, refused) = (status.metrics().confirmed, status.metrics().all_refused());
    let received = status.received();
    let (repaired, unmatched, skipped) = (received.repaired, received.unmatched, received.skipped);
    let would_send = shown.map(|shown| u64::try_from(shown).unwrap_or(u64::MAX));
    let others = [
        (Some(repaired).filter(|number| *number > 0), "repaired"),
        (Some(unmatched).filter(|number| *number > 0), "left out by the filter"),
        (Some(skipped).filter(|number| *number > 0), "skipped"),
        (Some(without_event).filter(|number| *number > 0), "without an event"),
        (would_send, "to be sent"),
    ];
    let more = others.iter().filter_map(|(number, what)| Some(format!(", {} {what}", (*number)?)));
    let more = more.collect::<String>();
    let mut members = json!({
        "kind": "summary", "moved": moved, "refused": refused, "repaired": repaired, "unmatched": unmatched, "skipped": skipped,
        "without_event": without_event,
    });
    if let (Some(number), Some(members)) = (would_send, members.as_object_mut()) {
        members.insert("would_send".into(), number.into());
    }
    let how = if shown.is_some() { "a dry run: " } else { "" };
    console.announce(&format!("{how}{} moved, {refused} refused{more}", count(moved, "message")), members);
}
