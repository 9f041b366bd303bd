//! Requests that a server refuses before there is a message.

use crate::{
    commands::handshakes,
    console::Console,
    failure::Status,
    plain::{count, shortened},
    report::Report,
};
use cloudevents_kit::{Delivery, Error, ErrorKind, Receiver, transport::OnRefusal};
use serde_json::Value;
use std::{
    error::Error as _,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// The most refusals that wait to be reported. Of others, only the number is reported.
const REFUSALS: usize = 64;

/// The longest reason, in characters.
const LONGEST: usize = 200;

/// Refusals of a gate that have a line in a second. Anyone can send more of them, and a log that is full stops the machine.
const A_SECOND: u32 = 10;

/// The clauses of handshakes that nothing answers or agrees to, and of deliveries without one.
const OF_HANDSHAKES: [&str; 3] = ["WEBHOOK-4.2-d", "WEBHOOK-4.2.1-a", "WEBHOOK-2.1-e"];

const SECOND: Duration = Duration::from_secs(1);

/// The sender of a request. It is the source of the error of a refused request, so that a long reason does not displace it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct From {
    /// The name of the provider or the scheme.
    pub(super) sender: String,
    /// A claim, unless it is signed.
    pub(super) id: Option<String>,
    pub(super) peer: String,
    /// The label of the counter that has the delivery, and its value.
    pub(super) counted: Option<(&'static str, &'static str)>,
}

impl From {
    /// The same sender, whose delivery a counter with this label and value has.
    pub(super) fn counted(&self, label: (&'static str, &'static str)) -> Self {
        Self { counted: Some(label), ..self.clone() }
    }

    /// Adds the parts to the JSON form of a report.
    pub(super) fn on(&self, report: Report) -> Report {
        self.parts().fold(report, |report, (name, value)| report.member(name, value))
    }

    /// The members of a note.
    pub(super) fn members(&self) -> Value {
        self.parts().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
    }

    fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let id = self.id.as_deref().map(|id| ("id", id));
        [Some(("peer", &*self.peer)), id, self.counted].into_iter().flatten()
    }
}

/// `github, id "72d3162e", from 192.0.2.1:4711`. In quotation marks, no id passes for another part.
impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sender, id, peer, counted: _ } = self;
        match id {
            Some(id) => write!(f, "{sender}, id {id:?}, from {peer}"),
            None => write!(f, "{sender}, from {peer}"),
        }
    }
}

impl std::error::Error for From {}

/// Lines of a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    since: Instant,
    written: u32,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), written: 0 }
    }

    /// Whether another second has begun.
    pub(super) fn are_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= SECOND
    }

    /// Whether this second has room for another line.
    pub(super) fn have_room(&mut self, now: Instant) -> bool {
        if self.are_over(now) {
            *self = Self { since: now, written: 0 };
        }
        self.written = self.written.saturating_add(1);
        self.written <= A_SECOND
    }
}

/// Refusals that wait to be reported.
pub(super) struct Refusals {
    waiting: mpsc::Receiver<Error>,
    left_out: Arc<LeftOut>,
    /// The lines of this second, where they are limited.
    lines: Option<Lines>,
    /// Whether refusals leave the exit status as it is.
    are_warnings: bool,
    /// The option that answers a handshake of webhooks that was refused.
    handshake: &'static str,
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
    (
        Arc::new(see),
        Refusals { waiting, left_out, lines: None, are_warnings: false, handshake: handshakes::ELSEWHERE },
    )
}

/// Waits for the next message of a receiver. Reports refusals meanwhile: a flood of them leaves every message its turn.
pub(super) async fn next(
    receiver: &mut Receiver,
    refusals: &mut Refusals,
    console: &Console,
) -> Result<Option<Delivery>, Error> {
    loop {
        let due = refusals.due();
        // Not biased: either may come without end.
        tokio::select! {
            Some(error) = refusals.waiting.recv() => refusals.tell(&error, console),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => refusals.tell_left_out(console),
            next = receiver.next() => return next,
        }
    }
}

