//! A message that is sent as it was received, but for its headers.

use super::{HOPS, HeaderRule};
use crate::{Origin, Partition, Received, receiving::letter};
use bytes::Bytes;
use std::{any::Any, borrow::Cow, net::SocketAddr, time::SystemTime};

/// A message that is no event, with the headers that a rule lets pass, under their new names. What is not forwarded from events stays
/// as it is: the content type, for example.
struct Renamed {
    received: Received,
    rule: HeaderRule,
    redrives: bool,
}

/// Applies a rule to the headers of a message that is no event, and in a redrive takes off those of the letter. Otherwise it stays the client's own, with
/// all that only its protocol knows, as does one whose body is not bytes: no other protocol carries that.
pub(super) fn renamed(received: &Received, rule: &HeaderRule, redrives: bool) -> Received {
    let mut is_letter = false;
    if redrives && received.origin().has_whole_body() {
        received.origin().headers(&mut |name, _| is_letter |= is_own(name, true) && !is_own(name, false));
    }
    if *rule == HeaderRule::all() && !is_letter {
        return received.clone();
    }
    let message = received.decoded_message().cloned().map_err(Clone::clone);
    Received::new(message, Renamed { received: received.clone(), rule: rule.clone(), redrives })
}

/// Whether bridges write this header themselves: that of hops, and in a redrive those of dead letters.
pub(super) fn is_own(name: &str, redrives: bool) -> bool {
    name.eq_ignore_ascii_case(HOPS) || (redrives && name.starts_with(letter::PREFIX))
}

impl Renamed {
    fn origin(&self) -> &dyn Origin {
        self.received.origin()
    }
}

impl Origin for Renamed {
    /// Not the client's own, whose headers have their old names.
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        self.origin().size()
    }

    fn body(&self) -> Option<Bytes> {
        self.origin().body()
    }

    fn has_whole_body(&self) -> bool {
        self.origin().has_whole_body()
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        self.origin().headers(&mut |name, value| {
            let name = if self.origin().is_forwarded(name) { self.rule.name(name) } else { Some(name) };
            if let Some(name) = name.filter(|name| !is_own(name, self.redrives)) {
                each(name, value);
            }
        });
    }

    fn is_forwarded(&self, name: &str) -> bool {
        self.origin().is_forwarded(name)
    }

    fn topic(&self) -> Option<&str> {
        self.origin().topic()
    }

    fn partition(&self) -> Option<&Partition> {
        self.origin().partition()
    }

    fn offset(&self) -> Option<u64> {
        self.origin().offset()
    }

    fn key(&self) -> Option<Cow<'_, [u8]>> {
        self.origin().key()
    }

    fn timestamp(&self) -> Option<SystemTime> {
        self.origin().timestamp()
    }

    fn is_redelivered(&self) -> Option<bool> {
        self.origin().is_redelivered()
    }

    fn reply_to(&self) -> Option<&str> {
        self.origin().reply_to()
    }

    fn correlation(&self) -> Option<Cow<'_, [u8]>> {
        self.origin().correlation()
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.origin().peer()
    }
}
