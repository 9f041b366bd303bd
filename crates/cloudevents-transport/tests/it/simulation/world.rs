//! The broker, the dead-letter sink and the handler of one schedule, and what they saw.

use super::script::{Does, Kind, Script, Source, What};
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Message};
use cloudevents_json::Json;
use cloudevents_transport::{
    DeadLetter, DeadLetterSink, Delivery, Failure, OrderBy, Partition, Raw, Received,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, LazyLock, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

/// The header that names the arrival of a message.
const ARRIVAL: &str = "arrival";

#[derive(Clone)]
pub(super) struct World(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

pub(super) struct State {
    pub(super) script: Script,
    pub(super) begun: Instant,
    /// Numbers the starts of the program. What an earlier one does has no effect.
    pub(super) incarnation: u32,
    /// What the program has to do now: crash or end.
    pub(super) asked: Option<What>,
    pub(super) fails_once: bool,
    /// Faults that last, and until when.
    lasting: Vec<(What, Instant)>,
    pub(super) logs: BTreeMap<u32, Log>,
    pub(super) queue: Queue,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) seen: Vec<Seen>,
    /// The messages before this one are not open, and will not be.
    done_before: usize,
    /// The last arrival with an effect, by ownership and key.
    last: HashMap<(u64, u32), usize>,
    /// The last arrivals with an effect in this start of the program: of all, and of batches.
    last_of_all: Option<usize>,
    last_batch: Option<usize>,
    batch_runs: bool,
    /// What this start of the program did.
    pub(super) tally: Tally,
    pub(super) ended_well: bool,
    /// Clients that are not dropped.
    pub(super) clients: usize,
    pub(super) running: usize,
    pub(super) most_running: usize,
    /// Calls of handlers that have ended, and letters.
    pub(super) events: usize,
    pub(super) violations: Vec<String>,
    pub(super) trace: Vec<String>,
}

/// Calls of handlers, those that failed, and effects.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Tally {
    pub(super) calls: u64,
    pub(super) failed: u64,
    /// Ended without a result: dropped, or took too long.
    pub(super) dropped: u64,
    pub(super) effects: u64,
}

#[derive(Default)]
pub(super) struct Log {
    pub(super) messages: Vec<usize>,
    pub(super) committed: u64,
    /// The ownership, while the program has the partition.
    pub(super) owner: Option<u64>,
    /// Where the program's client reads next, and whether that is before where it was.
    pub(super) fetch: u64,
    pub(super) was_reset: bool,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) ready: BTreeSet<usize>,
    /// Messages that are lent, by arrival, and until when.
    pub(super) lent: BTreeMap<usize, Option<Instant>>,
    pub(super) connection: u64,
    /// Since when the connection is there.
    pub(super) since: Option<Instant>,
    /// The program's client knows that it is lost.
    pub(super) is_known_lost: bool,
    pub(super) delivered: BTreeMap<usize, u32>,
}

/// One message that the broker handed over.
pub(super) struct Arrival {
    index: usize,
    incarnation: u32,
    owner: u64,
    is_running: bool,
    has_effect: bool,
    is_rejected: bool,
    is_stored: bool,
    /// The broker does not have it any more.
    is_void: bool,
}

/// What happened to a message.
#[derive(Clone, Default, Debug)]
pub(super) struct Seen {
    pub(super) arrived: bool,
    pub(super) calls: u32,
    pub(super) deliveries: u32,
    /// Failures of the message itself.
    pub(super) own: u32,
    pub(super) effects: u32,
    pub(super) first_effect: Option<Instant>,
    pub(super) letters: u32,
    /// The broker lost it.
    pub(super) is_gone: bool,
}

impl Seen {
    pub(super) fn is_concluded(&self) -> bool {
        self.effects > 0 || self.letters > 0 || self.is_gone
    }
}

/// One call of the handler.
pub(super) struct Call {
    world: World,
    arrival: usize,
    incarnation: u32,
    pub(super) does: Does,
    takes: u64,
    has_result: bool,
}

impl Log {
    /// The first message that is not committed.
    pub(super) fn behind(&self) -> Option<usize> {
        self.messages.get(self.committed as usize).copied()
    }
}

