//! What happens in one schedule: messages, what their handlers do, and faults.

use cloudevents_testkit::rng::Rng;
use cloudevents_transport::{OrderBy, RetryPolicy};
use std::{borrow::Cow, collections::BTreeSet, time::Duration};

/// The attribute that orders messages, where one does.
pub(super) const ATTRIBUTE: OrderBy = OrderBy::Attribute(Cow::Borrowed("partitionkey"));

pub(super) const SECOND: u64 = 1_000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;

/// One schedule. All times are in milliseconds of virtual time since its begin.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) source: Source,
    pub(super) order: OrderBy,
    pub(super) concurrency: usize,
    /// The bound of messages that the receiver holds.
    pub(super) in_flight: usize,
    /// A limit of attempts that the program sets.
    pub(super) attempts: Option<u32>,
    pub(super) time_limit: Option<u64>,
    pub(super) give_up_after: Option<Duration>,
    pub(super) retry: RetryPolicy,
    pub(super) drain: Duration,
    pub(super) messages: Vec<Message>,
    pub(super) faults: Vec<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Log,
    /// A queue whose broker lends messages for this time.
    Queue {
        lock: Option<u64>,
        kind: Kind,
    },
}

/// What a queue does with a message that it has handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It delivers the message again when the connection ends.
    Returns,
    /// As `Returns`, and it waits before a retry itself.
    Delays,
    /// It can be settled over another connection, until the time for which it was lent is over.
    Outlives,
    /// It forgets the message.
    Forgets,
}

impl Source {
    pub(super) fn kind(self) -> Option<Kind> {
        match self {
            Self::Log => None,
            Self::Queue { kind, .. } => Some(kind),
        }
    }

    /// Whether messages stay with the program when the connection is lost.
    pub(super) fn outlives(self) -> bool {
        matches!(self.kind(), Some(Kind::Outlives | Kind::Forgets))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    /// When it is at the broker.
    pub(super) at: u64,
    pub(super) key: u32,
    pub(super) partition: u32,
    pub(super) ty: u32,
    /// How long a handler works on it.
    pub(super) takes: u64,
    pub(super) does: Does,
    /// Whether it is a batch, which is handled alone.
    pub(super) is_batch: bool,
}

/// What the handler does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Does {
    Succeeds,
    /// Fails this many times.
    Fails(u32),
    /// Reports this many times that what it needs is unavailable.
    IsUnavailable(u32),
    /// Always fails.
    IsPoison,
    Rejects,
    /// Never ends; this many times.
    Hangs(u32),
    /// Always panics: while the future is made, while it is polled, or while it is dropped.
    PanicsAtOnce,
    PanicsLater,
    PanicsInTheEnd,
    /// Requests another attempt after a time that it chooses, this many times.
    RetriesLater(u32),
    /// Settles the message by itself: accepts it and returns, accepts it and fails, or accepts it and hangs until its limit.
    Accepts,
    AcceptsAndFails,
    /// Requests another delivery by itself, or returns the message, this many times.
    Retries(u32),
    Releases(u32),
    /// Passes the delivery to a task of the program, and returns; the task accepts it later.
    Keeps,
}

impl Does {
    pub(super) fn never_succeeds(self) -> bool {
        matches!(
            self,
            Self::IsPoison | Self::Rejects | Self::PanicsAtOnce | Self::PanicsLater | Self::PanicsInTheEnd
        )
    }

    /// Whether it may take for ever without being given up.
    pub(super) fn stays(self) -> bool {
        self.never_succeeds() || self == Self::Hangs(u32::MAX)
    }

