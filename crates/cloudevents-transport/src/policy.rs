//! How a receiver reads, and what it does with what is no CloudEvent.

use crate::Bounds;
use cloudevents_core::Decoding;

/// What becomes of a message that is no CloudEvent. One that is, but a wrong one, is always delivered.
///
/// ```
/// use cloudevents_transport::Policy;
///
/// assert_eq!(Policy::default(), Policy::Surface);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// It is delivered: its event is an error of kind
    /// [`NotACloudEvent`](cloudevents_core::ErrorKind::NotACloudEvent), and its content is there raw.
    #[default]
    Surface,
    /// It is accepted and counted ([`Metrics::skipped`](crate::Metrics::skipped)).
    Skip,
    /// It is rejected: it goes where the protocol puts such messages.
    Reject,
}

/// What a receiver needs to know, apart from where it receives.
///
/// ```
/// use cloudevents_core::Decoding;
/// use cloudevents_transport::{Policy, ReceiverOptions};
///
/// let mut options = ReceiverOptions::from(Decoding::lenient());
/// options.policy = Policy::Skip;
/// options.in_flight.messages = 100;
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReceiverOptions {
    /// How messages are decoded: by the binding, and by the receiver when somebody asks for the events of a document.
    pub decoding: Decoding,
    /// What becomes of a message that is no CloudEvent.
    pub policy: Policy,
    /// What may be delivered and not settled at most. A receiver at its bounds takes nothing more.
    pub in_flight: Bounds,
}

impl From<Decoding> for ReceiverOptions {
    fn from(decoding: Decoding) -> Self {
        Self { decoding, ..Self::default() }
    }
}
