//! Taking dead letters back.

use crate::EventFilter;

/// The header with the number of times that a dead letter was replayed.
pub const REPLAYS: &str = "dead-letter-replays";

/// Settings of a bridge whose source is a dead-letter destination.
///
/// The [headers of the dead letter](crate::DeadLetter::headers) are not forwarded, from any protocol that it was rejected over. A count of
/// replays replaces them, so that a message that is always refused is not replayed for ever. Every message is settled when the target has
/// confirmed it, so an interrupted redrive continues where it stopped.
///
/// **A message that is refused again stays where it is**, with every policy of the receiver for rejected messages. It is held until the
/// bridge ends. At the bounds of the receiver ([`ReceiverOptions::in_flight`](crate::ReceiverOptions::in_flight)) nothing more is read. A
/// source that settles [in order](crate::Settles::InOrder) sends the messages behind it again to its next receiver, also messages that were
/// confirmed. The message moves only if another destination is named: [`BridgePolicy::dead_letters`](super::BridgePolicy::dead_letters), or
/// the receiver's destination with [`rejects`](Self::rejects). If the peer keeps rejected messages ([`By::Peer`](crate::By::Peer)), the
/// message is rejected.
///
/// ```
/// use cloudevents_transport::bridge::{BridgePolicy, Redrive};
///
/// let mut redrive = Redrive::default();
/// redrive.dry_run = true;
/// let mut policy = BridgePolicy::default();
/// policy.redrive = Some(redrive);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Redrive {
    /// How often one message may be replayed; further ones are refused. Default: 3.
    pub replays: u32,
    /// The number of messages after which the bridge ends. Default: no limit.
    pub messages: Option<u64>,
    /// Which messages are taken back. The others stay.
    ///
    /// In a queue, the others are held until the bridge ends, and at the bounds of the receiver
    /// ([`ReceiverOptions::in_flight`](crate::ReceiverOptions::in_flight)) nothing more is read. In a log, the others are passed over, and
    /// are still in the log; a dry run holds them, too. A message that cannot be decoded stays as well, and a message for which the filter
    /// returns an error. A source that is not settled [one by one](crate::Settles::Each) and [keeps](crate::ReceiverCapabilities::keeps)
    /// nothing, as MQTT, core NATS or a pipe, is refused, unless this is a dry run.
    pub filter: Option<EventFilter>,
    /// Whether a message that is refused again is rejected at the source, as without a redrive. Then the receiver must have another
    /// dead-letter destination than the one that it reads. Default: `false`.
    pub rejects: bool,
    /// Whether to send nothing: messages are prepared, observed, and held until the bridge ends, so one run
    /// shows as many messages as the bounds of the receiver allow, and of one partition of a log as many as it may be
    /// received ahead (`LogOptions::max_lead`).
    pub dry_run: bool,
}

impl Default for Redrive {
    fn default() -> Self {
        Self { replays: 3, messages: None, filter: None, rejects: false, dry_run: false }
    }
}
