//! Requests that a server refuses before there is a message.

use crate::{
    console::Console,
    failure::Status,
    plain::{count, shortened},
    report::Report,
};
use cloudevents_kit::{Delivery, Error, ErrorKind, Receiver, transport::OnRefusal};
use std::{
    error::Error as _,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::mpsc;

/// The most refusals that wait to be reported. Of others, only the number is reported.
const REFUSALS: usize = 64;

/// The longest reason, in characters.
const LONGEST: usize = 200;

/// The sender of a refused request, in few words, as the source of the error. A long reason does not displace it.
#[derive(Debug)]
pub(super) struct From(pub(super) String);

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for From {}

/// Refusals that wait to be reported.
pub(super) struct Refusals {
    waiting: mpsc::Receiver<Error>,
    left_out: Arc<LeftOut>,
    /// Whether the mistakes of clients leave the exit status as it is.
    are_warnings: bool,
}

/// How many found no place.
#[derive(Default)]
struct LeftOut {
    failures: AtomicUsize,
    others: AtomicUsize,
}

/// Returns a function that sees refusals, and where they arrive.
pub(super) fn channel() -> (OnRefusal, Refusals) {
    let (refused, waiting) = mpsc::channel(REFUSALS);
    let left_out = Arc::<LeftOut>::default();
    let seen = Arc::clone(&left_out);
    let see = move |error: &Error| {
        if refused.try_send(error.clone()).is_err() {
            let number = if is_failure(error) { &seen.failures } else { &seen.others };
            number.fetch_add(1, Ordering::Relaxed);
        }
    };
    (Arc::new(see), Refusals { waiting, left_out, are_warnings: false })
}

/// Waits for the next message of a receiver. Reports refusals meanwhile: a flood of them leaves every message its turn.
pub(super) async fn next(
    receiver: &mut Receiver,
    refusals: &mut Refusals,
    console: &Console,
) -> Result<Option<Delivery>, Error> {
    loop {
        // Not biased: either may come without end.
        tokio::select! {
            Some(error) = refusals.waiting.recv() => refusals.tell(&error, console),
            next = receiver.next() => return next,
        }
    }
}

impl Refusals {
    /// Reports all refusals as warnings: what a client sends is no failure of a server that others depend on.
    pub(super) fn with_warnings(self) -> Self {
        Self { are_warnings: true, ..self }
    }

    /// Waits for the next refusal.
    pub(super) async fn recv(&mut self) -> Option<Error> {
        self.waiting.recv().await
    }

    /// The next refusal that waits, at the end.
    pub(super) fn try_recv(&mut self) -> Option<Error> {
        self.waiting.try_recv().ok()
    }

    /// A warning that others found no place.
    pub(super) fn left_out(&self) -> Option<Report> {
        let LeftOut { failures, others } = &*self.left_out;
        let number = failures.swap(0, Ordering::Relaxed).saturating_add(others.swap(0, Ordering::Relaxed));
        (number > 0).then(|| Report::warning(not_shown(number)).kind("refused"))
    }

    /// Reports the refusals that wait, at the end.
    pub(super) fn tell_rest(&mut self, console: &Console) {
        while let Ok(error) = self.waiting.try_recv() {
            self.tell(&error, console);
        }
        self.tell_left_out(console);
    }

    fn tell(&self, error: &Error, console: &Console) {
        if is_failure(error) && !self.are_warnings {
            console.error(Status::No, &described(Report::new("a request was refused"), error));
        } else {
            console.report(&warning(error));
        }
        self.tell_left_out(console);
    }

    fn tell_left_out(&self, console: &Console) {
        let take = |number: &AtomicUsize| number.swap(0, Ordering::Relaxed);
        let (failures, others) = (take(&self.left_out.failures), take(&self.left_out.others));
        let (failures, others) = match self.are_warnings {
            true => (0, failures.saturating_add(others)),
            false => (failures, others),
        };
        if others > 0 {
            console.report(&Report::warning(not_shown(others)).kind("refused"));
        }
        if failures > 0 {
            console.error(Status::No, &Report::new(not_shown(failures)).kind("refused"));
        }
    }
}

fn not_shown(number: usize) -> String {
    format!("{} not shown, as too many came at once", count(number, "refused request"))
}

/// Whether an event may have been refused.
///
/// A request that no message can come from, such as a probe, is no failure. Neither is a request without a right to send, nor a handshake.
fn is_failure(error: &Error) -> bool {
    error.kind() != ErrorKind::Refused
}

/// A refusal as a warning.
pub(super) fn warning(error: &Error) -> Report {
    described(Report::warning("a request was refused"), error)
}

fn described(report: Report, error: &Error) -> Report {
    let report = report.kind(error.kind().code());
    let why = match error.detail() {
        "" => error.message().to_string(),
        detail => detail.to_owned(),
    };
    // A path may be long.
    let why = shortened(&why, LONGEST);
    report.detail(match error.source().and_then(|source| source.downcast_ref::<From>()) {
        Some(from) => format!("{why} ({from})"),
        None => why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::global::Global;

    #[test]
    fn a_long_reason_is_cut() {
        let console =
            |detail: &str| warning(&Error::new(ErrorKind::Refused).with_detail(detail.to_owned())).one_line();
        let path = "x".repeat(300);
        let line = console(&format!("404 Not Found of POST /{path}"));
        assert!(line.ends_with("xxx…") && line.chars().count() < 250, "{line}");
        assert!(console(&path[..200]).ends_with(&path[..200]));
        let error = Error::new(ErrorKind::Refused).with_detail(path).with_source(From("github".to_owned()));
        assert!(warning(&error).one_line().ends_with("xxx… (github)"));
    }

    /// Whatever comes before it.
    #[test]
    fn a_failure_without_a_place_counts() {
        let console = Console::new(&Global::default());
        let (see, mut refusals) = channel();
        (0..2 * REFUSALS).for_each(|_| see(&Error::new(ErrorKind::Refused)));
        refusals.tell_rest(&console);
        assert_eq!(console.remembered(), Status::Done);
        (0..REFUSALS).for_each(|_| see(&Error::new(ErrorKind::Refused)));
        see(&Error::new(ErrorKind::TooLarge));
        assert_eq!(refusals.left_out.failures.load(Ordering::Relaxed), 1);
        refusals.tell_rest(&console);
        assert_eq!(console.remembered(), Status::No);
    }
}
