//! Names the parts and headers of a message that a protocol does not carry.

use crate::{Carries, Outgoing};
use cloudevents_core::{Error, ErrorKind};

/// How many headers are named at most.
const NAMED: usize = 8;

/// Names the parts and the headers that are lost, each header with the reason.
pub(super) fn what_is_lost(outgoing: &Outgoing, lost: Carries, headers: &[(usize, &'static str)]) -> String {
    let parts = lost.without(Carries::HEADERS);
    let parts = (!parts.is_empty()).then(|| format!("the protocol does not carry: {parts}"));
    let named = |(index, reason): &(usize, &'static str)| {
        let (name, _) = outgoing.headers().nth(*index)?;
        Some(not_carried(name, reason))
    };
    let without_bytes = outgoing.headers_without_bytes();
    let more = headers.len().saturating_add(without_bytes.len()).saturating_sub(NAMED);
    let headers = headers.iter().filter_map(named);
    let without_bytes =
        without_bytes.iter().map(|(name, what)| not_carried(name, &format!("its value is {what}")));
    let headers = headers.chain(without_bytes).take(NAMED);
    let more = (more > 0).then(|| format!("{more} more headers are not carried"));
    parts.into_iter().chain(headers).chain(more).collect::<Vec<_>>().join("; ")
}

/// The error of a binding for a header that it does not carry. It is of kind [`Inexact`](ErrorKind::Inexact).
///
/// It is for messages to which no [`Sender`](crate::Sender) has applied its policy, such as a reply. `reason` is one of
/// [`Transmit::lost_headers`](crate::binding::Transmit::lost_headers).
#[cold]
pub fn header_not_carried(header: &str, reason: &str) -> Error {
    Error::new(ErrorKind::Inexact).with_detail(not_carried(header, reason)).with_help(LEAVE_OUT)
}

pub(super) const LEAVE_OUT: &str = "leave it out, or allow losses in the options of the sender";

fn not_carried(header: &str, reason: &str) -> String {
    // A name may be as long as a message.
    let shown: String = header.chars().take(64).collect();
    let rest = if shown.len() < header.len() { "…" } else { "" };
    format!("the header `{}{rest}` is not carried: {reason}", shown.escape_debug())
}
