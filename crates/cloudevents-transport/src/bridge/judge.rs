//! What happens after an attempt.

use super::{Fate, Passage, fate::is_outage};
use crate::{
    Delivery,
    drive::{Ended, Next, Pace},
    outage::Outage,
};
use cloudevents_core::Error;

/// How an attempt ended.
pub(super) enum Done {
    Confirmed,
    /// The message is to be rejected at the source.
    Refused(Error),
    /// The message is in the dead-letter place of the policy.
    Stored(Error),
    Failed(Error),
    /// The message stays at the source: it is held until the bridge ends, or it would come again at once.
    Held(Fate),
    /// The message stays in the log, and reading goes on behind it.
    PassedOver,
}

/// Settles deliveries, and decides how fast to go on. Settlements are not awaited; failed ones are counted.
pub(super) struct Judge<'a> {
    passage: &'a Passage,
    outage: Outage,
    /// Whether the last attempt found no connection.
    is_down: bool,
    held: Vec<Delivery>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(passage: &'a Passage) -> Self {
        Self { passage, outage: Outage::default(), is_down: false, held: Vec::new() }
    }

    pub(super) fn end(&mut self, delivery: Delivery, done: Done) -> Ended {
        let (next, failed) = match done {
            Done::Confirmed => {
                self.is_down = false;
                self.outage.handled(&delivery);
                self.passage.observe(&delivery, &Fate::Confirmed);
                drop(delivery.accept());
                (Next::Done, false)
            }
            Done::Refused(error) => {
                self.passage.observe(&delivery, &Fate::Refused(error.clone()));
                self.outage.handled(&delivery);
                drop(delivery.reject(error));
                (Next::Done, false)
            }
            Done::Stored(error) => {
                self.is_down = false;
                self.outage.handled(&delivery);
                self.passage.observe(&delivery, &Fate::Refused(error));
                drop(delivery.accept());
                (Next::Done, false)
            }
            Done::Held(fate) => {
                self.passage.observe(&delivery, &fate);
                self.held.push(delivery);
                (Next::Done, false)
            }
            Done::PassedOver => {
                self.passage.observe(&delivery, &Fate::Left);
                drop(delivery.accept());
                (Next::Done, false)
            }
            Done::Failed(error) => (self.again(delivery, error), true),
        };
        let slow = self.is_down || self.outage.is_on();
        self.passage.tally.set_down(slow);
        Ended { next, pace: if slow { Pace::Probing { failed } } else { Pace::Full } }
    }

    /// Keeps the message for another attempt, however often it was tried.
    fn again(&mut self, mut delivery: Delivery, error: Error) -> Next {
        self.passage.observe(&delivery, &Fate::Failed(error.clone()));
        self.is_down |= is_outage(&error);
        self.outage.failed(&delivery);
        let after = self.passage.policy().retry.delay(delivery.attempt());
        let after = error.retry_after().map_or(after, |asked| asked.max(after));
        delivery.count_attempt();
        let waits = error.retry_after().is_some() || !(self.is_down || self.outage.is_on());
        Next::Again(delivery, waits.then_some(after))
    }
}
