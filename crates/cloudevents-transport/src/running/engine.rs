//! The engine of [`run`](crate::Receiver::run) and of bridges. `docs/decisions/running.md` has its states as a table.

mod state;

use super::{
    Activity, Settings,
    activity::Seen,
    ended::Ended,
    ending::{Ending, Place, UnderWay, late},
    giving_up::{Attempts, GivingUp, Limits},
    lanes::{Lane, Lanes, Source, Task},
    name::{Attribute, Name},
    pace::Pace,
    window::{Window, is_time_limit},
};
use crate::{
    By, Counters, Delivery, Failure, Fault, InFlight, Partition, Received, Receiver, Stopper,
    binding::Ownership,
    deadline::later,
    observing::{MESSAGES, interceptor::around},
    panics::tell,
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{collections::BTreeMap, fmt::Display, pin::pin, sync::Arc, time::Duration};
use tokio::{
    task::coop,
    time::{Instant, sleep_until, timeout},
};
use tracing::Instrument;

/// How long the next message of a lane waits for the dead letter before it. A destination that hangs stops no lane for longer.
const STORING: Duration = Duration::from_secs(10);

/// If as many others wait for another attempt, a failure is not that of one message. With it, they are three, as in an outbox.
const OTHERS: usize = 2;

impl Receiver {
    /// Handles deliveries until the receiver is stopped or has no more messages, and the last handler has
    /// ended.
    ///
    /// `begin` makes the future of one attempt, which returns the delivery and how the attempt ended.
    pub(crate) async fn drive<F, Fut>(&mut self, settings: Settings, mut begin: F) -> Result<(), Error>
    where
        F: FnMut(Delivery) -> Fut,
        Fut: Future<Output = (Delivery, Ended)>,
    {
        let stopper = self.stopper();
        let mut stopped = pin!(stopper.stopped().fuse());
        let interceptor = self.interceptor();
        let mut engine = Engine::new(settings, self);
        let mut running = FuturesUnordered::new();
        loop {
            // A source that is always ready and handlers that never wait would keep all else from its turn.
            coop::consume_budget().await;
            while let Some((delivery, handling)) = engine.next() {
                let lost = delivery.ownership().map(Ownership::lost);
                let (span, after) = around(&delivery, interceptor.as_deref());
                let attempt = span.in_scope(|| begin(delivery));
                let attempt = async move {
                    let ended = unless(lost, attempt).await;
                    if let (Some(after), Some((_, ended))) = (after, &ended)
                        && let Some(result) = ended.result()
                    {
                        tell(|| after(result));
                    }
                    (handling, ended)
                };
                running.push(attempt.instrument(span));
            }
            if engine.has_ended_most() {
                stopper.stop();
            }
            if engine.is_over() {
                return engine.ending.take().map_or(Ok(()), |ending| ending.result);
            }
            if engine.is_late() {
                let result = engine.ending.take().map_or(Ok(()), |ending| ending.result);
                if running.is_empty() {
                    return result;
                }
                // Dropping the handlers releases their messages.
                let late = late(running.len());
                let Err(why) = result else { return Err(late) };
                tracing::warn!(error = %late, "handlers are dropped");
                return Err(why);
            }
            engine.publish(self.is_held_up());
            let wakes_at = engine.wakes_at();
            let receives = engine.receives();
            tokio::select! {
                biased;
                () = &mut stopped, if engine.ending.is_none() => {
                    engine.finish(Ok(()), true);
                    self.finish(engine.settings.drain);
                }
                Some((handling, ended)) = running.next(), if !running.is_empty() => {
                    let leaves = ended.as_ref().is_none_or(|(_, ended)| ended.leaves());
                    match ended {
                        Some((delivery, ended)) => engine.ended(handling, delivery, ended),
                        None => engine.lost(handling),
                    }
                    if leaves {
                        engine.keep_needed();
                    }
                }
                Some(lane) = engine.storing.next(), if !engine.storing.is_empty() => engine.lanes.end(lane),
                Some(()) = engine.leaving.next(), if !engine.leaving.is_empty() => engine.give_back(),
                () = sleep_until(wakes_at.unwrap_or_else(Instant::now)), if wakes_at.is_some() => {}
                next = self.next(), if receives => engine.received(next, stopper.is_stopped()),
            }
        }
    }
}

/// Makes the attempt, unless the message is lost: then the attempt is dropped.
async fn unless<T>(lost: Option<impl Future<Output = ()>>, attempt: impl Future<Output = T>) -> Option<T> {
    let Some(lost) = lost else { return Some(attempt.await) };
    tokio::select! {
        biased;
        ended = attempt => Some(ended),
        () = lost => None,
    }
}

/// The state of a message while a handler has it.
struct Handling {
    number: u64,
    lane: Lane,
    attempts: Attempts,
}

/// A message that a handler has.
struct Handled {
    since: Instant,
    place: Option<Place>,
    attempt: u32,
    received: Received,
}

/// Decides which message is handled next, whether another one is received, and how an attempt is settled.
struct Engine {
    settings: Settings,
    stopper: Stopper,
    counters: Arc<Counters>,
    activity: Activity,
    in_flight: InFlight,
    decoding: DecodeOptions,
    /// The messages that handlers have, in the order in which they were begun.
    handled: BTreeMap<u64, Handled>,
    begun: u64,
    /// When a handler has ended last, or there was none; and when to report that none does.
    moved: Instant,
    /// No permit was free, and no message has ended since.
    blocked: bool,
    report: Option<Instant>,
    /// When to look again whether a permit is free.
    look: Option<Instant>,
    /// Since when there have been messages here.
    here: Option<Instant>,
    lanes: Lanes,
    giving_up: GivingUp,
    pace: Pace,
    window: Window,
    /// Whether the last message that was begun had not failed before.
    probed_untried: bool,
    /// How many messages were received and not lost.
    taken: u64,
    /// Messages that stay as they are until the end.
    held: Vec<Delivery>,
    /// Lanes whose first message was rejected, and is not settled yet.
    storing: FuturesUnordered<BoxFuture<'static, Lane>>,
    /// Whose messages are here, and when one of them leaves.
    owners: Vec<Ownership>,
    leaving: FuturesUnordered<BoxFuture<'static, ()>>,
    /// Whether a message that failed can wait here, or has to go back to the peer.
    waits_here: bool,
    /// Set once nothing more is received.
    ending: Option<Ending>,
    /// Consecutive errors of the connection, and when to use it again.
    failures: u32,
    reconnect: Option<Instant>,
}

impl Engine {
    fn new(settings: Settings, receiver: &Receiver) -> Self {
        let concurrency = settings.concurrency.max(1);
        let waits_here = receiver.capabilities().redelivers != By::Peer;
        let limits = Limits { attempts: settings.attempts, after: settings.give_up_after };
        Self {
            stopper: receiver.stopper(),
            counters: receiver.counters(),
            activity: receiver.activity(),
            in_flight: receiver.in_flight().clone(),
            decoding: receiver.decoding().clone(),
            handled: BTreeMap::new(),
            begun: 0,
            moved: Instant::now(),
            blocked: false,
            report: None,
            look: None,
            here: None,
            lanes: Lanes::new(settings.order.clone(), Source::of(receiver.capabilities())),
            giving_up: GivingUp::new(limits, waits_here),
            // A peer that keeps its message waits for an answer: each gets one at once.
            pace: Pace::new(settings.retry, settings.give_up_after, concurrency, waits_here),
            window: Window::new(concurrency, settings.follows),
            probed_untried: false,
            taken: 0,
            held: Vec::new(),
            storing: FuturesUnordered::new(),
            owners: Vec::new(),
            leaving: FuturesUnordered::new(),
            waits_here,
            ending: None,
            failures: 0,
            reconnect: None,
            settings: Settings { concurrency, ..settings },
        }
    }

    /// Returns the next message to handle now.
    fn next(&mut self) -> Option<(Delivery, Handling)> {
        let now = Instant::now();
        if self.handled.len() >= self.window.size() || self.pace.next(now).is_some() {
            return None;
        }
        loop {
            // While it slows down, messages that were not tried yet and those that failed are probes in turn.
            let untried = self.pace.is_slow() && !self.probed_untried;
            let Task { delivery, lane, mut attempts } = self.lanes.next(now, untried)?;
            if !delivery.is_current() && !self.needs()(&delivery, now) {
                // A message behind it in its lane may be needed as soon as it is not slow any more, and must not overtake it.
                self.forget(&attempts);
                for behind in self.lanes.take_behind(&lane, |task| !task.delivery.is_current()) {
                    self.forget(&behind.attempts);
                }
                self.lanes.end(lane);
                continue;
            }
            self.probed_untried = attempts.failed == 0;
            attempts.is_probe = self.pace.begins(now);
            self.giving_up.begins(&mut attempts);
            if self.handled.is_empty() {
                self.moved = now;
            }
            self.begun = self.begun.saturating_add(1);
            let (attempt, received) = (delivery.attempt(), delivery.received().clone());
            let handled = Handled { since: now, place: delivery.place(), attempt, received };
            self.handled.insert(self.begun, handled);
            self.window.begins(self.handled.len(), now);
            return Some((delivery, Handling { number: self.begun, lane, attempts }));
        }
    }

    /// Whether another message may be received: one for which there would be a handler, or while it slows down, one that was not tried
    /// yet.
    fn receives(&self) -> bool {
        let now = Instant::now();
        let handled = self.handled.len().saturating_add(self.lanes.ready());
        self.ending.is_none()
            && self.lanes.takes_more()
            && match self.pace.is_slow() {
                true => self.lanes.untried().is_none(),
                false => handled < self.window.size(),
            }
            && self.lanes.waiting() < self.settings.waiting
            && self.settings.most.is_none_or(|most| self.taken < most)
            && self.reconnect.is_none_or(|at| at <= now)
    }

    fn received(&mut self, next: Result<Option<Delivery>, Error>, stopped: bool) {
        match next {
            Ok(Some(mut delivery)) => {
                (self.failures, self.reconnect) = (0, None);
                self.watch(&delivery);
                let attempts = self.giving_up.received(&mut delivery);
                self.taken = self.taken.saturating_add(1);
                self.lanes.add(delivery, attempts);
            }
            Ok(None) => self.finish(Ok(()), stopped),
            Err(error) if can_pass(&error) => {
                self.failures = self.failures.saturating_add(1);
                let pause = self.settings.retry.pause(self.failures);
                tracing::warn!(%error, ?pause, "the receiver is disconnected and tries again");
                self.reconnect = Some(later(Instant::now(), pause));
            }
            Err(error) => self.finish(Err(error), false),
        }
    }

    /// A message leaves without an end.
    fn forget(&mut self, attempts: &Attempts) {
        self.giving_up.lost(attempts);
        self.taken = self.taken.saturating_sub(1);
    }

    /// Watches the ownership of a message, to give back waiting messages as soon as they have to go.
    fn watch(&mut self, delivery: &Delivery) {
        if let Some(ownership) = delivery.ownership()
            && !self.owners.iter().rev().any(|known| known.is_same(&ownership))
        {
            self.owners.push(ownership.clone());
            self.leaving.push(Box::pin(ownership.leaving()));
        }
    }

    /// Gives back messages that no handler has and that leave this process, now or soon. Messages that are [needed](Self::needs) stay. If a
    /// message waits for its next attempt, it stays only if the attempt is due before it leaves. The same holds for messages behind it in
    /// its lane.
    fn give_back(&mut self) {
        self.owners.retain(Ownership::is_held);
        let (needs, now) = (self.needs(), Instant::now());
        let Self { lanes, giving_up, taken, .. } = self;
        lanes.drop_if(|task, due| {
            let goes = !task.delivery.is_current() && !needs(&task.delivery, due.unwrap_or(now));
            if goes {
                *taken = taken.saturating_sub(1);
                giving_up.lost(&task.attempts);
            }
            goes
        });
        self.held.retain(Delivery::is_current);
    }

    /// Tells which messages are handled at a time although their partition is about to be revoked. These are messages of a log behind which
    /// others are settled or under way: those would come again elsewhere.
    fn needs(&self) -> impl Fn(&Delivery, Instant) -> bool + use<> {
        let (is_slow, under_way) = (self.pace.is_slow(), self.under_way());
        move |delivery, time| !is_slow && delivery.stays_until(time) && under_way.overtakes(delivery)
    }

    /// The last positions that handlers have.
    fn under_way(&self) -> UnderWay {
        self.handled.values().filter_map(|handled| handled.place).collect()
    }

    /// A message was lost while a handler had it.
    fn lost(&mut self, handling: Handling) {
        self.returned(&handling, Instant::now());
        self.forget(&handling.attempts);
        self.pace.undecided(handling.attempts.is_probe, Instant::now());
        self.lanes.end(handling.lane);
    }

    /// Returns when the attempt began that ended now.
    fn returned(&mut self, handling: &Handling, now: Instant) -> Instant {
        (self.moved, self.report) = (now, None);
        self.handled.remove(&handling.number).map_or(now, |handled| handled.since)
    }

    /// An attempt has ended.
    fn ended(&mut self, handling: Handling, delivery: Delivery, ended: Ended) {
        let now = Instant::now();
        let begun = self.returned(&handling, now);
        let took = now.saturating_duration_since(begun);
        if !matches!(ended, Ended::Failed(_) | Ended::Fatal(_)) {
            self.blocked = false;
            self.window.answered(begun, now);
        }
        match ended {
            Ended::Accepted => {
                self.succeeded(&delivery, &handling, took);
                drop(delivery.accept());
            }
            Ended::Settled(Ok(true)) => self.succeeded(&delivery, &handling, took),
            Ended::Settled(Ok(false)) => self.undecided(&handling),
            Ended::Settled(Err(failure)) => {
                self.counters.handler_failed();
                tracing::warn!(delivery = %self.name(&delivery), error = %failure, "a handler failed that has settled the message by itself");
                self.undecided(&handling);
            }
            Ended::Rejected(failure) => {
                let name = self.name(&delivery);
                let (id, source) = (Attribute(&name, "id"), Attribute(&name, "source"));
                let (topic, offset) = (delivery.topic(), delivery.offset());
                let partition = delivery.partition().map(Partition::number);
                tracing::info!(target: MESSAGES, delivery = %name, %id, %source, reason = %failure, topic, partition, offset, "rejected");
                self.undecided(&handling);
                return self.reject(handling.lane, delivery, failure);
            }
            Ended::Skipped => {
                self.undecided(&handling);
                drop(delivery.pass_over());
            }
            Ended::Held => {
                self.undecided(&handling);
                if let Some(ending) = &mut self.ending {
                    ending.leaves(&delivery);
                    self.held.push(delivery);
                    return self.lanes.abandon(handling.lane);
                }
                self.held.push(delivery);
            }
            Ended::Fatal(error) => {
                self.finish(Err(error), true);
                return self.lanes.abandon(handling.lane);
            }
            Ended::Failed(failure) => {
                self.follow(&failure, begun, now);
                return self.failed(handling, delivery, failure);
            }
        }
        self.lanes.end(handling.lane);
    }

    fn succeeded(&mut self, delivery: &Delivery, handling: &Handling, took: Duration) {
        self.giving_up.succeeded(delivery, &handling.attempts);
        self.pace.succeeded(took);
    }

    /// A message that reached its time limit may have waited for others that are under way.
    fn follow(&mut self, failure: &Failure, begun: Instant, now: Instant) {
        if self.settings.follows.is_some()
            && failure.cause().downcast_ref().is_some_and(is_time_limit)
            && self.window.timed_out(begun, now)
        {
            let took = now.saturating_duration_since(begun);
            let (most, at_once) = (self.settings.concurrency, self.window.size());
            tracing::warn!(error = %failure, ?took, most, at_once, "messages are not taken in time; fewer are sent at once from now on");
        }
    }

    /// The attempt tells nothing about other messages.
    fn undecided(&mut self, handling: &Handling) {
        self.giving_up.settled(&handling.attempts);
        self.pace.undecided(handling.attempts.is_probe, Instant::now());
    }

    /// The message is given up, waits for its next attempt, or goes back.
    fn failed(&mut self, mut handling: Handling, mut delivery: Delivery, failure: Failure) {
        let now = Instant::now();
        self.counters.handler_failed();
        let earlier = self.handled.range(..handling.number).next().map(|(_, handled)| handled.since);
        let (counts, is_probe) = (!failure.is_unavailable(), handling.attempts.is_probe);
        let others_wait = self.lanes.waiting() >= OTHERS;
        let concern_all = match failure.cause().downcast_ref().map(|error| Fault::of(error, false)) {
            Some(Fault::OwnWait(_) | Fault::MessageForNow) => None,
            Some(fault) => Some(fault == Fault::Target || others_wait),
            None => Some(!counts || others_wait),
        };
        match concern_all {
            // It was no attempt, or it was answered for this message alone.
            None => self.pace.undecided(is_probe, now),
            Some(concern_all) => {
                if self.pace.failed(is_probe, concern_all, now, earlier) {
                    self.counters.outage(&failure);
                }
            }
        }
        let Handling { lane, attempts, .. } = &mut handling;
        if self.giving_up.failed(&delivery, attempts, counts) {
            let attempt = delivery.attempt();
            self.giving_up.settled(attempts);
            tracing::warn!(delivery = %self.name(&delivery), attempt, error = %failure, "a handler failed; the message is given up, and rejected");
            return self.reject(handling.lane, delivery, format_args!("attempt {attempt}: {failure}"));
        }
        let (retry, failed) = (self.settings.retry, attempts.failed.max(1));
        // One that does not count may be the failure of something shared.
        let after = if attempts.last_counted { retry.delay(failed) } else { retry.pause(failed) };
        let after = failure.delay().unwrap_or(after);
        let until = later(now, after);
        if !delivery.is_current() && !self.needs()(&delivery, until) {
            tracing::warn!(delivery = %self.name(&delivery), error = %failure, "a handler failed; somebody else has the message now, or soon");
            // Messages behind it in its lane must not overtake it.
            let Handling { lane, attempts, .. } = handling;
            self.lanes.wait(Task { delivery, lane, attempts }, until);
            return self.give_back();
        }
        let waits = self.waits_here && self.ending.as_ref().is_none_or(|ending| until < ending.late);
        if !waits {
            self.giving_up.settled(attempts);
            if let Some(ending) = &mut self.ending {
                ending.leaves(&delivery);
            }
            tracing::warn!(target: MESSAGES, delivery = %self.name(&delivery), attempt = delivery.attempt(), failed, error = %failure, "a handler failed; the message goes back to where it came from");
            // If the attempt does not count here, the broker must not count it either. A peer that keeps the message counts no attempts. It
            // hears the delay that the failure names.
            let says_when = counts || !self.waits_here && failure.delay().is_some();
            drop(if says_when { delivery.give_back(after) } else { delivery.release() });
            let lane = lane.clone();
            return if self.waits_here { self.lanes.abandon(lane) } else { self.lanes.end(lane) };
        }
        tracing::warn!(target: MESSAGES, delivery = %self.name(&delivery), attempt = delivery.attempt(), failed, error = %failure, ?after, "a handler failed; the message is tried again");
        if counts {
            delivery.next_attempt(attempts.last_counted);
        }
        let Handling { lane, attempts, .. } = handling;
        self.lanes.wait(Task { delivery, lane, attempts }, until);
    }

    /// Rejects the message of a running lane. The next one of the lane begins when the dead letter is stored, or when that has failed: dead
    /// letters have the order of their lane.
    fn reject(&mut self, lane: Lane, delivery: Delivery, reason: impl Display) {
        let settled = delivery.reject(reason);
        if lane == Lane::Own || settled.decided().is_some() {
            return self.lanes.end(lane);
        }
        self.storing.push(Box::pin(async move {
            let _ = timeout(STORING, settled).await;
            lane
        }));
    }

    /// Stops receiving. If the receiver was stopped or fails, messages that are not handled are released, unless they [need](Ending::needs)
    /// to be handled first. If the source has no more messages, they are handled, except behind messages that wait.
    fn finish(&mut self, result: Result<(), Error>, stopped: bool) {
        if let Some(ending) = &mut self.ending {
            if ending.result.is_ok() && result.is_err() {
                ending.result = result;
                self.keep_needed();
            }
            return;
        }
        let (releases, now) = (stopped || result.is_err(), Instant::now());
        let mut ending = Ending::new(result, later(now, self.settings.drain));
        let late = ending.late;
        self.held.iter().chain(self.lanes.due_from(late)).for_each(|delivery| ending.leaves(delivery));
        self.ending = Some(ending);
        match releases {
            true => {
                self.stopper.stop(); // so that what is released does not come back to this receiver, and goes back in order
                self.keep_needed();
            }
            false => self.lanes.drop_waiting(),
        }
        if stopped {
            self.pace.begins_anew();
        }
    }

    /// Releases messages that no handler has, unless they need to be handled before the end.
    fn keep_needed(&mut self) {
        let Some(ending) = &self.ending else { return };
        let under_way = self.under_way();
        self.lanes.keep(|task| ending.needs(&task.delivery, &under_way));
    }

    /// Whether it was to take a number of messages, and the last of them has ended.
    fn has_ended_most(&self) -> bool {
        self.settings.ends_after_most
            && self.settings.most.is_some_and(|most| self.taken >= most)
            && self.handled.is_empty()
            && self.lanes.is_empty()
            && self.storing.is_empty()
    }

    fn is_over(&self) -> bool {
        self.ending.is_some() && self.handled.is_empty() && self.lanes.is_empty()
    }

    /// Whether the time is over, or nothing more can begin in it.
    fn is_late(&self) -> bool {
        let Some(Ending { late, .. }) = &self.ending else { return false };
        let now = Instant::now();
        let begins = if self.lanes.ready() > 0 { Some(now) } else { self.lanes.due() };
        let begins = begins.max(self.pace.next(now));
        *late <= now || (self.handled.is_empty() && begins.is_some_and(|begins| begins >= *late))
    }

    /// When to look again although nothing happens.
    fn wakes_at(&self) -> Option<Instant> {
        let now = Instant::now();
        let has_place = self.handled.len() < self.window.size();
        let due = self.lanes.due().filter(|_| has_place);
        let due = due.map(|due| self.pace.next(now).map_or(due, |next| due.max(next)));
        let probe = self.pace.next(now).filter(|_| has_place);
        let late = self.ending.as_ref().map(|ending| ending.late);
        [due, probe, late, self.report, self.look, self.reconnect.filter(|at| *at > now)]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Engine {
    fn name<'a>(&'a self, delivery: &'a Delivery) -> Name<'a> {
        Name { received: delivery.received(), decoding: &self.decoding }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.activity.set(Seen::default());
    }
}

/// Whether a later call of `next` may succeed.
fn can_pass(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Transport)
}
