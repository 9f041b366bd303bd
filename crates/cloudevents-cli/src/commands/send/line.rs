//! Messages in flight, their retries, and the totals.

use super::{
    ContentMode,
    pace::Pace,
    show::{self, Shown},
};
use crate::{
    connect, console::Console, failure::Status, interrupt::Interrupt, plain::count, progress::Progress,
    report::Report, source::Place,
};
use cloudevents_kit::{
    Error, ErrorKind, Event, Format, Message, Sender,
    transport::{Bounds, Outcome, Outgoing, Receipt, RetryPolicy},
};
use std::{collections::VecDeque, future::pending, time::Duration};
use tokio::time::{Instant, sleep, sleep_until};

/// Which messages are sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retries {
    policy: RetryPolicy,
    times: u32,
    /// Also after an error that is not temporary.
    pub(super) all: bool,
}

impl Retries {
    pub(super) fn new(times: u32, all: bool) -> Self {
        let mut policy = RetryPolicy::default();
        policy.first = Duration::from_millis(500);
        policy.longest = Duration::from_secs(30);
        Self { policy, times, all }
    }

    /// Returns how long to wait after this attempt, counted from 1, failed; `None` to give up. A peer may request a longer delay.
    fn after(self, error: &Error, attempt: u32) -> Option<Duration> {
        let delay = self.policy.delay(attempt);
        (attempt <= self.times && (self.all || error.is_temporary()))
            .then(|| error.retry_after().map_or(delay, |asked| asked.max(delay)))
    }
}

/// Returns events as a message in a content mode, and reports what the format cannot hold.
pub(super) fn message(
    mode: ContentMode,
    format: &dyn Format,
    events: &[Event],
    place: &Place,
    console: &Console,
) -> Result<Message, Error> {
    let (message, losses) = match (mode, events) {
        (ContentMode::Binary, [event]) => return Ok(Message::Binary(event.clone())),
        (ContentMode::Structured, [event]) => Message::structured(event, format)?,
        (_, events) => Message::batched(events, format)?,
    };
    losses.iter().for_each(|loss| console.report(&Report::loss(loss).at(place)));
    Ok(message)
}

/// The messages in flight.
pub(super) struct Line<'a> {
    pub(super) sender: &'a Sender,
    pub(super) open: VecDeque<Flight>,
    /// The bytes of those.
    pub(super) open_bytes: usize,
    pub(super) format: &'a dyn Format,
    pub(super) mode: ContentMode,
    /// How many there may be, and their bytes. One that is larger is sent alone.
    pub(super) parallel: Bounds,
    pub(super) retries: Retries,
    pub(super) pace: Option<Pace>,
    pub(super) interrupt: &'a Interrupt,
    /// Shows messages of brokers and their receipts.
    pub(super) shown: Option<Shown>,
    /// Until when the peer requested that nothing is sent.
    pub(super) paused: Option<Instant>,
    /// How long what is on its way may take after Ctrl-C, and the end of that time.
    pub(super) patience: Duration,
    pub(super) end: Option<Instant>,
    /// Whether to go on after an error of the network.
    pub(super) keep_going: bool,
    pub(super) sent: usize,
    pub(super) failed: usize,
    /// Whether there was more to send when it ended.
    pub(super) rest: bool,
    pub(super) progress: Progress,
    pub(super) console: &'a Console,
}

/// A message without an outcome.
pub(super) struct Flight {
    outcome: Result<Outcome<Receipt>, Error>,
    message: Message,
    size: usize,
    events: usize,
    place: Place,
}

