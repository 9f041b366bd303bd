//! Workers: they claim messages, send them and settle them.

mod attempt;
mod calls;
mod clock;
mod judge;
mod options;
mod run;
mod suspects;
mod target;

pub use clock::Clock;
pub use options::{OutboxMetrics, OutboxOptions};
pub use run::Run;

pub(crate) use judge::first_kib;
pub(crate) use options::Tally;

use crate::{
    Claim, Claimed, Health, Route, Settlement, Step, Store, Ticket,
    store::{IN_ORDER, fits, most_refused},
};
use attempt::{Flight, Landed};
use calls::{Calls, Done};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Bounds, Fault, binding::later};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use judge::Failed;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};
use suspects::Suspects;
use target::Busy;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// The worker's task. Everything happens in it, except the work that senders and stores do in tasks and threads of their own.
struct Worker<S, R> {
    route: Arc<R>,
    options: OutboxOptions,
    tally: Arc<Tally>,
    flights: FuturesUnordered<BoxFuture<'static, Landed>>,
    /// The messages that are leased and not settled.
    held: HashMap<Ticket, Held>,
    bytes: usize,
    /// One message that is larger than half of the bytes that were left then. It does not count.
    oversize: Option<Ticket>,
    /// Targets with leased messages, and some that had.
    targets: HashMap<Arc<str>, Busy>,
    /// When to try the next message in order of these targets, behind refused ones: its sender held it back.
    resumes: HashMap<Arc<str>, Instant>,
    /// The number of targets at which to forget idle targets.
    forget_at: usize,
    suspects: Suspects,
    calls: Calls<S>,
    /// When to stop waiting for attempts, once the worker stops.
    drain_until: Option<Instant>,
    /// Why the worker stops, if not because it was requested.
    fatal: Option<Error>,
}

/// The part of the permits that targets that have delivered nothing yet hold together: an eighth, and a few. Beyond that, each holds one.
const UNPROVEN: usize = 8;
const FEW: usize = 16;

/// The number of targets that the worker remembers while it holds no message of them and their senders do not wait.
const IDLE: usize = 1024;

/// How long a target is not tried whose sender waits by itself.
const SHORTEST_HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// A leased message.
struct Held {
    /// The size of its text, as far as it counts.
    size: usize,
    ordered: bool,
    /// When the lease ends, as far as this worker knows.
    until: SystemTime,
}

pub(crate) async fn run<S: Store, R: Route>(
    (store, mut wake, tally): (Arc<S>, watch::Receiver<()>, Arc<Tally>),
    route: R,
    options: OutboxOptions,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), Error> {
    let mut worker = Worker {
        route: Arc::new(route),
        flights: FuturesUnordered::new(),
        held: HashMap::new(),
        bytes: 0,
        oversize: None,
        targets: HashMap::new(),
        resumes: HashMap::new(),
        forget_at: IDLE,
        suspects: Suspects::default(),
        calls: Calls::new(store, Arc::clone(&tally), &options),
        options,
        tally,
        drain_until: None,
        fatal: None,
    };
    loop {
        worker.start_calls();
        if worker.is_drained() {
            return worker.ended();
        }
        let draining = worker.drain_until.is_some();
        let next = worker.next_time();
        tokio::select! {
            biased;
            Ok(_) = stopped.wait_for(|stopped| *stopped), if !draining => worker.stop(None),
            Some(landed) = worker.flights.next(), if !worker.flights.is_empty() => worker.land(landed),
            Some(done) = worker.calls.running.next(), if !worker.calls.running.is_empty() => worker.called(done),
            Ok(()) = wake.changed(), if !draining => worker.calls.claim_soon(),
            () = sleep_until(next) => {
                worker.resume();
                worker.check_drain();
            }
        }
    }
}

impl<S: Store, R: Route> Worker<S, R> {
    fn start_calls(&mut self) {
        if self.drain_until.is_none() {
            if self.calls.can_claim() && self.has_room() {
                let claim = self.next_claim();
                self.calls.claim(claim);
            }
            let held_back = self.targets.iter().filter(|(_, busy)| busy.was_held_back());
            self.calls.prune(held_back.map(|(target, _)| Arc::clone(target)), &self.options);
        }
        self.calls.settle(&self.options);
        self.calls.renew(&self.held, &self.options);
    }

    fn has_room(&self) -> bool {
        self.held.len() < self.options.in_flight.messages.max(1)
            && self.bytes < self.options.in_flight.bytes.max(1)
    }

