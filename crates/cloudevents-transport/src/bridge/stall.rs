//! Why a bridge moves nothing, or stores no dead letters.

use super::BridgeStatus;
use crate::streak::LONG;
use cloudevents_core::Error;
use std::{convert::Infallible, fmt, time::Duration};
use tokio::time::{Instant, sleep};

/// How soon the log says that a bridge moves nothing, or moves messages again.
const LOOK: Duration = Duration::from_secs(5);

/// How long it has to move nothing for that: a connection that is lost and made again at once is no stall.
const MOMENT: Duration = Duration::from_secs(1);

/// Why a [`Bridge`](super::super::Bridge) moves nothing of what it holds. Its text says it in words.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stall {
    /// It has not begun, or has ended.
    NotRunning,
    /// The source is not connected, with the reason if that is known.
    Source(Option<Error>),
    /// The target is not connected, with the reason if that is known.
    Target(Option<Error>),
    /// No attempt at the target has succeeded for a minute, or one message at a time is tried since nothing succeeds. With why the last
    /// attempt failed; without, none has ended.
    Attempts(Option<Error>),
    /// The dead-letter place is not connected, has not taken the last dead letter, or has not answered for a minute. With the reason if
    /// that is known.
    DeadLetters(Option<Error>),
    /// There is no room: what was received waits for another attempt, or no attempt ends.
    Room,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, why) = match self {
            Self::NotRunning => ("the bridge does not run", &None),
            Self::Source(why) => ("the source is not connected", why),
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

/// Logs when a bridge [stalls](BridgeStatus::stall): at its beginning, once a minute, and when it is over.
pub(super) async fn watch(status: &BridgeStatus) -> Infallible {
    let mut stalled: Option<(Instant, Instant)> = None;
    loop {
        sleep(LOOK).await;
        let mut stall = status.stall();
        if stall.is_some() && stalled.is_none() {
            sleep(MOMENT).await;
            stall = status.stall();
        }
        let now = Instant::now();
        match (stall, stalled) {
            (None, None) => {}
            (None, Some((since, _))) => {
                stalled = None;
                let after = now.saturating_duration_since(since);
                tracing::warn!(?after, "the bridge moves messages again");
            }
            (Some(reason), told) => {
                if told.is_some_and(|(_, told)| now.saturating_duration_since(told) < LONG) {
                    continue;
                }
                let (since, _) = told.unwrap_or((now, now));
                stalled = Some((since, now));
                let (pending, lasts) = (status.pending(), now.saturating_duration_since(since));
                tracing::warn!(%reason, pending, ?lasts, "the bridge stalls");
            }
        }
    }
}
