//! Looks at the state of a gate again and again. The log has when the gate is not ready, once a minute, and when it is ready again.

use crate::report::Report;
use std::{convert::Infallible, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the state is looked at. The log has a reason that two looks saw: a service that starts again is no outage.
const LOOK: Duration = Duration::from_secs(10);

/// How often a reason that stays has a line.
const AGAIN: Duration = Duration::from_secs(60);

/// Why the gate is not ready.
struct Outage {
    since: Instant,
    reason: &'static str,
    /// When the log had the reason last.
    told: Option<Instant>,
}

/// Looks at the state without end. `look` returns the reason why the gate is not ready, and `tell` takes the lines of the log.
pub(super) async fn watch(
    look: impl AsyncFn() -> Option<&'static str>,
    tell: impl Fn(&Report),
) -> Infallible {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut outage: Option<Outage> = None;
    loop {
        looks.tick().await;
        let reason = look().await;
        let now = Instant::now();
        let line = match (reason, &mut outage) {
            (None, None) => None,
            (None, Some(_)) => outage.take().filter(|outage| outage.told.is_some()).map(|outage| {
                let after = now.saturating_duration_since(outage.since);
                let words = format!("the gate is ready again, after {} s", after.as_secs());
                Report::warning(words).member("after", seconds(after))
            }),
            (Some(reason), None) => {
                outage = Some(Outage { since: now, reason, told: None });
                None
            }
            (Some(reason), Some(outage)) => {
                let is_same = outage.reason == reason;
                let is_told = |told| now.saturating_duration_since(told) < AGAIN;
                outage.reason = reason;
                if is_same && outage.told.is_some_and(is_told) {
                    None
                } else {
                    outage.told = Some(now);
                    let lasts = now.saturating_duration_since(outage.since);
                    let words = format!("the gate is not ready: {reason}, for {} s", lasts.as_secs());
                    Some(Report::warning(words).member("lasts", seconds(lasts)))
                }
            }
        };
        if let Some(line) = line {
            tell(&line.kind("state"));
        }
    }
}

/// As in the lines of a bridge.
fn seconds(time: Duration) -> String {
    format!("{}.{:02}s", time.as_secs(), time.subsec_millis() / 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn an_outage_has_a_line_at_its_begin_each_minute_and_at_its_end() {
        let (state, lines) = (Cell::new(None), RefCell::new(Vec::new()));
        let mut watching =
            Box::pin(watch(async || state.get(), |line| lines.borrow_mut().push(line.one_line())));
        let mut said = async |reason, lasts| {
            state.set(reason);
            let _ = timeout(Duration::from_secs(lasts), watching.as_mut()).await;
            lines.take()
        };
        // The looks are at 0 s, 10 s and so on.
        assert!(said(None, 5).await.is_empty());
        // One look is no outage.
        assert!(said(Some("the store"), 10).await.is_empty());
        assert!(said(None, 20).await.is_empty());
        let begin = said(Some("the store"), 80).await;
        let wanted =
            ["the gate is not ready: the store, for 10 s", "the gate is not ready: the store, for 70 s"];
        assert_eq!(begin, wanted);
        assert_eq!(said(Some("the service"), 10).await, ["the gate is not ready: the service, for 80 s"]);
        assert_eq!(said(None, 100).await, ["the gate is ready again, after 90 s"]);
    }
}