    /// The next claim. Targets that have delivered nothing yet, or have failed since, hold few permits together, and one each beyond that,
    /// because they may all hang.
    fn next_claim(&self) -> Claim {
        let messages = self.options.in_flight.messages.max(1);
        let most = self.options.per_target.max(1);
        let now = self.options.clock.now();
        let unproven = self.targets.values().filter(|busy| !busy.is_proven()).map(|busy| busy.held);
        let unproven: usize = unproven.fold(0, usize::saturating_add);
        let together = messages.div_ceil(UNPROVEN).max(FEW).saturating_sub(unproven);
        let rooms = self.targets.iter().map(|(target, busy)| {
            let is_full = together == 0 && busy.held > 0 && !busy.is_proven();
            let window = if is_full || busy.is_resting(now) { 0 } else { busy.window.min(most) };
            (Arc::clone(target), window.saturating_sub(busy.held))
        });
        let mut claim = Claim::new(now, messages.saturating_sub(self.held.len()), self.options.lease);
        claim.bytes = self.free_bytes();
        claim.may_exceed = self.oversize.is_none();
        claim.per_target = self.options.per_target.clamp(1, Bounds::FIRST);
        claim.together = together;
        claim.rooms = rooms.collect();
        claim.rooms.sort_unstable();
        claim
    }

    fn free_bytes(&self) -> usize {
        self.options.in_flight.bytes.max(1).saturating_sub(self.bytes)
    }

    fn is_drained(&self) -> bool {
        self.drain_until.is_some()
            && self.flights.is_empty()
            && self.calls.running.is_empty()
            && self.calls.settlements.is_empty()
    }

    fn next_time(&self) -> Instant {
        let can_claim = self.drain_until.is_none() && self.has_room();
        let next = self.calls.next_time(can_claim, !self.held.is_empty());
        self.resumes.values().copied().chain(self.drain_until).fold(next, Instant::min)
    }

    /// Takes no more messages, and returns the messages that wait for others.
    fn stop(&mut self, fatal: Option<Error>) {
        self.fatal = self.fatal.take().or(fatal);
        if self.drain_until.is_some() {
            return;
        }
        let now = Instant::now();
        self.drain_until = Some(later(now, self.options.drain));
        let behind: Vec<Flight> =
            self.targets.values_mut().flat_map(|busy| std::mem::take(&mut busy.behind)).collect();
        for flight in behind {
            self.calls.settlements.push(flight.untried(Step::Release));
        }
        for target in std::mem::take(&mut self.resumes).into_keys() {
            self.release_behind(&target, None);
        }
    }

    /// Tries messages in order again that waited for their senders.
    fn resume(&mut self) {
        let now = Instant::now();
        let due: Vec<Arc<str>> =
            self.resumes.extract_if(|_, at| *at <= now).map(|(target, _)| target).collect();
        for target in due {
            match self.next_in_order(&target) {
                Some(next) => self.start(next),
                None => self.release_behind(&target, None),
            }
        }
    }

    /// Gives up on attempts, and on results that cannot be recorded, at the end. Their leases end by themselves, as they may be delivered
    /// yet.
    fn check_drain(&mut self) {
        if self.drain_until.is_some_and(|until| until <= Instant::now()) {
            self.calls.given_up = self.calls.given_up.saturating_add(self.flights.len());
            self.flights.clear();
            self.calls.give_up();
            // Only calls of the store are left under way.
            let now = Instant::now();
            self.drain_until = Some(later(now, self.options.drain));
        }
    }

    fn ended(self) -> Result<(), Error> {
        let (left, limit) = (self.calls.given_up, self.options.drain);
        let detail = format!("{left} messages were not settled within {limit:?}; they are sent again");
        let late = (left > 0).then(|| Error::new(ErrorKind::Timeout).with_detail(detail));
        self.fatal.or(late).map_or(Ok(()), Err)
    }

    fn called(&mut self, done: Done) {
        match done {
            Done::Claimed(until, result) => {
                if let Some(claimed) = self.calls.claimed(result, &self.options) {
                    self.accept(claimed, until);
                }
            }
            Done::Settled(settlements, result) => {
                let (settlements, stopped) = self.calls.settled(settlements, result, &self.options);
                stopped.iter().for_each(|target| self.stop_order(target));
                for settlement in settlements {
                    self.let_go(&settlement);
                }
            }
            Done::Renewed(until, result) => {
                for ticket in self.calls.renewed(result, &self.options) {
                    if let Some(held) = self.held.get_mut(&ticket) {
                        held.until = until;
                    }
                }
            }
            Done::Pruned(result) => self.calls.pruned(result),
        }
        if let Some(error) = self.calls.fatal.take() {
            tracing::error!(%error, "the worker of the outbox ends");
            self.stop(Some(error));
        }
    }

