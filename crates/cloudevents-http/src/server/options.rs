//! How to listen.

use crate::BODY_DEADLINE;
use cloudevents_core::Decoding;
use cloudevents_transport::ReceiverOptions;
use http::StatusCode;
use std::time::Duration;

/// How an [`HttpReceiver`](crate::HttpReceiver) receives.
///
/// ```
/// use cloudevents_core::Decoding;
/// use cloudevents_http::HttpReceiverOptions;
/// use std::time::Duration;
///
/// let mut options = HttpReceiverOptions::from(Decoding::strict());
/// options.receiver.in_flight.messages = 100;
/// options.body_deadline = Duration::from_secs(5);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpReceiverOptions {
    /// Decoding, policy, and what may be in flight: received or being received, and not settled. Beyond it, requests are answered with
    /// 503 at once. JSON is understood without being among the formats.
    pub receiver: ReceiverOptions,
    /// How long a body may take to arrive. Default: 30 seconds.
    pub body_deadline: Duration,
    /// How long the headers of a request may take, and how long a connection may be idle. Default: 30 seconds.
    pub header_deadline: Duration,
    /// Connections at once; more of them wait to be taken. Default: 1,024.
    pub connections: usize,
    /// The `Retry-After` of a 503 for a message that was released or that there was no room for. Default: 1 second.
    pub retry_after: Duration,
    /// The status of acceptance. Default: 204.
    pub accepted: StatusCode,
}

impl Default for HttpReceiverOptions {
    fn default() -> Self {
        Self {
            receiver: ReceiverOptions::default(),
            body_deadline: BODY_DEADLINE,
            header_deadline: Duration::from_secs(30),
            connections: 1024,
            retry_after: Duration::from_secs(1),
            accepted: StatusCode::NO_CONTENT,
        }
    }
}

impl From<ReceiverOptions> for HttpReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<Decoding> for HttpReceiverOptions {
    fn from(decoding: Decoding) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}
