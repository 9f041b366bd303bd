//! The broker's two faces: a log under the ledger, and a queue under the queue's task.

use super::{
    script::{Kind, Source, What},
    world::World,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Bounds, By, Endpoint, Extends, Host, Outcome, Partition, Receiver, ReceiverCapabilities, ReceiverOptions,
    Settlement,
    binding::{
        connect::{Backoff, Connect, Reconnect},
        log::{Ledger, LogOptions, LogReceiver, LogSource, Record},
        queue::{Arrived, QueueOptions, QueueReceiver, QueueSource, Room},
    },
};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{Instant, sleep, sleep_until};

/// How long a partition that is revoked waits for its handlers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a receiver for this start of the program.
pub(super) async fn open(
    world: &World,
    incarnation: u32,
    options: ReceiverOptions,
) -> Result<Receiver, Error> {
    let source = world.state().script.source;
    match source {
        Source::Log => {
            let ledger = Ledger::new(LogOptions::default().with_sink(world.sink(incarnation)))?;
            let numbers: Vec<_> = world.state().logs.keys().copied().collect();
            numbers.iter().for_each(|number| assign(world, &ledger, *number));
            tokio::spawn(rebalance(world.clone(), incarnation, ledger.clone()));
            tokio::spawn(commit_now_and_then(world.clone(), incarnation, ledger.clone()));
            world.state().clients += 1;
            let log = Log { world: world.clone(), incarnation, ledger: ledger.clone() };
            Ok(Receiver::new(LogReceiver::new(ledger, log), options))
        }
        Source::Queue { lock, kind: kind @ (Kind::Returns | Kind::Delays | Kind::Forgets) } => {
            queue(Broker::<false> { world: world.clone(), incarnation, lock, kind }, options).await
        }
        Source::Queue { lock, kind: kind @ Kind::Outlives } => {
            queue(Broker::<true> { world: world.clone(), incarnation, lock, kind }, options).await
        }
    }
}

async fn queue<const OUTLIVES: bool>(
    broker: Broker<OUTLIVES>,
    options: ReceiverOptions,
) -> Result<Receiver, Error> {
    let hosts = Endpoint::parse("x://a/").unwrap().hosts().to_vec();
    let sink = broker.world.sink(broker.incarnation);
    let reconnect = Reconnect::new(broker, hosts, Backoff::default());
    let room = Room::new(Bounds { messages: options.in_flight.messages, ..Bounds::default() }, 16);
    let queue = QueueOptions::default().with_sink(sink);
    Ok(Receiver::new(QueueReceiver::open(reconnect, room, queue).await?, options))
}

fn partition(number: u32) -> Partition {
    Partition::new("log", number)
}

/// Gives a partition to the program.
fn assign(world: &World, ledger: &Ledger, number: u32) {
    let mut state = world.state();
    let owner = state.arrivals.len() as u64 * 1000 + u64::from(number) + 1;
    let incarnation = state.incarnation;
    state.note(format_args!("partition {number} belongs to {incarnation} as {owner}"));
    let log = state.logs.get_mut(&number).unwrap();
    // A position behind the end does not exist any more: the client begins at the end.
    log.committed = log.committed.min(log.messages.len() as u64);
    (log.owner, log.fetch) = (Some(owner), log.committed);
    ledger.assign(partition(number), log.committed);
    drop(state);
    world.change();
}

/// Takes partitions away and gives them back, as the script says.
async fn rebalance(world: World, incarnation: u32, ledger: Ledger) {
    loop {
        let number = world
            .when(|state| {
                let numbers: Vec<_> = state.logs.keys().copied().collect();
                let revoked =
                    |number: &u32| state.lasts(What::Revoke(*number)) && state.logs[number].owner.is_some();
                match numbers.into_iter().find(revoked) {
                    _ if state.incarnation != incarnation => Some(None),
                    found => found.map(Some),
                }
            })
            .await;
        let Some(number) = number else { return };
        let this = [partition(number)];
        let end = Instant::now() + PATIENCE;
        ledger.start_leaving(&this, PATIENCE);
        while ledger.unsettled() > 0 && Instant::now() < end {
            sleep(Duration::from_millis(10)).await;
        }
        let offset = ledger.revoke(&this[0]);
        if !give_up(&world, incarnation, number, offset) {
            return;
        }
        let back = async {
            world.when(|state| (!state.lasts(What::Revoke(number))).then_some(())).await;
        };
        back.await;
        if world.state().incarnation != incarnation {
            return;
        }
        assign(&world, &ledger, number);
    }
}

/// The partition belongs to somebody else. Returns whether the program still runs.
fn give_up(world: &World, incarnation: u32, number: u32, offset: Option<u64>) -> bool {
    let mut state = world.state();
    if state.incarnation != incarnation {
        return false;
    }
    state.note(format_args!("partition {number} belongs to somebody else"));
    state.logs.get_mut(&number).unwrap().owner = None;
    if let Some(offset) = offset {
        state.commit(number, offset);
    }
    drop(state);
    world.change();
    true
}