    /// Accepts messages whose leases end at this time.
    fn accept(&mut self, claimed: Claimed, until: SystemTime) {
        let now = self.options.clock.now();
        let mut before: Option<Arc<str>> = None;
        // They begin when those behind them are known: the first one may have to wait, and these with it.
        let mut lines = Vec::new();
        for message in claimed.messages {
            // Of a target in an outage, the first message has the right to try it.
            let is_first = before.as_ref() != Some(&message.target);
            before = Some(Arc::clone(&message.target));
            let (size, ordered) = (message.body.len(), message.ordered);
            let size = match fits(size, self.free_bytes()) || self.oversize.is_some() {
                true => size,
                false => {
                    self.oversize = Some(message.ticket);
                    0
                }
            };
            self.held.insert(message.ticket, Held { size, ordered, until });
            self.bytes = self.bytes.saturating_add(size);
            let busy = self.targets.entry(Arc::clone(&message.target)).or_insert_with(Busy::new);
            if busy.held == 0 {
                busy.health = message.health.clone();
            }
            busy.held = busy.held.saturating_add(1);
            if ordered {
                (busy.in_line, busy.has_more) = (busy.in_line.saturating_add(1), claimed.has_more);
            }
            // A claim that was under way when the target requested a pause.
            let is_resting = busy.is_resting(now);
            let flight = Flight::new(message, is_first, now);
            if is_resting || self.drain_until.is_some() {
                self.calls.settlements.push(flight.untried(Step::Release));
            } else if flight.ordered && std::mem::replace(&mut busy.in_order, true) {
                busy.behind.push_back(flight);
            } else {
                if flight.ordered {
                    busy.refused_until = until.checked_sub(self.options.attempt_timeout);
                    busy.row = most_refused(busy.health.pauses.max(flight.attempt)).max(IN_ORDER);
                    lines.push(flight);
                } else {
                    self.start(flight);
                }
            }
        }
        lines.into_iter().for_each(|first| self.start(first));
    }

    /// Starts an attempt. If a message in order cannot be tried, starts the next one. After the end of its lease, another worker may have
    /// the message, and the messages behind it.
    fn start(&mut self, flight: Flight) {
        let mut next = Some(flight);
        while let Some(mut flight) = next.take() {
            let now = self.options.clock.now();
            if self.held.get(&flight.ticket).is_none_or(|held| held.until <= now) {
                match flight.ordered {
                    true => self.release_behind(&Arc::clone(&flight.target), Some(flight)),
                    false => self.calls.settlements.push(flight.settled(Step::Release)),
                }
                return;
            }
            match flight.outgoing(now, &self.options) {
                Ok(outgoing) => {
                    let route = Arc::clone(&self.route);
                    self.flights.push(flight.begin(outgoing, route, &self.options));
                }
                Err(step) => {
                    let is_dead = matches!(step, Step::Dead(_));
                    if flight.ordered && is_dead {
                        next = self.next_in_order(&flight.target);
                    }
                    if let Some(next) = &mut next {
                        next.probes = flight.probes.take();
                    }
                    match is_dead {
                        true => self.settle(flight.untried(step)),
                        false => self.calls.settlements.push(flight.untried(step)),
                    }
                    if flight.ordered && next.is_none() {
                        self.release_behind(&flight.target, None);
                    }
                }
            }
        }
    }

    /// The next message in order. `None` also if it would go to another destination than the messages that were refused before it, or if
    /// enough were refused, or if they have taken too long.
    fn next_in_order(&mut self, target: &str) -> Option<Flight> {
        let now = self.options.clock.now();
        let busy = self.targets.get_mut(target)?;
        let next = busy.behind.front()?;
        if !busy.refused.is_empty() {
            // The first few show whose fault it is, however slow they are.
            let is_late =
                busy.refused.len() >= IN_ORDER && busy.refused_until.is_none_or(|until| until <= now);
            if is_late || busy.refused.len() >= busy.row || !next.goes_to(busy.refused_at.as_deref(), now) {
                return None;
            }
        }
        busy.behind.pop_front()
    }

