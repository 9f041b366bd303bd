//! Ends of a bridge that are not open yet: attempts with pauses, and the reason why the bridge does not run.

use super::operate::State;
use crate::{
    commands::{outage, probes::Serving},
    connect,
    console::Console,
    failure::{Failure, Status},
    report::Report,
};
use cloudevents_kit::transport::{binding::later, bridge::Stall};
use std::{
    pin::pin,
    time::{Duration, Instant},
};
use tokio::time::{sleep, sleep_until};

/// The pauses between two attempts to open both ends with settings that were read again: the first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// When the log says first that the bridge stalls, and how often from then on. A bridge that runs says it as often.
const STALLS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));

/// Why the ends are not open.
pub(super) struct Unopened {
    /// The words of a running bridge for this state. `None` if no end is away.
    stall: Option<Stall>,
    /// The URL of the end, without secrets.
    url: Option<String>,
    pub(super) failure: Failure,
}

impl From<Failure> for Unopened {
    fn from(failure: Failure) -> Self {
        Self { stall: None, url: None, failure }
    }
}

impl Unopened {
    pub(super) fn of(stall: Stall, url: &str) -> impl FnOnce(Failure) -> Self {
        move |failure| Self { stall: Some(stall), url: Some(connect::shown(url)), failure }
    }

    /// The failure, which names the end.
    fn named(self) -> Failure {
        let name = self.name();
        match self.url {
            Some(url) => self.failure.about(&format!("{name} {url}")),
            None => self.failure,
        }
    }

    /// The end that is not open.
    pub(super) fn name(&self) -> &'static str {
        match self.stall {
            Some(Stall::Source(_)) => "FROM",
            Some(Stall::Target(_)) => "TO",
            Some(Stall::DeadLetters(_)) => "the dead-letter place",
            _ => "an end",
        }
    }

    /// The reason, in the words of a bridge that runs.
    pub(super) fn reason(&self) -> String {
        let (why, kind) = match &self.failure {
            Failure::Told(_, report) => (report.one_line(), report.kind_code()),
            failure => (failure.message(), None),
        };
        let kind = kind.map(|kind| format!(" [{kind}]")).unwrap_or_default();
        match &self.stall {
            Some(stall) => format!("{stall}: {why}{kind}"),
            None => format!("the ends cannot be opened: {why}{kind}"),
        }
    }
}

/// Opens both ends. If that fails because an end is away, it is tried again. `stalled` lasts until ends are open, also if other settings
/// are read meanwhile.
pub(super) async fn patiently<T, F: Future<Output = Result<T, Unopened>>>(
    open: impl Fn() -> F,
    is_away: impl Fn(Status) -> bool,
    serving: Option<&Serving<State>>,
    stalled: &mut Option<Stalled>,
    console: &Console,
) -> Result<T, Failure> {
    let (mut pause, longest) = PAUSES;
    stalled.iter_mut().for_each(|stalled| stalled.reason.clear());
    loop {
        let unopened = match beside(open(), stalled.as_mut()).await {
            Ok(opened) => {
                stalled.take().iter().for_each(|stalled| stalled.tell_end(console));
                return Ok(opened);
            }
            Err(unopened) => unopened,
        };
        if !matches!(unopened.failure, Failure::Told(status, _) if is_away(status)) {
            return Err(unopened.named());
        }
        let stalled = stalled.get_or_insert_with(Stalled::begin);
        let reason = unopened.reason();
        if stalled.reason != reason {
            stalled.name = unopened.name();
            stalled.reason = reason;
            let why = (stalled.reason.clone(), stalled.since);
            serving.iter().for_each(|serving| serving.change(|state| state.unopened = Some(why.clone())));
            let words = format!("{} cannot be opened, and is tried again", unopened.name());
            console.report(&Report::warning(words).kind("retry"));
            unopened.named().tell(console);
        }
        beside(sleep(pause), Some(stalled)).await;
        pause = pause.saturating_mul(2).min(longest);
    }
}

/// A bridge whose ends cannot be opened.
pub(super) struct Stalled {
    since: Instant,
    /// The end that cannot be opened.
    name: &'static str,
    /// As `/ready` has it.
    reason: String,
    /// When the log says it next.
    next: tokio::time::Instant,
}

impl Stalled {
    fn begin() -> Self {
        let next = later(tokio::time::Instant::now(), STALLS.0);
        Self { since: Instant::now(), name: "", reason: String::new(), next }
    }

    /// The line of a bridge that runs. No message is pending: the bridge before gave its messages back.
    fn tell(&mut self) {
        let lasts = format!("{:.2}s", self.since.elapsed().as_secs_f64());
        tracing::warn!(target: "cloudevents_transport::bridge::stall", reason = %self.reason, pending = 0, %lasts, "the bridge stalls");
        self.next = later(tokio::time::Instant::now(), STALLS.1);
    }

    /// The line of a bridge that runs, for a process that ends.
    pub(super) fn tell_ending(&self, console: &Console) {
        outage::tell_ending(self.since, console);
    }

    fn tell_end(&self, console: &Console) {
        outage::tell_end(&format!("connected to {} again", self.name), self.since, console);
    }
}

/// Waits for the future. The log has meanwhile that the bridge stalls.
async fn beside<T>(future: impl Future<Output = T>, mut stalled: Option<&mut Stalled>) -> T {
    let mut future = pin!(future);
    loop {
        let Some(stalled) = stalled.as_deref_mut() else { return future.await };
        tokio::select! {
            biased;
            output = &mut future => return output,
            () = sleep_until(stalled.next) => stalled.tell(),
        }
    }
}