async fn commit_now_and_then(world: World, incarnation: u32, ledger: Ledger) {
    let mut calls = usize::MAX;
    while world.state().incarnation == incarnation {
        // Until something happens, so that virtual time passes quickly.
        calls = world
            .when(|state| (state.events != calls || state.incarnation != incarnation).then_some(state.events))
            .await;
        sleep(Duration::from_secs(1)).await;
        commit(&world, incarnation, &ledger);
    }
}

fn commit(world: &World, incarnation: u32, ledger: &Ledger) {
    let marks = ledger.marks();
    let mut state = world.state();
    if state.incarnation == incarnation {
        for mark in marks {
            state.commit(mark.partition.number(), mark.offset);
        }
    }
    drop(state);
    world.change();
}

struct Log {
    world: World,
    incarnation: u32,
    ledger: Ledger,
}

impl Log {
    /// What the client has to return, if there is something.
    fn take(&self) -> Option<Result<Record, Error>> {
        let mut state = self.world.state();
        if state.incarnation != self.incarnation {
            return None;
        }
        if std::mem::take(&mut state.fails_once) {
            return Some(Err(Error::new(ErrorKind::Refused)));
        }
        if state.lasts(What::Disconnect) {
            return Some(Err(Error::new(ErrorKind::Disconnected)));
        }
        let turn = state.arrivals.len();
        let numbers: Vec<_> = state.logs.keys().copied().collect();
        for at in 0..numbers.len() {
            let number = numbers[(turn + at) % numbers.len()];
            let log = state.logs.get_mut(&number).unwrap();
            let Some(owner) = log.owner else { continue };
            let Some(&index) = log.messages.get(log.fetch as usize) else { continue };
            let offset = log.fetch;
            log.fetch += 1;
            // The ledger learns that the log has gone back with the next message.
            if std::mem::take(&mut log.was_reset) {
                let kept: BTreeSet<_> = log.messages.iter().copied().collect();
                state.note(format_args!("partition {number} is read from {offset} on"));
                state.void_from(number, owner, &kept);
            }
            drop(state);
            let (_, received) = self.world.hand_over(self.incarnation, owner, index, offset);
            return Some(Ok(Record::new(partition(number), offset, received)));
        }
        None
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.world.state().clients -= 1;
        self.world.change();
    }
}

impl LogSource for Log {
    async fn next(&mut self) -> Result<Record, Error> {
        loop {
            let incarnation = self.incarnation;
            let is_there = self.world.when(|state| {
                let unread =
                    |log: &super::world::Log| log.owner.is_some() && log.fetch != log.messages.len() as u64;
                let found =
                    state.fails_once || state.lasts(What::Disconnect) || state.logs.values().any(unread);
                (state.incarnation == incarnation && found).then_some(())
            });
            is_there.await;
            if let Some(taken) = self.take() {
                return taken;
            }
        }
    }

    async fn commit(&mut self) -> Result<(), Error> {
        commit(&self.world, self.incarnation, &self.ledger);
        Ok(())
    }
}

#[derive(Clone)]
struct Broker<const OUTLIVES: bool> {
    world: World,
    incarnation: u32,
    lock: Option<u64>,
    kind: Kind,
}

struct Connection<const OUTLIVES: bool> {
    broker: Broker<OUTLIVES>,
    number: u64,
}

impl<const OUTLIVES: bool> Connect for Broker<OUTLIVES> {
    type Connection = Connection<OUTLIVES>;

    async fn connect(&self, _: &Host) -> Result<Connection<OUTLIVES>, Error> {
        let number = {
            let mut state = self.world.state();
            if state.incarnation != self.incarnation {
                return Err(Error::new(ErrorKind::Closed));
            }
            if std::mem::take(&mut state.fails_once) {
                return Err(Error::new(ErrorKind::Closed));
            }
            if state.lasts(What::Disconnect) {
                return Err(Error::new(ErrorKind::Unreachable));
            }
            state.queue.connection += 1;
            state.queue.is_known_lost = false;
            state.queue.since = Some(Instant::now());
            state.connection_ends();
            state.clients += 1;
            state.queue.connection
        };
        let connection = Connection { broker: self.clone(), number };
        if let Some(lock) = self.lock {
            tokio::spawn(expire(self.world.clone(), self.incarnation, number, lock));
        }
        Ok(connection)
    }
}

/// Takes back what was lent for too long.
async fn expire(world: World, incarnation: u32, number: u64, lock: u64) {
    loop {
        let mut is_late = false;
        let first = {
            let mut state = world.state();
            if state.incarnation != incarnation || state.queue.connection != number {
                return;
            }
            let now = Instant::now();
            let late: Vec<_> = state
                .queue
                .lent
                .iter()
                .filter(|(_, until)| until.is_some_and(|until| until <= now))
                .map(|(at, _)| *at)
                .collect();
            for arrival in late {
                let index = state.index(arrival);
                state.queue.lent.remove(&arrival);
                state.queue.ready.insert(index);
                let lent_at = now - Duration::from_millis(lock);
                is_late = true;
                if state.queue.since.is_none_or(|since| since > lent_at) {
                    continue; // it could not be renewed
                }
                state.violation(format_args!(
                    "arrival {arrival} of message {index} was lent for {lock} ms and not renewed"
                ));
            }
            state.queue.lent.values().flatten().min().copied()
        };
        if is_late {
            world.change();
        }
        match first {
            Some(until) => sleep_until(until).await,
            None => {
                world
                    .when(|state| {
                        (!state.queue.lent.is_empty()
                            || state.incarnation != incarnation
                            || state.queue.connection != number)
                            .then_some(())
                    })
                    .await
            }
        }
    }
}

