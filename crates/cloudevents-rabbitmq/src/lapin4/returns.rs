//! Finds the published messages that the broker returned.
//!
//! If no queue gets a message, the broker returns the message before it confirms it, without the number of the confirmation. lapin would
//! keep it, and give it to the next confirmation. This can be the confirmation of another message. The broker may also change the message
//! that it returns: RabbitMQ's message interceptors set headers and the property `timestamp`. So each mandatory message is sent with a
//! number of its own in a header. The [socket](super::stream) reads this header, and hands nothing of the message to lapin. When a
//! confirmation is handled, it is known whether its message was returned. A returned message without such a number fails every message that
//! is on its way, since it may be any of them.

use super::refusal::RabbitRefusal;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The header with the number of a message on its connection.
///
/// As a name with `x-`, it takes no part in the routing of an exchange of the type `headers`.
pub(super) const NUMBER: &str = "x-publication";

/// The messages on their way over one connection.
#[derive(Debug, Default)]
pub(super) struct Publications {
    open: Mutex<Open>,
    /// How many returned messages were not recognized.
    unrecognized: AtomicU64,
}

#[derive(Debug, Default)]
struct Open {
    /// The number of the last message.
    last: i64,
    /// Messages by number, with the reason why the message was returned, if it was.
    messages: HashMap<i64, Option<RabbitRefusal>>,
}

/// A message on its way. Dropped, it is forgotten.
#[derive(Debug)]
pub(super) struct Publication {
    number: i64,
    /// How many returned messages had not been recognized before.
    unrecognized: u64,
    all: Arc<Publications>,
}

impl Publications {
    /// Begins a message, and gives it a number.
    pub(super) fn begin(self: &Arc<Self>) -> Publication {
        let mut open = self.open();
        open.last = open.last.wrapping_add(1);
        let number = open.last;
        open.messages.insert(number, None);
        let unrecognized = self.unrecognized.load(Ordering::Acquire);
        Publication { number, unrecognized, all: Arc::clone(self) }
    }

    /// The broker returned the message with this number.
    pub(super) fn returned(&self, number: Option<i64>, why: RabbitRefusal) {
        let mut open = self.open();
        // Nothing waits for the outcome of a message that was given up.
        let is_ours = number.is_some_and(|number| (1..=open.last).contains(&number));
        match number.and_then(|number| open.messages.get_mut(&number)) {
            Some(place) => *place = Some(why),
            None if is_ours => {}
            None => drop(self.unrecognized.fetch_add(1, Ordering::AcqRel)),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Publication {
    pub(super) fn number(&self) -> i64 {
        self.number
    }

    /// Whether this message, which the broker has confirmed, was not returned.
    pub(super) fn check(&self) -> Result<(), RabbitRefusal> {
        match self.all.open().messages.get(&self.number).cloned().flatten() {
            Some(why) => Err(why),
            None if self.all.unrecognized.load(Ordering::Acquire) == self.unrecognized => Ok(()),
            None => Err(RabbitRefusal::Unrecognized),
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.all.open().messages.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why() -> RabbitRefusal {
        RabbitRefusal::Returned { code: 312, text: "".into(), exchange: "".into(), routing_key: "".into() }
    }

    #[test]
    fn each_returned_message_is_known_by_its_number() {
        let all = Arc::new(Publications::default());
        let (one, other) = (all.begin(), all.begin());
        all.returned(Some(other.number()), why());
        assert_eq!((one.check(), other.check()), (Ok(()), Err(why())));
    }

    #[test]
    fn what_is_not_recognized_fails_what_is_on_its_way() {
        for number in [None, Some(0), Some(-1), Some(3), Some(i64::MAX)] {
            let all = Arc::new(Publications::default());
            let (one, other) = (all.begin(), all.begin());
            all.returned(number, why());
            let unknown = Err(RabbitRefusal::Unrecognized);
            assert_eq!((one.check(), other.check(), all.begin().check()), (unknown.clone(), unknown, Ok(())));
        }
    }

    #[test]
    fn a_late_return_fails_nothing_else_and_nothing_is_kept() {
        let all = Arc::new(Publications::default());
        let (one, given_up) = (all.begin(), all.begin());
        let number = given_up.number();
        drop(given_up);
        all.returned(Some(number), why());
        assert_eq!(one.check(), Ok(()));
        drop(one);
        assert!(all.open().messages.is_empty());
    }
}
