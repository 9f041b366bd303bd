//! The peer of a machine, its record of the messages, and the rules that this record has to keep.

use super::script::{KNOWN, MINUTE, Message, Peer, Script, Stretch};
use cloudevents_core::Event;
use cloudevents_testkit::rng::Rng;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// The longest that a machine waits: between attempts, between attempts in an outage, and for an answer.
pub(crate) const LONGEST: Duration = MINUTE;
pub(crate) const PAUSE: Duration = Duration::from_secs(30);
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// How soon a message has ended that is sent while the peer takes it, whatever became of others.
const SOON: Duration = Duration::from_secs(5 * 60);
/// More attempts than this in a minute are too many while none can succeed.
const MANY: usize = 10;

/// What the peer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    Unreachable,
    Busy(Duration),
    /// About the message.
    Refused,
    /// Perhaps about the sender.
    Denied,
}

#[derive(Clone)]
pub(crate) struct World(Arc<Inner>);

struct Inner {
    begin: Instant,
    script: Script,
    seen: Mutex<Seen>,
}

struct Seen {
    rng: Rng,
    messages: Vec<SeenMessage>,
    attempts: Vec<Duration>,
    /// When somebody looked, whether the machine said that all is well, and how many messages were not settled.
    looks: Vec<Look>,
    trace: Vec<String>,
}

#[derive(Clone, Default)]
struct SeenMessage {
    /// When the peer accepted it.
    accepted: Vec<Duration>,
    /// Whether it was refused, and other messages were not.
    is_refused: bool,
    dead: Option<Duration>,
}

struct Look {
    at: Duration,
    is_well: bool,
    pending: usize,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let script = Script::new(seed);
        let messages = vec![SeenMessage::default(); script.messages.len()];
        let seen =
            Seen { rng: Rng(!seed), messages, attempts: Vec::new(), looks: Vec::new(), trace: Vec::new() };
        Self(Arc::new(Inner { begin: Instant::now(), script, seen: Mutex::new(seen) }))
    }

    pub(crate) fn script(&self) -> &Script {
        &self.0.script
    }

    pub(crate) fn passed(&self) -> Duration {
        self.0.begin.elapsed()
    }

    /// The event of a message.
    pub(crate) fn event(&self, number: usize) -> Event {
        let key = format!("key-{}", self.0.script.messages[number].key);
        let event = Event::builder().id(number.to_string()).source("/failures").ty("com.example.test");
        event.extension("partitionkey", &*key).text(number.to_string()).build().unwrap()
    }

    /// An attempt at the message with this id. Never returns if the peer hangs.
    pub(crate) async fn attempt(&self, id: &str) -> Answer {
        let number: usize = id.parse().unwrap();
        let (begun, key) = (self.passed(), self.0.script.messages[number].key);
        let peer = self.0.script.peer(begun);
        self.note(format_args!("attempt at {number}: {peer:?}"));
        let takes = {
            let mut seen = self.seen();
            seen.attempts.push(begun);
            Duration::from_millis(20 + seen.rng.below(if peer == Peer::Slow { 20_000 } else { 100 }))
        };
        sleep(takes).await;
        let answer = match peer {
            Peer::Hangs => std::future::pending().await,
            Peer::Away => Answer::Unreachable,
            Peer::Busy(wait) => Answer::Busy(wait),
            Peer::DeniesAll => Answer::Denied,
            Peer::Refuses(refused) if refused == key => Answer::Refused,
            Peer::Denies(denied) if denied == key => Answer::Denied,
            _ => Answer::Accepted,
        };
        let now = self.passed();
        let mut seen = self.seen();
        let message = &mut seen.messages[number];
        message.is_refused |= peer.refuses(key);
        if answer == Answer::Accepted {
            message.accepted.push(now);
        }
        answer
    }

    /// The machine gave up a message, and this has it.
    pub(crate) fn died(&self, number: usize, why: &str) {
        let is_new = self.seen().messages[number].dead.is_none();
        if is_new {
            self.note(format_args!("{number} is dead: {why}"));
            let now = self.passed();
            self.seen().messages[number].dead = Some(now);
        }
    }

    /// The machine says whether all is well.
    pub(crate) fn looked(&self, is_well: bool) {
        let (at, pending) = (self.passed(), self.pending());
        if self.seen().looks.last().is_none_or(|last| last.is_well != is_well) {
            self.note(format_args!("{} with {pending}", if is_well { "well" } else { "not well" }));
        }
        self.seen().looks.push(Look { at, is_well, pending });
    }

    /// How many messages were sent and have not ended.
    pub(crate) fn pending(&self) -> usize {
        let (now, seen) = (self.passed(), self.seen());
        let sent = self.0.script.messages.iter().zip(&seen.messages).filter(|(message, _)| message.at <= now);
        sent.filter(|(_, seen)| seen.accepted.is_empty() && seen.dead.is_none()).count()
    }

    pub(crate) fn note(&self, line: fmt::Arguments<'_>) {
        let at = self.passed();
        self.seen().trace.push(format!("{:>9.3} {line}", at.as_secs_f64()));
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.seen().trace.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap()
    }

    /// What does not hold.
    pub(crate) fn violations(&self) -> Vec<String> {
        let (script, seen) = (&self.0.script, self.seen());
        let mut violations = Vec::new();
        for (number, (message, has)) in script.messages.iter().zip(&seen.messages).enumerate() {
            violations.extend(has.violations(message, script).map(|what| format!("message {number} {what}")));
        }
        for stretch in &script.stretches {
            violations.extend(seen.in_stretch(stretch).map(|what| format!("{stretch:?}: {what}")));
        }
        violations
    }
}