    /// Whether the handler settles the message: then it is a new arrival if it comes again, or its lane goes on before it ends.
    pub(super) fn settles(self) -> bool {
        matches!(self, Self::Retries(_) | Self::Releases(_) | Self::Keeps)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) at: u64,
    pub(super) lasts: u64,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// Every handler fails.
    Outage,
    /// The dead-letter sink declines everything.
    SinkIsAway,
    /// The dead-letter sink takes this long.
    SinkIsSlow,
    /// The dead-letter sink does not answer, until this is over.
    SinkHangs,
    SinkPanics,
    /// The source is disconnected.
    Disconnect,
    /// The source fails permanently once; the program starts again.
    SourceFails,
    /// A partition belongs to somebody else meanwhile, who handles nothing.
    Revoke(u32),
    /// A partition loses its last messages that were not committed.
    Truncate(u32),
    /// The broker delivers everything that is held again.
    Redeliver,
    Crash,
    /// The program drops what runs, and opens another receiver.
    Drop,
    /// The program is asked to end, and starts again.
    Drain,
}

impl Script {
    /// A schedule without faults, whose messages are there from the beginning.
    pub(super) fn new(source: Source, messages: Vec<Message>) -> Self {
        Self {
            source,
            order: OrderBy::None,
            concurrency: 64,
            in_flight: 1024,
            attempts: None,
            time_limit: None,
            give_up_after: Some(Duration::from_millis(HOUR)),
            retry: RetryPolicy::default(),
            drain: Duration::from_secs(30),
            messages,
            faults: Vec::new(),
        }
    }

    pub(super) fn in_order(mut self) -> Self {
        self.order = OrderBy::Key;
        self
    }

    pub(super) fn with(mut self, at: u64, lasts: u64, what: What) -> Self {
        self.faults.push(Fault { at, lasts, what });
        self
    }

    /// Whether nothing happens but that partitions change hands and the program ends in time, and handlers soon have done what others have
    /// overtaken: also those few messages that fail once, and whose next attempt is due before.
    pub(super) fn repeats_nothing(&self) -> bool {
        let soon = |message: &Message| message.takes <= 10;
        let fails_once = |does| matches!(does, Does::Fails(1) | Does::IsUnavailable(1) | Does::Retries(1));
        let (good, others): (Vec<_>, Vec<_>) =
            self.messages.iter().partition(|message| message.does == Does::Succeeds);
        let ends = self.faults.iter().any(|fault| fault.what == What::Drain);
        self.faults.iter().all(|fault| matches!(fault.what, What::Revoke(_) | What::Drain))
            // At an end, none comes again that its handler has given back.
            && (!ends || self.drain >= Duration::from_secs(30) && others.iter().all(|message| !message.does.settles()))
            && good.into_iter().all(soon)
            && others.len() < 8 // more may be an outage
            && others.into_iter().all(|message| soon(message) && fails_once(message.does))
            && self.retry.first <= Duration::from_secs(1)
    }

    /// A schedule of a seed in which a few messages fail once, and partitions change hands while they wait for their next attempt.
    pub(super) fn with_retries_while_partitions_go(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let (partitions, keys) = (1 + rng.below(3) as u32, 1 + rng.below(30) as u32);
        let mut messages = good(200 + rng.below(600) as u32, keys);
        for message in &mut messages {
            message.partition = message.key % partitions;
            message.takes = 1 + u64::from(message.key * 7 % 10);
        }
        let retries = if rng.percent(30) { Does::Retries(1) } else { Does::Fails(1) };
        for _ in 0..1 + rng.below(7) {
            let place = rng.below(messages.len() as u64) as usize;
            messages[place].does = rng.pick(&[Does::Fails(1), Does::IsUnavailable(1), retries]);
        }
        let mut script = Self::new(Source::Log, messages);
        script.order = match rng.below(3) {
            0 => OrderBy::None,
            1 => OrderBy::Key,
            _ => OrderBy::Partition,
        };
        script.concurrency = 1 + rng.below(100) as usize;
        for partition in 0..partitions {
            script = script.with(rng.below(2 * SECOND), MINUTE, What::Revoke(partition));
        }
        if script.messages.iter().all(|message| !message.does.settles()) {
            script = script.with(rng.below(3 * SECOND), 0, What::Drain);
        }
        script.faults.sort_by_key(|fault| fault.at);
        script
    }

