//! The targets of a sender, and their states.

use super::{Target, WebhookSenderOptions, clock};
use crate::{
    deliver::{self, Conclusion, Health, Reason, TargetState},
    handshake::Grant,
};
use cloudevents_core::Error;
use cloudevents_transport::{Bounds, Fault, InFlight};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Notify, broadcast};

/// Without a deadline.
pub(super) const CENTURY: Duration = Duration::from_secs(3_155_760_000);

/// How long messages of a target are held back that is paused until it is resumed: that may be soon, and an outbox gives up those whose
/// deadline comes before.
const HELD_BACK: Duration = Duration::from_secs(5);

/// How long the first pause after failures waits for an attempt that was admitted before, as in the engine of `run`.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Changes that a slow observer may be behind.
const CHANGES: usize = 1024;

/// A target has another state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetChange {
    /// The target's name.
    pub target: Arc<str>,
    /// The state that it has now.
    pub state: TargetState,
}

/// Observes the states of targets. See [`WebhookSender::changes`](super::WebhookSender::changes).
#[derive(Debug)]
pub struct Changes(broadcast::Receiver<TargetChange>);

impl Changes {
    /// Waits for the next change. `None` when the sender is gone. An observer that is more than 1,024 changes behind misses the oldest.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<TargetChange> {
        loop {
            match self.0.recv().await {
                Ok(change) => return Some(change),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "an observer of targets is too slow");
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// All targets, by name.
#[derive(Debug)]
pub(super) struct Targets {
    entries: RwLock<HashMap<Arc<str>, Arc<Entry>>>,
    changes: broadcast::Sender<TargetChange>,
}

impl Targets {
    pub(super) fn new() -> Self {
        Self { entries: RwLock::default(), changes: broadcast::channel(CHANGES).0 }
    }

    pub(super) fn changes(&self) -> Changes {
        Changes(self.changes.subscribe())
    }

    /// Adds a target, or changes the target of the same name. Its deliveries under way go on with the new one. At the same URL, its pauses,
    /// the end of a retired target and the rate stay. At another URL, only the decisions of the operator stay. Returns the entry if the URL
    /// has changed.
    pub(super) fn add(&self, target: Target, options: &WebhookSenderOptions) -> Option<Arc<Entry>> {
        let name = Arc::clone(&target.name);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        match entries.get(&name) {
            Some(entry) => entry.change(target, options).then(|| Arc::clone(entry)),
            None => {
                entries.insert(name, Arc::new(Entry::new(target, options, self.changes.clone())));
                None
            }
        }
    }

    /// Removes a target. Its deliveries under way are given up.
    pub(super) fn remove(&self, name: &str) -> bool {
        let removed = self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(entry) = &removed {
            entry.update(|live| live.health.disable(Reason::Operator));
        }
        removed.is_some()
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The only target.
    pub(super) fn only(&self) -> Option<Arc<Entry>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = entries.values();
        all.next().filter(|_| all.next().is_none()).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// A target of this name and its state: about 1 KiB, and the URL and credentials.
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    pub(super) room: InFlight,
    /// Held by the one delivery that asks for consent.
    pub(super) asking: tokio::sync::Mutex<()>,
    /// Held by the delivery that is the next one under the rate.
    next: tokio::sync::Mutex<()>,
    /// How many deliveries hold it or wait for it.
    waiting: AtomicU32,
    /// Without retries, the owner of a delivery decides when it is tried again.
    has_retries: bool,
    live: Mutex<Live>,
    changed: Notify,
    changes: broadcast::Sender<TargetChange>,
}

pub(super) struct Live {
    target: Arc<Target>,
    pub(super) health: Health,
    /// With the time at which the target is asked again.
    grant: Option<(Grant, Instant)>,
    /// Why there is none, and until when that counts.
    refused: Option<(Error, Instant)>,
    /// When the last delivery was sent, as far as the rate is concerned.
    sent: Option<Instant>,
    /// The last delivery that was accepted, unless the sender was refused since.
    accepted: Option<Accepted>,
    /// When the attempts that run were admitted, by their numbers.
    running: BTreeMap<u64, Instant>,
    /// How many attempts were admitted.
    admitted: u64,
}

/// A delivery that was accepted.
#[derive(Clone, Copy)]
struct Accepted {
    /// The latest beginning of any so far.
    begun: Instant,
    at: Instant,
}

impl Entry {
    fn new(target: Target, options: &WebhookSenderOptions, changes: broadcast::Sender<TargetChange>) -> Self {
        Self {
            name: Arc::clone(&target.name),
            room: InFlight::new(share(options)),
            asking: tokio::sync::Mutex::default(),
            next: tokio::sync::Mutex::default(),
            waiting: AtomicU32::new(0),
            has_retries: options.retry.has_retries(),
            live: Mutex::new(Live::new(Arc::new(target), options)),
            changed: Notify::new(),
            changes,
        }
    }

    /// Continues with this target. Returns whether it is at another URL.
    fn change(&self, target: Target, options: &WebhookSenderOptions) -> bool {
        let mut has_moved = false;
        self.update(|live| {
            has_moved = live.target.url != target.url;
            let mut fresh = Live::new(Arc::new(target), options);
            if has_moved {
                fresh.health = live.health.elsewhere(fresh.health);
            } else {
                (fresh.health, fresh.sent) = (live.health.clone(), live.sent);
            }
            (fresh.running, fresh.admitted) = (std::mem::take(&mut live.running), live.admitted);
            if fresh.target.agreed.is_some() {
                fresh.health.consented(clock::now());
            }
            *live = fresh;
        });
        has_moved
    }

    /// The target as it is now.
    pub(super) fn target(&self) -> Arc<Target> {
        Arc::clone(&self.live().target)
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> TargetState {
        self.live().health.state().clone()
    }

    /// Changes the state, and wakes who waits for that.
    pub(super) fn update(&self, change: impl FnOnce(&mut Live)) {
        let mut live = self.live();
        let before = live.health.state().clone();
        change(&mut live);
        let state = live.health.state().clone();
        if state != before {
            warn_of(&self.name, &before, &state);
            // Sent while locked, so that changes come in their order. No observer is no error.
            let _ = self.changes.send(TargetChange { target: Arc::clone(&self.name), state });
        }
        drop(live);
        self.changed.notify_waiters();
    }

    /// Changes the state, unless the target has moved from where this one was.
    pub(super) fn update_of(&self, target: &Target, change: impl FnOnce(&mut Live)) {
        self.update(|live| {
            if live.target.url == target.url {
                change(live);
            }
        });
    }

    /// Records the result of a delivery that was begun at this time.
    pub(super) fn record(&self, admitted: &Admission, conclusion: Conclusion, begun: Instant) {
        let now = clock::now();
        let earlier = self.ended(admitted.number);
        let waits = earlier.is_some_and(|at| now.saturating_duration_since(at) < LONGEST_WAIT);
        self.update_of(&admitted.target, |live| {
            match admitted.is_probe {
                true => live.health.record(conclusion, now),
                false => live.health.record_late(conclusion, waits, now),
            }
            match (conclusion, live.accepted) {
                (Conclusion::Delivered, before) => {
                    let begun = before.map_or(begun, |before| before.begun.max(begun));
                    live.accepted = Some(Accepted { begun, at: now });
                }
                // Acceptances before the refused one was begun say no more about others.
                (Conclusion::Denied, Some(accepted)) if accepted.at <= begun => live.accepted = None,
                _ => {}
            }
        });
    }

    /// The attempt of this number runs no more. Returns when the first attempt was admitted that still runs, if that was before this one.
    pub(super) fn ended(&self, number: u64) -> Option<Instant> {
        let mut live = self.live();
        live.running.remove(&number);
        live.running.range(..number).next().map(|(_, at)| *at)
    }

    /// Whether a delivery was accepted just now that was begun after this time, and none refused since.
    pub(super) fn has_accepted_since(&self, then: Instant) -> bool {
        self.live().accepted.is_some_and(|accepted| accepted.shows(then, clock::now()))
    }

    /// Waits until a delivery may be sent. Then [`record`](Self::record) or `forget` has to follow. The error says why it never may, or how
    /// long it would have to wait beyond `latest`.
    pub(super) async fn admitted(&self, latest: Instant) -> Result<Admission, NotAdmitted> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on, no change is missed.
            changed.as_mut().enable();
            let now = clock::now();
            let (admission, admitted, state) = {
                let mut live = self.live();
                let (admission, admitted) = live.admit(now);
                (admission, admitted, live.health.state().clone())
            };
            let awaits_consent = matches!(state, TargetState::Paused { reason: Reason::AwaitingConsent, .. });
            let left = latest.saturating_duration_since(now);
            let until = match admission {
                deliver::Admission::Send => return Ok(admitted),
                deliver::Admission::Refuse(reason) => return Err(NotAdmitted::Disabled(reason)),
                // Consent may come at any time before.
                deliver::Admission::Wait(Some(until))
                    if until > latest && !(self.has_retries && awaits_consent) =>
                {
                    return Err(self.paused(until, until.saturating_duration_since(now)));
                }
                // It would hold a permit of its owner for nothing.
                deliver::Admission::Wait(None)
                    if !self.has_retries && matches!(state, TargetState::Paused { until: None, .. }) =>
                {
                    let wait = left.min(HELD_BACK);
                    return Err(NotAdmitted::HeldBack("the target is paused until it is resumed", wait));
                }
                deliver::Admission::Wait(until) => until.unwrap_or(latest).min(latest),
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(until.into()) => if until >= latest {
                    return Err(self.paused(until, Duration::ZERO));
                },
            }
        }
    }

    fn paused(&self, until: Instant, wait: Duration) -> NotAdmitted {
        match self.live().health.is_requested(until) {
            true => NotAdmitted::Requested(wait),
            false => NotAdmitted::HeldBack("the target is paused beyond the deadline of the delivery", wait),
        }
    }

    /// Waits for this long, unless the target is disabled meanwhile.
    pub(super) async fn pass(&self, wait: Duration) -> Result<(), NotAdmitted> {
        let mut sleep = std::pin::pin!(tokio::time::sleep(wait));
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let TargetState::Disabled(reason) = self.state() {
                return Err(NotAdmitted::Disabled(reason));
            }
            tokio::select! {
                () = changed => {}
                () = sleep.as_mut() => return Ok(()),
            }
        }
    }

    /// Consent that counts now.
    pub(super) fn grant(&self) -> Option<Grant> {
        self.live().grant()
    }

    /// A refusal that counts now.
    pub(super) fn refused(&self) -> Option<Error> {
        self.live()
            .refused
            .as_ref()
            .filter(|(_, until)| *until > clock::now())
            .map(|(error, _)| error.clone())
    }

    /// Keeps a refusal of this target.
    pub(super) fn refuse(&self, target: &Arc<Target>, error: Error, lifetime: Duration) {
        let mut live = self.live();
        // Of the one that was asked: another one has other credentials.
        if Arc::ptr_eq(&live.target, target) {
            live.refused = clock::now().checked_add(lifetime).map(|until| (error, until));
        }
    }

    /// Forgets a refusal.
    pub(super) fn ask_again(&self) {
        self.live().refused = None;
    }

    /// Keeps consent of this target, and ends the wait for it.
    pub(super) fn agree(&self, target: &Target, grant: Grant, lifetime: Duration) {
        let now = clock::now();
        // Without an end within reach, in a century.
        let expires = now.checked_add(lifetime.min(CENTURY));
        self.update_of(target, |live| {
            live.grant = Some((grant, expires.unwrap_or(now)));
            live.health.consented(now);
        });
    }

    /// Waits until the deliveries before it have been sent, or were given up. The error: its own time under the rate would be after
    /// `latest`.
    pub(super) async fn turn(&self, interval: Duration, latest: Instant) -> Result<Turn<'_>, NotAdmitted> {
        let ahead = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        self.wait(interval, ahead, latest)?;
        match tokio::time::timeout_at(latest.into(), self.next.lock()).await {
            Ok(next) => Ok(Turn { _next: next, _waiting: waiting }),
            Err(_) => Err(NotAdmitted::HeldBack(BEHIND, interval)),
        }
    }

