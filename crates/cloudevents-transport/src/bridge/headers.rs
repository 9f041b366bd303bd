//! The headers of a message that is sent as it was received.

use super::{HOPS, HeaderRule};
use crate::{Raw, Received, receiving::dead_letter::PREFIX};
use bytes::Bytes;

/// Applies a rule to the headers of a message that is no event, and in a redrive removes the headers of the dead letter.
///
/// If nothing changes, the message stays the client's own, with all properties that only its protocol has. A redrive removes no header from
/// a message whose body is not bytes: no other protocol carries that body. With a rule, such a message has no body that a sender can write,
/// and the sender refuses it. A header that is not forwarded from events stays as it is: the content type, for example.
pub(super) fn renamed(received: &Received, rule: &HeaderRule, redrives: bool) -> Received {
    let origin = received.origin();
    let mut is_letter = false;
    if redrives && origin.has_whole_body() {
        origin.headers(&mut |name, _| is_letter |= is_own(name, true) && !is_own(name, false));
    }
    if *rule == HeaderRule::all() && !is_letter {
        return received.clone();
    }
    let mut raw = Raw::without_headers(origin);
    origin.headers(&mut |name, value| {
        let name = if origin.is_forwarded(name) { rule.name(name) } else { Some(name) };
        if let Some(name) = name.filter(|name| !is_own(name, redrives)) {
            let value = value.map(|value| Bytes::copy_from_slice(&value));
            raw.headers.push((name.to_owned().into(), value));
        }
    });
    Received::new(received.decoded_message().cloned().map_err(Clone::clone), raw)
}

/// Whether bridges write this header themselves: the header of hops, and in a redrive the headers of dead letters.
pub(super) fn is_own(name: &str, redrives: bool) -> bool {
    name.eq_ignore_ascii_case(HOPS) || (redrives && name.starts_with(PREFIX))
}
