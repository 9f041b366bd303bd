//! The engine of `run` and `for_each`.

use crate::{
    Delivery, OrderBy, Receiver, RetryPolicy,
    lanes::{BEHIND, Lane, Lanes},
    running::Running,
};
use cloudevents_core::{Error, ErrorKind};
use futures_util::FutureExt;
use std::{collections::BTreeMap, future::poll_fn, pin::pin, task::Poll, time::Duration};
use tokio::{
    task::coop,
    time::{Instant, sleep_until},
};

/// The longest pause between two probes, and between two attempts to use a failed connection.
const LONGEST: Duration = Duration::from_secs(30);

/// Settings of the engine.
pub(crate) struct Driving {
    /// The number of handlers that may run at once.
    pub(crate) limit: usize,
    pub(crate) order: OrderBy,
    /// How long handlers may run after the receiver is stopped; `None` for no limit.
    pub(crate) grace: Option<Duration>,
    /// Whether to continue after temporary errors of the connection.
    pub(crate) persistent: bool,
    /// Pauses between probes, and between attempts to use a failed connection.
    pub(crate) retry: RetryPolicy,
    /// The number of deliveries that may wait for another attempt. At this bound, nothing is received.
    pub(crate) parked: usize,
}

/// What happens after a handler has ended.
pub(crate) struct Ended {
    pub(crate) next: Next,
    pub(crate) pace: Pace,
}

#[allow(clippy::large_enum_variant)] // short-lived: matched at once
pub(crate) enum Next {
    /// The delivery is settled.
    Done,
    /// Tries the same delivery again after this time. Until then its lane waits. With `None`, the probes of
    /// an outage decide when.
    Again(Delivery, Option<Duration>),
    /// The receiver ends with this error.
    Fatal(Error),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Full,
    /// State during an outage: one message is tried at a time, with pauses.
    Probing {
        failed: bool,
    },
}

impl Ended {
    pub(crate) fn done() -> Self {
        Self { next: Next::Done, pace: Pace::Full }
    }
}

impl Receiver {
    /// Handles deliveries until the receiver is stopped or has no more messages, and the last handler has
    /// ended.
    ///
    /// `start` creates the future of a handler; `end` returns what happens next. Both are called between
    /// polls, never across an await, so no future borrows the handler itself.
    pub(crate) async fn drive<F, Fut, E>(
        &mut self,
        driving: Driving,
        mut start: F,
        mut end: E,
    ) -> Result<(), Error>
    where
        F: FnMut(Delivery) -> Fut,
        Fut: Future,
        E: FnMut(Fut::Output) -> Ended,
    {
        let stopper = self.stopper();
        // Watched here as well as in `next`: at its limit this loop does not call `next`, and would not
        // notice a stop.
        let mut stopped = pin!(stopper.stopped().fuse());
        let mut engine = Engine::new(driving);
        let mut running = Running::new();
        loop {
            // If the source is always ready and handlers never wait, this loop would stay in one poll: no
            // other task on the thread would run, and a shutdown would not be noticed.
            coop::consume_budget().await;
            let now = engine.now();
            if engine.is_late(now) {
                // Dropping the handlers releases what they hold.
                return Err(Error::new(ErrorKind::Timeout)
                    .with_detail(format!("{} handlers were still running at the deadline", running.len())));
            }
            while let Some((delivery, lane)) = engine.start(running.len(), now) {
                if let Poll::Ready(done) = running.begin(|| start(delivery), lane) {
                    engine.end(done, running.len(), &mut end);
                }
            }
            if !running.is_empty()
                && let Poll::Ready(done) = poll_fn(|context| Poll::Ready(running.poll_next(context))).await
            {
                engine.end(done, running.len(), &mut end);
                continue;
            }
            if engine.is_over(running.len()) {
                return engine.ended.unwrap_or(Ok(()));
            }
            let receives = engine.receives(running.len(), now);
            if receives && let Some(next) = self.try_next() {
                engine.received(next, stopper.is_stopped());
                continue;
            }
            if engine.prefers_new(running.len(), now) {
                continue; // no new message: try a parked one
            }
            let mut timer = pin!(futures_util::future::OptionFuture::from(
                engine.wakes_at(running.len()).map(sleep_until)
            ));
            let mut next = pin!(self.next());
            let happened = poll_fn(|context| {
                if let Poll::Ready(done) = running.poll_next(context) {
                    return Poll::Ready(Happened::Ended(done));
                }
                if engine.ended.is_none() && stopped.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Happened::Received(Ok(None)));
                }
                if let Poll::Ready(Some(())) = timer.as_mut().poll(context) {
                    return Poll::Ready(Happened::TimePassed);
                }
                if receives { next.as_mut().poll(context).map(Happened::Received) } else { Poll::Pending }
            });
            match happened.await {
                Happened::Ended(done) => engine.end(done, running.len(), &mut end),
                Happened::Received(next) => engine.received(next, stopper.is_stopped()),
                Happened::TimePassed => {}
            }
        }
    }
}

