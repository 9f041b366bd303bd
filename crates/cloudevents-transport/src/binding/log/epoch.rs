//! Assignments of partitions.

use crate::Partition;

/// One assignment of a partition.
///
/// Messages that a client fetched under an earlier assignment are refused, even if the partition was assigned again in the meantime:
/// earlier messages may not have been fetched.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_transport::{Partition, Raw, Received, binding::log::{Ledger, LogOptions, Record}};
///
/// let ledger = Ledger::new(LogOptions::default().dropping_rejected())?;
/// let partition = Partition::new("orders", 0);
/// let record = |offset| {
///     let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), Raw::default());
///     Record::new(partition.clone(), offset, received)
/// };
/// let before = ledger.assign(partition.clone(), 0);
/// let late = record(5).under(before);
/// ledger.revoke(&partition);
/// let now = ledger.assign(partition.clone(), 0);
/// assert!(ledger.take(late).is_none());
/// assert!(ledger.take(record(0).under(now)).is_some());
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub(super) u64);

/// How far an assignment of a partition is settled.
///
/// A client ignores marks of an assignment that it no longer has, because their offsets may be meaningless
/// now. Packet ids of MQTT, for example, are valid for one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// The partition or session.
    pub partition: Partition,
    /// The assignment that it belongs to.
    pub epoch: Epoch,
    /// Everything before this offset is settled.
    pub offset: u64,
}
