//! The state of a running bridge, and its end when nothing comes.

use crate::{
    commands::{idle::is_here, probes::Shown},
    console::Console,
    failure::{Failure, Status},
    plain::{count, plain},
    report::Report,
};
use cloudevents_kit::transport::{Connectivity, Missing, PrometheusPage, RunState, bridge::BridgeStatus};
use std::{
    future::pending,
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::sleep};

/// The state that is served.
#[derive(Clone)]
pub(super) struct State {
    /// Of the bridge that runs, or ran last.
    status: BridgeStatus,
    /// Why the ends of the next one cannot be opened, and since when.
    pub(super) unopened: Option<(String, Instant)>,
}

impl From<BridgeStatus> for State {
    fn from(status: BridgeStatus) -> Self {
        Self { status, unopened: None }
    }
}

impl Shown for State {
    fn is_ready(&self) -> impl Future<Output = bool> + Send {
        std::future::ready(self.unopened.is_none() && self.status.is_ready())
    }

    fn reason(&self) -> Option<String> {
        if let Some((reason, since)) = &self.unopened {
            return Some(format!("{reason}, for {} s", since.elapsed().as_secs()));
        }
        // It may have text from a peer.
        self.status.unready().map(|why| plain(&why.to_string()))
    }

    fn page(&self) -> PrometheusPage {
        let mut page = PrometheusPage::new();
        self.status.add_to(&mut page);
        page
    }
}

/// Waits until the bridge is ending after a request to end. Returns the number of messages that it finishes.
pub(super) async fn ending(is_asked: &Notify, status: &BridgeStatus) -> usize {
    is_asked.notified().await;
    while !matches!(status.activity().state(), RunState::Ending | RunState::NotRunning) {
        sleep(Duration::from_millis(1)).await;
    }
    status.activity().finishing()
}

/// Ready when no message has come for this time, and no message has to be waited for.
///
/// Messages of a source that another receiver holds come again if that receiver has been killed. The bridge asks the
/// source for their number before it ends.
///
/// While an end is away, messages may wait unread. Messages that were lost with a connection come again. A message that could not be sent
/// waits for another attempt, unless its sender has to make that attempt. Messages that are held until the end are not waited for.
pub(super) async fn idle(
    status: &BridgeStatus,
    ends: &[Connectivity],
    time: Option<Duration>,
    held_elsewhere: impl AsyncFn() -> Result<u64, Failure>,
    console: &Console,
) {
    let Some(time) = time else { return pending().await };
    let look = || (ends.iter().all(is_here), status.received().received, status.metrics().confirmed);
    let is_connected = || ends.iter().all(|end| end.state().is_connected());
    let (mut before, mut quiet, mut is_told) = (look(), Instant::now(), false);
    loop {
        sleep(time / 8).await;
        let now = look();
        if now != before {
            (before, quiet) = (now, Instant::now());
        }
        if quiet.elapsed() < time {
            continue;
        }
        if now.0 && is_connected() && status.pending() == 0 {
            let held = status.received().unsettled();
            match status.activity().state() {
                RunState::Blocked if held > 0 => return console.report(&at_the_bound(held)),
                RunState::Blocked | RunState::Disconnected => {}
                _ if held > 0 => return console.report(&held_until_the_end(held)),
                _ => {
                    match held_elsewhere().await {
                        Ok(0) if look() == before => return,
                        Ok(0) => {}
                        Ok(others) if !is_told => {
                            console.report(&not_idle(&held_by_others(others)));
                            is_told = true;
                        }
                        Ok(_) => {}
                        Err(failure) if has_gone(&failure) => {}
                        Err(failure) => return console.report(&unknown_elsewhere(&failure)),
                    }
                    quiet = Instant::now();
                    continue;
                }
            }
        }
        if !is_told && let Some(what) = waiting(status, ends.iter().any(comes_again)) {
            console.report(&not_idle(&what));
            is_told = true;
        }
    }
}

/// Whether the source has just gone away. Its state shows that in a moment, and then the bridge is not idle.
fn has_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::Told(Status::Network, _))
}

/// The bridge holds the messages that it has read, and reads no more.
fn at_the_bound(held: u64) -> Report {
    let held = count(held, "message");
    let words = format!("no more than {held} can be held at once; there may be others at FROM");
    Report::warning(words).kind("redrive").help("`in-flight` in a configuration file raises the bound")
}

/// The bound of the broker is not always known.
fn held_until_the_end(held: u64) -> Report {
    let (held, verb) = (count(held, "message"), if held == 1 { "was" } else { "were" });
    let words = format!(
        "{held} {verb} held until the end; there may be others at FROM, if its broker limits messages that are not settled"
    );
    Report::warning(words).kind("redrive").help(
        "`prefetch` of RabbitMQ and MQTT 5, and `max_ack_pending` of JetStream are such limits. Kafka has none",
    )
}

fn comes_again(end: &Connectivity) -> bool {
    end.missing() == Some(Missing::ComesAgain)
}

fn held_by_others(others: u64) -> String {
    format!("for {} at FROM that a receiver holds, or that come later", count(others, "message"))
}

/// The source could not be asked.
fn unknown_elsewhere(failure: &Failure) -> Report {
    let words = "no message has come; FROM does not show whether another receiver holds some";
    Report::warning(words).kind("idle").detail(failure.message())
}

/// The reason for which a bridge waits and moves no message.
fn waiting(status: &BridgeStatus, comes_again: bool) -> Option<String> {
    let activity = status.activity();
    Some(match (activity.running(), activity.waiting(), status.waiting_letters()) {
        (1.., ..) => return None,
        (0, 0, 0) if comes_again => {
            "for what was delivered before and not settled, and comes again".to_owned()
        }
        (0, 0, 0) => return None,
        (0, 0, letters) => format!("for the dead-letter place of {}", count(letters, "refused message")),
        (0, failed, _) => format!("for another attempt at {}", count(failed, "message")),
    })
}

fn not_idle(what: &str) -> Report {
    let words = format!("waiting {what}; the bridge is not idle before");
    Report::warning(words).kind("waiting").help("Ctrl-C ends it, and leaves at FROM what FROM keeps")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bridge over an outbox ended with success as its database went away, and left twenty messages.
    #[test]
    fn a_source_that_has_just_gone_away_is_not_idle() {
        assert!(has_gone(&Failure::new(Status::Network, "the database has closed the connection")));
        for status in [Status::Usage, Status::No] {
            assert!(!has_gone(&Failure::new(status, "permission denied")), "{status:?}");
        }
    }
}
