//! The world of the simulation: a source, a target and a dead-letter place with faults, all from one seed.

use super::table::metrics;
use cloudevents_core::Decoded;
use cloudevents_core::{Error, ErrorKind, Event, Message};
use cloudevents_testkit::rng::Rng;
use cloudevents_transport::{
    Carries, Confirmed, Content, InFlight, Outcome, Outgoing, Partition, Raw, Receipt, Received,
    ReceiverCapabilities, SenderCapabilities, Settlement,
    binding::{
        Incoming, Receive, Resolver, Settle, Token, Transmit,
        log::{Ledger, LogSource, Record},
    },
    bridge::BridgeStatus,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Queue,
    Log,
}

/// One message of the source.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) event: Event,
    pub(super) key: Option<String>,
    pub(super) partition: u32,
    /// The target refuses it permanently.
    pub(super) is_poison: bool,
}

#[derive(Clone)]
pub(super) struct World(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    pub(super) crashed: Notify,
}

pub(super) struct State {
    pub(super) rng: Rng,
    pub(super) kind: Kind,
    pub(super) items: Vec<Item>,
    /// Items of a queue that no consumer holds.
    ready: BTreeSet<usize>,
    /// Items that the bridge holds: delivered and not settled.
    pub(super) held: BTreeSet<usize>,
    /// The sizes of items of a queue, as the bridge counts them.
    sizes: BTreeMap<usize, usize>,
    settled: BTreeSet<usize>,
    /// Offsets of partitions, and the items there.
    pub(super) partitions: BTreeMap<u32, Vec<usize>>,
    pub(super) committed: BTreeMap<u32, u64>,
    /// The bridge is the one of this incarnation. What an earlier one does has no effect.
    pub(super) incarnation: u32,
    is_crashed: bool,
    /// Steps until the bridge crashes.
    pub(super) fuse: Option<u64>,
    /// Items in the target, and the incarnation that sent them.
    pub(super) applied: Vec<(usize, u32)>,
    /// Sends of this incarnation that the target may have.
    pub(super) sent: BTreeSet<usize>,
    pub(super) letters: BTreeSet<usize>,
    /// Confirms and settlements that were lost: each allows a duplicate.
    pub(super) lost: u64,
    pub(super) outages: Vec<(Instant, Instant)>,
    pub(super) sink_outage: Option<(Instant, Instant)>,
    pub(super) running: usize,
    pub(super) most_running: usize,
    pub(super) in_flight: Option<InFlight>,
    pub(super) status: Option<BridgeStatus>,
    pub(super) most_in_flight: usize,
    /// When an item may be sent again, as the target has requested of this incarnation.
    not_before: BTreeMap<usize, Instant>,
    /// What this incarnation was given, and what became of it.
    pub(super) tally: Tally,
    /// Attempts since the beginning, minute by minute.
    pub(super) attempts: BTreeMap<u64, u64>,
    /// What must not happen, and did.
    pub(super) violations: Vec<String>,
    begun: Instant,
    /// What happened, to compare runs.
    pub(super) trace: Vec<String>,
}

/// The numbers of one incarnation, as its ends saw them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) received: u64,
    pub(super) received_bytes: u64,
    pub(super) sent: u64,
    pub(super) confirmed: u64,
    pub(super) failed: u64,
    pub(super) settled: BTreeMap<&'static str, u64>,
}

impl State {
    fn is_out(&self) -> bool {
        let now = Instant::now();
        self.outages.iter().any(|(from, to)| (*from..*to).contains(&now))
    }

    fn is_sink_out(&self) -> bool {
        self.sink_outage.is_some_and(|(from, to)| (from..to).contains(&Instant::now()))
    }

    fn violation(&mut self, what: std::fmt::Arguments<'_>) {
        self.note(format_args!("VIOLATION: {what}"));
        self.violations.push(what.to_string());
    }

    /// The bridge begins an attempt.
    fn begins(&mut self, index: usize) {
        let minute = self.begun.elapsed().as_secs() / 60;
        *self.attempts.entry(minute).or_default() += 1;
        if let Some(until) = self.not_before.get(&index).filter(|until| Instant::now() < **until) {
            let early = *until - Instant::now();
            self.violation(format_args!("{index} is sent {early:?} before the target wants it again"));
        }
        let Some(status) = self.status.clone().filter(|_| self.kind == Kind::Queue) else { return };
        let sizes: usize = self.held.iter().map(|index| self.sizes[index]).sum();
        let shown = metrics(&status);
        for (name, seen) in [("messages", self.held.len()), ("bytes", sizes)] {
            let shown = shown[&format!("cloudevents_bridge_in_flight_{name}")];
            if shown != seen as f64 {
                self.violation(format_args!("{seen} {name} are in flight, and the gauge says {shown}"));
            }
        }
    }

