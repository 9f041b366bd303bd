//! Whether a failure is the message's own, or that of something that it shares with others.

use crate::{Delivery, panics::caught};
use cloudevents_core::Message;
use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    time::Duration,
};
use tokio::time::Instant;

/// The number of failures of its own after which a message is given up, unless the program sets a limit.
pub(crate) const ATTEMPTS: u32 = 10;

/// A message may be given up because its type was without a success for long. For this time, another failing message of the type is taken
/// for the same case. After a longer pause, it has its own time.
const SOON: Duration = Duration::from_secs(300);

/// With more types than this, types without a failing message are forgotten.
const KNOWN: usize = 256;

/// This number of messages that were lost with their connection is remembered, each for this time. A message that is away for longer went
/// elsewhere.
const LOST: usize = 1024;
const AWAY: Duration = Duration::from_secs(3600);

/// When messages are given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// A limit that the program sets: it counts every attempt.
    pub(super) attempts: Option<u32>,
    /// How long a type of events may be without a success until its failures count all the same; `None` for ever.
    pub(super) after: Option<Duration>,
}

/// The attempts at one message.
#[derive(Clone, Debug)]
pub(super) struct Attempts {
    /// The number of the next one. Attempts for which something was unavailable do not count.
    number: u32,
    /// All that failed, and those that count.
    pub(super) failed: u32,
    counted: u32,
    /// Whether the last one counted.
    pub(super) last_counted: bool,
    /// The type of the event, as a hash, and when the last attempt failed, in ticks.
    last: Option<(u64, u64)>,
    /// Which message it is, as a hash, if that is known, and when the first one failed.
    first: Option<(Option<u64>, Instant)>,
    /// When the current one was begun, in ticks.
    begun: u64,
    /// Whether it was begun to see if others can be.
    pub(super) is_probe: bool,
}

/// Judges a failure by the successes of other messages.
///
/// Failed attempts count while *another* message of the same type that was begun after the message's previous failure has succeeded. Then
/// the things that they share work, so the failure is the message's own.
pub(super) struct GivingUp {
    limits: Limits,
    /// Whether messages wait here, so that their own time is known.
    waits_here: bool,
    /// Numbers begins and ends, in their order.
    clock: u64,
    /// The types of messages that have failed and are not settled, and types without a success for long. There is none while all goes
    /// well.
    types: HashMap<u64, Type>,
    /// Messages that have failed and were lost with their connection, and when: brokers end connections more often than messages are given
    /// up. They are not settled.
    lost: VecDeque<(Instant, Attempts)>,
    hasher: RandomState,
}

struct Type {
    /// Messages of the type that have failed and are not settled.
    failing: usize,
    /// When the latest success was begun, in ticks.
    succeeded: u64,
    /// The time of the latest success, or of the first failure.
    since: Instant,
    /// The time of the latest failure.
    failed: Instant,
    /// When a message was given up last because there was no success for long.
    gave_up: Option<Instant>,
}

impl Type {
    fn is_long(&self, limits: &Limits) -> bool {
        limits.after.is_some_and(|after| self.since.elapsed() >= after)
    }

    /// Whether nothing helps a message: it has failed for this long itself, or it followed a message that was given up after so long.
    fn is_long_for(&self, first: Instant, limits: &Limits) -> bool {
        let follows =
            |gave_up: Instant| first.checked_duration_since(gave_up).is_some_and(|later| later < SOON);
        limits.after.is_some_and(|after| first.elapsed() >= after) || self.gave_up.is_some_and(follows)
    }
}

impl Attempts {
    /// Takes over the attempts that the broker counted before.
    fn of(delivery: &Delivery) -> Self {
        let before = delivery.attempt().saturating_sub(1);
        Self {
            number: delivery.attempt(),
            failed: before,
            counted: before,
            last_counted: false,
            last: None,
            first: None,
            begun: 0,
            is_probe: false,
        }
    }
}

impl GivingUp {
    pub(super) fn new(limits: Limits, waits_here: bool) -> Self {
        Self {
            limits,
            waits_here,
            clock: 0,
            types: HashMap::new(),
            lost: VecDeque::new(),
            hasher: RandomState::new(),
        }
    }

    /// A message was received. If it was lost before, its attempts go on where they were, unless the broker has counted more.
    pub(super) fn received(&mut self, delivery: &mut Delivery) -> Attempts {
        let attempts = Attempts::of(delivery);
        while self.lost.front().is_some_and(|(since, _)| since.elapsed() >= AWAY) {
            self.forget();
        }
        if self.lost.is_empty() {
            return attempts;
        }
        let Some(message) = self.identity(delivery) else { return attempts };
        let is_it = |lost: &Attempts| lost.first.is_some_and(|(lost, _)| lost == Some(message));
        let known = self.lost.iter().position(|(_, lost)| is_it(lost));
        let Some((_, lost)) = known.and_then(|at| self.lost.remove(at)) else { return attempts };
        let number = attempts.number.max(lost.number);
        let (failed, counted) = (attempts.failed.max(lost.failed), attempts.counted.max(lost.counted));
        delivery.goes_on(number, counted);
        Attempts { number, failed, counted, ..lost }
    }

