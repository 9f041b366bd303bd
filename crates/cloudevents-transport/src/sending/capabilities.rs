//! Capabilities of a sender.

use crate::{Content, Orders, Outgoing};
use cloudevents_core::Message;
use std::fmt;

/// When a send has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confirmed {
    /// When the peer has confirmed that it took the message.
    Accepted,
    /// When the message was written to the connection. It may still be lost.
    Written,
}

/// Capabilities of a sender.
///
/// ```
/// use cloudevents_transport::{Carries, Confirmed, SenderCapabilities};
///
/// let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::KEY.and(Carries::HEADERS));
/// capabilities.receipts = true;
/// assert!(capabilities.carries.contains(Carries::KEY) && !capabilities.carries.contains(Carries::PRIORITY));
/// assert_eq!(capabilities.carries.to_string(), "key, headers");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SenderCapabilities {
    /// When a send has succeeded.
    pub confirms: Confirmed,
    /// Which messages arrive in the order of sending.
    pub orders: Orders,
    /// The properties that can be sent with a message.
    pub carries: Carries,
    /// Whether names of headers are apart from names of attributes, in binary mode. If they are not, as over MQTT, a header whose name
    /// could be that of an attribute (lower-case letters and digits) is not carried with an event in binary mode.
    pub headers_apart: bool,
    /// Whether [`Sender::request`](crate::Sender::request) returns replies.
    pub requests: bool,
    /// Whether batches can be sent as one message.
    pub batches: bool,
    /// Whether a [`Receipt`](crate::Receipt) has an offset or a sequence number.
    pub receipts: bool,
}

impl SenderCapabilities {
    /// Creates capabilities of a sender that keeps messages in order and carries nothing else with them.
    pub const fn plain(confirms: Confirmed) -> Self {
        Self {
            confirms,
            orders: Orders::Everything,
            carries: Carries::NOTHING,
            headers_apart: true,
            requests: false,
            batches: false,
            receipts: false,
        }
    }

    /// Whether a header of this name can be sent with this message.
    pub fn carries_header(&self, outgoing: &Outgoing, name: &str) -> bool {
        let is_binary = || matches!(outgoing.content(), Content::Message(Message::Binary(_)));
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_attribute = || !name.is_empty() && name.bytes().all(legal);
        self.carries.contains(Carries::HEADERS) && (self.headers_apart || !is_attribute() || !is_binary())
    }

    /// Returns a copy that also carries these.
    pub const fn carrying(mut self, carries: Carries) -> Self {
        self.carries = self.carries.and(carries);
        self
    }
}

/// A set of parts that can be sent with a message.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Carries(u16);

impl Carries {
    /// The empty set.
    pub const NOTHING: Self = Self(0);
    /// An address other than the sender's own: [`Outgoing::to`](crate::Outgoing::to).
    pub const DESTINATION: Self = Self(1);
    /// The key of the record: [`Outgoing::key`](crate::Outgoing::key).
    pub const KEY: Self = Self(1 << 1);
    /// Headers that are not attributes: [`Outgoing::header`](crate::Outgoing::header).
    pub const HEADERS: Self = Self(1 << 2);
    /// A time after which the broker may drop the message: [`Outgoing::expires_after`](crate::Outgoing::expires_after).
    pub const EXPIRY: Self = Self(1 << 3);
    /// A priority: [`Outgoing::priority`](crate::Outgoing::priority).
    pub const PRIORITY: Self = Self(1 << 4);
    /// An address for replies: [`Outgoing::reply_to`](crate::Outgoing::reply_to).
    pub const REPLY_TO: Self = Self(1 << 5);
    /// Correlation data: [`Outgoing::correlation`](crate::Outgoing::correlation).
    pub const CORRELATION: Self = Self(1 << 6);
    /// A message as it was received, which may not be a valid event.
    pub const AS_RECEIVED: Self = Self(1 << 7);

    const NAMES: [&'static str; 8] = [
        "destination",
        "key",
        "headers",
        "expiry",
        "priority",
        "reply-to",
        "correlation",
        "messages as received",
    ];

    /// The union of both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The parts in this set that are not in the other.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of the other set is in this one.
    pub const fn contains(self, other: Self) -> bool {
        other.without(self).is_empty()
    }

    /// Whether the sets have a common part.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// `key, priority`
impl fmt::Display for Carries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (bit, name) in Self::NAMES.iter().enumerate() {
            if self.0.checked_shr(u32::try_from(bit).unwrap_or(u32::MAX)).is_some_and(|bits| bits & 1 == 1) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Carries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}
