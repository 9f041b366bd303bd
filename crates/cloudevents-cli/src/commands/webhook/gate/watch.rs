//! Looks at the state of a gate again and again. The log has when the gate is not ready, once a minute, and when it is ready again.

use crate::{commands::outage, report::Report};
use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the state is looked at. The log has a reason that two looks saw: a service that starts again is no outage.
const LOOK: Duration = Duration::from_secs(10);

/// How often a reason that stays has a line.
const AGAIN: Duration = Duration::from_secs(60);

/// Looks at the state without end. `look` returns the reason why the gate is not ready, and `tell` takes the lines of the log. `found` ends
/// when a delivery has found the gate ready after a look that did not: the outage has ended, also if the next look finds another one.
pub(super) async fn watch(
    look: impl AsyncFn() -> Option<String>,
    found: impl AsyncFn(),
    tell: impl Fn(&Report),
) -> Infallible {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut away: Option<Away> = None;
    loop {
        let reason = tokio::select! {
            biased;
            () = found() => None,
            _ = looks.tick() => look().await,
        };
        let line = match (reason, away.take()) {
            (None, None) => None,
            (None, Some(past)) => past.told.is_some().then(|| past.end()),
            (Some(reason), None) => {
                away = Some(Away::begin(reason));
                None
            }
            (Some(reason), Some(mut lasting)) => {
                let line = lasting.goes_on(reason);
                away = Some(lasting);
                line
            }
        };
        if let Some(line) = line {
            tell(&line.kind("state"));
        }
    }
}

/// Why the gate is not ready, and since when. It may have begun after the look before the first one, and may end after the last one. So its
/// length is the least that it can be.
struct Away {
    /// The first look that saw it.
    first: Instant,
    /// The last look that saw it.
    last: Instant,
    clock: SystemTime,
    reason: String,
    /// When the log had the reason last.
    told: Option<Instant>,
}

impl Away {
    fn begin(reason: String) -> Self {
        let now = Instant::now();
        Self { first: now, last: now, clock: SystemTime::now(), reason, told: None }
    }

    /// Another look has seen it. Returns the line, if there is one.
    fn goes_on(&mut self, reason: String) -> Option<Report> {
        let now = Instant::now();
        (self.last, self.clock) = (now, SystemTime::now());
        let is_same = self.reason == reason;
        self.reason = reason;
        let is_told = |told| now.saturating_duration_since(told) < AGAIN;
        if is_same && self.told.is_some_and(is_told) {
            return None;
        }
        self.told = Some(now);
        let lasts = self.length();
        let words = format!("the gate is not ready: {}, for at least {} s", self.reason, lasts.as_secs());
        Some(Report::warning(words).member("lasts", seconds(lasts)))
    }

    /// With the length, the begin and the end, as lines of a bridge have them.
    fn end(&self) -> Report {
        let after = self.length();
        let words = format!("the gate is ready again, after at least {} s", after.as_secs());
        let began = self.clock.checked_sub(after).and_then(outage::time);
        let times = [("began", began), ("ended", outage::time(self.clock))];
        let line = Report::warning(words).member("after", seconds(after));
        times.into_iter().fold(line, |line, (name, at)| match at {
            Some(at) => line.member(name, at),
            None => line,
        })
    }

    fn length(&self) -> Duration {
        self.last.saturating_duration_since(self.first)
    }
}

/// As in the lines of a bridge.
fn seconds(time: Duration) -> String {
    format!("{}.{:02}s", time.as_secs(), time.subsec_millis() / 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::webhook::gate::readiness::{Part, Readiness};
    use std::{
        cell::{Cell, RefCell},
        future::pending,
    };
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn an_outage_has_a_line_at_its_begin_each_minute_and_at_its_end() {
        let (state, lines) = (Cell::new(None::<&'static str>), RefCell::new(Vec::new()));
        let members = Cell::new(0);
        let tell = |line: &Report| {
            let all = format!("{line:?}");
            let times = ["(\"began\", \"", "(\"ended\", \""];
            members.set(times.iter().filter(|member| all.contains(**member)).count());
            lines.borrow_mut().push(line.one_line());
        };
        let look = async || state.get().map(str::to_owned);
        let found = async || pending::<()>().await;
        let mut watching = Box::pin(watch(look, found, tell));
        let mut said = async |reason: Option<&'static str>, lasts| {
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
            [10, 70].map(|seconds| format!("the gate is not ready: the store, for at least {seconds} s"));
        assert_eq!(begin, wanted);
        let other = said(Some("the service"), 10).await;
        assert_eq!(other, ["the gate is not ready: the service, for at least 80 s"]);
        assert_eq!(members.get(), 0);
        // The last look that saw it was ten seconds before.
        assert_eq!(said(None, 100).await, ["the gate is ready again, after at least 80 s"]);
        assert_eq!(members.get(), 2);
    }

    /// The service is away at each look, and takes a delivery between two looks.
    #[tokio::test(start_paused = true)]
    async fn a_delivery_that_is_accepted_between_two_looks_ends_an_outage() {
        let (is_away, readiness, lines) = (Cell::new(true), Readiness::default(), RefCell::new(Vec::new()));
        let looks = Cell::new(0);
        let look = async || {
            looks.set(looks.get() + 1);
            readiness.looked(false, is_away.get());
            is_away.get().then(|| "the service".to_owned())
        };
        let found = async || readiness.back().await;
        let mut watching = Box::pin(watch(look, found, |line| lines.borrow_mut().push(line.one_line())));
        let mut said = async |lasts| {
            let _ = timeout(Duration::from_secs(lasts), watching.as_mut()).await;
            lines.take()
        };
        // The looks are at 0 s, 10 s and so on. Deliveries are accepted at 5 s, 15 s and so on.
        assert!(said(1).await.is_empty());
        for _ in 0..9 {
            assert!(said(4).await.is_empty());
            readiness.used(Part::Service, Instant::now());
            assert!(said(6).await.is_empty());
        }
        assert_eq!(looks.get(), 10);
        // No delivery comes, and the looks at 90 s, 100 s and 110 s find it away.
        let begin = said(25).await;
        assert_eq!(begin, ["the gate is not ready: the service, for at least 10 s"]);
        // The line comes with the delivery, and not with a look.
        readiness.used(Part::Service, Instant::now());
        let end = said(1).await;
        assert_eq!(end, ["the gate is ready again, after at least 20 s"]);
        is_away.set(false);
        assert!(said(100).await.is_empty());
    }
}