    /// An attempt begins.
    pub(super) fn begins(&mut self, attempts: &mut Attempts) {
        self.clock = self.clock.saturating_add(1);
        attempts.begun = self.clock;
    }

    /// A message was handled.
    pub(super) fn succeeded(&mut self, delivery: &Delivery, attempts: &Attempts) {
        if self.types.is_empty() {
            return;
        }
        let ty = self.ty(delivery);
        if let Some(known) = self.types.get_mut(&ty) {
            known.succeeded = known.succeeded.max(attempts.begun);
            known.since = Instant::now();
            if known.failing == 0 {
                self.types.remove(&ty);
            }
        }
        self.settled(attempts);
    }

    /// A message is settled in any way, or given back.
    pub(super) fn settled(&mut self, attempts: &Attempts) {
        let Some((ty, _)) = &attempts.last else { return };
        let Some(known) = self.types.get_mut(ty) else { return };
        known.failing = known.failing.saturating_sub(1);
        // One that has been without a success for long stays, so that not each of its messages waits for that long.
        if known.failing == 0 && !known.is_long(&self.limits) {
            self.types.remove(ty);
        }
    }

    /// A message is lost with its connection. It comes again, to this receiver or to another one.
    pub(super) fn lost(&mut self, attempts: &Attempts) {
        let is_known = attempts.first.is_some_and(|(message, _)| message.is_some());
        if attempts.last.is_none() || !is_known || !self.waits_here {
            return self.settled(attempts);
        }
        if self.lost.len() >= LOST {
            self.forget();
        }
        self.lost.push_back((Instant::now(), attempts.clone()));
    }

    /// Forgets the message that was lost first.
    fn forget(&mut self) {
        if let Some((_, attempts)) = self.lost.pop_front() {
            self.settled(&attempts);
        }
    }

    /// An attempt failed. Returns whether the message is given up.
    pub(super) fn failed(&mut self, delivery: &Delivery, attempts: &mut Attempts, counts: bool) -> bool {
        self.clock = self.clock.saturating_add(1);
        let (ty, last) = match attempts.last.take() {
            Some((ty, last)) => (ty, Some(last)),
            None => (self.ty(delivery), None),
        };
        let (_, first) = *attempts.first.get_or_insert_with(|| (self.identity(delivery), Instant::now()));
        if self.types.len() >= KNOWN {
            self.types.retain(|_, known| known.failing > 0);
        }
        let none = || Type {
            failing: 0,
            succeeded: 0,
            since: Instant::now(),
            failed: Instant::now(),
            gave_up: None,
        };
        let known = self.types.entry(ty).or_insert_with(none);
        known.failing = known.failing.saturating_add(usize::from(last.is_none()));
        let is_its_own = last.is_some_and(|last| known.succeeded > last);
        // A type that has been quiet since a failure long ago tells nothing about this one.
        if known.failing == usize::from(last.is_none())
            && self.limits.after.is_some_and(|after| known.failed.elapsed() >= after)
        {
            known.since = Instant::now();
        }
        let is_long =
            known.is_long(&self.limits) && (!self.waits_here || known.is_long_for(first, &self.limits));
        attempts.last = Some((ty, self.clock));
        known.failed = Instant::now();
        attempts.number = attempts.number.saturating_add(u32::from(counts));
        attempts.failed = attempts.failed.saturating_add(1);
        if counts && (is_its_own || self.limits.attempts.is_some()) {
            attempts.counted = attempts.counted.saturating_add(1);
        }
        if is_long {
            attempts.counted = attempts.failed;
        }
        let is_judged = is_long || (counts && (is_its_own || self.limits.attempts.is_some()));
        attempts.last_counted = is_judged;
        let is_over = is_judged && attempts.counted >= self.limits.attempts.unwrap_or(ATTEMPTS);
        if is_over && is_long {
            known.gave_up = Some(Instant::now());
        }
        is_over
    }

    /// The type of the event. Messages without one have a type of their own.
    fn ty(&self, delivery: &Delivery) -> u64 {
        // A format may be the program's.
        let ty = caught(|| delivery.attribute("type").ok().flatten()).ok().flatten();
        self.hasher.hash_one(ty.unwrap_or_default())
    }

    /// Identifies a message by the parts that a broker keeps when it delivers again.
    ///
    /// An offset alone is not enough: a log that was truncated has another message there. Messages that are no events are often equal in
    /// part.
    fn identity(&self, delivery: &Delivery) -> Option<u64> {
        let received = delivery.received();
        let identity = || {
            let place = (received.partition(), received.offset());
            match received.message() {
                Ok(Message::Binary(event)) => {
                    Some(self.hasher.hash_one((place, event.source().as_str(), event.id())))
                }
                Ok(Message::Structured(document) | Message::Batched(document)) => {
                    Some(self.hasher.hash_one((place, document.body())))
                }
                _ => {
                    let body = received.whole_body().ok()?;
                    // Brokers count in headers of theirs.
                    let mut headers = received.headers();
                    headers.retain(|(name, _)| !name.starts_with("x-"));
                    let parts =
                        (received.topic(), received.key(), received.timestamp(), received.correlation());
                    Some(self.hasher.hash_one((place, parts, headers, body)))
                }
            }
        };
        caught(identity).ok().flatten()
    }
}