    /// How long the rate requires to wait with this many deliveries ahead. The error: longer than until `latest`.
    pub(super) fn wait(
        &self,
        interval: Duration,
        ahead: u32,
        latest: Instant,
    ) -> Result<Duration, NotAdmitted> {
        let now = clock::now();
        let next =
            self.live().sent.and_then(|sent| sent.checked_add(interval)).map_or(now, |next| next.max(now));
        let wait = next.saturating_duration_since(now).saturating_add(interval.saturating_mul(ahead));
        match wait > latest.saturating_duration_since(now) {
            true => Err(NotAdmitted::HeldBack(USED_UP, wait)),
            false => Ok(wait),
        }
    }

    /// Waits for this long, or until something has changed.
    pub(super) async fn rest(&self, wait: Duration) {
        let _ = tokio::time::timeout(wait, self.changed.notified()).await;
    }

    /// A delivery is sent now. That its timer was late does not make the next one late.
    pub(super) fn sends(&self, interval: Duration) {
        let now = clock::now();
        let mut live = self.live();
        let due = live.sent.and_then(|sent| sent.checked_add(interval));
        live.sent = due.filter(|due| now.saturating_duration_since(*due) < LATE).or(Some(now));
    }
}

/// How late a timer may be.
const LATE: Duration = Duration::from_millis(10);

