//! Decides about a message and its target after an attempt.

use crate::{
    Attempt, Health, OutboxOptions, Step,
    millis::{later, since},
};
use cloudevents_core::{Error, ErrorKind, codec::one_line};
use cloudevents_transport::{Fault, Receipt};
use std::time::{Duration, SystemTime};

/// The most bytes of an answer or error that are kept.
const KEPT: usize = 1024;

/// The message that was tried.
pub(super) struct Tried {
    pub(super) number: u64,
    pub(super) attempt: u32,
    pub(super) started: SystemTime,
    pub(super) in_order: bool,
    /// Whether the target accepted other messages after it refused this one.
    pub(super) is_suspect: bool,
}

/// An attempt that failed.
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) fault: Fault,
}

impl Failed {
    /// Whether the message, or all messages, were refused for good. That the target is away says nothing about the message.
    pub(super) fn is_refusal(&self) -> bool {
        !self.error.is_temporary() && self.fault != Fault::Target
    }

    /// Until when this response requests a pause of the target.
    pub(super) fn requested_until(&self, now: SystemTime) -> Option<SystemTime> {
        let wait = self.error.retry_after().filter(|_| self.fault == Fault::Target);
        wait.map(|wait| later(now, wait))
    }
}

/// Decides, and notes in `health` how the target did. `random` is from 0 up to 1.
pub(super) fn judge(
    tried: &Tried,
    result: &Result<Receipt, Failed>,
    health: &mut Health,
    options: &OutboxOptions,
    now: SystemTime,
    random: f64,
) -> Step {
    let failed = match result {
        Ok(_) => {
            health.after_success(now);
            return Step::Delivered;
        }
        Err(failed) => failed,
    };
    let (Failed { error, fault }, is_refused) = (failed, failed.is_refusal());
    if is_refused && *fault == Fault::Message {
        if error.kind() == ErrorKind::Refused {
            health.after_success(now); // whoever refuses is there
        } else {
            health.paused_until = None;
        }
        return Step::Dead(reason(error));
    }
    // Other refusals may be about the sender, such as a wrong token. It is the message's fault if others pass.
    if is_refused && tried.is_suspect {
        // If it was the sender's nevertheless, an outage begins with the third one, as for other failures.
        fail(health, tried, failed);
        if !health.is_outage() {
            return Step::Dead(proven(error));
        }
    }
    let elapsed = since(now, tried.started);
    let not_before = error.retry_after();
    // The peer that answers so is not away.
    if *fault == Fault::MessageForNow {
        health.after_success(now);
    } else {
        fail(health, tried, failed);
        health.requested_until = health.requested_until.max(failed.requested_until(now));
    }
    if !health.is_outage() {
        let wait = |not_before| options.retry.wait(tried.attempt, elapsed, not_before, random);
        let Some(longest) = wait(not_before) else {
            return Step::Dead(given_up(tried, error, elapsed));
        };
        // A pause that the target requested is kept for the target, so that an operator can end it for all messages.
        let own = if *fault == Fault::MessageForNow { None } else { wait(None) };
        return Step::Retry { due: later(now, own.unwrap_or(longest)), counts: true };
    }
    // Also where the target requests a pause, which may be a short one.
    if health.paused_until.is_none_or(|until| until <= now) {
        health.pauses = health.pauses.saturating_add(1);
        let wait = options.pauses.delay_with(health.pauses, random);
        health.paused_until = Some(later(now, wait));
    }
    // With a limit of attempts, a message that may be at fault itself waits as its schedule says, and ends with it. So does a message that
    // would otherwise block the messages behind it for ever, no matter whose fault it is.
    let may_be_own_fault = *fault != Fault::Target && !health.is_of_several();
    let is_in_the_way = tried.in_order && options.retry.deadline().is_none();
    if (may_be_own_fault || is_in_the_way) && error.is_temporary() && !options.retry.repeats() {
        return match options.retry.wait(tried.attempt, elapsed, None, random) {
            Some(wait) => Step::Retry { due: later(now, wait), counts: true },
            None => Step::Dead(given_up(tried, error, elapsed)),
        };
    }
    let end = health.pause_end(now).unwrap_or(now);
    if options.retry.is_within_deadline(elapsed, since(end, now)) {
        // The pause is kept for the target, as above.
        Step::Retry { due: now, counts: false }
    } else {
        Step::Dead(given_up(tried, error, elapsed))
    }
}

/// Why a message is dead that its sender holds back for this long: that is after its deadline.
pub(super) fn overdue(
    tried: &Tried,
    error: &Error,
    wait: Duration,
    options: &OutboxOptions,
    now: SystemTime,
) -> Option<Box<str>> {
    let elapsed = since(now, tried.started);
    let is_late = !options.retry.is_within_deadline(elapsed, wait);
    is_late.then(|| first_kib(format!("not sent within {} s: {error}", elapsed.as_secs())))
}

/// The attempt to log.
pub(super) fn attempt(result: &Result<Receipt, Failed>, at: SystemTime, latency: Duration) -> Attempt {
    let (status, detail) = match result {
        Ok(receipt) => ("delivered", place(receipt)),
        Err(Failed { error, .. }) => (error.kind().code(), error.to_string()),
    };
    Attempt { at, latency, status: status.into(), detail: first_kib(detail) }
}

/// Ends texts after 1,024 bytes, between characters, and shows them in one line: they may be a peer's.
pub(crate) fn first_kib(text: String) -> Box<str> {
    let mut text = one_line(&text).into_owned();
    let end = (0..=KEPT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    text.into()
}

pub(super) fn reason(error: &Error) -> Box<str> {
    first_kib(error.to_string())
}

/// The reason for a message that is refused while others are not.
pub(super) fn proven(error: &Error) -> Box<str> {
    first_kib(format!("refused while other messages are accepted: {error}"))
}

fn given_up(tried: &Tried, error: &Error, elapsed: Duration) -> Box<str> {
    let (attempts, seconds) = (tried.attempt, elapsed.as_secs());
    let attempts = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
    first_kib(format!("given up after {attempts} in {seconds} s: {error}"))
}

/// Notes a failure. Failures without a response are the target's, and count each time. So do failures of messages in order, because only
/// the first is tried. Other messages may be at fault themselves, and count once.
fn fail(health: &mut Health, tried: &Tried, failed: &Failed) {
    let counts_again = !failed.is_refusal() && (tried.in_order || failed.fault == Fault::Target);
    let is_new = !health.failed.contains(&tried.number);
    if health.is_outage() && is_new && !health.is_of_several() {
        health.failed.remove(0);
    }
    if !health.is_outage() && (is_new || counts_again) {
        health.failed.push(tried.number);
    }
    health.reason = reason(&failed.error);
}

fn place(receipt: &Receipt) -> String {
    let parts = [
        receipt.place().map(|place| format!("at {place}")),
        receipt.partition().map(|partition| format!("partition {partition}")),
        receipt.offset().map(|offset| format!("offset {offset}")),
        receipt.is_duplicate().filter(|is| *is).map(|_| "the peer had it before".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