impl World {
    pub(super) fn new(script: Script) -> Self {
        let partitions: BTreeSet<_> = script.messages.iter().map(|message| message.partition).collect();
        let state = State {
            begun: Instant::now(),
            incarnation: 0,
            asked: None,
            fails_once: false,
            lasting: Vec::new(),
            logs: partitions.into_iter().map(|number| (number, Log::default())).collect(),
            queue: Queue::default(),
            arrivals: Vec::new(),
            seen: vec![Seen::default(); script.messages.len()],
            done_before: 0,
            last: HashMap::new(),
            last_of_all: None,
            last_batch: None,
            batch_runs: false,
            tally: Tally::default(),
            ended_well: false,
            clients: 0,
            running: 0,
            most_running: 0,
            events: 0,
            violations: Vec::new(),
            trace: Vec::new(),
            script,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub(super) fn change(&self) {
        self.0.changed.notify_waiters();
    }

    /// Waits until this is `Some`.
    pub(super) async fn when<T>(&self, mut is: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.0.changed.notified();
            if let Some(value) = is(&mut self.state()) {
                return value;
            }
            changed.await;
        }
    }

    /// Publishes the messages at their times.
    pub(super) async fn publish(self) {
        let messages: Vec<_> =
            self.state().script.messages.iter().map(|message| (message.at, message.partition)).collect();
        for (index, (at, partition)) in messages.into_iter().enumerate() {
            let due = self.state().begun + Duration::from_millis(at);
            if due > Instant::now() {
                tokio::time::sleep_until(due).await;
            }
            let mut state = self.state();
            state.seen[index].arrived = true;
            state.logs.get_mut(&partition).unwrap().messages.push(index);
            state.queue.ready.insert(index);
            drop(state);
            self.change();
        }
    }

    /// Begins a fault that lasts.
    pub(super) fn begin_fault(&self, what: What, lasts: Duration) {
        let mut state = self.state();
        state.note(format_args!("{what:?} for {lasts:?}"));
        let until = Instant::now() + lasts;
        state.lasting.push((what, until));
        if what == What::Disconnect {
            state.queue.connection += 1;
            state.queue.is_known_lost = false;
            state.queue.since = None;
            state.connection_ends();
        }
        drop(state);
        self.change();
        let world = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(until).await;
            world.change();
        });
    }

    /// The message as the broker hands it over.
    pub(super) fn hand_over(
        &self,
        incarnation: u32,
        owner: u64,
        index: usize,
        offset: u64,
    ) -> (usize, Received) {
        let mut state = self.state();
        let message = state.script.messages[index].clone();
        let arrival = state.arrivals.len();
        state.seen[index].deliveries += 1;
        state.arrivals.push(Arrival {
            index,
            incarnation,
            owner,
            is_running: false,
            has_effect: false,
            is_rejected: false,
            is_stored: false,
            is_void: false,
        });
        state.note(format_args!("message {index} arrives as {arrival} of {owner}"));
        let ty = format!("com.example.t{}", message.ty);
        let event = Event::builder()
            .id(index.to_string())
            .source("/simulation")
            .ty(&ty)
            .extension("partitionkey", message.key.to_string())
            .build()
            .unwrap();
        let content = match message.is_batch {
            true => Message::batched(&[event], &Json::new()).unwrap().0,
            false => Message::from(event),
        };
        let mut raw = Raw::default();
        raw.headers = vec![(ARRIVAL.into(), Some(arrival.to_string().into()))];
        raw.key = Some(message.key.to_string().into());
        if state.script.source == Source::Log {
            (raw.partition, raw.offset) = (Some(Partition::new("log", message.partition)), Some(offset));
        } else {
            raw.topic = Some("queue".into());
        }
        (arrival, Received::new(Ok(Decoded::clean(content)), raw))
    }

    /// The handler is called.
    pub(super) fn call(&self, delivery: &Delivery) -> Call {
        let mut state = self.state();
        let number = arrival(delivery);
        let (index, incarnation) = (state.arrivals[number].index, state.arrivals[number].incarnation);
        let is_out = state.lasts(What::Outage);
        state.note(format_args!("call {number}, message {index}"));
        let is_current = state.is_current(number);
        let is_batch = state.script.messages[index].is_batch;
        let is_beside = state.batch_runs || (is_batch && state.running > 0);
        state.batch_runs = is_batch;
        state.tally.calls += 1;
        let at = &mut state.arrivals[number];
        let wrong = [
            (is_beside, "is a batch or begins beside one"),
            (!is_current, "begins although it belongs to somebody else"),
            (at.is_running, "begins while it runs"),
            (at.has_effect, "begins again after its success"),
            (at.is_rejected, "begins again after it was rejected"),
        ];
        at.is_running = true;
        for (_, what) in wrong.iter().filter(|(is, _)| *is) {
            state.violation(format_args!("arrival {number} of message {index} {what}"));
        }
        state.running += 1;
        state.most_running = state.most_running.max(state.running);
        state.seen[index].calls += 1;
        let message = state.script.messages[index].clone();
        let own = state.seen[index].own;
        let does = match message.does {
            _ if is_out => Does::Fails(u32::MAX),
            Does::Fails(times)
            | Does::IsUnavailable(times)
            | Does::Hangs(times)
            | Does::RetriesLater(times)
            | Does::Retries(times)
            | Does::Releases(times)
                if own >= times =>
            {
                Does::Succeeds
            }
            does => does,
        };
        if does != Does::Succeeds && !is_out {
            state.seen[index].own += 1;
        }
        Call {
            world: self.clone(),
            arrival: number,
            incarnation,
            does,
            takes: message.takes,
            has_result: false,
        }
    }

    pub(super) fn sink(&self, incarnation: u32) -> impl DeadLetterSink {
        Sink(self.clone(), incarnation)
    }
}

