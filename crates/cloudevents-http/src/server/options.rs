//! How to listen.

use crate::{BODY_DEADLINE, Decompression};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{OnRefusal, ReceiverOptions};
use http::StatusCode;
use std::{fmt, time::Duration};

/// How an [`HttpReceiver`](crate::HttpReceiver) receives.
///
/// ```
/// use cloudevents_core::{DecodeOptions, Error};
/// use cloudevents_http::HttpReceiverOptions;
/// use std::{fmt, time::Duration};
///
/// let mut options = HttpReceiverOptions::from(DecodeOptions::strict());
/// options.receiver.in_flight.messages = 100;
/// options.body_deadline = Duration::from_secs(5);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpReceiverOptions {
    /// How messages are decoded, the policy, and the bounds of messages in flight. JSON is understood without being among the formats.
    ///
    /// A message in flight is received or being received, and not settled. Beyond the bounds, requests get 503 at once. The bytes of a body
    /// that have arrived count, not the length that it declares.
    pub receiver: ReceiverOptions,
    /// How long a body may take to arrive. Default: 30 seconds.
    pub body_deadline: Duration,
    /// Whether compressed bodies are accepted. Default: no. Their decompressed bytes count in the bounds.
    pub decompression: Decompression,
    /// How long the headers of a request may take, and how long a connection may be idle. Default: 30 seconds.
    pub header_deadline: Duration,
    /// How long a client may take to read a response. Then its connection ends, and others can connect. After a response to a body that
    /// was not read, the rest of the body is discarded for as long. Default: 30 seconds.
    pub response_deadline: Duration,
    /// Whether a client that ends its side of a connection behind a request still gets the response. Default: no. Then the end of its side
    /// means that it hung up, and the settlement of its message is an error.
    pub half_close: bool,
    /// Connections at once. Default: 1,024.
    ///
    /// When more clients connect, a connection that waits for its client ends: the oldest one that has never sent anything. If there is
    /// none, it is the connection that has waited longest for a request. If there is none, it is one that has waited for a second or more
    /// for the rest of a body or to have its response read. While all connections serve a request, new ones wait to be accepted. Besides
    /// the messages in flight, each may hold a head of some 400 KiB.
    pub connections: usize,
    /// File descriptors that connections leave to the rest of the process. Default: 64. Without effect on Windows.
    ///
    /// The limit of the process (`RLIMIT_NOFILE` when the server starts) may be lower than the sum of `connections` and this number. Then
    /// there are fewer connections, but at least a quarter of the limit. Set it to the number of descriptors that a handler opens for all
    /// messages in flight, such as connections of its own.
    pub spare_descriptors: usize,
    /// The `Retry-After` of a 503, when the message was released or the bounds were reached. Default: 1 second.
    pub retry_after: Duration,
    /// The status of acceptance. Default: 204. Instead, a peer that [expects 200](cloudevents_core::Peer::expects_ok) gets 200.
    pub accepted: StatusCode,
    /// Whether the text of replies in binary mode is written as it is, as with [`Encoding::raw`](crate::Encoding::raw), which see. The
    /// option `peer` of a URL sets it for peers that need it. Default: no.
    pub raw: bool,
    /// Receives the reason when a request is refused that could not be read, and so is not delivered.
    ///
    /// Such a request is no HTTP, or its head or body is too large, breaks off or is in another coding. A request for another path or with
    /// another method has an error of kind [`Refused`](cloudevents_core::ErrorKind::Refused). The function runs on the task of the
    /// connection, and must not block. If the request comes from a connection of [`serve`](crate::serve) and is refused below `respond`,
    /// the source of the error is an [`Unread`](crate::Unread). The target of a webhook also reports requests that it refuses before there
    /// is a delivery. Default: none. Then these are logged at DEBUG.
    pub on_refusal: Option<OnRefusal>,
}

impl fmt::Debug for HttpReceiverOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpReceiverOptions")
            .field("receiver", &self.receiver)
            .field("body_deadline", &self.body_deadline)
            .field("decompression", &self.decompression)
            .field("header_deadline", &self.header_deadline)
            .field("response_deadline", &self.response_deadline)
            .field("half_close", &self.half_close)
            .field("connections", &self.connections)
            .field("spare_descriptors", &self.spare_descriptors)
            .field("retry_after", &self.retry_after)
            .field("accepted", &self.accepted)
            .field("raw", &self.raw)
            .finish_non_exhaustive()
    }
}

impl HttpReceiverOptions {
    /// Connections at once in a process that may have so many descriptors.
    #[cfg(feature = "server")]
    pub(super) fn places(&self, descriptors: Option<usize>) -> usize {
        let most =
            descriptors.map_or(usize::MAX, |all| all.saturating_sub(self.spare_descriptors).max(all / 4));
        self.connections.min(most).max(1)
    }

    /// A request is refused for this reason.
    #[cold]
    pub(super) fn refused(&self, error: &Error) {
        tracing::debug!(%error, "a request could not be read");
        if let Some(see) = &self.on_refusal {
            see(error);
        }
    }
}

impl Default for HttpReceiverOptions {
    fn default() -> Self {
        Self {
            receiver: ReceiverOptions::default(),
            body_deadline: BODY_DEADLINE,
            decompression: Decompression::off(),
            header_deadline: Duration::from_secs(30),
            response_deadline: Duration::from_secs(30),
            half_close: false,
            connections: 1024,
            spare_descriptors: 64,
            retry_after: Duration::from_secs(1),
            accepted: StatusCode::NO_CONTENT,
            raw: false,
            on_refusal: None,
        }
    }
}

impl From<ReceiverOptions> for HttpReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for HttpReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_to_others() {
        let options = HttpReceiverOptions { connections: 1000, spare_descriptors: 100, ..Default::default() };
        let places = [(None, 1000), (Some(4096), 1000), (Some(1024), 924), (Some(120), 30), (Some(1), 1)];
        for (descriptors, expected) in places {
            assert_eq!(options.places(descriptors), expected, "{descriptors:?}");
        }
    }
}