    /// The bridge hears what became of an attempt.
    fn answers(&mut self, index: usize, result: &Result<Receipt, Error>) {
        match result {
            Ok(_) => self.tally.confirmed += 1,
            Err(error) => {
                self.tally.failed += 1;
                let wait = error.retry_after().map(|wait| Instant::now() + wait);
                wait.into_iter().for_each(|until| _ = self.not_before.insert(index, until));
            }
        }
    }

    fn note(&mut self, what: std::fmt::Arguments<'_>) {
        self.trace.push(format!("{} ms: {what}", self.begun.elapsed().as_millis()));
    }

    /// Items that are not done yet.
    pub(super) fn left(&self) -> usize {
        match self.kind {
            Kind::Queue => self.items.len() - self.settled.len(),
            Kind::Log => {
                let done: u64 = self.committed.values().sum();
                self.items.len() - usize::try_from(done).unwrap()
            }
        }
    }
}

impl World {
    pub(super) fn new(rng: Rng, kind: Kind, items: Vec<Item>) -> Self {
        let mut partitions: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            partitions.entry(item.partition).or_default().push(index);
        }
        let state = State {
            rng,
            kind,
            ready: (0..items.len()).collect(),
            items,
            held: BTreeSet::new(),
            sizes: BTreeMap::new(),
            settled: BTreeSet::new(),
            committed: partitions.keys().map(|partition| (*partition, 0)).collect(),
            partitions,
            incarnation: 0,
            is_crashed: false,
            fuse: None,
            applied: Vec::new(),
            sent: BTreeSet::new(),
            letters: BTreeSet::new(),
            lost: 0,
            outages: Vec::new(),
            sink_outage: None,
            running: 0,
            most_running: 0,
            in_flight: None,
            status: None,
            most_in_flight: 0,
            not_before: BTreeMap::new(),
            tally: Tally::default(),
            attempts: BTreeMap::new(),
            violations: Vec::new(),
            begun: Instant::now(),
            trace: Vec::new(),
        };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Notify::new(), crashed: Notify::new() }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    /// Ready when the bridge crashes.
    pub(super) async fn crash(&self) {
        self.0.crashed.notified().await;
    }

    /// Starts another bridge, after the process of the last one has ended. What it held is free again.
    pub(super) fn restart(&self, fuse: Option<u64>) -> u32 {
        let mut state = self.state();
        let held = std::mem::take(&mut state.held);
        if state.kind == Kind::Queue {
            state.ready.extend(held);
        }
        (state.fuse, state.is_crashed, state.running) = (fuse, false, 0);
        state.sent.clear();
        state.not_before.clear();
        (state.tally, state.status) = (Tally::default(), None);
        state.incarnation += 1;
        let incarnation = state.incarnation;
        state.note(format_args!("start {incarnation}"));
        incarnation
    }

    /// One step of the bridge. Returns `false` if its process has ended.
    fn step(&self, incarnation: u32) -> bool {
        let mut state = self.state();
        if state.is_crashed || state.incarnation != incarnation {
            return false;
        }
        if let Some(fuse) = &mut state.fuse {
            if *fuse == 0 {
                state.is_crashed = true;
                state.note(format_args!("crash"));
                self.0.crashed.notify_one();
                return false;
            }
            *fuse -= 1;
        }
        true
    }

    /// A process that has ended does nothing any more.
    async fn alive(&self, incarnation: u32) {
        if !self.step(incarnation) {
            std::future::pending::<()>().await;
        }
    }

    fn received(&self, index: usize) -> (Message, Raw) {
        let item = self.state().items[index].clone();
        let mut raw = Raw::default();
        raw.key = item.key.map(Into::into);
        raw.offset = (self.state().kind == Kind::Queue).then_some(index as u64);
        (Message::from(item.event), raw)
    }

    async fn delay(&self, most: u64) {
        let millis = self.state().rng.below(most);
        if millis > 0 {
            sleep(Duration::from_millis(millis)).await;
        }
    }
}

/// A queue: settled one by one, in order as long as nothing comes again.
pub(super) struct Queue(pub(super) World, pub(super) u32);

impl Queue {
    fn take(&self) -> Option<usize> {
        let mut state = self.0.state();
        let index = state.ready.pop_first()?;
        state.held.insert(index);
        state.note(format_args!("deliver {index}"));
        Some(index)
    }
}