impl<const OUTLIVES: bool> Connection<OUTLIVES> {
    fn is_open(&self, state: &super::world::State) -> bool {
        state.incarnation == self.broker.incarnation
            && state.queue.connection == self.number
            && !state.lasts(What::Disconnect)
            && !state.fails_once
    }

    fn lost(&self, state: &mut super::world::State) -> Error {
        state.queue.is_known_lost |= state.queue.connection == self.number;
        Error::new(ErrorKind::Disconnected)
    }

    fn until(&self) -> Option<Instant> {
        self.broker.lock.map(|lock| Instant::now() + Duration::from_millis(lock))
    }
}

/// The broker takes back the messages of a connection when it ends.
impl<const OUTLIVES: bool> Drop for Connection<OUTLIVES> {
    fn drop(&mut self) {
        let mut state = self.broker.world.state();
        state.clients -= 1;
        if state.incarnation == self.broker.incarnation && state.queue.connection == self.number {
            state.queue.is_known_lost = true;
            state.queue.since = None;
            state.connection_ends();
        }
        drop(state);
        self.broker.world.change();
    }
}

impl<const OUTLIVES: bool> QueueSource for Connection<OUTLIVES> {
    type Tag = usize;

    const TAGS_OUTLIVE_CONNECTIONS: bool = OUTLIVES;

    fn capabilities(&self) -> ReceiverCapabilities {
        let mut capabilities = match self.broker.kind {
            Kind::Forgets => return ReceiverCapabilities::unsettled(),
            _ => ReceiverCapabilities::queue(),
        };
        if self.broker.kind == Kind::Delays {
            capabilities.delays = By::Broker;
        }
        capabilities.extends = match self.broker.lock {
            Some(lock) => Extends::Every(Duration::from_millis(lock / 3)),
            None => Extends::NotNeeded,
        };
        capabilities
    }

    async fn next(&mut self) -> Result<Arrived<usize>, Error> {
        let found = self.broker.world.when(|state| match self.is_open(state) {
            false => Some(None),
            true => state.queue.ready.pop_first().map(Some),
        });
        let world = &self.broker.world;
        let Some(index) = found.await else { return Err(self.lost(&mut world.state())) };
        let (arrival, received) = world.hand_over(self.broker.incarnation, self.number, index, 0);
        let mut state = world.state();
        if self.broker.kind == Kind::Forgets {
            return Ok(Arrived { received, tag: arrival, attempt: 1 });
        }
        let until = self.until();
        state.queue.lent.insert(arrival, until);
        let attempt = state.queue.delivered.entry(index).or_default();
        *attempt += 1;
        let attempt = *attempt;
        drop(state);
        world.change();
        Ok(Arrived { received, tag: arrival, attempt })
    }

    async fn tend(&mut self) -> Error {
        let world = &self.broker.world;
        world.when(|state| (!self.is_open(state)).then_some(())).await;
        self.lost(&mut world.state())
    }

    async fn settle(&mut self, tags: Vec<usize>, how: Settlement) -> Result<Outcome, Error> {
        let mut state = self.broker.world.state();
        if !self.is_open(&state) {
            return Err(self.lost(&mut state));
        }
        for arrival in tags {
            if state.queue.lent.remove(&arrival).is_none() {
                continue;
            }
            state.note(format_args!("settle {arrival}: {how}"));
            match how {
                Settlement::Accept => state.accept(arrival),
                Settlement::Retry { after } if !after.is_zero() => {
                    if self.broker.kind != Kind::Delays {
                        state.violation(format_args!(
                            "arrival {arrival} has a delay that the broker does not know"
                        ));
                    }
                    let (world, index) = (self.broker.world.clone(), state.index(arrival));
                    tokio::spawn(async move {
                        sleep(after).await;
                        world.state().queue.ready.insert(index);
                        world.change();
                    });
                }
                _ => {
                    let index = state.index(arrival);
                    state.queue.ready.insert(index);
                }
            }
        }
        drop(state);
        self.broker.world.change();
        Ok(Outcome::done())
    }

    async fn extend(&mut self, tags: Vec<usize>) -> Result<(), Error> {
        let until = self.until();
        let mut state = self.broker.world.state();
        if !self.is_open(&state) {
            return Err(self.lost(&mut state));
        }
        for arrival in tags {
            if let Some(lent) = state.queue.lent.get_mut(&arrival) {
                *lent = until;
            }
        }
        Ok(())
    }

    async fn close(self) -> Result<(), Error> {
        Ok(())
    }
}