const USED_UP: &str = "the rate that the target granted is used up";
const BEHIND: &str = "those before it under the rate were not sent in time";

/// The right to be the next delivery under the rate.
pub(super) struct Turn<'a> {
    _next: tokio::sync::MutexGuard<'a, ()>,
    _waiting: Waiting<'a>,
}

/// Counted among the deliveries that wait for the rate.
struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The part of the permits that one target may take: large deliveries to a target that is down must not take all bytes. A target has at
/// least a sixteenth of the bytes, even if it may take few messages.
fn share(WebhookSenderOptions { per_target, in_flight, .. }: &WebhookSenderOptions) -> Bounds {
    let (messages, all) = ((*per_target).max(1), in_flight.messages.max(1));
    let (bytes, part) = (in_flight.bytes as u128, messages.min(all) as u128);
    let part = bytes.saturating_mul(part).checked_div(all as u128).unwrap_or_default().max(bytes / 16);
    Bounds { messages, bytes: usize::try_from(part).unwrap_or(in_flight.bytes) }
}

impl Accepted {
    /// Whether it was begun after this time, and is fresh now.
    fn shows(&self, then: Instant, now: Instant) -> bool {
        self.begun > then && now.saturating_duration_since(self.at) <= Fault::FRESH
    }
}

impl Live {
    fn new(target: Arc<Target>, options: &WebhookSenderOptions) -> Self {
        // Without retries, the owner of the deliveries knows how they end, and pauses the target.
        let failures = if options.retry.has_retries() { options.failures } else { u32::MAX };
        let health = Health::new(failures, options.first_pause, options.longest_pause);
        Self {
            target,
            health,
            grant: None,
            refused: None,
            sent: None,
            accepted: None,
            running: BTreeMap::new(),
            admitted: 0,
        }
    }

