//! Options of receivers, and the policy for messages that they cannot decode.

use crate::{Bounds, RetryPolicy};
use cloudevents_core::{DecodeOptions, Formats, Peer};
use std::time::Duration;

/// The policy for a message that cannot be decoded as an event because it is not a CloudEvent or is malformed.
///
/// ```
/// use cloudevents_transport::{ReceiverOptions, UnreadablePolicy};
///
/// let mut options = ReceiverOptions::default();
/// options.not_cloudevents = UnreadablePolicy::Skip;
/// assert_eq!(options.malformed, UnreadablePolicy::Reject);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreadablePolicy {
    /// It is delivered: [`Delivery::event`](crate::Delivery::event) returns an error, and the received
    /// message is available.
    Deliver,
    /// It is accepted, so that it is not delivered again, and counted
    /// ([`Metrics::skipped`](crate::Metrics::skipped)).
    Skip,
    /// It is rejected, and goes to the dead letters if there are any.
    Reject,
}

/// Options of receivers, for all protocols.
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_transport::{ReceiverOptions, UnreadablePolicy};
///
/// let mut options = ReceiverOptions::from(DecodeOptions::lenient());
/// options.not_cloudevents = UnreadablePolicy::Skip;
/// options.attempts = Some(5);
/// options.in_flight.messages = 100;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReceiverOptions {
    /// How messages are decoded: by the binding, and by the receiver when the program reads the events of a
    /// document.
    pub decoding: DecodeOptions,
    /// The implementation that wrote the messages, if it differs from the specification. [`with_peer`](Self::with_peer) sets it and the
    /// options that follow from it. A server answers such a peer as it expects. Default: none.
    pub peer: Option<Peer>,
    /// The policy for messages that are not CloudEvents. Default: [`Deliver`](UnreadablePolicy::Deliver).
    /// [`Receiver::run`](crate::Receiver::run) with a handler that takes events treats such a message as
    /// malformed.
    pub not_cloudevents: UnreadablePolicy,
    /// The policy for messages that are not CloudEvents and have no body, as the tombstones of a log. `None`, the default: as
    /// [`not_cloudevents`](Self::not_cloudevents).
    pub tombstones: Option<UnreadablePolicy>,
    /// The policy of [`Receiver::run`](crate::Receiver::run) for malformed CloudEvents, and for events of a type other than the handler's.
    /// With [`Deliver`](UnreadablePolicy::Deliver), `run` releases the message and ends with the error. Handlers that take a
    /// [`Delivery`](crate::Delivery), and [`Receiver::next`](crate::Receiver::next), get malformed messages with every setting. Default:
    /// [`Reject`](UnreadablePolicy::Reject).
    pub malformed: UnreadablePolicy,
    /// Upper bounds of unsettled deliveries. At its bounds, a receiver takes no more messages.
    pub in_flight: Bounds,
    /// When [`Receiver::run`](crate::Receiver::run) tries a message again.
    pub retry: RetryPolicy,
    /// The number of attempts after which [`Receiver::run`](crate::Receiver::run) rejects a message; at least one. It counts every attempt,
    /// with any reason for the failure, also in an outage. Attempts that [`Failure::unavailable`](crate::Failure::unavailable) reports do
    /// not count. `None`, the default: after 10 failures that are the message's own.
    pub attempts: Option<u32>,
    /// If no event of a type succeeds for this long, failures of the type count, even if something shared may have caused them. `None`
    /// waits for ever. Default: one hour.
    pub give_up_after: Option<Duration>,
    /// How long a handler may take. Then it is dropped, and the attempt has failed. Default: `None`, no limit.
    pub time_limit: Option<Duration>,
    /// How long [`Receiver::run`](crate::Receiver::run) waits when it ends: once for handlers, with the messages of a log that have to be
    /// handled before, and once for settlements. Default: 30 seconds.
    pub drain: Duration,
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self {
            decoding: DecodeOptions::default(),
            peer: None,
            not_cloudevents: UnreadablePolicy::Deliver,
            tombstones: None,
            malformed: UnreadablePolicy::Reject,
            in_flight: Bounds::default(),
            retry: RetryPolicy::default(),
            attempts: None,
            give_up_after: Some(Duration::from_secs(3600)),
            time_limit: None,
            drain: Duration::from_secs(30),
        }
    }
}

impl ReceiverOptions {
    /// Returns a copy with other formats: those that the function makes of its formats, such as with JSON added. For bindings, so that a
    /// receiver decodes documents with the formats of its protocol.
    pub fn with_formats(mut self, with: impl FnOnce(Formats) -> Formats) -> Self {
        let formats = &mut self.decoding.formats;
        *formats = with(std::mem::take(formats));
        self
    }
}

impl From<DecodeOptions> for ReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        Self { decoding, ..Self::default() }
    }
}
