//! The records of the ledger, and the rules by which they change. No function here waits.

use super::{
    epoch::Epoch,
    options::LogOptions,
    partitions::{Account, Accounts},
    record::Entry,
};
use crate::{
    Bounds, Counters, InFlight, Partition, binding::Ownership, deadline::later,
    receiving::dead_letter_sink::Letters, running::retry::doubled,
};
use cloudevents_core::{Error, ErrorKind};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct Books {
    pub(super) accounts: Accounts,
    /// Released messages, to be delivered again at once, in their order.
    pub(super) released: BTreeMap<(Partition, u64), Held>,
    /// Messages to be delivered again later, by due time, then in the order of settling.
    pub(super) delayed: BTreeMap<(Instant, u64), Held>,
    /// The sum of messages to be delivered again and messages on their way to the sink.
    pub(super) waiting: Waiting,
    /// The limit of deliveries, which partitions share, and where to count partitions that are held back.
    pub(super) shared: Option<(InFlight, Arc<Counters>)>,
    /// Whether `notify` was called and the marks have not been taken since.
    pub(super) notified: bool,
    /// Whether a watermark has moved since the marks were taken.
    pub(super) has_marks: bool,
    /// Counts assignments and retries.
    pub(super) sequence: u64,
    /// The time until which delivered messages are finished, because nothing more is received.
    pub(super) finishes: Option<Instant>,
    /// The number of messages that were settled behind an unsettled message, in partitions that were given up since then.
    pub(super) in_vain: usize,
    pub(super) draining: bool,
    pub(super) letters: Letters,
    pub(super) closed: bool,
    /// Whether a task may wait for a change, and how many threads do. If none does, there is nothing to wake.
    pub(super) watched: bool,
    pub(super) threads: usize,
}

/// A message that was taken.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) entry: Entry,
    pub(super) epoch: Epoch,
    /// How often the offsets of its partition had gone back when it was taken.
    pub(super) cuts: usize,
    pub(super) ownership: Ownership,
    pub(super) attempt: u32,
    pub(super) size: usize,
    /// How often it was released.
    pub(super) releases: u32,
}

/// The delay of a message that is released for the second time. It doubles with each release, up to the
/// longest.
const RELEASED_AGAIN: Duration = Duration::from_millis(100);

/// The longest delay of a message that is released repeatedly.
const RELEASED_OFTEN: Duration = Duration::from_secs(30);

impl Held {
    /// The delay before the message is delivered again if it is released now. Without a delay, a message that
    /// is released repeatedly would keep others from their turn.
    pub(super) fn release_delay(&self) -> Option<Duration> {
        (self.releases > 0).then(|| doubled(RELEASED_AGAIN, RELEASED_OFTEN, self.releases))
    }
}

/// The messages and bytes that wait.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waiting {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl Waiting {
    pub(super) fn add(&mut self, held: &Held) {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(held.size);
    }

    pub(super) fn remove(&mut self, held: &Held) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(held.size);
    }

    pub(super) fn reaches(&self, bounds: Bounds) -> bool {
        self.messages >= bounds.messages.max(1) || self.bytes >= bounds.bytes.max(1)
    }
}

impl Books {
    /// Decides of which partitions nothing more is taken for now.
    pub(super) fn hold_back(&mut self, options: &LogOptions, shares: bool) {
        let shares = shares && self.accounts.iter().nth(1).is_some();
        // Dead letters that wait for the sink have a limit of their own.
        let Waiting { messages, bytes } = self.waiting;
        let letters = left(options.waiting, Bounds { messages, bytes });
        let shared = self.shared.as_ref().filter(|_| shares);
        let room = shared.map(|(in_flight, _)| {
            let used = in_flight.used();
            fitting(left(in_flight.bounds(), used), used)
        });
        for account in self.accounts.iter_mut() {
            let room = room.map(|room| room.min(fitting(letters, account.unsettled())));
            if account.hold_back(options.max_lead, room)
                && let Some((_, counters)) = &self.shared
            {
                counters.held_back();
            }
        }
    }

