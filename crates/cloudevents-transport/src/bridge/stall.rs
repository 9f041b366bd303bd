//! Why a bridge moves nothing, or stores no dead letters.

use super::BridgeStatus;
use crate::streak::LONG;
use cloudevents_core::Error;
use std::{convert::Infallible, fmt, time::Duration};
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
            Self::NotRunning => ("the bridge does not run", &None),
            Self::Source(why) => ("the source is not connected", why),
            Self::Settlements(why) => ("the source confirms no settlement", why),
            Self::Target(why) => ("the target is not connected", why),
            Self::Attempts(None) => ("no attempt at the target has ended for long", &None),
            Self::Attempts(why) => ("every attempt at the target fails", why),
            Self::DeadLetters(why) => ("the dead-letter place takes nothing", why),
            Self::Room => ("what was received waits, and there is no room for more", &None),
        };
        f.write_str(what)?;
        why.as_ref().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

/// A stall that was seen.
struct Seen {
    since: Instant,
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
    match stall {
        Some(Stall::Source(_)) => Some(("source", status.source.connects())),
        Some(Stall::Target(_)) => Some(("target", status.target.connectivity().connects())),
        _ => None,
    }
}

/// Logs when a bridge [stalls](BridgeStatus::stall): at its beginning, once a minute, and when it is over.
pub(super) async fn watch(status: &BridgeStatus) -> Infallible {
    let mut seen: Option<Seen> = None;
    loop {
        sleep(LOOK).await;
        let (now, moved, stall) = (Instant::now(), status.metrics().confirmed, status.stall());
        let moves = matches!(stall, Some(Stall::DeadLetters(_) | Stall::Settlements(_)));
        let away = away(status, stall.as_ref());
        let is_over = seen.as_ref().is_some_and(|seen| match stall {
            Some(_) => moved != seen.moved && !moves && !seen.moves,
            // An end that is back may still move nothing.
            None => moved != seen.moved || seen.moves || seen.told.is_none() || status.pending() == 0,
        });
        if let Some(Seen { since, told: Some(_), first, moved: before, moves: was_moving, .. }) =
            seen.take_if(|_| is_over)
        {
            let after = now.saturating_duration_since(since);
            if was_moving && moved != first {
                tracing::warn!(?after, "the stall is over: messages were moved meanwhile, too");
            } else if moved == before && !was_moving && status.pending() == 0 {
                tracing::warn!(?after, "the stall is over: the bridge holds no messages");
            } else {
                tracing::warn!(?after, "the bridge moves messages again");
            }
        }
        let Some(reason) = stall else { continue };
        let Some(seen) = &mut seen else {
            seen = Some(Seen { since: now, first: moved, moved, told: None, moves, away });
            continue;
        };
        if away != seen.away {
            // It was connected in between.
            if away.zip(seen.away).is_some_and(|(now, before)| now.0 == before.0) {
                seen.since = now;
            }
            seen.away = away;
        }
        if seen.moves {
            // From now on, nothing moves. That is more than was said.
            seen.told = seen.told.filter(|_| moves);
            seen.moved = moved;
        }
        seen.moves = moves;
        if seen.told.is_some_and(|told| now.saturating_duration_since(told) < LONG) {
            continue;
        }
        seen.told = Some(now);
        let (pending, lasts) = (status.pending(), now.saturating_duration_since(seen.since));
        tracing::warn!(%reason, pending, ?lasts, "the bridge stalls");
    }
}
