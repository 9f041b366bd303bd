//! What happens in one schedule: messages, what their handlers do, and faults.

use cloudevents_testkit::rng::Rng;
use cloudevents_transport::OrderBy;
use std::{collections::BTreeSet, time::Duration};

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
    pub(super) messages: Vec<Message>,
    pub(super) faults: Vec<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Log,
    /// A queue whose broker lends messages for this time.
    Queue {
        lock: Option<u64>,
    },
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
    /// Always panics: while the future is made, or while it is polled.
    PanicsAtOnce,
    PanicsLater,
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

    /// The schedule of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let source = match rng.below(3) {
            0 | 1 => Source::Log,
            _ => {
                Source::Queue { lock: rng.percent(50).then(|| rng.pick(&[10 * SECOND, 30 * SECOND, MINUTE])) }
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
        script.faults.sort_by_key(|fault| fault.at);
        script.leave_a_place();
        script
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
                Does::Succeeds => return None,
                Does::Fails(_) => "fails",
                Does::IsUnavailable(_) => "unavailable",
                Does::IsPoison => "poison",
                Does::Rejects => "rejects",
                Does::Hangs(_) => "hangs",
                Does::PanicsAtOnce | Does::PanicsLater => "panics",
            };
            Some((what, message.at..message.at + MINUTE))
        });
        let of_faults = self.faults.iter().map(|fault| {
            let (what, lasts) = match fault.what {
                What::Outage => ("outage", fault.lasts),
                What::SinkIsAway => ("sink away", fault.lasts),
                What::SinkIsSlow => ("sink slow", fault.lasts),
                What::Disconnect => ("disconnect", fault.lasts),
                What::Revoke(_) => ("revoke", fault.lasts),
                What::SourceFails => ("source fails", 5 * SECOND),
                What::Truncate(_) => ("truncate", 5 * SECOND),
                What::Redeliver => ("redeliver", 5 * SECOND),
                What::Crash => ("crash", 5 * SECOND),
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
        })
        .collect()
}
