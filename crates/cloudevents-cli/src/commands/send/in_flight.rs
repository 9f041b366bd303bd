//! Messages in flight, their retries, and the totals.

use super::{
    kept::Kept,
    mode::ContentMode,
    pace::Pace,
    show::{self, Shown},
    undelivered::Undelivered,
};
use crate::{
    connect,
    console::Console,
    emit::Emit,
    failure::Status,
    interrupt::Interrupt,
    plain::{count, shortened},
    progress::Progress,
    report::Report,
    source::Place,
};
use cloudevents_kit::{
    Error, ErrorKind, Event, Format, Message, Sender,
    transport::{Bounds, Outcome, Outgoing, Receipt, RetryPolicy},
};
use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use std::{
    cell::{Cell, RefCell},
    future::pending,
    pin::pin,
    time::Duration,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep, sleep_until},
};

/// The longest id in a line for people, in characters.
const LONGEST: usize = 48;

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

/// Returns events as a message in a content mode, and reports the values that the format cannot hold.
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

/// The messages in flight. Each has a future, which sends it again where that is requested, so that the pauses of many pass beside each
/// other.
pub(super) struct Line<'a> {
    pub(super) attempts: &'a Attempts<'a>,
    pub(super) format: &'a dyn Format,
    pub(super) mode: ContentMode,
    /// The bound of messages in flight and of their bytes. A larger message is sent alone.
    pub(super) parallel: Bounds,
    pub(super) pace: Option<Pace>,
    /// Whether there was more to send when it ended.
    pub(super) rest: bool,
    /// The place behind which an interrupt left the input unread.
    pub(super) read_to: Option<String>,
    open: FuturesUnordered<LocalBoxFuture<'a, usize>>,
    /// The bytes of the messages in flight.
    open_bytes: usize,
    /// The parts of the input that messages in flight keep in memory.
    kept: Kept,
}

/// The part that messages in flight share.
pub(super) struct Attempts<'a> {
    pub(super) sender: &'a Sender,
    pub(super) retries: Retries,
    pub(super) interrupt: &'a Interrupt,
    pub(super) console: &'a Console,
    pub(super) progress: RefCell<Progress>,
    /// Shows messages of brokers and their receipts.
    pub(super) shown: Option<RefCell<Shown>>,
    /// How long messages in flight may take after Ctrl-C.
    pub(super) patience: Duration,
    /// Prints replies, if each message is a request.
    pub(super) replies: Option<RefCell<Emit>>,
    /// Where events go that failed for good.
    pub(super) undelivered: Option<Undelivered>,
    /// Whether to go on after an error.
    pub(super) keep_going: bool,
    pub(super) sent: Cell<usize>,
    /// Sent events that the broker had already, and keeps once.
    pub(super) duplicates: Cell<usize>,
    pub(super) failed: Cell<usize>,
    /// Until when the peer requested that nothing is sent.
    pub(super) paused: Cell<Option<Instant>>,
    /// The end of `patience`, after Ctrl-C.
    pub(super) end: Cell<Option<Instant>>,
}

/// A message that was handed to the sender.
struct Flight {
    outcome: Result<Outcome<Receipt>, Error>,
    message: Message,
    size: usize,
    events: Vec<Event>,
    place: Place,
}

impl<'a> Line<'a> {
    pub(super) fn new(
        attempts: &'a Attempts<'a>,
        format: &'a dyn Format,
        mode: ContentMode,
        parallel: Bounds,
        pace: Option<Pace>,
    ) -> Self {
        Self {
            attempts,
            format,
            mode,
            parallel,
            pace,
            rest: false,
            read_to: None,
            open: FuturesUnordered::new(),
            open_bytes: 0,
            kept: Kept::default(),
        }
    }

    /// Sends a message when the bounds and the pace permit it. Reports an error, and remembers its exit status.
    pub(super) async fn send(&mut self, events: Vec<Event>, place: &Place) {
        let attempts = self.attempts;
        let message = match message(self.mode, self.format, &events, place, attempts.console) {
            Ok(message) => message,
            Err(error) => {
                let status = connect::status_of(&error);
                return attempts.failed(&error, status, &events, place, 1).await;
            }
        };
        let size = Outgoing::from(message.clone()).size();
        self.settle_beside(size).await;
        if self.kept.begins(&place.source) {
            // Messages that are done may be beside each one that is not.
            let most = self.parallel.bytes.saturating_mul(4);
            while self.kept.bytes() > most && self.settle_one().await {}
        }
        if attempts.is_cut() || !self.wait_for_turn().await {
            return;
        }
        if let Some(shown) = &attempts.shown {
            shown.borrow_mut().message(&message, &events, attempts.console);
        }
        if self.parallel.messages == 1 {
            // A runtime of one thread has not run since the message before: the peer may have closed the connection.
            yield_now().await;
        }
        // Before it is sent: Ctrl-C may come as soon as the other side has it.
        attempts.interrupt.in_flight(self.open.len().saturating_add(1));
        // The next message is handed over after this one: the order of first attempts is the order of the input.
        let outcome = attempts.enqueue(&message).await;
        let flight = Flight { outcome, message, size, events, place: place.clone() };
        self.open_bytes = self.open_bytes.saturating_add(size);
        self.open.push(attempts.end(flight).boxed_local());
        if self.parallel.messages == 1 {
            self.settle().await;
        }
    }