impl Receive for Queue {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::queue()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        loop {
            let changed = self.0.0.changed.notified();
            self.0.alive(self.1).await;
            self.0.delay(20).await;
            if self.0.state().rng.percent(1) {
                return Err(Error::new(ErrorKind::Disconnected));
            }
            if let Some(index) = self.take() {
                let (message, raw) = self.0.received(index);
                let token = Token::new(Settling { world: self.0.clone(), incarnation: self.1, index });
                let received = Received::new(Ok(Decoded::clean(message)), raw);
                let (mut state, size) = (self.0.state(), received.size());
                state.tally.received += 1;
                state.tally.received_bytes += size as u64;
                state.sizes.insert(index, size);
                return Ok(Some(Incoming::new(received, token)));
            }
            if self.0.state().left() == 0 {
                return Ok(None);
            }
            changed.await;
        }
    }

    async fn drain(&mut self, _: Duration) -> Result<(), Error> {
        self.0.alive(self.1).await;
        Ok(())
    }
}

struct Settling {
    world: World,
    incarnation: u32,
    index: usize,
}

impl Settle for Settling {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        let Self { world, incarnation, index } = *self;
        let lost = || Outcome::ready(Err(Error::new(ErrorKind::Disconnected)));
        if !world.step(incarnation) {
            return lost();
        }
        let mut state = world.state();
        state.held.remove(&index);
        *state.tally.settled.entry(name_of(&how)).or_default() += 1;
        // No random number and no note for a release: the order in which they happen is not fixed.
        let is_lost = how != Settlement::Release && state.rng.percent(1);
        if how != Settlement::Release {
            state.note(format_args!("settle {index}: {how}, lost: {is_lost}"));
        }
        match how {
            Settlement::Accept | Settlement::Reject { .. } if !is_lost => {
                if let Settlement::Reject { .. } = how {
                    state.letters.insert(index);
                }
                state.settled.insert(index);
            }
            _ => {
                state.lost += u64::from(is_lost);
                state.ready.insert(index);
            }
        }
        drop(state);
        world.0.changed.notify_waiters();
        if is_lost { lost() } else { Outcome::done() }
    }
}

/// A log under the toolkit's ledger.
pub(super) struct Log {
    world: World,
    incarnation: u32,
    ledger: Ledger,
}

impl Log {
    pub(super) fn new(world: World, incarnation: u32, ledger: Ledger) -> Self {
        let committed = world.state().committed.clone();
        for (number, offset) in committed {
            ledger.assign(Partition::new("log", number), offset);
        }
        Self { world, incarnation, ledger }
    }

    fn take(&self) -> Option<Record> {
        let partitions: Vec<_> = self.world.state().partitions.keys().copied().collect();
        let first = self.world.state().rng.below(partitions.len() as u64) as usize;
        for turn in 0..partitions.len() {
            let number = partitions[(first + turn) % partitions.len()];
            let partition = Partition::new("log", number);
            let Some(offset) = self.ledger.position(&partition) else { continue };
            let index = self.world.state().partitions[&number].get(offset as usize).copied();
            let Some(index) = index else { continue };
            let (message, mut raw) = self.world.received(index);
            (raw.partition, raw.offset) = (Some(partition.clone()), Some(offset));
            self.world.state().note(format_args!("deliver {index}"));
            return Some(Record::new(partition, offset, Received::new(Ok(Decoded::clean(message)), raw)));
        }
        None
    }

    fn commit_marks(&self) {
        if !self.world.step(self.incarnation) {
            return;
        }
        let marks = self.ledger.marks();
        let mut state = self.world.state();
        for mark in marks {
            state.note(format_args!("commit {} {}", mark.partition.number(), mark.offset));
            state.committed.insert(mark.partition.number(), mark.offset);
        }
    }
}

impl LogSource for Log {
    async fn next(&mut self) -> Result<Record, Error> {
        loop {
            self.world.alive(self.incarnation).await;
            self.world.delay(20).await;
            if self.world.state().rng.percent(10) {
                self.commit_marks();
            }
            if let Some(record) = self.take() {
                return Ok(record);
            }
            // The end of the log: marks come when messages are settled.
            sleep(Duration::from_millis(200)).await;
            self.commit_marks();
            if self.world.state().left() == 0 {
                return Err(Error::new(ErrorKind::Closed));
            }
        }
    }

    async fn commit(&mut self) -> Result<(), Error> {
        self.world.alive(self.incarnation).await;
        self.commit_marks();
        Ok(())
    }
}

/// The target. Sends to different keys overtake each other.
pub(super) struct Target(pub(super) World, pub(super) u32);