    /// Removes a partition, with its messages that wait to be delivered again.
    pub(super) fn forget(&mut self, partition: &Partition) -> Option<u64> {
        let account = self.accounts.close(partition)?;
        self.forget_waiting(partition, 0);
        Some(account.watermark.offset())
    }

    /// The log of a partition has gone back to this message: gives up messages that were taken at this offset and behind it.
    pub(super) fn go_back(&mut self, entry: &Entry) {
        let waiting = self.forget_waiting(&entry.partition, entry.offset);
        let Some(account) = self.accounts.of_mut(&entry.partition) else { return };
        tracing::warn!(partition = %entry.partition, offset = entry.offset, position = account.watermark.position(),
            "offsets have gone back: the log was truncated or made again, or its client begins once more; reading goes on at the lower offset");
        account.cut(entry.offset, waiting);
        self.has_marks = true;
    }

    /// Removes the messages of a partition from this offset on that wait to be delivered again. Returns their number.
    fn forget_waiting(&mut self, partition: &Partition, from: u64) -> usize {
        self.forget_if(|held, _| held.entry.partition == *partition && held.entry.offset >= from)
    }

    /// Removes messages that wait to be delivered again, by a rule: of the message, and when it is due if that is not now. Returns their
    /// number.
    fn forget_if(&mut self, goes: impl Fn(&Held, Option<Instant>) -> bool) -> usize {
        let Self { released, delayed, waiting, .. } = self;
        let mut removed = 0_usize;
        let mut stays = |held: &Held, due| {
            let stays = !goes(held, due);
            if !stays {
                waiting.remove(held);
                removed = removed.saturating_add(1);
            }
            stays
        };
        released.retain(|_, held| stays(held, None));
        delayed.retain(|(due, _), held| stays(held, Some(*due)));
        removed
    }

    /// The partition is about to be revoked, at this time, or at an earlier one that was set before.
    pub(super) fn leave(&mut self, partition: &Partition, until: Instant) {
        let (comes_again, now) = (self.comes_again(), Instant::now());
        let Some(account) = self.accounts.of_mut(partition) else { return };
        let until = *account.leaving.get_or_insert(until);
        account.owner.leave();
        self.forget_if(|held, due| {
            held.entry.partition == *partition
                && !(comes_again && due.is_some_and(|due| due.max(now) < until))
        });
    }

    /// Whether waiting messages are still delivered again.
    fn comes_again(&self) -> bool {
        self.finishes.is_none() && !self.draining
    }

    /// Whether the partition of the message is not revoked before this time, as far as is known. An end that has begun may take longer.
    pub(super) fn stays_until(&mut self, held: &Held, time: Instant) -> bool {
        let finishes = self.finishes;
        let leaving = self.account(held).and_then(|account| account.leaving);
        leaving.is_none_or(|until| time < finishes.map_or(until, |finishes| until.max(finishes)))
    }

    /// The number of unsettled messages of partitions that leave.
    pub(super) fn unsettled(&mut self) -> usize {
        let leaving = self.accounts.iter().filter(|account| account.leaving.is_some());
        let delivered = leaving.map(|account| account.unsettled().messages).fold(0, usize::saturating_add);
        if !self.comes_again() {
            return delivered;
        }
        let Self { delayed, accounts, .. } = self;
        let waits = |held: &&Held| {
            let account = accounts.under(held.epoch);
            account
                .is_some_and(|account| account.leaving.is_some() && account.has_overtaken(held.entry.offset))
        };
        delivered.saturating_add(delayed.values().filter(waits).count())
    }

    /// The number of messages that are delivered and not settled, or on the way to the sink, and can be settled.
    pub(super) fn outstanding(&self) -> usize {
        self.accounts.iter().map(|account| account.unsettled().messages).fold(0, usize::saturating_add)
    }

    /// Whether a message can still be settled.
    pub(super) fn check(&mut self, held: &Held) -> Result<(), Error> {
        if self.closed {
            return Err(gone());
        }
        self.account(held).map_or_else(|| Err(revoked(held)), |_| Ok(()))
    }

