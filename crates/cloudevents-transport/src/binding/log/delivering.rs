//! The deliveries of a ledger.

use super::{
    books::Held,
    ledger::{Ledger, Ticket},
    record::Record,
};
use crate::binding::{Incoming, Token};

/// The receiver's next step.
#[allow(clippy::large_enum_variant)] // short-lived: matched at once
pub(crate) enum Turn {
    /// Stop: the receiver is drained.
    Over,
    /// Deliver this message again.
    Again(Incoming),
    /// Wait: the bounds are reached.
    Full,
    /// Take a new message.
    Free,
}

impl Ledger {
    /// Takes a message. Returns `None` if its partition is not assigned (any more).
    ///
    /// An offset that is not behind the last one means that the log has gone back: it was truncated, or made again. The message is not the
    /// one that had this offset before. So it is taken. Settling a message that was taken before at this offset or behind it is an error of
    /// kind [`Revoked`](cloudevents_core::ErrorKind::Revoked). A [mark](Self::marks) names the watermark again, because the committed
    /// offset may not exist any more.
    pub fn take(&self, record: Record) -> Option<Incoming> {
        let Record { entry, epoch } = record;
        let size = entry.received.size();
        let mut books = self.books();
        let account = match epoch {
            Some(epoch) => books.accounts.under(epoch)?,
            None => books.accounts.of_mut(&entry.partition)?,
        };
        if account.leaving.is_some() {
            return None;
        }
        let (epoch, goes_back) = (account.epoch, entry.offset < account.watermark.position());
        if goes_back {
            books.go_back(&entry);
        }
        let account = books.accounts.under(epoch)?;
        account.watermark.take(entry.offset);
        let (cuts, ownership) = (account.went_back, account.ownership.clone());
        account.delivered(size);
        if goes_back {
            self.0.notify(books);
        } else {
            drop(books);
        }
        Some(self.deliver(Held { entry, epoch, cuts, ownership, attempt: 1, size, releases: 0 }))
    }

    /// Returns the next message to deliver again now.
    pub fn redeliver(&self) -> Option<Incoming> {
        let held = self.books().again()?;
        Some(self.deliver(held))
    }

    /// Returns the next step, under one lock.
    ///
    /// A source that does not hold partitions back by itself takes nothing while one of them has to be held back.
    pub(crate) fn turn(&self, holds_back: bool) -> Turn {
        let mut books = self.books();
        if books.draining {
            return Turn::Over;
        }
        if let Some(held) = books.again() {
            drop(books);
            return Turn::Again(self.deliver(held));
        }
        if self.0.is_full(&mut books, holds_back) { Turn::Full } else { Turn::Free }
    }

    /// Delivers a message that the ledger has already.
    fn deliver(&self, held: Held) -> Incoming {
        let (received, attempt) = (held.entry.received.clone(), held.attempt);
        Incoming { received, attempt, token: Token::in_books(Ticket { ledger: self.clone(), held }) }
    }
}
