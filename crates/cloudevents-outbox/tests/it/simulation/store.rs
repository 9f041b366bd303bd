//! A store in memory that takes time, fails, and does what was requested although it says that it failed.

use super::world::World;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_outbox::{
    Attempt, Claim, Claimed, ClaimedMessage, Counts, Health, NewMessage, Query, Record, Retention, Settled,
    Settlement, State, Step, Store, Target, Ticket,
};
use cloudevents_testkit::rng::Rng;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep};

/// A message.
pub(super) struct Row {
    pub(super) message: NewMessage,
    pub(super) state: State,
    pub(super) reason: Box<str>,
    pub(super) started: SystemTime,
    due: SystemTime,
    claims: u64,
    attempts: u32,
    /// Until when each worker may begin an attempt, by its own clock.
    pub(super) leases: BTreeMap<usize, SystemTime>,
}

#[derive(Default)]
pub(super) struct Tables {
    pub(super) rows: BTreeMap<u64, Row>,
    health: BTreeMap<Box<str>, Health>,
}

/// The store as one worker reaches it.
#[derive(Clone)]
pub(super) struct MemoryStore {
    pub(super) worker: usize,
    pub(super) tables: Arc<Mutex<Tables>>,
    pub(super) rng: Arc<Mutex<Rng>>,
    pub(super) world: World,
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap()
    }

    /// A call: on its way there, done, and on its way back.
    async fn call<T>(&self, work: impl FnOnce(&mut Tables) -> T) -> Result<T, Error> {
        let (there, back, loses) = {
            let mut rng = self.rng.lock().unwrap();
            (rng.below(20), rng.below(20), rng.percent(2))
        };
        let away = || Error::new(ErrorKind::Disconnected);
        sleep(Duration::from_millis(there)).await;
        if self.world.is_cut(self.worker) {
            return Err(away());
        }
        let done = work(&mut self.tables());
        sleep(Duration::from_millis(back)).await;
        if loses || self.world.is_cut(self.worker) { Err(away()) } else { Ok(done) }
    }
}

impl Tables {
    fn lease(&mut self, claim: &Claim, worker: usize, number: u64, health: &Health) -> ClaimedMessage {
        let row = self.rows.get_mut(&number).unwrap();
        row.claims += 1;
        row.due = claim.now + claim.lease;
        row.leases.insert(worker, row.due);
        ClaimedMessage {
            ticket: Ticket { number, claim: row.claims },
            target: Arc::from(&*row.message.target),
            ordered: row.message.ordered,
            attempt: row.attempts + 1,
            started: row.started,
            expires: row.message.expires,
            health: health.clone(),
            body: row.message.body.clone(),
        }
    }

    fn claim(&mut self, claim: &Claim, worker: usize) -> Claimed {
        let mut claimed = Claimed::default();
        let pending = |row: &&Row| row.state == State::Pending;
        let targets: BTreeSet<Box<str>> =
            self.rows.values().filter(pending).map(|row| row.message.target.clone()).collect();
        let after = claim.after.as_deref().unwrap_or("");
        for target in targets.into_iter().filter(|target| &**target > after) {
            let room = claim.limit.saturating_sub(claimed.messages.len());
            if room == 0 {
                claimed.has_more = true;
                return claimed;
            }
            claimed.next = Some(Arc::from(&*target));
            let health = self.health.get(&target).cloned().unwrap_or_default();
            if health.is_disabled || health.pause_end(claim.now).is_some() {
                continue;
            }
            let is_outage = health.is_outage();
            let (left, room) = (room, room.min(claim.room(&target)));
            let most = match (room, is_outage) {
                (0, _) => 0,
                (_, true) => 32,
                (_, false) => room.div_ceil(2).max(3),
            };
            let of_target = |row: &&Row| row.state == State::Pending && row.message.target == target;
            let due = |row: &&Row| row.due <= claim.now;
            let in_order = self.rows.iter().filter(|(_, row)| of_target(row) && row.message.ordered);
            let in_order = in_order.take_while(|(_, row)| due(row)).take(most.min(left));
            let mut numbers: Vec<u64> = in_order.map(|(number, _)| *number).collect();
            let rest = self.rows.iter().filter(|(_, row)| of_target(row) && !row.message.ordered && due(row));
            let mut rest: Vec<(SystemTime, u64)> = rest.map(|(number, row)| (row.due, *number)).collect();
            rest.sort_unstable();
            let half = numbers.len().min(room.div_ceil(2));
            let mut places = (room - half).min(left - numbers.len());
            if is_outage && room > 0 {
                let turn = numbers.is_empty() || (health.pauses % 2 == 1 && !rest.is_empty());
                numbers.truncate(if turn { 0 } else { numbers.len() });
                places = usize::from(turn);
            }
            let line = numbers.len();
            numbers.extend(rest.into_iter().map(|(_, number)| number).take(places));
            claimed.has_more |= match is_outage || room == 0 {
                true => numbers.len() >= room.min(1),
                false => line >= most.min(left) || numbers.len() - line >= places,
            };
            for number in numbers {
                let message = self.lease(claim, worker, number, &health);
                claimed.messages.push(message);
                if is_outage {
                    self.health.get_mut(&target).unwrap().paused_until = Some(claim.now + claim.lease);
                }
            }
        }
        claimed.next = None;
        claimed
    }