impl Call {
    pub(super) async fn run(mut self, delivery: Delivery) -> Result<(), Failure> {
        let _bomb = (self.does == Does::PanicsInTheEnd).then(|| Bomb);
        if self.takes > 0 {
            sleep(Duration::from_millis(self.takes)).await;
        }
        let second = Duration::from_secs(1);
        let result = match self.does {
            Does::Succeeds => {
                self.effect();
                Ok(())
            }
            Does::Fails(_) | Does::IsPoison => Err(Failure::retry("it fails")),
            Does::IsUnavailable(_) => Err(super::unavailable()),
            Does::Rejects => Err(Failure::reject("no")),
            Does::Hangs(_) => std::future::pending().await,
            Does::PanicsAtOnce | Does::PanicsLater => panic!("simulated"),
            Does::PanicsInTheEnd => Ok(()),
            Does::RetriesLater(times) => {
                Err(Failure::retry_after(second * if times > 2 { 600 } else { 0 }, "later"))
            }
            Does::Accepts => {
                self.effect();
                let outcome = delivery.accept();
                if self.takes > 0 {
                    let _ = outcome.await;
                }
                Ok(())
            }
            Does::AcceptsAndFails => {
                self.effect();
                drop(delivery.accept());
                Err(Failure::retry("after it was accepted"))
            }
            Does::Retries(_) => {
                drop(delivery.retry(second));
                Ok(())
            }
            Does::Releases(_) => {
                drop(delivery.release());
                Ok(())
            }
            Does::Keeps => {
                let (world, arrival, incarnation) = (self.world.clone(), self.arrival, self.incarnation);
                tokio::spawn(async move {
                    sleep(second * 2).await;
                    world.effect(arrival, incarnation);
                    drop(delivery.accept());
                });
                Ok(())
            }
        };
        self.has_result = true;
        let failed = match &result {
            Err(failure) => self.does == Does::AcceptsAndFails || !failure.is_reject(),
            Ok(()) => self.does == Does::PanicsInTheEnd,
        };
        self.world.state().tally.failed += u64::from(failed);
        result
    }

    fn effect(&self) {
        self.world.effect(self.arrival, self.incarnation);
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::panic_any("simulated");
        }
    }
}

