//! What the targets do, and what a worker may do: the reference model.

use super::{
    script::{Does, LEASE, Message, SKEW, Script, Sky, at},
    store::{Row, Tables},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_outbox::{OutboxMetrics, State};
use cloudevents_testkit::rng::Rng;
use cloudevents_transport::{Outgoing, Receipt, binding::OwnWait};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// After a pause is stored, a worker may have messages of a claim that was made before.
const CLAIM: Duration = SECOND;

/// And it learns of it for messages in order when the one under way is settled: the longest attempt, and a call that is tried again.
const SETTLE: Duration = Duration::from_secs(40);

/// A message whose next attempt would come after its deadline is given up before: by the longest wait between attempts.
const LAST_WAIT: Duration = Duration::from_secs(1200);

#[derive(Clone)]
pub(super) struct World(Arc<Shared>);

struct Shared {
    script: Script,
    begin: Instant,
    state: Mutex<Model>,
}

#[derive(Default)]
struct Model {
    violations: Vec<String>,
    trace: Vec<String>,
    pauses: BTreeMap<String, Vec<Pause>>,
    seen: BTreeMap<u64, Seen>,
    incarnations: BTreeMap<usize, u32>,
    /// The settlements that came too late, by worker.
    lost: BTreeMap<usize, u64>,
}

/// A pause that a target requested.
#[derive(Debug)]
struct Pause {
    of: (usize, u32),
    at: Instant,
    until: Instant,
    stored: Option<Instant>,
}

/// What a target has seen of a message.
#[derive(Default)]
struct Seen {
    attempts: u32,
    /// The beginning of the first attempt that was accepted, and of the last one.
    accepted: Option<(Instant, Instant)>,
    /// The end of the first refusal.
    refused: Option<Instant>,
    requested: bool,
    /// The end of the first failure, and whether the target responded so: then it may be the message's own fault.
    failed: Option<Instant>,
    is_sick: bool,
    /// Until when the message was pending.
    ended: Option<Instant>,
}

impl World {
    pub(super) fn new(script: Script) -> Self {
        Self(Arc::new(Shared { script, begin: Instant::now(), state: Mutex::default() }))
    }

    pub(super) fn script(&self) -> &Script {
        &self.0.script
    }

    pub(super) fn passed(&self) -> Duration {
        self.0.begin.elapsed()
    }

    /// What the clock of a worker shows.
    pub(super) fn clock(&self, worker: usize) -> SystemTime {
        at(self.passed()) + self.0.script.workers[worker].ahead
    }

    pub(super) fn is_cut(&self, worker: usize) -> bool {
        let now = self.passed();
        self.0.script.workers[worker].cuts.iter().any(|(from, to)| (*from..*to).contains(&now))
    }

    /// Whether the worker may not know what others have stored.
    fn is_stale(&self, worker: usize) -> bool {
        let now = self.passed();
        let cuts = &self.0.script.workers[worker].cuts;
        cuts.iter().any(|(from, to)| (*from..*to + LEASE).contains(&now))
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.0.state.lock().unwrap()
    }

    fn message(&self, number: u64) -> &Message {
        &self.0.script.messages[number as usize - 1]
    }

    pub(super) fn note(&self, words: std::fmt::Arguments<'_>) {
        self.model().trace.push(format!("{:>9.3} {words}", self.passed().as_secs_f64()));
    }

    pub(super) fn violated(&self, words: std::fmt::Arguments<'_>) {
        self.note(format_args!("VIOLATED {words}"));
        self.model().violations.push(words.to_string());
    }

    pub(super) fn ended(&self) -> (Vec<String>, Vec<String>) {
        let mut model = self.model();
        (std::mem::take(&mut model.violations), std::mem::take(&mut model.trace))
    }

    pub(super) fn starts(&self, worker: usize) {
        *self.model().incarnations.entry(worker).or_default() += 1;
        self.note(format_args!("worker {worker} starts"));
    }

    /// The worker hears that so many of its settlements came too late.
    pub(super) fn lost(&self, worker: usize, settlements: usize) {
        *self.model().lost.entry(worker).or_default() += settlements as u64;
    }

    /// The numbers of a worker are those that its store has seen.
    pub(super) fn conserves(&self, worker: usize, metrics: OutboxMetrics) {
        let lost = self.model().lost.get(&worker).copied().unwrap_or_default();
        if metrics.lost_leases != lost {
            self.violated(format_args!("worker {worker} settled {lost} messages too late: {metrics}"));
        }
    }

    fn incarnation(&self, worker: usize) -> (usize, u32) {
        (worker, self.model().incarnations.get(&worker).copied().unwrap_or_default())
    }

    /// An attempt at a message, from its beginning to the response.
    pub(super) async fn attempt(
        self,
        worker: usize,
        outgoing: Outgoing,
        tables: Arc<Mutex<Tables>>,
        rng: Arc<Mutex<Rng>>,
    ) -> Result<Receipt, Error> {
        let number: u64 = crate::tools::id(&outgoing).parse().unwrap();
        let begun = Instant::now();
        let by = self.incarnation(worker);
        self.begins(worker, number, &tables.lock().unwrap());
        let message = self.message(number).clone();
        let (sky, latency) = {
            let mut rng = rng.lock().unwrap();
            let slow = rng.percent(5);
            let latency = if slow { 5_000 + rng.below(25_000) } else { 5 + rng.below(200) };
            let sky = self.0.script.sky(&message, self.passed());
            let latency = if sky == Sky::Slow { 20_000 + rng.below(20_000) } else { latency };
            (sky, Duration::from_millis(latency))
        };
        if sky == Sky::Hangs {
            std::future::pending::<()>().await;
        }
        sleep(latency).await;
        let result = match (message.does, sky) {
            (_, Sky::Away) => Err(Error::new(ErrorKind::Unreachable)),
            (_, Sky::HeldBack(wait)) => Err(OwnWait::error("the rate is used up", wait)),
            (_, Sky::Busy(wait)) => Err(Error::new(ErrorKind::Refused).with_retry_after(wait)),
            (_, Sky::Sick) => Err(Error::new(ErrorKind::Refused).with_temporary(true)),
            (_, Sky::Denies) | (Does::IsDenied, _) => Err(Error::new(ErrorKind::Refused)),
            (Does::IsPoison, _) => Err(Error::new(ErrorKind::InvalidData)),
            (Does::Succeeds, _) => Ok(Receipt::new()),
        };
        self.responds(by, number, begun, &result);
        result
    }

    fn begins(&self, worker: usize, number: u64, tables: &Tables) {
        let now = Instant::now();
        let row = &tables.rows[&number];
        let message = self.message(number);
        self.note(format_args!("worker {worker} sends {number} to {}/{}", message.target, message.place));
        if row.leases.get(&worker).is_none_or(|until| *until <= self.clock(worker)) {
            self.violated(format_args!("worker {worker} sends {number} after its lease has ended"));
        }
        for early in self.too_early(worker, message, now) {
            self.violated(format_args!("worker {worker} sends {number} in the {early}"));
        }
        if message.in_order {
            for before in 1..number {
                if self.message(before).in_order
                    && self.message(before).target == message.target
                    && tables.rows[&before].state == State::Pending
                    && !self.may_be_passed(before, message, &tables.rows[&before])
                {
                    self.violated(format_args!("{number} is sent before {before}"));
                }
            }
        }
        let mut model = self.model();
        let seen = model.seen.entry(number).or_default();
        seen.attempts += 1;
    }

    /// The pauses that an attempt should have waited for.
    fn too_early(&self, worker: usize, message: &Message, now: Instant) -> Vec<String> {
        let by = self.incarnation(worker);
        let is_stale = message.in_order && self.is_stale(worker);
        let patience = if message.in_order { SETTLE } else { CLAIM };
        let model = self.model();
        let pauses = model.pauses.get(message.target).into_iter().flatten();
        let broken = pauses.filter(|pause| {
            let is_over = now + 2 * SKEW >= pause.until;
            // It may have begun an attempt in the same millisecond, and have looked at this answer behind another one.
            let knows_itself = pause.of == by && now > pause.at;
            let knows = pause.stored.is_some_and(|stored| now > stored + patience) && !is_stale;
            !is_over && (knows_itself || knows)
        });
        broken.map(|pause| format!("{pause:?}")).collect()
    }

    /// Whether a message in order may begin although the store does not say yet that this one before it has ended.
    fn may_be_passed(&self, before: u64, next: &Message, row: &Row) -> bool {
        let message = self.message(before);
        let model = self.model();
        let Some(seen) = model.seen.get(&before).filter(|seen| seen.attempts > 0) else { return false };
        let is_late = row.started + self.0.script.deadline < at(self.passed()) + LAST_WAIT;
        seen.accepted.is_some()
            || (message.does == Does::IsPoison && seen.refused.is_some())
            || (seen.refused.is_some() && (message.place == next.place || self.is_proven(&model, before)))
            || is_late
            || seen.requested
            || self.may_use_up_attempts(&model, message, seen)
    }

    /// Whether the place of this message has accepted another one that was begun after it refused this one.
    fn is_proven(&self, model: &Model, number: u64) -> bool {
        let message = self.message(number);
        let refused = model.seen.get(&number).and_then(|seen| seen.refused);
        let others = model.seen.iter().filter(|(other, _)| **other != number);
        let mut there = others.filter(|(other, _)| {
            let other = self.message(**other);
            (other.target, other.place) == (message.target, message.place)
        });
        refused.is_some_and(|refused| {
            there.any(|(_, seen)| seen.accepted.is_some_and(|(_, last)| last + 2 * SKEW >= refused))
        })
    }

    /// Whether this message waited behind one in order that is refused, and that ended so late that the pauses of the target last until the
    /// deadline of this one. Nothing shows whose fault that is: this message goes to another place of the target, or another one between
    /// them does.
    fn is_held_up(&self, model: &Model, number: u64) -> bool {
        let target = self.message(number).target;
        let is_in_line = |number: u64| self.message(number).in_order && self.message(number).target == target;
        let deadline = self.0.begin + self.message(number).at + self.0.script.deadline;
        let goes_elsewhere = |before: u64, next: u64| {
            is_in_line(next) && self.message(next).place != self.message(before).place
        };
        let mut refused = model.seen.range(..number).filter(|(_, seen)| seen.refused.is_some());
        is_in_line(number)
            && refused.any(|(before, seen)| {
                is_in_line(*before)
                    && seen.ended.is_none_or(|ended| ended + LAST_WAIT > deadline)
                    && (before + 1..=number).any(|next| goes_elsewhere(*before, next))
            })
    }

    /// Whether the target requested a pause that lasts until the deadline of this message, in its response to another one.
    fn is_paused_too_long(&self, model: &Model, message: &Message) -> bool {
        let deadline = self.0.begin + message.at + self.0.script.deadline;
        let mut pauses = model.pauses.get(message.target).into_iter().flatten();
        pauses.any(|pause| pause.until + 2 * SKEW + LAST_WAIT > deadline)
    }

    /// Whether this message may be dead by its attempts: its target responded to it with failures, or took other messages meanwhile.
    fn may_use_up_attempts(&self, model: &Model, message: &Message, seen: &Seen) -> bool {
        let others = model.seen.iter().filter(|(other, _)| self.message(**other).target == message.target);
        let mut passed = others.filter_map(|(_, other)| other.accepted.map(|(_, last)| last));
        self.0.script.attempts.is_some()
            && (seen.is_sick || seen.failed.is_some_and(|failed| passed.any(|last| last + SETTLE >= failed)))
    }

    fn responds(&self, by: (usize, u32), number: u64, begun: Instant, result: &Result<Receipt, Error>) {
        self.note(format_args!(
            "{number} gets {:?}",
            result.as_ref().map(|_| "accepted").map_err(Error::to_string)
        ));
        let now = Instant::now();
        let message = self.message(number);
        let mut model = self.model();
        let seen = model.seen.entry(number).or_default();
        match result {
            Ok(_) => {
                let first = seen.accepted.map_or(begun, |(first, _)| first);
                seen.accepted = Some((first, begun));
            }
            Err(error) => {
                seen.failed.get_or_insert(now);
                seen.is_sick |= error.kind() == ErrorKind::Refused && error.retry_after().is_none();
                match error.retry_after() {
                    Some(wait) => {
                        // A message that would be tried after its deadline is given up.
                        let waited = self.passed().saturating_sub(message.at);
                        seen.requested |= waited + wait.min(DAY) + LAST_WAIT > self.0.script.deadline;
                        let until = now + wait.min(DAY);
                        let pause = Pause { of: by, at: now, until, stored: None };
                        model.pauses.entry(message.target.to_owned()).or_default().push(pause);
                    }
                    None if !error.is_temporary() => {
                        seen.refused.get_or_insert(now);
                    }
                    None => {}
                }
            }
        }
    }

    /// The store has a pause of this target, by the clock of some worker.
    pub(super) fn paused(&self, target: &str, until: SystemTime) {
        let now = Instant::now();
        let mut model = self.model();
        for pause in model.pauses.get_mut(target).into_iter().flatten() {
            let real = at(pause.until.saturating_duration_since(self.0.begin));
            if pause.stored.is_none() && until + SKEW + SECOND >= real {
                pause.stored = Some(now);
            }
        }
    }

    /// The operator ends all pauses of a target.
    pub(super) fn resumed(&self, target: &str, now: Instant) {
        self.note(format_args!("{target} is resumed"));
        let mut model = self.model();
        // What is requested from now on counts, and what was requested and is not stored yet.
        model
            .pauses
            .entry(target.to_owned())
            .or_default()
            .retain(|pause| pause.stored.is_none() && pause.at + SECOND > now);
        for pause in model.pauses.get_mut(target).into_iter().flatten() {
            pause.stored = None;
        }
    }

    /// The store has concluded something about a message.
    pub(super) fn settled(&self, number: u64, row: &Row) {
        if row.state == State::Pending {
            return;
        }
        self.note(format_args!("{number} is {}: {}", row.state, row.reason));
        let message = self.message(number);
        let is_justified = {
            let mut model = self.model();
            model.seen.entry(number).or_default().ended = Some(Instant::now());
            let seen = model.seen.get(&number);
            let refused = seen.and_then(|seen| seen.refused);
            let is_late = row.started + self.0.script.deadline < at(self.passed()) + SKEW + LAST_WAIT;
            let is_dead = row.state == State::Dead && message.does == Does::Succeeds;
            if is_dead && self.0.script.is_fair() && !self.is_held_up(&model, number) {
                false
            } else if row.state == State::Delivered {
                seen.is_some_and(|seen| seen.accepted.is_some())
            } else if row.reason.starts_with("refused while other messages are accepted") {
                self.is_proven(&model, number)
            } else if row.reason.starts_with("given up") || row.reason.starts_with("not sent within") {
                is_late
                    || seen.is_some_and(|seen| seen.requested)
                    || self.is_paused_too_long(&model, message)
                    || seen.is_some_and(|seen| self.may_use_up_attempts(&model, message, seen))
            } else {
                message.does == Does::IsPoison && refused.is_some()
            }
        };
        if !is_justified {
            self.violated(format_args!("{number} should not be {}: {}", row.state, row.reason));
        }
    }
}
