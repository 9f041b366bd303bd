//! The summary of a bridge at its end.

use crate::{console::Console, plain::count};
use cloudevents_kit::transport::bridge::BridgeStatus;
use serde_json::json;

/// The numbers of messages that were moved, refused and repaired. A dry run moves none.
pub(super) fn tell(status: &BridgeStatus, is_dry: bool, console: &Console) {
    let (moved, refused) = (status.metrics().confirmed, status.metrics().all_refused());
    let repaired = status.received().repaired;
    let number = |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "message");
    let more = if repaired > 0 { format!(", {repaired} repaired") } else { String::new() };
    let members = json!({"kind": "summary", "moved": moved, "refused": refused, "repaired": repaired});
    let how = if is_dry { "a dry run: " } else { "" };
    console.announce(&format!("{how}{} moved, {refused} refused{more}", number(moved)), members);
}