    fn land(&mut self, landed: Landed) {
        let Landed { flight, result, at, begun, latency } = landed;
        if let Err(Failed { error, fault: Fault::OwnWait(wait) }) = &result {
            return self.hold_back(flight, *wait, error);
        }
        let Some(busy) = self.targets.get_mut(&*flight.target) else { return };
        let number = flight.ticket.number;
        let before = busy.health.clone();
        let now = self.options.clock.now();
        let random = self.options.retry.random(flight.ticket);
        let landed = Instant::now();
        let is_suspect = self.suspects.is_proven(&flight, begun, landed);
        let tried = flight.tried(is_suspect);
        let step = judge::judge(&tried, &result, &mut busy.health, &self.options, now, random);
        busy.window = match step {
            Step::Delivered => {
                busy.window.saturating_add(1).min(self.options.per_target.max(Bounds::FIRST + 1))
            }
            Step::Retry { .. } => Bounds::FIRST,
            _ => busy.window,
        };
        let pause =
            busy.health.pause_end(now).map(|until| crate::millis::since(until, now)).unwrap_or_default();
        if busy.health.pauses > before.pauses {
            Tally::add(&self.tally.pauses, 1);
            tracing::warn!(to = %flight.target, ?pause, reason = %busy.health.reason, "the target is unavailable");
        }
        if busy.health.is_pause_requested(now) && !before.is_pause_requested(now) {
            tracing::warn!(to = %flight.target, ?pause, number, reason = %busy.health.reason, "the target requested a pause");
        }
        // The store has paused a target whose message was a probe. A pause that the target requested earlier is the store's, where an
        // operator may have ended it meanwhile; this one counts, though it may be shorter.
        let requested_until = result.as_ref().err().and_then(|failed| failed.requested_until(now));
        let is_news = busy.health != before
            || busy.health.is_outage()
            || requested_until.is_some()
            || flight.probes.is_some();
        let health = is_news.then(|| Health { requested_until, ..busy.health.clone() });
        let is_paused = busy.health.is_pause_requested(now);
        let is_resting = busy.health.is_outage() || is_paused;
        let attempt = Some(judge::attempt(&result, at, latency));
        let settlement = Settlement { attempt, health, ..flight.settled(step) };
        match &settlement.step {
            Step::Delivered => {
                self.suspects.accepted(&flight, begun, landed);
                if flight.ordered {
                    self.conclude_refused(&flight.target, true);
                }
            }
            Step::Retry { .. }
                if let Err(failed) = result
                    && failed.is_refusal() =>
            {
                self.suspects.refused(&flight, begun, landed);
                // The next one in order shows whose fault it is, if it goes to the same place. It does not overtake this one, which will be
                // dead if it passes. Also in an outage: the target may be back, and refuse these messages alone.
                if flight.ordered && !is_paused {
                    if let Some(busy) = self.targets.get_mut(&*flight.target) {
                        busy.refused.push((settlement, failed.error));
                        busy.has_waited = false;
                        busy.refused_at = flight.destination;
                    }
                    return match self.next_in_order(&flight.target) {
                        Some(next) => self.start(next),
                        None => self.release_behind(&flight.target, None),
                    };
                }
            }
            _ => {}
        }
        let goes_on = matches!(settlement.step, Step::Delivered | Step::Dead(_)) && !is_resting;
        if flight.ordered && !goes_on {
            self.conclude_refused(&flight.target, false);
        }
        self.settle(settlement);
        if flight.ordered {
            match self.next_in_order(&flight.target) {
                Some(next) if goes_on => self.start(next),
                next => self.release_behind(&flight.target, next),
            }
        }
    }