impl World {
    fn effect(&self, number: usize, incarnation: u32) {
        let mut state = self.state();
        if state.incarnation != incarnation {
            return;
        }
        let Arrival { index, owner, is_void, .. } = state.arrivals[number];
        state.note(format_args!("effect {number}, message {index}"));
        state.arrivals[number].has_effect = true;
        state.seen[index].effects += 1;
        state.seen[index].first_effect.get_or_insert(Instant::now());
        state.tally.effects += 1;
        state.events += 1;
        self.change();
        let message = state.script.messages[index].clone();
        if state.script.order == OrderBy::None || is_void || message.does.settles() {
            return;
        }
        let before = match message.is_batch {
            // In no order with those that settle themselves.
            true => state.last_of_all,
            false => state.last_batch.max(state.last.get(&(owner, state.script.lane(&message))).copied()),
        };
        if before > Some(number) {
            state.violation(format_args!("arrival {number} has its effect after {before:?}"));
        }
        let lane = (owner, state.script.lane(&message));
        if message.is_batch {
            state.last_batch = state.last_batch.max(Some(number));
        } else {
            state.last.insert(lane, number);
        }
        state.last_of_all = state.last_of_all.max(Some(number));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut state = self.world.state();
        state.events += 1;
        if state.incarnation == self.incarnation {
            state.running -= 1;
            state.batch_runs = false;
            let panicked =
                self.does == Does::PanicsAtOnce || self.does == Does::PanicsLater && std::thread::panicking();
            state.tally.failed += u64::from(panicked);
            state.tally.dropped += u64::from(!self.has_result && !panicked);
            state.arrivals[self.arrival].is_running = false;
        }
        drop(state);
        self.world.change();
    }
}

impl State {
    pub(super) fn lasts(&self, what: What) -> bool {
        let now = Instant::now();
        self.lasting.iter().any(|(lasting, until)| *lasting == what && now < *until)
    }

    pub(super) fn note(&mut self, what: std::fmt::Arguments<'_>) {
        static IS_LIVE: LazyLock<bool> = LazyLock::new(|| std::env::var_os("CE_SIM_LIVE").is_some());
        let line = format!("{:>9} ms: {what}", self.begun.elapsed().as_millis());
        if *IS_LIVE {
            println!("{line}");
        }
        self.trace.push(line);
    }

    pub(super) fn violation(&mut self, what: std::fmt::Arguments<'_>) {
        self.note(format_args!("VIOLATION: {what}"));
        let line = what.to_string();
        self.violations.push(line);
    }

    /// Whether the arrival is still the program's to handle.
    fn is_current(&self, number: usize) -> bool {
        let Arrival { index, incarnation, owner, is_void, .. } = self.arrivals[number];
        let owned = match self.script.source {
            Source::Log => self.logs[&self.script.messages[index].partition].owner == Some(owner),
            // What the broker took back without a word, the program cannot know.
            source if source.outlives() => true,
            Source::Queue { .. } => self.queue.connection == owner && !self.queue.is_known_lost,
        };
        incarnation == self.incarnation && owned && !is_void
    }

    /// Messages that were published and have neither an effect nor a letter.
    pub(super) fn open(&self) -> Vec<usize> {
        (0..self.seen.len()).filter(|index| self.is_open(*index)).collect()
    }

    /// Whether none is open. It is asked after each change.
    pub(super) fn is_done(&mut self) -> bool {
        while self.done_before < self.seen.len() && !self.is_open(self.done_before) {
            self.done_before += 1;
        }
        self.done_before == self.seen.len()
    }

    fn is_open(&self, index: usize) -> bool {
        let does = self.script.messages[index].does;
        let hangs = || self.script.time_limit.is_none() && matches!(does, Does::Hangs(_));
        let stays = || self.script.give_up_after.is_none() && self.script.attempts.is_none() && does.stays();
        !self.seen[index].is_concluded() && !hangs() && !stays()
    }

    /// Whether the program has concluded the latest arrival of a message.
    pub(super) fn is_done_with(&self, index: usize) -> bool {
        let here = |arrival: &&Arrival| arrival.index == index && arrival.incarnation == self.incarnation;
        let last = self.arrivals.iter().rev().find(here);
        last.is_some_and(|arrival| arrival.has_effect || arrival.is_stored)
    }