    /// Ends the delivery of the message. Fails if it cannot be settled any more.
    pub(super) fn take_back(&mut self, held: &Held) -> Result<(), Error> {
        let result = self.check(held);
        self.returned(held);
        result
    }

    /// As `take_back`, and settles the message for good. Looks up the account once, because nearly every
    /// message comes here. Some show nowhere if they come again.
    pub(super) fn pass(&mut self, held: &Held, is_noticed: bool) -> Result<(), Error> {
        let closed = self.closed;
        let Some(account) = self.account(held) else {
            return Err(if closed { gone() } else { revoked(held) });
        };
        account.returned(held.size);
        if closed {
            return Err(gone());
        }
        match is_noticed {
            true => account.watermark.settle(held.entry.offset),
            false => account.watermark.pass_over(held.entry.offset),
        };
        let has_mark = account.marked != Some(account.watermark.offset());
        self.has_marks |= has_mark;
        Ok(())
    }

    /// Returns the next message to deliver again now, and counts it as delivered.
    pub(super) fn again(&mut self) -> Option<Held> {
        let held = match self.released.pop_first() {
            Some((_, held)) => held,
            None => {
                let first = self.delayed.first_entry()?;
                if first.key().0 > Instant::now() {
                    return None;
                }
                first.remove()
            }
        };
        self.waiting.remove(&held);
        self.delivered(&held);
        Some(held)
    }

    /// Delivers the message again: at once the first time, then after a delay. If the partition is about to
    /// be revoked, its next owner gets the message.
    pub(super) fn release(&mut self, mut held: Held) {
        if self.is_leaving(&held) {
            return;
        }
        let delay = held.release_delay();
        held.releases = held.releases.saturating_add(1);
        match delay {
            Some(after) => self.delay(held, after),
            None => {
                self.waiting.add(&held);
                self.released.insert((held.entry.partition.clone(), held.entry.offset), held);
            }
        }
    }

    /// Delivers the message again after a delay, as another attempt.
    pub(super) fn retry(&mut self, mut held: Held, after: Duration) {
        held.attempt = held.attempt.saturating_add(1);
        let is_in_time = self.comes_again() && self.stays_until(&held, later(Instant::now(), after));
        if is_in_time || !self.is_leaving(&held) {
            self.delay(held, after);
        }
    }

    pub(super) fn delay(&mut self, held: Held, after: Duration) {
        self.sequence = self.sequence.saturating_add(1);
        self.waiting.add(&held);
        self.delayed.insert((later(Instant::now(), after), self.sequence), held);
    }

    pub(super) fn is_leaving(&mut self, held: &Held) -> bool {
        self.account(held).is_some_and(|account| account.leaving.is_some())
    }

    pub(super) fn delivered(&mut self, held: &Held) {
        if let Some(account) = self.account(held) {
            account.delivered(held.size);
        }
    }

    pub(super) fn returned(&mut self, held: &Held) {
        if let Some(account) = self.account(held) {
            account.returned(held.size);
        }
    }

    /// The account under which the message was taken, if it still exists and has not gone back since.
    pub(super) fn account(&mut self, held: &Held) -> Option<&mut Account> {
        self.accounts.under(held.epoch).filter(|account| account.has(held.entry.offset, held.cuts))
    }
}

#[cold]
pub(super) fn gone() -> Error {
    Error::new(ErrorKind::Closed).with_detail("the receiver is gone; the message comes again")
}

#[cold]
fn revoked(held: &Held) -> Error {
    Error::new(ErrorKind::Revoked).with_detail(held.entry.partition.to_string())
}

fn left(bounds: Bounds, used: Bounds) -> Bounds {
    Bounds {
        messages: bounds.messages.saturating_sub(used.messages),
        bytes: bounds.bytes.saturating_sub(used.bytes),
    }
}

/// How many messages fit into `left`, if they are as large as `those` on average.
fn fitting(left: Bounds, those: Bounds) -> usize {
    let size = those.bytes.checked_div(those.messages).unwrap_or_default();
    left.bytes.checked_div(size).unwrap_or(usize::MAX).min(left.messages)
}