    /// Waits until the bounds permit a message of this size.
    async fn settle_beside(&mut self, size: usize) {
        while (self.open.len() >= self.parallel.messages
            || self.open_bytes.saturating_add(size) > self.parallel.bytes)
            && self.settle_one().await
        {}
    }

    /// Waits for all messages in flight.
    pub(super) async fn settle(&mut self) {
        while self.settle_one().await {}
    }

    /// Waits for the end of a message in flight. Returns whether there was one.
    async fn settle_one(&mut self) -> bool {
        let Some(size) = self.open.next().await else { return false };
        self.open_bytes = self.open_bytes.saturating_sub(size);
        self.attempts.interrupt.in_flight(self.open.len());
        true
    }

    /// Waits until the peer takes messages again, and for the turn that the pace gives. Meanwhile, messages in flight go on. Returns
    /// whether a message may be sent.
    async fn wait_for_turn(&mut self) -> bool {
        let attempts = self.attempts;
        let mut pace = self.pace.take();
        let may_send = {
            let turn = async {
                if !attempts.wait_for_peer().await {
                    return false;
                }
                let Some(pace) = &mut pace else { return true };
                tokio::select! {
                    () = pace.next() => true,
                    () = attempts.interrupt.asked() => false,
                }
            };
            let mut turn = pin!(turn);
            loop {
                tokio::select! {
                    biased;
                    may_send = &mut turn => break may_send,
                    true = self.settle_one() => {}
                }
            }
        };
        self.pace = pace;
        may_send
    }
}