    /// The program's client learns that the partition was truncated to this length.
    pub(super) fn void_from(&mut self, partition: u32, owner: u64, kept: &BTreeSet<usize>) {
        for arrival in &mut self.arrivals {
            let here = self.script.messages[arrival.index].partition == partition;
            arrival.is_void |= here && arrival.owner == owner && !kept.contains(&arrival.index);
        }
    }

    /// The broker is asked to settle this offset as committed.
    pub(super) fn commit(&mut self, partition: u32, offset: u64) {
        self.note(format_args!("commit {partition} {offset}"));
        let log = &self.logs[&partition];
        // What was truncated is not there to be committed, and the program does not know yet.
        let offset = if log.was_reset { offset.min(log.fetch) } else { offset };
        let open: Vec<_> = log
            .messages
            .iter()
            .take(offset as usize)
            .filter(|index| !self.seen[**index].is_concluded())
            .copied()
            .collect();
        if !open.is_empty() {
            self.violation(format_args!("partition {partition} is committed to {offset} with {open:?} open"));
        }
        self.logs.get_mut(&partition).unwrap().committed = offset;
    }

    /// The broker is asked to forget a lent message.
    pub(super) fn accept(&mut self, number: usize) {
        let index = self.arrivals[number].index;
        if !self.seen[index].is_concluded() {
            self.violation(format_args!("message {index} is accepted and has no effect"));
        }
    }

    /// A start of the program begins.
    pub(super) fn start(&mut self) {
        self.incarnation += 1;
        (self.asked, self.running, self.batch_runs, self.ended_well) = (None, 0, false, false);
        (self.last_of_all, self.last_batch, self.tally) = (None, None, Tally::default());
        self.queue.connection += 1;
        self.queue.since = None;
        self.connection_ends();
        if self.script.source.kind() == Some(Kind::Forgets) {
            let lost: Vec<_> = self.arrivals.iter().map(|arrival| arrival.index).collect();
            lost.into_iter().for_each(|index| self.seen[index].is_gone = true);
        }
        self.logs.values_mut().for_each(|log| log.owner = None);
        let incarnation = self.incarnation;
        self.note(format_args!("start {incarnation}"));
    }

    /// The connection is lost.
    pub(super) fn connection_ends(&mut self) {
        if !self.script.source.outlives() {
            self.give_back_all();
        }
    }

    /// Everything that is lent is at the broker again.
    pub(super) fn give_back_all(&mut self) {
        for arrival in std::mem::take(&mut self.queue.lent).into_keys() {
            let index = self.index(arrival);
            self.queue.ready.insert(index);
        }
    }

    pub(super) fn index(&self, arrival: usize) -> usize {
        self.arrivals[arrival].index
    }
}

/// Stores dead letters.
struct Sink(World, u32);

impl DeadLetterSink for Sink {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let Self(world, incarnation) = self;
        let number = arrival_of(&letter.received);
        {
            let mut state = world.state();
            state.note(format_args!("letter {number}, attempt {}: {}", letter.attempt, letter.reason));
            state.arrivals[number].is_rejected = true;
        }
        let slow = world.state().lasts(What::SinkIsSlow);
        sleep(Duration::from_millis(if slow { 40_000 } else { 1 })).await;
        world.when(|state| (!state.lasts(What::SinkHangs)).then_some(())).await;
        let panics = world.state().lasts(What::SinkPanics);
        assert!(!panics, "simulated");
        let mut state = world.state();
        if state.incarnation != *incarnation {
            return Err(Error::new(ErrorKind::Closed));
        }
        if state.lasts(What::SinkIsAway) {
            return Err(Error::new(ErrorKind::Disconnected));
        }
        let index = state.arrivals[number].index;
        state.note(format_args!("letter {number} is stored, message {index}"));
        state.seen[index].letters += 1;
        state.arrivals[number].is_stored = true;
        state.events += 1;
        drop(state);
        world.change();
        Ok(())
    }
}

fn arrival(delivery: &Delivery) -> usize {
    arrival_of(delivery.received())
}

pub(super) fn arrival_of(received: &Received) -> usize {
    received.header_text(ARRIVAL).unwrap().parse().unwrap()
}

pub(super) fn with() -> DecodeOptions {
    DecodeOptions::strict()
}
