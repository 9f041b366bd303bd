//! The assigned partitions of a ledger.

use super::{epoch::Epoch, watermark::Watermark};
use crate::{
    Bounds, Partition,
    binding::{Owner, Ownership},
};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use tokio::time::Instant;

/// One assignment of a partition.
pub(super) struct Account {
    pub(super) partition: Partition,
    /// The assignment under which messages were taken.
    pub(super) epoch: Epoch,
    /// How often its offsets have gone back.
    pub(super) went_back: usize,
    /// Messages that were taken before its offsets went back and can still be settled. There are no more of these than unsettled messages.
    pub(super) cuts: Vec<Cut>,
    pub(super) watermark: Watermark,
    /// The last one that was rejected. It is settled once the sink has it.
    pub(super) rejected: Option<u64>,
    /// The offset of the last mark, as long as it is known to exist.
    pub(super) marked: Option<u64>,
    /// Ends when the partition is revoked.
    pub(super) owner: Owner,
    pub(super) ownership: Ownership,
    /// Messages that are delivered and not settled, or on the way to the sink.
    outstanding: usize,
    /// Their bytes.
    bytes: usize,
    /// When it is about to be revoked, so that nothing more of it is taken.
    pub(super) leaving: Option<Instant>,
    /// Nothing more of it is taken for now.
    pub(super) held_back: Option<HeldBack>,
}

/// Since when a partition is held back, with how many unsettled messages that began, and whether it was reported.
#[derive(Clone, Copy)]
pub(super) struct HeldBack {
    since: Instant,
    unsettled: usize,
    is_reported: bool,
}

/// How long a partition is held back before that is reported: a short time is normal where much is received.
const LASTING: Duration = Duration::from_secs(5);

/// The messages that were taken after this number of cuts, and are void from this offset on. All messages are void of which nothing is
/// known.
pub(super) struct Cut {
    after: usize,
    offset: u64,
}

impl Account {
    /// Messages that are delivered and not settled, or on the way to the sink.
    pub(super) fn unsettled(&self) -> Bounds {
        Bounds { messages: self.outstanding, bytes: self.bytes }
    }

    pub(super) fn delivered(&mut self, size: usize) {
        self.outstanding = self.outstanding.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size);
    }

    pub(super) fn returned(&mut self, size: usize) {
        self.outstanding = self.outstanding.saturating_sub(1);
        // A message that was cut off counts with the average size.
        self.bytes = if self.outstanding == 0 { 0 } else { self.bytes.saturating_sub(size) };
    }

    /// Whether a message that was taken after this number of cuts is still a message of the log.
    pub(super) fn has(&self, offset: u64, cuts: usize) -> bool {
        cuts == self.went_back
            || self
                .cuts
                .binary_search_by_key(&cuts, |cut| cut.after)
                .ok()
                .and_then(|place| self.cuts.get(place))
                .is_some_and(|cut| offset < cut.offset)
    }

    /// Records that the log has gone back to this offset. So many messages that wait were forgotten.
    pub(super) fn cut(&mut self, offset: u64, waiting: usize) {
        let delivered = self.watermark.cut(offset).saturating_sub(waiting);
        self.cuts.push(Cut { after: self.went_back, offset });
        self.went_back = self.went_back.saturating_add(1);
        // Messages between two cuts are behind the offset of the first, so their offsets and those of the cuts have the same order.
        let mut from = 0;
        self.cuts.retain_mut(|cut| {
            cut.offset = cut.offset.min(offset);
            let holds = self.watermark.has_within(from, cut.offset);
            from = cut.offset;
            holds
        });
        // How large those were is not known: as large as the others.
        let size = self.bytes.checked_div(self.outstanding).unwrap_or_default();
        self.outstanding = self.outstanding.saturating_sub(delivered);
        self.bytes = self.outstanding.saturating_mul(size);
        (self.marked, self.rejected) = (None, None);
    }

    /// Whether a message behind this offset is settled, or will be.
    pub(super) fn has_overtaken(&self, offset: u64) -> bool {
        self.watermark.is_ahead_of(offset) || self.rejected.is_some_and(|rejected| rejected > offset)
    }

    /// Decides whether nothing more is taken for now: because it is that far ahead of its watermark, or because it has as many unsettled
    /// messages as there are permits left for others. It goes on at half of that, or with far fewer than there are permits for. Returns
    /// whether this has begun to last.
    pub(super) fn hold_back(&mut self, max_lead: u64, room: Option<usize>) -> bool {
        let (lead, unsettled) = (self.watermark.lead(), self.outstanding);
        let holds = match self.held_back {
            None => lead >= max_lead.max(1) || room.is_some_and(|room| unsettled >= room.max(1)),
            Some(held) => {
                lead >= (max_lead / 2).max(1)
                    || room.is_some_and(|room| unsettled > held.unsettled / 2 && unsettled > room / 4)
            }
        };
        match &mut self.held_back {
            None if holds => {
                self.held_back = Some(HeldBack { since: Instant::now(), unsettled, is_reported: false });
            }
            Some(held) if !holds => {
                if held.is_reported {
                    tracing::info!(partition = %self.partition, unsettled, lead, "the partition goes on");
                }
                self.held_back = None;
            }
            Some(held) if !held.is_reported && held.since.elapsed() >= LASTING => {
                held.is_reported = true;
                tracing::info!(partition = %self.partition, unsettled, lead,
                    "nothing more of the partition is taken: what is not settled in it has its share of the room, or it is too far ahead of that");
                return true;
            }
            _ => {}
        }
        false
    }
}