impl Attempts<'_> {
    /// Whether an event could not be sent, or the network failed, so that no more is sent.
    pub(super) fn is_cut(&self) -> bool {
        !self.keep_going && (self.failed.get() > 0 || self.console.remembered() == Status::Network)
    }

    /// Waits until the peer takes messages again. Returns whether it does.
    async fn wait_for_peer(&self) -> bool {
        let Some(wait) = self.pause().filter(|wait| !wait.is_zero()) else { return true };
        let seconds = in_seconds(wait);
        self.tell(&Report::warning(format!("the peer requested a pause; the next message in {seconds:?}")));
        tokio::select! {
            () = sleep(wait) => true,
            () = self.interrupt.asked() => false,
        }
    }

    /// The rest of the pause that the peer requested.
    fn pause(&self) -> Option<Duration> {
        self.paused.get().map(|until| until.saturating_duration_since(Instant::now()))
    }

    async fn enqueue(&self, message: &Message) -> Result<Outcome<Receipt>, Error> {
        match &self.replies {
            None => self.in_time(self.sender.enqueue(message.clone())).await,
            Some(replies) => self.in_time(self.request(message, replies)).await,
        }
    }

    /// Sends a request, and prints the reply.
    async fn request(&self, message: &Message, replies: &RefCell<Emit>) -> Result<Outcome<Receipt>, Error> {
        let reply = self.sender.request(message.clone(), self.patience).await?;
        let mut replies = replies.borrow_mut();
        let printed = self.progress.borrow().suspend(|| replies.event(&reply).and_then(|()| replies.flush()));
        if let Err(failure) = printed {
            self.console.remember(failure.tell(self.console));
        }
        Ok(Outcome::ready(Ok(Receipt::new())))
    }

    /// Waits for work that may take as long as it likes: a pipe that nothing reads, or a peer over WebSockets, for example. It is reported
    /// when it takes longer than work that has a time limit of its own. After Ctrl-C, it is not waited for.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let late = async {
            self.interrupt.asked().await;
            let now = Instant::now();
            let end = self.end.get().unwrap_or_else(|| now.checked_add(self.patience).unwrap_or(now));
            self.end.set(Some(end));
            sleep_until(end).await;
        };
        let telling = async {
            let long = self.patience.saturating_mul(2);
            sleep(long).await;
            let report = Report::warning(format!("nothing was taken for {long:?}; Ctrl-C ends it"));
            self.tell(&report.kind("waiting"));
            pending().await
        };
        tokio::select! {
            biased;
            done = work => done,
            () = late => {
                Err(Error::new(ErrorKind::Timeout)
                    .with_detail(format!("it did not end within {:?} after Ctrl-C", self.patience)))
            }
            waiting = telling => waiting,
        }
    }

    /// Waits for the outcome of a message, and sends it again where that is requested. Returns its size.
    ///
    /// Tens of thousands of these futures wait at once. So the future of a rare step has a box of its own.
    async fn end(&self, mut flight: Flight) -> usize {
        let mut attempt = 1_u32;
        loop {
            let error = match flight.outcome {
                Ok(outcome) => match self.in_time(outcome).await {
                    Ok(receipt) => {
                        self.sent.set(self.sent.get().saturating_add(flight.events.len()));
                        if receipt.is_duplicate() == Some(true) {
                            self.duplicates.set(self.duplicates.get().saturating_add(flight.events.len()));
                        }
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
                self.paused.set(self.paused.get().max(Instant::now().checked_add(wait)));
            }
            let after = self.retries.after(&error, attempt).filter(|_| !self.interrupt.is_asked());
            let Some(after) = after else {
                Box::pin(self.give_up(&error, &flight.events, &flight.place, attempt)).await;
                break;
            };
            // Another message may have met a request for a longer pause.
            let wait = match self.pause().filter(|pause| *pause > after) {
                Some(pause) => in_seconds(pause),
                None => after,
            };
            let left = self.retries.times.saturating_add(1).saturating_sub(attempt);
            let words = format!("attempt {attempt} failed; the next one in {wait:?}, {left} left");
            let report = Report::warning(words).kind(error.kind().code()).detail(error.message().to_string());
            self.tell(&located(report, &flight.place));
            tokio::select! {
                () = sleep(wait) => {}
                () = self.interrupt.asked() => {
                    // The peer may have requested the pause: it is not tried before its end.
                    Box::pin(self.give_up(&error, &flight.events, &flight.place, attempt)).await;
                    break;
                }
            }
            attempt = attempt.saturating_add(1);
            flight.outcome = Box::pin(self.enqueue(&flight.message)).await;
        }
        flight.events.iter().for_each(|_| self.progress.borrow_mut().step());
        flight.size
    }

    async fn give_up(&self, error: &Error, events: &[Event], place: &Place, attempts: u32) {
        let status = self.status_of(error).await;
        self.failed(error, status, events, place, attempts).await;
    }

    /// Counts, keeps and reports events that failed for good.
    async fn failed(&self, error: &Error, status: Status, events: &[Event], place: &Place, attempts: u32) {
        self.add_failed(events.len());
        if let Some(undelivered) = &self.undelivered {
            undelivered.keep(events, self.console).await;
        }
        self.report(error, status, events, place, attempts);
    }

    /// A place that is not there is a refusal, also where its protocol cannot tell it from one that is away for a moment.
    async fn status_of(&self, error: &Error) -> Status {
        let status = connect::status_of(error);
        if error.kind() != ErrorKind::Refused || status != Status::Network {
            return status;
        }
        let checked = self.in_time(self.sender.check()).await;
        checked.map_or_else(|error| connect::status_of(&error).min(status), |()| status)
    }

    pub(super) fn add_failed(&self, events: usize) {
        self.failed.set(self.failed.get().saturating_add(events));
    }

    fn report(&self, error: &Error, status: Status, events: &[Event], place: &Place, attempts: u32) {
        let mut report = connect::report(error);
        if attempts > 1 {
            report = report.detail(format!("{} ({})", error.detail(), count(attempts, "attempt")));
        }
        // Another place than the line of the input, which may be a pipe.
        if let [event] = events {
            report = report.remark(&format!("event {:?}", shortened(event.id(), LONGEST)));
            report = report.member("id", event.id());
        }
        self.progress.borrow().suspend(|| self.console.error(status, &located(report, place)));
    }

    fn tell(&self, report: &Report) {
        self.progress.borrow().suspend(|| self.console.report(report));
    }
}

/// Adds the place in the input, if the event has one.
fn located(report: Report, place: &Place) -> Report {
    if place.source.name == "command line" { report } else { report.at(place) }
}

/// The next whole number of seconds, or this one.
fn in_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_nanos().div_ceil(1_000_000_000).try_into().unwrap_or(u64::MAX))
}