    fn settle(&mut self, settlements: &[Settlement], now: SystemTime, world: &World) -> Settled {
        let mut settled = Settled::default();
        for settlement in settlements {
            let row = self.rows.get_mut(&settlement.ticket.number).unwrap();
            let is_valid = row.state == State::Pending && row.claims == settlement.ticket.claim;
            if is_valid {
                settled.valid += 1;
                match &settlement.step {
                    Step::Delivered => row.state = State::Delivered,
                    Step::Dead(reason) => (row.state, row.reason) = (State::Dead, reason.clone()),
                    Step::Retry { due, counts } => {
                        (row.due, row.attempts) = (*due, row.attempts + u32::from(*counts));
                    }
                    _ => row.due = now,
                }
                row.claims += 1;
                world.settled(settlement.ticket.number, row);
            }
            if let Some(health) = &settlement.health {
                let stored = self.health.entry((&*settlement.target).into()).or_default();
                let requested = stored.requested_until.filter(|until| *until > now);
                let is_disabled = stored.is_disabled;
                let is_success =
                    health.failed.is_empty() && health.pauses == 0 && health.paused_until.is_none();
                if is_valid && (is_success || stored.pauses <= health.pauses) {
                    *stored = health.clone();
                    stored.is_disabled |= is_disabled;
                }
                stored.requested_until = health.requested_until.max(requested);
                if let Some(until) = health.requested_until {
                    world.paused(&settlement.target, until);
                }
            }
        }
        let targets: BTreeSet<&Arc<str>> = settlements.iter().map(|settlement| &settlement.target).collect();
        for target in targets {
            let health = self.health.get(&**target).cloned().unwrap_or_default();
            if health.is_disabled || health.requested_until.is_some_and(|until| until > now) {
                settled.stopped.push(Arc::clone(target));
            }
        }
        settled
    }

    fn give_up(
        &mut self,
        held_back: &[Arc<str>],
        deadline: Option<Duration>,
        now: SystemTime,
        limit: usize,
        world: &World,
    ) -> usize {
        let mut given_up = 0;
        for (number, row) in &mut self.rows {
            let health = self.health.get(&row.message.target).cloned().unwrap_or_default();
            let is_held_back = held_back.iter().any(|target| **target == *row.message.target);
            let is_stopped = is_held_back || health.is_disabled || health.pause_end(now).is_some();
            let is_late = deadline.is_some_and(|deadline| row.started + deadline < now);
            if row.state == State::Pending && is_stopped && row.due <= now && is_late && given_up < limit {
                (row.state, row.reason) = (State::Dead, "given up after its deadline".into());
                world.settled(*number, row);
                given_up += 1;
            }
        }
        given_up
    }
}

impl Store for MemoryStore {
    async fn enqueue(&self, messages: Vec<NewMessage>) -> Result<Vec<u64>, Error> {
        let mut tables = self.tables();
        let mut numbers = Vec::new();
        for message in messages {
            let number = tables.rows.len() as u64 + 1;
            let (started, due) = (message.enqueued, message.due);
            let (state, leases) = (State::Pending, BTreeMap::new());
            let row = Row { message, state, reason: "".into(), started, due, claims: 0, attempts: 0, leases };
            tables.rows.insert(number, row);
            numbers.push(number);
        }
        Ok(numbers)
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, Error> {
        self.call(|tables| tables.claim(&claim, self.worker)).await
    }

    async fn renew(&self, tickets: Vec<Ticket>, until: SystemTime) -> Result<Vec<Ticket>, Error> {
        let renew = |tables: &mut Tables| {
            let mut renewed = tickets;
            renewed.retain(|ticket| {
                let row = tables.rows.get_mut(&ticket.number).unwrap();
                let is_valid = row.state == State::Pending && row.claims == ticket.claim;
                if is_valid {
                    row.due = until;
                    row.leases.insert(self.worker, until);
                }
                is_valid
            });
            renewed
        };
        self.call(renew).await
    }

    async fn settle(&self, settlements: Vec<Settlement>, now: SystemTime) -> Result<Settled, Error> {
        let settled = self.call(|tables| tables.settle(&settlements, now, &self.world)).await?;
        self.world.lost(self.worker, settlements.len() - settled.valid);
        Ok(settled)
    }

    async fn find(&self, _: Query) -> Result<Vec<Record>, Error> {
        unreachable!()
    }

    async fn attempts(&self, _: u64) -> Result<Vec<Attempt>, Error> {
        unreachable!()
    }

    async fn replay(&self, _: Query, _: SystemTime) -> Result<u64, Error> {
        unreachable!()
    }

    async fn give_up(
        &self,
        held_back: Vec<Arc<str>>,
        deadline: Option<Duration>,
        now: SystemTime,
        limit: usize,
    ) -> Result<usize, Error> {
        self.call(|tables| tables.give_up(&held_back, deadline, now, limit, &self.world)).await
    }

    async fn prune(&self, _: Retention, _: SystemTime, _: usize) -> Result<usize, Error> {
        Ok(0)
    }

    async fn targets(&self, _: Box<str>) -> Result<Vec<Target>, Error> {
        unreachable!()
    }

    async fn set_health(&self, target: Box<str>, health: Health) -> Result<(), Error> {
        self.world.resumed(&target, Instant::now());
        self.tables().health.insert(target, health);
        Ok(())
    }

    async fn counts(&self) -> Result<Counts, Error> {
        unreachable!()
    }
}