/// What happened first.
enum Happened<T> {
    Ended((T, Lane)),
    Received(Result<Option<Delivery>, Error>),
    TimePassed,
}

/// Decides which delivery is handled next, and whether another one is received.
struct Engine {
    driving: Driving,
    lanes: Lanes,
    /// Deliveries that wait for another attempt, ordered by time. Their lanes wait, too.
    parked: BTreeMap<(Instant, u64), (Delivery, Lane)>,
    sequence: u64,
    outage: Option<Probing>,
    /// Why nothing more is received.
    ended: Option<Result<(), Error>>,
    late: Option<Instant>,
    /// Consecutive errors of the connection, and when to try again.
    failures: u32,
    reconnect: Option<Instant>,
}

struct Probing {
    /// Consecutive failed probes.
    failed: u32,
    next: Instant,
    /// Whether the running handler is a probe, and not left from before the outage.
    running: bool,
    /// Whether the next probe is a new message. So all messages get a turn, and a message that always fails
    /// is not the only probe.
    new: bool,
}

impl Engine {
    fn new(driving: Driving) -> Self {
        Self {
            lanes: Lanes::new(driving.order.clone()),
            driving: Driving { limit: driving.limit.max(1), ..driving },
            parked: BTreeMap::new(),
            sequence: 0,
            outage: None,
            ended: None,
            late: None,
            failures: 0,
            reconnect: None,
        }
    }

    /// The current time, if it is needed: without failures, the clock is not read.
    fn now(&self) -> Option<Instant> {
        let matters = !self.parked.is_empty()
            || self.outage.is_some()
            || self.late.is_some()
            || self.reconnect.is_some();
        matters.then(Instant::now)
    }

    fn is_late(&self, now: Option<Instant>) -> bool {
        self.late.is_some_and(|late| now >= Some(late))
    }

    fn is_over(&self, running: usize) -> bool {
        self.ended.is_some() && running == 0 && self.lanes.is_empty()
    }

    /// Whether a probe is due, or there is no outage.
    fn is_open(&self, running: usize, now: Option<Instant>) -> bool {
        self.outage.as_ref().is_none_or(|outage| running == 0 && now >= Some(outage.next))
    }

    /// Returns the next delivery to handle now.
    fn start(&mut self, running: usize, now: Option<Instant>) -> Option<(Delivery, Lane)> {
        if running >= self.driving.limit || !self.is_open(running, now) {
            return None;
        }
        let due = |key: &(Instant, u64)| now >= Some(key.0);
        let parked = match &mut self.outage {
            Some(outage) if outage.new && self.ended.is_none() => None,
            _ => self.parked.first_entry().filter(|first| due(first.key())).map(|first| first.remove()),
        };
        let was_parked = parked.is_some();
        let next = parked.or_else(|| self.lanes.start())?;
        if let Some(outage) = &mut self.outage {
            outage.running = true;
            outage.new = was_parked;
        }
        Some(next)
    }

    /// Whether another delivery may be received.
    fn receives(&self, running: usize, now: Option<Instant>) -> bool {
        self.ended.is_none()
            && self.parked.len() < self.driving.parked
            && self.lanes.has_room(running, self.driving.limit)
            && self.reconnect.is_none_or(|at| now >= Some(at))
            && self.is_open(running, now)
    }

    /// Returns whether a new message was to be tried next. Called when there was none.
    fn prefers_new(&mut self, running: usize, now: Option<Instant>) -> bool {
        let tries = self.is_open(running, now) && !self.parked.is_empty();
        self.outage.as_mut().is_some_and(|outage| tries && std::mem::take(&mut outage.new))
    }