impl SeenMessage {
    fn violations(&self, message: &Message, script: &Script) -> impl Iterator<Item = String> + use<> {
        let first = self.accepted.first().copied();
        let here = script.stretches.iter().find(|stretch| (stretch.from..stretch.to).contains(&message.at));
        let here = here.unwrap();
        // Sent while the peer takes it, and known to do so.
        let is_plain = !here.peer.is_bad_for_all() && !here.peer.refuses(message.key);
        let is_known = message.at > here.from + KNOWN && message.at + SOON < here.to;
        let is_late = first.is_none_or(|first| first > message.at + SOON);
        let bound = script.end();
        [
            (first.is_none() && self.dead.is_none()).then(|| "is lost".to_owned()),
            (self.dead.is_some() && !self.is_refused).then(|| "is dead, and was not refused".to_owned()),
            (first.is_some() && self.dead.is_some()).then(|| "is dead, and was accepted".to_owned()),
            (self.accepted.len() > 1).then(|| format!("was accepted {} times", self.accepted.len())),
            (is_plain && is_known && is_late)
                .then(|| format!("was sent at {:?} and accepted at {first:?}", message.at)),
            (first.is_some_and(|first| first > bound)).then(|| format!("was accepted at {first:?}")),
        ]
        .into_iter()
        .flatten()
    }
}

impl Seen {
    fn in_stretch(&self, stretch: &Stretch) -> impl Iterator<Item = String> + use<> {
        let here = || self.attempts.iter().filter(|at| (stretch.from..stretch.to).contains(*at));
        let known = here().next().copied().unwrap_or(stretch.from) + KNOWN;
        let mut violations = Vec::new();
        let wait = if let Peer::Busy(wait) = stretch.peer { wait } else { Duration::ZERO };
        // Something is tried again within this time.
        let window = 2 * PAUSE + LIMIT + LONGEST * 6 / 5 + wait;
        let looks: Vec<&Look> =
            self.looks.iter().filter(|look| (known..stretch.to).contains(&look.at)).collect();
        if stretch.peer.is_bad_for_all() {
            let mut from = known;
            while from + MINUTE <= stretch.to {
                let count = self.attempts.iter().filter(|at| (from..from + MINUTE).contains(*at)).count();
                if count > MANY {
                    violations.push(format!("{count} attempts in the minute from {from:?}"));
                }
                from += MINUTE;
            }
            for look in &looks {
                let since = look.at.saturating_sub(window);
                let is_pending = self
                    .looks
                    .iter()
                    .filter(|other| (since..look.at).contains(&other.at))
                    .all(|other| other.pending > 0);
                let is_tried = self.attempts.iter().any(|at| (since..=look.at).contains(at));
                if since > stretch.from && is_pending && !is_tried {
                    violations.push(format!("no attempt from {since:?} to {:?}", look.at));
                }
            }
        }
        // A machine knows nothing of a peer that it has sent nothing for long, or little.
        let has_had = |look: &Look, count: usize| {
            let since = look.at.saturating_sub(KNOWN);
            let mut looks = self.looks.iter().filter(|other| (since..=look.at).contains(&other.at));
            looks.all(|other| other.pending >= count) && here().filter(|at| **at < look.at).count() >= MANY
        };
        let has_just_accepted = |look: &Look| {
            let since = look.at.saturating_sub(MINUTE);
            let mut accepted = self.messages.iter().filter_map(|message| message.accepted.first());
            accepted.any(|at| (since..=look.at).contains(at))
        };
        let is_wrong = |look: &&&Look| match stretch.peer {
            Peer::Well | Peer::Slow | Peer::Refuses(_) => !look.is_well && has_just_accepted(look),
            // Several may be denied since, and nothing shows whose fault that is.
            Peer::Denies(_) => false,
            // A refusal of one or two messages may be their own.
            Peer::DeniesAll => look.is_well && has_had(look, 3),
            _ => look.is_well && has_had(look, 1),
        };
        if let Some(look) = looks.iter().find(is_wrong) {
            violations.push(format!(
                "at {:?} it says that all is {}well",
                look.at,
                if look.is_well { "" } else { "not " }
            ));
        }
        violations.into_iter()
    }
}