/// One account per assigned partition. Every message looks up its account twice, by the number of the
/// assignment, which avoids comparing topics.
#[derive(Default)]
pub(super) struct Accounts {
    all: BTreeMap<Epoch, Account>,
    epochs: HashMap<Partition, Epoch>,
}

impl Accounts {
    /// Opens an account under an epoch that is later than all before.
    pub(super) fn open(&mut self, partition: Partition, epoch: Epoch, offset: u64) {
        let (watermark, owner) = (Watermark::at(offset), Owner::new());
        let account = Account {
            partition: partition.clone(),
            epoch,
            went_back: 0,
            cuts: Vec::new(),
            watermark,
            rejected: None,
            marked: Some(offset),
            ownership: owner.ownership(),
            owner,
            outstanding: 0,
            bytes: 0,
            leaving: None,
            held_back: None,
        };
        self.epochs.insert(partition, epoch);
        self.all.insert(epoch, account);
    }

    pub(super) fn close(&mut self, partition: &Partition) -> Option<Account> {
        self.all.remove(&self.epochs.remove(partition)?)
    }

    pub(super) fn of(&self, partition: &Partition) -> Option<&Account> {
        self.all.get(self.epochs.get(partition)?)
    }

    pub(super) fn of_mut(&mut self, partition: &Partition) -> Option<&mut Account> {
        self.all.get_mut(self.epochs.get(partition)?)
    }

    pub(super) fn under(&mut self, epoch: Epoch) -> Option<&mut Account> {
        self.all.get_mut(&epoch)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Account> {
        self.all.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Account> {
        self.all.values_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_by_partition_and_by_epoch() {
        let mut accounts = Accounts::default();
        let partitions = [2, 0, 1].map(|number| Partition::new("t", number));
        for (epoch, partition) in (1..).zip(&partitions) {
            accounts.open(partition.clone(), Epoch(epoch), 0);
        }
        assert_eq!(accounts.close(&partitions[1]).unwrap().epoch, Epoch(2));
        assert!(accounts.close(&partitions[1]).is_none() && accounts.of(&partitions[1]).is_none());
        assert!(accounts.under(Epoch(2)).is_none());
        accounts.open(partitions[1].clone(), Epoch(4), 0);
        for (partition, epoch) in partitions.iter().zip([1, 4, 3]) {
            assert_eq!(accounts.of(partition).unwrap().epoch, Epoch(epoch));
            assert_eq!(accounts.of_mut(partition).unwrap().partition, *partition);
            assert_eq!(accounts.under(Epoch(epoch)).unwrap().partition, *partition);
        }
    }
}