    /// Returns a message that the sender did not send, and the messages behind it. The target is tried again after this wait, or earlier:
    /// the sender may learn meanwhile that it can send. A message in order may have to show whether the messages before it were refused for
    /// their own fault. Such a message waits here, once and for no longer than a target is held back. Otherwise the refused messages would
    /// have the next turn, again and again. An acceptance much later shows nothing about them.
    fn hold_back(&mut self, flight: Flight, wait: Duration, error: &Error) {
        let now = self.options.clock.now();
        let is_long = wait > LONGEST_HOLD;
        let wait = wait.clamp(SHORTEST_HOLD, LONGEST_HOLD);
        let tried = flight.tried(false);
        tracing::debug!(to = %flight.target, ?wait, %error, "the sender holds messages back");
        let overdue = judge::overdue(&tried, error, wait, &self.options, now);
        if let Some(busy) = self.targets.get_mut(&*flight.target) {
            busy.held_back_until = busy.held_back_until.max(Some(later(Instant::now(), wait)));
            // A backlog is not to be claimed and released each time.
            busy.window = Bounds::FIRST;
            let shows = flight.ordered && !busy.refused.is_empty() && !busy.has_waited && !is_long;
            if shows && overdue.is_none() && self.drain_until.is_none() {
                busy.has_waited = true;
                self.resumes.insert(Arc::clone(&flight.target), later(Instant::now(), wait));
                busy.behind.push_front(flight);
                return;
            }
        }
        match overdue {
            Some(reason) => self.settle(flight.untried(Step::Dead(reason))),
            None => self.calls.settlements.push(flight.untried(Step::Release)),
        }
        if flight.ordered {
            self.release_behind(&flight.target, None);
        }
    }

    /// Returns the messages in order that wait, because the store knows that nothing is to be sent to the target.
    fn stop_order(&mut self, target: &str) {
        let behind = self.targets.get_mut(target).map(|busy| std::mem::take(&mut busy.behind));
        let released = behind.into_iter().flatten().map(|flight| flight.untried(Step::Release));
        self.calls.settlements.extend(released);
        if self.resumes.remove(target).is_some() {
            self.release_behind(target, None);
        }
    }

    /// Settles the messages in order that were refused before another one. If that was accepted, they are dead letters.
    fn conclude_refused(&mut self, target: &str, is_accepted: bool) {
        let Some(busy) = self.targets.get_mut(target) else { return };
        // The last health of a target counts: as it is known now, and not when they were refused. They requested no pause.
        let health = Health { requested_until: None, ..busy.health.clone() };
        busy.has_waited = false;
        for (mut settlement, error) in std::mem::take(&mut busy.refused) {
            settlement.health = settlement.health.map(|_| health.clone());
            if is_accepted {
                settlement.step = Step::Dead(judge::proven(&error));
            }
            self.settle(settlement);
        }
    }

    /// Returns the messages in order behind one that failed, or whose lease has ended. Messages that were refused before them are tried
    /// again.
    fn release_behind(&mut self, target: &str, next: Option<Flight>) {
        let Some(busy) = self.targets.get_mut(target) else { return };
        busy.in_order = false;
        let all = next.into_iter().chain(std::mem::take(&mut busy.behind));
        self.calls.settlements.extend(all.map(|flight| flight.settled(Step::Release)));
        self.conclude_refused(target, false);
    }

    /// Counts the result of a message, and has it recorded.
    fn settle(&mut self, settlement: Settlement) {
        let number = settlement.ticket.number;
        let counter = match &settlement.step {
            Step::Delivered => &self.tally.delivered,
            Step::Dead(reason) => {
                tracing::warn!(to = %settlement.target, number, %reason, "a message is dead");
                &self.tally.dead
            }
            _ => &self.tally.retried,
        };
        Tally::add(counter, 1);
        if matches!(settlement.step, Step::Delivered | Step::Dead(_)) {
            self.suspects.ended(&settlement.target, number);
        }
        self.calls.settlements.push(settlement);
    }

    /// Forgets a message that is settled.
    fn let_go(&mut self, settlement: &Settlement) {
        let held = self.held.remove(&settlement.ticket);
        self.bytes = self.bytes.saturating_sub(held.as_ref().map_or(0, |held| held.size));
        self.oversize.take_if(|oversize| *oversize == settlement.ticket);
        if let Some(busy) = self.targets.get_mut(&*settlement.target) {
            busy.held = busy.held.saturating_sub(1);
            if held.is_some_and(|held| held.ordered) {
                busy.in_line = busy.in_line.saturating_sub(1);
                if busy.in_line == 0 && std::mem::take(&mut busy.has_more) {
                    self.calls.claim_soon();
                }
            }
            if busy.held == 0 && busy.window <= Bounds::FIRST && !busy.is_held_back() {
                self.targets.remove(&*settlement.target);
            } else if self.targets.len() > self.forget_at {
                // A target that is held back stays: it would be claimed again at once.
                self.targets.retain(|_, busy| busy.held > 0 || busy.is_held_back());
                self.forget_at = self.targets.len().saturating_mul(2).max(IDLE);
            }
        }
    }
}