    /// The schedule of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let source = match rng.below(3) {
            0 | 1 => Source::Log,
            _ => {
                let lock = rng.percent(50).then(|| rng.pick(&[10 * SECOND, 30 * SECOND, MINUTE]));
                Source::Queue { lock, kind: Kind::Returns }
            }
        };
        let (partitions, keys, types) = (1 + rng.below(3), 1 + rng.below(6), 1 + rng.below(2));
        let time_limit = rng.percent(50).then(|| rng.pick(&[5 * SECOND, MINUTE]));
        let spread = rng.pick(&[0, MINUTE, 10 * MINUTE]);
        let (bad, concurrency) = (rng.pick(&[0, 5, 20, 60]), 1 + rng.below(12));
        let order = if rng.percent(60) { OrderBy::Key } else { OrderBy::None };
        let mut messages: Vec<_> = (0..10 + rng.below(60))
            .map(|_| {
                let key = rng.below(keys);
                let does = match rng.percent(bad) {
                    false => Does::Succeeds,
                    true => match rng.below(8) {
                        0 | 1 => Does::Fails(1 + rng.below(4) as u32),
                        2 => Does::IsUnavailable(1 + rng.below(4) as u32),
                        3 | 4 => Does::IsPoison,
                        5 => Does::Rejects,
                        6 => rng.pick(&[Does::PanicsAtOnce, Does::PanicsLater]),
                        _ if time_limit.is_some() || order == OrderBy::None => {
                            Does::Hangs(rng.pick(&[1, u32::MAX]))
                        }
                        _ => Does::Fails(1),
                    },
                };
                Message {
                    at: rng.below(spread),
                    key: key as u32,
                    partition: (key % partitions) as u32,
                    ty: rng.below(types) as u32,
                    takes: rng.pick(&[0, 1, 50, 2 * SECOND]),
                    does,
                    is_batch: false,
                }
            })
            .collect();
        messages.sort_by_key(|message| message.at);
        let mut script = Self {
            order,
            concurrency: concurrency as usize,
            in_flight: 4 + rng.below(60) as usize,
            attempts: rng.percent(30).then(|| 1 + rng.below(5) as u32),
            time_limit,
            ..Self::new(source, messages)
        };
        // Many faults come together.
        let incident = rng.below(5 * MINUTE);
        for _ in 0..rng.below(8) {
            let partition = rng.below(partitions) as u32;
            let what = match (rng.below(10), source) {
                (0, _) => What::Outage,
                (1, _) => What::SinkIsAway,
                (2, _) => What::SinkIsSlow,
                (3, _) => What::Disconnect,
                (4, _) => What::SourceFails,
                (5, Source::Log) => What::Revoke(partition),
                (6, Source::Log) => What::Truncate(partition),
                (5 | 6, _) => What::Redeliver,
                (7, _) => What::Crash,
                (8, _) => What::Drain,
                _ => What::Outage,
            };
            let lasts = rng.below(rng.clone().pick(&[SECOND, MINUTE, 10 * MINUTE]));
            let _ = rng.next();
            let at = if rng.percent(60) { incident + rng.below(5 * SECOND) } else { rng.below(5 * MINUTE) };
            script = script.with(at, lasts, what);
        }
        script.vary(&mut Rng(!seed));
        script.faults.sort_by_key(|fault| fault.at);
        script.leave_a_place();
        script
    }

    /// Varies what the program sets, what the source can do, and what handlers do with deliveries.
    fn vary(&mut self, rng: &mut Rng) {
        if let Source::Queue { lock, kind } = &mut self.source {
            *kind = rng.pick(&[Kind::Returns, Kind::Delays, Kind::Outlives, Kind::Forgets]);
            match kind {
                Kind::Outlives => *lock = lock.or(Some(30 * SECOND)),
                Kind::Forgets => *lock = None,
                _ => {}
            }
        }
        if rng.percent(20) {
            self.concurrency = rng.pick(&[1, usize::MAX]);
        }
        if rng.percent(15) {
            self.in_flight = rng.pick(&[1, 2]);
        }
        if rng.percent(25) {
            let (first, longest) = rng.pick(&[(0, 0), (0, MINUTE), (1, SECOND), (40 * SECOND, 5 * MINUTE)]);
            self.retry.first = Duration::from_millis(first);
            self.retry.longest = Duration::from_millis(longest);
            if longest <= SECOND {
                self.give_up_after = Some(Duration::from_millis(MINUTE)); // fewer attempts to play
            }
        }
        if rng.percent(25) {
            self.drain = rng.pick(&[Duration::ZERO, Duration::from_secs(5), Duration::MAX]);
        }
        if rng.percent(25) {
            let is_free = self.order == OrderBy::None;
            self.give_up_after = rng.pick(&[
                Some(Duration::ZERO),
                Some(Duration::from_millis(MINUTE)),
                if is_free { None } else { Some(Duration::MAX) },
            ]);
            if self.give_up_after.is_none() {
                self.in_flight = self.in_flight.max(self.messages.len() + 1); // what stays leaves room
            }
            if self.give_up_after == Some(Duration::MAX) {
                self.attempts = self.attempts.or(Some(4));
            }
        }
        if self.order != OrderBy::None && rng.percent(40) {
            self.order = if rng.percent(50) { OrderBy::Partition } else { ATTRIBUTE };
        }
        let batches = self.order == ATTRIBUTE && rng.percent(70);
        let own = rng.percent(40);
        for message in &mut self.messages {
            message.is_batch = batches && rng.percent(10);
            if own && rng.percent(20) {
                let times = 1 + rng.below(3) as u32;
                message.does = rng.pick(&[
                    Does::Accepts,
                    Does::AcceptsAndFails,
                    Does::Retries(times),
                    Does::Releases(times),
                    Does::Keeps,
                    Does::RetriesLater(times),
                    Does::PanicsInTheEnd,
                ]);
            }
        }
        if self.drain == Duration::MAX && !self.can_end() {
            self.drain = Duration::from_secs(30);
        }
        for fault in &mut self.faults {
            fault.what = match fault.what {
                What::SinkIsAway if rng.percent(30) => What::SinkPanics,
                What::SinkIsSlow if rng.percent(50) => What::SinkHangs,
                What::Crash if rng.percent(50) => What::Drop,
                what => what,
            };
        }
    }

    /// Whether nothing hangs for ever, so that the program can end and everything be settled.
    pub(super) fn can_end(&self) -> bool {
        self.time_limit.is_some()
            || !self.messages.iter().any(|message| matches!(message.does, Does::Hangs(_)))
    }

    /// Whether nothing goes wrong.
    pub(super) fn is_calm(&self) -> bool {
        let all = self.messages.iter().all(|message| matches!(message.does, Does::Succeeds | Does::Accepts));
        all && self.faults.is_empty() && !self.drain.is_zero()
    }

    /// How long after the last fault the messages without a fault have an effect at the latest, if nothing that stays in front of them can
    /// take all room: `None` if it can.
    pub(super) fn prompt(&self) -> Option<Duration> {
        let bad = self.messages.iter().filter(|message| message.does != Does::Succeeds).count();
        let times = 1 + self.faults.iter().filter(|fault| fault.what == What::Redeliver).count();
        if self.order != OrderBy::None || self.in_flight <= bad * times || !self.can_end() {
            return None;
        }
        // A program that is asked to end reads nothing while it tries again what is settled behind, for as long as it may.
        let tries = self.drain.min(self.give_up_after.unwrap_or(Duration::MAX));
        let ends = self.faults.iter().filter(|fault| fault.what == What::Drain).map(|_| tries);
        let ends = ends.fold(Duration::ZERO, Duration::saturating_add);
        if ends == Duration::MAX {
            return None;
        }
        let hangs =
            self.messages.iter().filter(|message| matches!(message.does, Does::Hangs(_))).count() as u64;
        let limit = self.time_limit.unwrap_or_default();
        Some(ends + Duration::from_millis(HOUR / 2 + hangs * 12 * limit))
    }

    /// What is handled one after the other.
    pub(super) fn lane(&self, message: &Message) -> u32 {
        match (&self.order, self.source) {
            (OrderBy::Partition, Source::Log) => message.partition,
            (OrderBy::Partition, _) => 0,
            _ => message.key,
        }
    }

    /// Fewer handlers hang for ever than there are places, also if the broker delivers a message again beside one that hangs.
    fn leave_a_place(&mut self) {
        if self.time_limit.is_some() {
            return;
        }
        let again = self.faults.iter().filter(|fault| fault.what == What::Redeliver).count();
        let places = (self.concurrency.min(self.in_flight) - 1) / (1 + again);
        let hanging = self.messages.iter_mut().filter(|message| matches!(message.does, Does::Hangs(_)));
        hanging.skip(places).for_each(|message| message.does = Does::Fails(1));
    }

    /// The faults, each with the time in which it can meet another one.
    fn faults(&self) -> Vec<(&'static str, std::ops::Range<u64>)> {
        let of_messages = self.messages.iter().filter_map(|message| {
            let what = match message.does {
                Does::Succeeds | Does::Accepts | Does::AcceptsAndFails => return None,
                Does::RetriesLater(_) | Does::Retries(_) | Does::Releases(_) | Does::Keeps => "settles",
                Does::Fails(_) => "fails",
                Does::IsUnavailable(_) => "unavailable",
                Does::IsPoison => "poison",
                Does::Rejects => "rejects",
                Does::Hangs(_) => "hangs",
                Does::PanicsAtOnce | Does::PanicsLater | Does::PanicsInTheEnd => "panics",
            };
            Some((what, message.at..message.at + MINUTE))
        });
        let of_faults = self.faults.iter().map(|fault| {
            let (what, lasts) = match fault.what {
                What::Outage => ("outage", fault.lasts),
                What::SinkIsAway | What::SinkPanics => ("sink away", fault.lasts),
                What::SinkIsSlow | What::SinkHangs => ("sink slow", fault.lasts),
                What::Disconnect => ("disconnect", fault.lasts),
                What::Revoke(_) => ("revoke", fault.lasts),
                What::SourceFails => ("source fails", 5 * SECOND),
                What::Truncate(_) => ("truncate", 5 * SECOND),
                What::Redeliver => ("redeliver", 5 * SECOND),
                What::Crash => ("crash", 5 * SECOND),
                What::Drop => ("drop", 5 * SECOND),
                What::Drain => ("drain", 5 * SECOND),
            };
            (what, fault.at..fault.at + lasts)
        });
        of_messages.chain(of_faults).collect()
    }

    /// Pairs of kinds of faults that overlap.
    pub(super) fn pairs(&self) -> BTreeSet<[&'static str; 2]> {
        let faults = self.faults();
        let pairs = faults.iter().flat_map(|(one, at)| {
            let meets = |(other, then): &&(&'static str, std::ops::Range<u64>)| {
                one < other && at.start < then.end && then.start < at.end
            };
            faults.iter().filter(meets).map(|(other, _)| [*one, *other]).collect::<Vec<_>>()
        });
        pairs.collect()
    }

    /// When the last fault has ended.
    pub(super) fn quiet_at(&self) -> Duration {
        let last = self.faults.iter().map(|fault| fault.at + fault.lasts).max().unwrap_or(0);
        let last_message = self.messages.iter().map(|message| message.at).max().unwrap_or(0);
        Duration::from_millis(last.max(last_message))
    }
}

/// Messages that succeed, with this many keys, on one partition.
pub(super) fn good(count: u32, keys: u32) -> Vec<Message> {
    (0..count)
        .map(|index| Message {
            at: 0,
            key: index % keys,
            partition: 0,
            ty: 0,
            takes: 10,
            does: Does::Succeeds,
            is_batch: false,
        })
        .collect()
}