impl Line<'_> {
    /// Sends a message when there is room and it is its turn. Reports an error, and remembers its exit status.
    pub(super) async fn send(&mut self, events: Vec<Event>, place: &Place) {
        let message = match message(self.mode, self.format, &events, place, self.console) {
            Ok(message) => message,
            Err(error) => {
                self.failed = self.failed.saturating_add(events.len());
                return self.report(&error, place, 1);
            }
        };
        let size = Outgoing::from(message.clone()).size();
        self.settle_beside(size).await;
        if self.is_cut() {
            return;
        }
        if !self.wait_for_peer().await {
            return;
        }
        if let Some(pace) = &mut self.pace {
            tokio::select! {
                () = pace.next() => {}
                () = self.interrupt.asked() => return,
            }
        }
        if let Some(shown) = &mut self.shown {
            shown.message(&message, &events, self.console);
        }
        // Before it is sent: Ctrl-C may come as soon as the other side has it.
        self.interrupt.in_flight(self.open.len().saturating_add(1));
        let outcome = self.enqueue(&message).await;
        self.open_bytes = self.open_bytes.saturating_add(size);
        self.open.push_back(Flight { outcome, message, size, events: events.len(), place: place.clone() });
        if self.parallel.messages == 1 {
            self.settle().await;
        }
    }

    /// Waits until there is room for a message of this size.
    async fn settle_beside(&mut self, size: usize) {
        while (self.open.len() >= self.parallel.messages
            || self.open_bytes.saturating_add(size) > self.parallel.bytes)
            && self.settle_first().await
        {}
    }

    /// Waits for all messages in flight.
    pub(super) async fn settle(&mut self) {
        while self.settle_first().await {}
    }

    /// Waits for the oldest message in flight. Returns whether there was one.
    async fn settle_first(&mut self) -> bool {
        let Some(flight) = self.open.pop_front() else { return false };
        self.open_bytes = self.open_bytes.saturating_sub(flight.size);
        self.end(flight).await;
        self.interrupt.in_flight(self.open.len());
        true
    }

    /// Waits until the peer takes messages again. Returns whether it does.
    async fn wait_for_peer(&self) -> bool {
        let Some(wait) = self.pause().filter(|wait| !wait.is_zero()) else { return true };
        let seconds = Duration::from_secs(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
        let report = Report::warning(format!("the peer requested a pause; the next message in {seconds:?}"));
        self.progress.suspend(|| self.console.report(&report));
        tokio::select! {
            () = sleep(wait) => true,
            () = self.interrupt.asked() => false,
        }
    }

    /// What is left of the pause that the peer requested.
    fn pause(&self) -> Option<Duration> {
        self.paused.map(|until| until.saturating_duration_since(Instant::now()))
    }

    async fn enqueue(&mut self, message: &Message) -> Result<Outcome<Receipt>, Error> {
        let enqueued = self.sender.enqueue(message.clone());
        self.in_time(enqueued).await
    }

    /// Waits for what may take as long as it likes: a pipe that nothing reads, or a peer over WebSockets, for example. It is reported when
    /// it takes longer than what has a time limit of its own. After Ctrl-C, it is not waited for.
    async fn in_time<T>(&mut self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let Self { interrupt, patience, end, progress, console, .. } = self;
        let limit = *patience;
        let late = async {
            interrupt.asked().await;
            let after = Instant::now().checked_add(limit);
            sleep_until(*end.get_or_insert(after.unwrap_or_else(Instant::now))).await;
        };
        let telling = async {
            let long = limit.saturating_mul(2);
            sleep(long).await;
            let report = Report::warning(format!("nothing was taken for {long:?}; Ctrl-C ends it"));
            progress.suspend(|| console.report(&report.kind("waiting")));
            pending().await
        };
        tokio::select! {
            biased;
            done = work => done,
            () = late => {
                Err(Error::new(ErrorKind::Timeout)
                    .with_detail(format!("it did not end within {limit:?} after Ctrl-C")))
            }
            waiting = telling => waiting,
        }
    }

    /// Waits for the outcome of a message, and sends it again where that is requested.
    async fn end(&mut self, mut flight: Flight) {
        let mut attempt = 1_u32;
        loop {
            let error = match flight.outcome {
                Ok(outcome) => match self.in_time(outcome).await {
                    Ok(receipt) => {
                        self.sent = self.sent.saturating_add(flight.events);
                        if self.shown.is_some() {
                            self.console.say(&show::receipt(&receipt));
                        }
                        break;
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if let Some(wait) = error.retry_after() {
                // It concerns the messages that follow, too.
                self.paused = self.paused.max(Instant::now().checked_add(wait));
            }
            let after = self.retries.after(&error, attempt).filter(|_| !self.interrupt.is_asked());
            let Some(after) = after else {
                self.failed = self.failed.saturating_add(flight.events);
                self.report(&error, &flight.place, attempt);
                break;
            };
            let left = self.retries.times.saturating_add(1).saturating_sub(attempt);
            let words = format!("attempt {attempt} failed; the next one in {after:?}, {left} left");
            let report = Report::warning(words).kind(error.kind().code()).detail(error.message().to_string());
            self.progress.suspend(|| self.console.report(&located(report, &flight.place)));
            tokio::select! {
                () = sleep(after.max(self.pause().unwrap_or_default())) => {}
                () = self.interrupt.asked() => {
                    // The peer may have requested the pause: it is not tried before its end.
                    self.failed = self.failed.saturating_add(flight.events);
                    self.report(&error, &flight.place, attempt);
                    break;
                }
            }
            attempt = attempt.saturating_add(1);
            flight.outcome = self.enqueue(&flight.message).await;
        }
        (0..flight.events).for_each(|_| self.progress.step());
    }

    /// Whether the network failed, so that sending more is useless.
    pub(super) fn is_cut(&self) -> bool {
        self.console.remembered() == Status::Network && !self.keep_going
    }

    fn report(&self, error: &Error, place: &Place, attempts: u32) {
        let status = connect::status_of(error);
        let mut report = connect::report(error);
        if attempts > 1 {
            let again = count(usize::try_from(attempts).unwrap_or(usize::MAX), "attempt");
            report = report.detail(format!("{} ({again})", error.detail()));
        }
        self.progress.suspend(|| self.console.error(status, &located(report, place)));
    }
}

/// Adds the place in the input, if the event has one.
fn located(report: Report, place: &Place) -> Report {
    if place.source.name == "command line" { report } else { report.at(place) }
}