    fn received(&mut self, next: Result<Option<Delivery>, Error>, stopped: bool) {
        match next {
            Ok(Some(delivery)) => {
                (self.failures, self.reconnect) = (0, None);
                self.lanes.add(delivery);
            }
            Ok(None) => self.finish(Ok(()), stopped),
            Err(error) if self.driving.persistent && can_pass(&error) => {
                self.failures = self.failures.saturating_add(1);
                let pause = self.driving.retry.delay(self.failures).min(LONGEST);
                tracing::warn!(%error, ?pause, "the receiver is disconnected and tries again");
                self.reconnect = later(pause);
            }
            Err(error) => self.finish(Err(error), stopped),
        }
    }

    /// A handler has ended.
    fn end<T>(&mut self, (output, lane): (T, Lane), running: usize, end: &mut impl FnMut(T) -> Ended) {
        let Ended { next, pace } = end(output);
        self.pace(pace);
        match next {
            Next::Done => self.lanes.end(lane),
            Next::Again(delivery, after) => self.park(delivery, after, lane, running),
            Next::Fatal(error) => {
                self.lanes.end(lane);
                self.finish(Err(error), true);
            }
        }
    }

    fn pace(&mut self, pace: Pace) {
        let Pace::Probing { failed } = pace else {
            self.outage = None;
            return;
        };
        let outage = self.outage.get_or_insert_with(|| Probing {
            failed: 0,
            next: Instant::now(),
            running: false,
            new: false,
        });
        let was_probe = std::mem::take(&mut outage.running);
        outage.failed = if failed { outage.failed.saturating_add(u32::from(was_probe)) } else { 0 };
        let pause = match failed {
            true => self.driving.retry.delay(outage.failed.saturating_add(1)).min(LONGEST),
            false => Duration::ZERO,
        };
        outage.next = later(pause).unwrap_or(outage.next);
    }

    /// Keeps a delivery for another attempt.
    fn park(&mut self, delivery: Delivery, after: Option<Duration>, lane: Lane, running: usize) {
        let held = self.parked.len().saturating_add(running).saturating_add(1);
        let release = self.ended.is_some()
            // A new message needs a place; otherwise parked messages would be tried for ever, whatever is
            // wrong with them.
            || (!self.lanes.is_ordered() && held >= self.driving.limit.saturating_mul(BEHIND));
        if release {
            self.lanes.end(lane);
            drop(delivery);
            return;
        }
        let due = match (&self.outage, after) {
            (Some(outage), None) => outage.next,
            (_, after) => later(after.unwrap_or_default()).unwrap_or_else(Instant::now),
        };
        self.sequence = self.sequence.saturating_add(1);
        self.parked.insert((due, self.sequence), (delivery, lane));
    }

    /// Stops receiving. Waiting deliveries are released if the receiver was stopped, and handled if the
    /// source has no more messages.
    fn finish(&mut self, result: Result<(), Error>, stopped: bool) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(result);
        self.late = self.driving.grace.and_then(later);
        for (_, (delivery, lane)) in std::mem::take(&mut self.parked) {
            drop(delivery);
            self.lanes.end(lane);
        }
        if stopped {
            self.lanes.clear();
        }
    }

    /// When to wake up without another event.
    fn wakes_at(&self, running: usize) -> Option<Instant> {
        let now = self.now()?;
        // Waits for running handlers, not for the time.
        let places = if self.outage.is_some() { 1 } else { self.driving.limit };
        let probe = self.outage.as_ref().map(|outage| outage.next).filter(|next| *next > now);
        let parked = self.parked.first_key_value().map(|((due, _), _)| *due);
        let parked = parked.map(|due| probe.map_or(due, |probe| due.max(probe)));
        let reconnect = self.reconnect.filter(|at| *at > now);
        [parked.filter(|_| running < places), probe.filter(|_| running < places), self.late, reconnect]
            .into_iter()
            .flatten()
            .min()
    }
}

/// Whether a later call of `next` may succeed.
fn can_pass(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Transport)
}

/// `None` if the time cannot be represented.
fn later(after: Duration) -> Option<Instant> {
    Instant::now().checked_add(after)
}
