//! Why a bridge moves nothing, or stores no dead letters.

use super::BridgeStatus;
use crate::{
    Connectivity,
    observing::seconds::{Moment, Seconds},
    streak::{LONG, Over},
};
use cloudevents_core::Error;
use std::{
    convert::Infallible,
    fmt,
    mem::{Discriminant, discriminant},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How often the bridge is checked. The log says that a bridge stalls when it did at two checks, and nothing was moved in between.
const LOOK: Duration = Duration::from_secs(5);

/// The reason why a [`Bridge`](super::super::Bridge) moves none of its messages, which `Display` writes in words.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stall {
    /// It has not begun, or has ended.
    NotRunning,
    /// The source is not connected, with the reason if that is known.
    Source(Option<Error>),
    /// No settlement at the source has succeeded for a minute: it answers none, or each is an error. Messages that the target has come
    /// again from the source. Without an error, no settlement has an answer.
    Settlements(Option<Error>),
    /// The target is not connected, with the reason if that is known.
    Target(Option<Error>),
    /// The target takes no messages for now, although it is connected, and why: see [`Connectivity::blocked`].
    Blocked(Error),
    /// No attempt at the target has succeeded for a minute, or one message at a time is tried since nothing succeeds. The error is the
    /// failure of the last attempt. Without an error, no attempt has ended.
    Attempts(Option<Error>),
    /// The dead-letter destination is not connected, has not taken the last dead letter, or has not answered for a minute. With the reason
    /// if that is known.
    DeadLetters(Option<Error>),
    /// No permit is free: received messages wait for another attempt, or no attempt ends.
    Room,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, why) = match self {
            Self::NotRunning => ("the bridge does not run", None),
            Self::Source(why) => ("the source is not connected", why.as_ref()),
            Self::Settlements(why) => ("the source confirms no settlement", why.as_ref()),
            Self::Target(why) => ("the target is not connected", why.as_ref()),
            Self::Blocked(why) => ("the target takes no messages", Some(why)),
            Self::Attempts(None) => ("no attempt at the target has ended for long", None),
            Self::Attempts(why) => ("every attempt at the target fails", why.as_ref()),
            Self::DeadLetters(why) => ("the dead-letter place takes nothing", why.as_ref()),
            Self::Room => ("what was received waits, and there is no room for more", None),
        };
        f.write_str(what)?;
        why.map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

/// Why a bridge is not ready, and for how long this has been so. `Display` writes both in words.
///
/// ```
/// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use cloudevents_core::DecodeOptions;
/// # use cloudevents_transport::{Bridge, bridge::BridgePolicy, fake::FakeQueue};
/// # let (from, to) = (FakeQueue::new(), FakeQueue::new());
/// let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), BridgePolicy::default())?;
/// assert_eq!(bridge.status().unready().unwrap().to_string(), "the bridge does not run");
/// # Ok(()) }
/// # #[cfg(not(feature = "fake"))] fn main() {}
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unready {
    /// The reason. [`Attempts`](Stall::Attempts) may be a single failure, which is no stall yet.
    pub reason: Stall,
    /// The time since the loss of the connection, or since the first failure that no success has followed. `None` if it is not known.
    pub lasts: Option<Duration>,
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        self.lasts.map_or(Ok(()), |lasts| write!(f, ", for {} s", lasts.as_secs()))
    }
}

