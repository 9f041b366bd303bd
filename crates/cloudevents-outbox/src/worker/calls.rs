//! Calls of the store: at most one of each kind at a time, and again later where they fail.

use super::{Held, OutboxOptions, Tally};
use crate::{Claim, Claimed, Settled, Settlement, Store, Ticket, millis};
use cloudevents_core::Error;
use cloudevents_transport::binding::{connect::Backoff, later};
use futures_util::{future::BoxFuture, stream::FuturesUnordered};
use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// The most settlements of a call.
const SETTLED: usize = 512;

/// The most messages that a call gives up, or deletes.
const PRUNED: usize = 500;

/// The pause between looking for such messages.
const PRUNE: Duration = Duration::from_secs(60);

pub(super) struct Calls<S> {
    store: Arc<S>,
    tally: Arc<Tally>,
    pub(super) running: FuturesUnordered<BoxFuture<'static, Done>>,
    /// The settlements to record.
    pub(super) settlements: Vec<Settlement>,
    /// An error that is not temporary.
    pub(super) fatal: Option<Error>,
    /// The number of messages that were not settled in time at the end.
    pub(super) given_up: usize,
    /// Whether that time is over.
    is_late: bool,
    claim_at: Instant,
    /// Whether something happened since the last claim began that it may have missed.
    has_news: bool,
    claiming: Kind,
    pass: Pass,
    settle_at: Instant,
    settling: Kind,
    renew_at: Instant,
    renewing: Kind,
    prune_at: Instant,
    pruning: Kind,
}

/// The state of one kind of call.
#[derive(Default)]
struct Kind {
    is_running: bool,
    failures: u32,
}

/// Where claiming is, in a pass over all targets.
#[derive(Default)]
struct Pass {
    after: Option<Arc<str>>,
    has_claimed: bool,
    /// Whether a target had more messages than its limit, in this pass or in the last one.
    is_limited: bool,
    was_limited: bool,
}

pub(super) enum Done {
    /// With the end of the leases.
    Claimed(SystemTime, Result<Claimed, Error>),
    Settled(Vec<Settlement>, Result<Settled, Error>),
    Renewed(SystemTime, Result<Vec<Ticket>, Error>),
    /// The numbers of messages that were given up, and deleted.
    Pruned(Result<(usize, usize), Error>),
}

impl<S: Store> Calls<S> {
    pub(super) fn new(store: Arc<S>, tally: Arc<Tally>, options: &OutboxOptions) -> Self {
        let now = Instant::now();
        Self {
            store,
            tally,
            running: FuturesUnordered::new(),
            settlements: Vec::new(),
            fatal: None,
            given_up: 0,
            is_late: false,
            claim_at: now,
            has_news: false,
            claiming: Kind::default(),
            pass: Pass::default(),
            settle_at: now,
            settling: Kind::default(),
            renew_at: later(now, renewal(options)),
            renewing: Kind::default(),
            prune_at: now,
            pruning: Kind::default(),
        }
    }

    pub(super) fn can_claim(&self) -> bool {
        !self.claiming.is_running && self.claim_at <= Instant::now()
    }

    /// Claims, where the pass over all targets is.
    pub(super) fn claim(&mut self, mut claim: Claim) {
        self.claiming.is_running = true;
        self.has_news = false;
        claim.after = self.pass.after.clone();
        let (store, until) = (Arc::clone(&self.store), millis::later(claim.now, claim.lease));
        self.running.push(Box::pin(async move { Done::Claimed(until, store.claim(claim).await) }));
    }

    /// Returns the messages, and decides when to claim again.
    pub(super) fn claimed(
        &mut self,
        result: Result<Claimed, Error>,
        options: &OutboxOptions,
    ) -> Option<Claimed> {
        let claimed = match self.claiming.ended(result, "messages are not claimed", &self.tally.away) {
            Ok(claimed) => claimed,
            Err(error) => {
                self.claim_at = self.claiming.again(options);
                self.fail(error);
                return None;
            }
        };
        let pass = &mut self.pass;
        pass.has_claimed |= !claimed.messages.is_empty();
        pass.is_limited |= claimed.has_more;
        pass.after.clone_from(&claimed.next);
        if pass.after.is_none() {
            pass.was_limited = mem::take(&mut pass.is_limited);
            if !mem::take(&mut pass.has_claimed) && !self.has_news {
                self.claim_at = later(Instant::now(), options.poll);
            }
        }
        Some(claimed)
    }

    /// Does not wait for the next poll. After a failure, it does wait.
    pub(super) fn claim_soon(&mut self) {
        self.has_news = true;
        if self.claiming.failures == 0 {
            self.claim_at = self.claim_at.min(Instant::now());
        }
    }

    pub(super) fn settle(&mut self, options: &OutboxOptions) {
        if self.settling.is_running || self.settlements.is_empty() || Instant::now() < self.settle_at {
            return;
        }
        self.settling.is_running = true;
        let some = self.settlements.len().min(SETTLED);
        let settlements: Vec<Settlement> = self.settlements.drain(..some).collect();
        let (store, now) = (Arc::clone(&self.store), options.clock.now());
        self.running.push(Box::pin(async move {
            let settled = store.settle(settlements.clone(), now).await;
            Done::Settled(settlements, settled)
        }));
    }