impl Transmit for Target {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::KEY.and(Carries::HEADERS))
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        self.0.alive(self.1).await;
        let index = index_of(&outgoing);
        self.0.state().begins(index);
        // A connection that cannot be made, or a request that waits for one.
        let mut waits = Waits(self.0.clone(), Some(self.1));
        while self.0.state().is_out() {
            if self.0.state().rng.percent(50) {
                // Its wait ends here, and fails.
                return Err(Error::new(ErrorKind::Unreachable));
            }
            sleep(Duration::from_secs(10)).await;
            self.0.alive(self.1).await;
        }
        waits.1 = None;
        drop(waits);
        {
            let mut state = self.0.state();
            state.running += 1;
            state.most_running = state.most_running.max(state.running);
            let used = state.in_flight.as_ref().map_or(0, |in_flight| in_flight.used().messages);
            state.most_in_flight = state.most_in_flight.max(used);
            state.sent.insert(index);
            state.tally.sent += 1;
        }
        let (resolver, outcome) = Outcome::channel();
        tokio::spawn(exchange(self.0.clone(), self.1, index, resolver));
        Ok(outcome)
    }

    /// Poison.
    fn refuses_message(&self, error: &Error) -> Option<bool> {
        (error.kind() == ErrorKind::Refused).then(|| !error.is_temporary())
    }

    async fn close(&self) -> Result<(), Error> {
        self.0.alive(self.1).await;
        Ok(())
    }
}

/// A message that waits for the target. It fails if it waits for too long, as if the target is away.
struct Waits(World, Option<u32>);

impl Drop for Waits {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if self.1 == Some(state.incarnation) {
            state.tally.failed += 1;
        }
    }
}

/// The way of one message to the target and of the confirm back. A crash of the bridge does not end it.
async fn exchange(world: World, incarnation: u32, index: usize, resolver: Resolver<Receipt>) {
    world.delay(100).await;
    let result = {
        let mut state = world.state();
        let chance = state.rng.below(100);
        let result = if state.is_out() {
            Err(Error::new(ErrorKind::Disconnected))
        } else if state.items[index].is_poison {
            Err(Error::new(ErrorKind::Refused).with_detail("poison"))
        } else if chance < 3 {
            Err(Error::new(ErrorKind::Refused).with_temporary(true))
        } else if chance < 5 {
            Err(Error::new(ErrorKind::Refused).with_retry_after(Duration::from_secs(chance)))
        } else {
            state.applied.push((index, incarnation));
            if chance < 7 {
                state.lost += 1;
                let kinds = [ErrorKind::Timeout, ErrorKind::Disconnected];
                Err(Error::new(kinds[(chance % 2) as usize])) // the target has it
            } else {
                Ok(Receipt::new())
            }
        };
        state.note(format_args!("target {index} of {incarnation}: {}", result.is_ok()));
        result
    };
    world.delay(50).await;
    {
        let mut state = world.state();
        if state.incarnation == incarnation {
            state.running = state.running.saturating_sub(1);
        }
    }
    if world.step(incarnation) {
        world.state().answers(index, &result);
        resolver.resolve(result);
    } else {
        std::future::pending::<()>().await;
    }
}

/// The dead-letter place.
pub(super) struct Letters(pub(super) World, pub(super) u32);

impl Letters {
    pub(super) async fn put(&self, event: &Event) -> Result<(), Error> {
        self.0.alive(self.1).await;
        self.0.delay(100).await;
        if self.0.state().is_sink_out() {
            return Err(Error::new(ErrorKind::Unreachable));
        }
        let index = event.id().parse().unwrap();
        self.0.state().letters.insert(index);
        self.0.state().note(format_args!("letter {index}"));
        self.0.alive(self.1).await;
        Ok(())
    }
}

impl Transmit for Letters {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Accepted).carrying(Carries::KEY.and(Carries::HEADERS))
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let names: Vec<_> = outgoing.headers().map(|(name, _)| name.to_owned()).collect();
        for name in ["dead-letter-reason", "dead-letter-attempt", "dead-letter-error"] {
            assert!(names.iter().any(|known| known == name), "{names:?}");
        }
        let Content::Message(Message::Binary(event)) = outgoing.content() else { panic!() };
        self.put(event).await?;
        Ok(Outcome::ready(Ok(Receipt::new())))
    }

    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

fn name_of(how: &Settlement) -> &'static str {
    match how {
        Settlement::Accept => "accepted",
        Settlement::Retry { .. } => "retried",
        Settlement::Reject { .. } => "rejected",
        _ => "released",
    }
}

fn index_of(outgoing: &Outgoing) -> usize {
    let Content::Message(Message::Binary(event)) = outgoing.content() else { panic!("not an event") };
    event.id().parse().unwrap()
}