/// A stall that was seen.
struct Seen {
    /// When the outage began, and when the outage of the last reason began.
    since: Instant,
    reason: (Discriminant<Stall>, Instant),
    /// How many messages had been moved then, and when messages could move last.
    first: u64,
    moved: u64,
    told: Option<Instant>,
    /// Whether dead letters are not stored, or nothing is settled: messages may move meanwhile.
    moves: bool,
    /// The end that was away, and how often it had been connected.
    away: Option<(&'static str, u64)>,
}

/// The end because of which the bridge stalls, and how often it was connected.
fn away(status: &BridgeStatus, stall: Option<&Stall>) -> Option<(&'static str, u64)> {
    let end = match stall {
        Some(Stall::Source(_)) => "source",
        Some(Stall::Target(_)) => "target",
        _ => return None,
    };
    Some((end, connects(status, end)))
}

fn connects(status: &BridgeStatus, end: &str) -> u64 {
    connectivity(status, end).connects()
}

fn connectivity(status: &BridgeStatus, end: &str) -> Connectivity {
    if end == "source" { status.source.clone() } else { status.target.connectivity() }
}

/// When the outage ended that is over: with the first success at the target, and not before there was a connection. The log is later.
fn ended(status: &BridgeStatus, seen: &Seen, over: Option<Over>) -> Instant {
    let made = seen.away.and_then(|(end, _)| connectivity(status, end).made_at());
    // Messages move while dead letters are not stored.
    let first = status.tally.attempts.first().filter(|_| !seen.moves);
    over.map(|over| over.until).or(made.max(first)).unwrap_or_else(Instant::now)
}

/// When the outage began that is this stall. If that is not known, it is a stall after a minute in which nothing succeeds.
fn since(status: &BridgeStatus, stall: &Stall, seen: Option<&Seen>) -> Instant {
    let before = seen.map(|seen| seen.reason).filter(|(reason, _)| *reason == discriminant(stall));
    let now = Instant::now();
    let a_minute_ago =
        || now.checked_sub(LONG).filter(|_| !matches!(stall, Stall::NotRunning)).unwrap_or(now);
    let known = status.since(stall).or(before.map(|(_, since)| since));
    known.unwrap_or_else(a_minute_ago)
}

/// What the log has of outages.
#[derive(Default)]
pub(super) struct Told {
    seen: Option<Seen>,
    /// When the log had last that the bridge stalls because of the target.
    named: Option<Instant>,
}

/// Logs when a bridge [stalls](BridgeStatus::stall): at its beginning, once a minute, and when it is over. Logs the end of a shorter outage
/// of the target, too.
pub(super) async fn watch(status: &BridgeStatus, told: &mut Told) -> Infallible {
    let Told { seen, named } = told;
    loop {
        sleep(LOOK).await;
        let (now, moved, stall) = (Instant::now(), status.metrics().confirmed, status.stall());
        let over = status.tally.attempts.over();
        let moves = matches!(stall, Some(Stall::DeadLetters(_) | Stall::Settlements(_)));
        let away = away(status, stall.as_ref());
        let is_over = seen.as_ref().is_some_and(|seen| match stall {
            Some(_) => moved != seen.moved && !moves && !seen.moves,
            // An end that is back may still move nothing.
            None => moved != seen.moved || seen.moves || seen.told.is_none() || status.pending() == 0,
        });
        if let Some(over) = over.filter(|over| named.is_none_or(|named| named < over.since)) {
            log_end(over, moved);
        }
        if let Some(was) = seen.take_if(|_| is_over)
            && was.told.is_some()
        {
            let until = ended(status, &was, over);
            let Seen { since, first, moved: before, moves: was_moving, .. } = was;
            let after = Seconds(until.saturating_duration_since(since));
            let (began, ended) = (Moment(since), Moment(until));
            if was_moving && moved != first {
                tracing::warn!(%after, %began, %ended, moved, "the stall is over: messages were moved meanwhile, too");
            } else if moved == before && !was_moving && status.pending() == 0 {
                tracing::warn!(%after, %began, %ended, moved, "the stall is over: the bridge holds no messages");
            } else {
                tracing::warn!(%after, %began, %ended, moved, "the bridge moves messages again");
            }
        }
        let began = stall.as_ref().map(|stall| since(status, stall, seen.as_ref()));
        status.tally.stalls_since(began);
        let (Some(stall), Some(began)) = (stall, began) else { continue };
        status.tally.attempts.expect_first();
        let reason = (discriminant(&stall), began);
        let Some(seen) = seen else {
            *seen = Some(Seen { since: began, reason, first: moved, moved, told: None, moves, away });
            continue;
        };
        seen.since = seen.since.min(began);
        if away != seen.away {
            // It was connected in between.
            if away.zip(seen.away).is_some_and(|(now, before)| now.0 == before.0) {
                seen.since = began;
            }
            seen.away = away;
        }
        if seen.moves {
            // From now on, nothing moves. That is more than was said.
            seen.told = seen.told.filter(|_| moves);
            seen.moved = moved;
        }
        (seen.moves, seen.reason) = (moves, reason);
        if seen.told.is_some_and(|told| now.saturating_duration_since(told) < LONG) {
            continue;
        }
        seen.told = Some(now);
        if matches!(stall, Stall::Target(_) | Stall::Blocked(_) | Stall::Attempts(_) | Stall::Room) {
            *named = Some(now);
        }
        let (pending, lasts) = (status.pending(), Seconds(now.saturating_duration_since(began)));
        tracing::warn!(reason = %stall, pending, %lasts, moved, "the bridge stalls");
    }
}

/// The bridge ends, and the watch looks no more. An outage that lasts has its end here.
pub(super) fn end(status: &BridgeStatus, told: Told) {
    let (now, moved) = (Instant::now(), status.metrics().confirmed);
    let over = status.tally.attempts.over();
    if let Some(over) = over.filter(|over| told.named.is_none_or(|named| named < over.since)) {
        log_end(over, moved);
    }
    let seen = told.seen.filter(|seen| seen.told.is_some());
    let moves = matches!(status.stall(), Some(Stall::DeadLetters(_) | Stall::Settlements(_)));
    let until = match &seen {
        Some(seen) if seen.moves && !moves => Some(now),
        Some(seen) if moved != seen.moved && !seen.moves => Some(ended(status, seen, over)),
        // The log has that it is connected again.
        Some(Seen { away: Some(before), .. }) if connects(status, before.0) != before.1 => return,
        _ => None,
    };
    let moved_meanwhile = seen.as_ref().is_some_and(|seen| seen.moves && moved != seen.first);
    let lasting = status.tally.attempts.lasting();
    let began = seen.map(|seen| seen.since).into_iter().chain(lasting).chain(status.lost_since()).min();
    let Some(began) = began else { return };
    let ended = until.unwrap_or(now);
    let after = Seconds(ended.saturating_duration_since(began));
    let (began, ended) = (Moment(began), Moment(ended));
    match until {
        Some(_) if moved_meanwhile => {
            tracing::warn!(%after, %began, %ended, moved, "the stall is over: messages were moved meanwhile, too");
        }
        Some(_) => tracing::warn!(%after, %began, %ended, moved, "the bridge moves messages again"),
        None => tracing::warn!(%after, %began, %ended, moved, "the bridge ends during the outage"),
    }
}

/// The log has the failures, and no end of a stall.
fn log_end(over: Over, moved: u64) {
    let (after, began, ended) = (Seconds(over.lasted()), Moment(over.since), Moment(over.until));
    tracing::warn!(%after, %began, %ended, moved, "attempts at the target succeed again");
}