impl Refusals {
    /// Ten refusals of a second have lines, and one line has the number of the others.
    pub(super) fn with_few_lines(self) -> Self {
        Self { lines: Some(Lines::new()), ..self }
    }

    /// Reports all refusals as warnings: a bad request is no failure of the server.
    pub(super) fn with_warnings(self) -> Self {
        Self { are_warnings: true, ..self }
    }

    /// Names this option where a handshake of webhooks was refused.
    pub(super) fn with_handshake(self, handshake: &'static str) -> Self {
        Self { handshake, ..self }
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

    fn tell(&mut self, error: &Error, console: &Console) {
        let now = Instant::now();
        if self.lines.as_ref().is_some_and(|lines| lines.are_over(now)) {
            self.tell_left_out(console);
        }
        let is_failure = !self.are_warnings && is_failure(error);
        if self.lines.as_mut().is_some_and(|lines| !lines.have_room(now)) {
            let LeftOut { failures, others } = &*self.left_out;
            let number = if is_failure { failures } else { others };
            number.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if is_failure {
            console
                .error(Status::No, &described(Report::new("a request was refused"), error, self.handshake));
        } else {
            console.report(&described(Report::warning("a request was refused"), error, self.handshake));
        }
        if self.lines.is_none() {
            self.tell_left_out(console);
        }
    }

    /// When the number of those without lines is due, if there are some.
    fn due(&self) -> Option<Instant> {
        let LeftOut { failures, others } = &*self.left_out;
        let is_none = [failures, others].iter().all(|number| number.load(Ordering::Relaxed) == 0);
        let lines = self.lines.as_ref().filter(|_| !is_none)?;
        lines.since.checked_add(SECOND)
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

/// A refusal as a warning, of a command without an option for handshakes.
pub(super) fn warning(error: &Error) -> Report {
    described(Report::warning("a request was refused"), error, handshakes::ELSEWHERE)
}

fn described(report: Report, error: &Error, handshake: &str) -> Report {
    let report = match error.clause().is_some_and(|clause| OF_HANDSHAKES.contains(&clause)) {
        true => report.kind(error.kind().code()).help(error.help().unwrap_or(handshake)),
        false => report.kind(error.kind().code()),
    };
    let why = match error.detail() {
        "" => error.message().to_string(),
        detail => detail.to_owned(),
    };
    // A path may be long.
    let why = shortened(&why, LONGEST);
    match error.source().and_then(|source| source.downcast_ref::<From>()) {
        Some(from) => from.on(report).detail(format!("{why} ({from})")),
        None => report.detail(why),
    }
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
        let shorter = "x".repeat(200);
        assert!(console(&shorter).ends_with(&shorter));
        let from = From { sender: "github".to_owned(), peer: "192.0.2.1:1".to_owned(), ..From::default() };
        let error = Error::new(ErrorKind::Refused).with_detail(path).with_source(from);
        assert!(warning(&error).one_line().ends_with("xxx… (github, from 192.0.2.1:1)"));
    }

    #[test]
    fn an_id_passes_for_no_other_part() {
        let id = Some("7, from 203.0.113.7:443) [refused]".to_owned());
        let from =
            From { sender: "github".to_owned(), id, peer: "192.0.2.1:1".to_owned(), ..From::default() };
        assert_eq!(from.to_string(), r#"github, id "7, from 203.0.113.7:443) [refused]", from 192.0.2.1:1"#);
        let from = From { id: Some("7\", from \"".to_owned()), ..from };
        assert_eq!(from.to_string(), r#"github, id "7\", from \"", from 192.0.2.1:1"#);
    }

    #[test]
    fn a_second_has_ten_lines() {
        let mut lines = Lines::new();
        let now = lines.since;
        let rooms = |lines: &mut Lines, now| (0..100).filter(|_| lines.have_room(now)).count();
        assert_eq!(rooms(&mut lines, now), 10);
        assert_eq!(rooms(&mut lines, now + SECOND - Duration::from_millis(1)), 0);
        assert_eq!(rooms(&mut lines, now + SECOND), 10);
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