    /// Returns the settled messages, and the targets to which nothing may be sent now. Keeps the other settlements, to try again.
    pub(super) fn settled(
        &mut self,
        settlements: Vec<Settlement>,
        result: Result<Settled, Error>,
        options: &OutboxOptions,
    ) -> (Vec<Settlement>, Vec<Arc<str>>) {
        match self.settling.ended(result, "results are not recorded", &self.tally.away) {
            Ok(settled) => {
                let lost = settlements.len().saturating_sub(settled.valid);
                Tally::add(&self.tally.lost_leases, u64::try_from(lost).unwrap_or(0));
                // Permits are free again, which the last pass may have lacked.
                if self.pass.was_limited || self.pass.is_limited || self.claiming.is_running {
                    self.claim_soon();
                }
                (settlements, settled.stopped)
            }
            Err(error) => {
                self.settle_at = self.settling.again(options);
                self.fail(error);
                self.settlements.splice(..0, settlements);
                if self.is_late {
                    self.give_up();
                }
                Default::default()
            }
        }
    }

    pub(super) fn renew(&mut self, held: &HashMap<Ticket, Held>, options: &OutboxOptions) {
        if self.is_late || self.renewing.is_running || held.is_empty() || Instant::now() < self.renew_at {
            return;
        }
        self.renewing.is_running = true;
        self.renew_at = later(Instant::now(), renewal(options));
        let tickets = held.keys().copied().collect();
        let (store, until) = (Arc::clone(&self.store), millis::later(options.clock.now(), options.lease));
        self.running.push(Box::pin(async move { Done::Renewed(until, store.renew(tickets, until).await) }));
    }

    /// Returns the leases that were renewed.
    pub(super) fn renewed(
        &mut self,
        result: Result<Vec<Ticket>, Error>,
        options: &OutboxOptions,
    ) -> Vec<Ticket> {
        self.renewing.ended(result, "leases are not renewed", &self.tally.away).unwrap_or_else(|error| {
            self.renew_at = self.renew_at.min(self.renewing.again(options));
            self.fail(error);
            Vec::new()
        })
    }

    /// Gives up on messages that cannot be sent before their deadline, and deletes old ones.
    pub(super) fn prune(&mut self, held_back: impl Iterator<Item = Arc<str>>, options: &OutboxOptions) {
        if self.pruning.is_running || Instant::now() < self.prune_at {
            return;
        }
        self.pruning.is_running = true;
        self.prune_at = later(Instant::now(), PRUNE);
        let (store, now) = (Arc::clone(&self.store), options.clock.now());
        let (deadline, retention) = (options.retry.deadline(), options.retention);
        let held_back = held_back.collect();
        let pruning = async move {
            let given_up = store.give_up(held_back, deadline, now, PRUNED).await?;
            let deleted = match retention {
                Some(retention) => store.prune(retention, now, PRUNED).await?,
                None => 0,
            };
            Ok((given_up, deleted))
        };
        self.running.push(Box::pin(async move { Done::Pruned(pruning.await) }));
    }

    pub(super) fn pruned(&mut self, result: Result<(usize, usize), Error>) {
        // It is not repeated soon, and holds nothing up.
        let unnoted = AtomicU64::new(0);
        match self.pruning.ended(result, "old messages are not given up or deleted", &unnoted) {
            Ok((given_up, deleted)) => {
                if given_up > 0 {
                    tracing::warn!(
                        given_up,
                        "messages of targets that are paused, disabled or held back are dead"
                    );
                    Tally::add(&self.tally.dead, u64::try_from(given_up).unwrap_or(u64::MAX));
                }
                if given_up.max(deleted) >= PRUNED {
                    self.prune_at = Instant::now();
                }
            }
            Err(error) => self.fail(error),
        }
    }

    /// The time of the next call.
    pub(super) fn next_time(&self, can_claim: bool, holds: bool) -> Instant {
        let times = [
            (can_claim && !self.claiming.is_running, self.claim_at),
            (!self.settlements.is_empty() && !self.settling.is_running, self.settle_at),
            (holds && !self.is_late && !self.renewing.is_running, self.renew_at),
            (can_claim && !self.pruning.is_running, self.prune_at),
        ];
        let soonest = times.into_iter().filter(|(is, _)| *is).map(|(_, time)| time).min();
        soonest.unwrap_or_else(|| later(Instant::now(), PRUNE))
    }

    /// Gives up on results that cannot be recorded: now, or when the call that is under way fails. Leases are not renewed any more.
    pub(super) fn give_up(&mut self) {
        self.is_late = true;
        if self.settling.failures > 0 && !self.settling.is_running {
            self.given_up = self.given_up.saturating_add(self.settlements.len());
            self.settlements.clear();
        }
    }

    fn fail(&mut self, error: Error) {
        if !error.is_temporary() {
            self.settlements.clear();
            self.fatal = Some(error);
        }
    }
}

impl Kind {
    /// `away` counts kinds of calls whose last one failed.
    fn ended<T>(&mut self, result: Result<T, Error>, what: &str, away: &AtomicU64) -> Result<T, Error> {
        self.is_running = false;
        match &result {
            Ok(_) if self.failures > 0 => {
                tracing::info!(failures = self.failures, "it works again: {what}");
                self.forget(away);
            }
            Ok(_) => {}
            Err(error) => {
                if self.failures == 0 {
                    away.fetch_add(1, Ordering::Relaxed);
                }
                self.failures = self.failures.saturating_add(1);
                tracing::warn!(%error, failures = self.failures, "{what}");
            }
        }
        result
    }

    fn forget(&mut self, away: &AtomicU64) {
        if std::mem::take(&mut self.failures) > 0 {
            away.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// When to try again.
    fn again(&self, options: &OutboxOptions) -> Instant {
        let random = options.retry.random(self.failures);
        later(Instant::now(), Backoff::default().delay_with(self.failures, random))
    }
}

/// A store is not away any more when the calls end.
impl<S> Drop for Calls<S> {
    fn drop(&mut self) {
        for kind in [&mut self.claiming, &mut self.settling, &mut self.renewing] {
            kind.forget(&self.tally.away);
        }
    }
}

fn renewal(options: &OutboxOptions) -> Duration {
    options.lease.checked_div(3).unwrap_or_default()
}