    /// Consent that counts now.
    pub(super) fn grant(&self) -> Option<Grant> {
        self.grant.as_ref().filter(|(_, expires)| *expires > clock::now()).map(|(grant, _)| grant.clone())
    }

    fn admit(&mut self, now: Instant) -> (deliver::Admission, Admission) {
        let was_probing = self.health.is_probing();
        let admission = self.health.admit(now);
        let is_probe = self.health.is_probing() && !was_probing;
        self.admitted = self.admitted.saturating_add(1);
        if admission == deliver::Admission::Send {
            self.running.insert(self.admitted, now);
        }
        (admission, Admission { target: Arc::clone(&self.target), is_probe, number: self.admitted })
    }
}

/// A delivery that may be sent.
pub(super) struct Admission {
    /// The target as it was then.
    pub(super) target: Arc<Target>,
    /// Whether it shows if a target works again that was paused.
    pub(super) is_probe: bool,
    /// Attempts are numbered in the order in which they are admitted.
    pub(super) number: u64,
}

/// Why a delivery is given up without being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAdmitted {
    Disabled(Reason),
    /// The target requested a pause that lasts for this long, which is too long.
    Requested(Duration),
    /// For this reason of the sender's own, for this long.
    HeldBack(&'static str, Duration),
}

/// Logs that a target requested a pause, or failed too often: when the pause begins, and not when it is extended.
fn warn_of(target: &str, before: &TargetState, state: &TargetState) {
    let TargetState::Paused { until: Some(until), reason: reason @ (Reason::Throttled | Reason::Failing) } =
        state
    else {
        return;
    };
    let now = clock::now();
    if matches!(before, TargetState::Paused { until: Some(before), .. } if *before > now) {
        return;
    }
    let pause = until.saturating_duration_since(now);
    tracing::warn!(to = target, ?pause, %reason, "deliveries to the target pause");
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("target", &self.target())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_accepted_shows_nothing_after_a_minute() {
        let (begin, second) = (Instant::now(), Duration::from_secs(1));
        let accepted = Accepted { begun: begin + second, at: begin + 3 * second };
        assert!(accepted.shows(begin, begin + 63 * second));
        assert!(!accepted.shows(begin, begin + 64 * second));
        assert!(!accepted.shows(begin + second, begin + 4 * second));
    }

    #[test]
    fn ten_thousand_targets_take_ten_megabytes() {
        // With the bounds, the wakers and the place in the map, and without the text of URL and credentials.
        assert!(size_of::<Entry>() < 800, "{}", size_of::<Entry>());
    }
}
