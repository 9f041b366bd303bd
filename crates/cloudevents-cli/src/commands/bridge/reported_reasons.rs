//! Reasons that were reported, so that each is reported once.

use crate::{
    commands::refusals::{self, Lines},
    console::Console,
};
use cloudevents_kit::Error;
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// The last refusal of a request that was reported. Refusals for the same reason are reported once a minute.
pub(super) struct LastRefusal {
    told: Option<(String, Instant)>,
    /// A stranger chooses the reasons, and would choose the size of the log.
    lines: Lines,
}

impl LastRefusal {
    pub(super) fn new() -> Self {
        Self { told: None, lines: Lines::new() }
    }

    pub(super) fn tell(&mut self, error: &Error, console: &Console) {
        let why = words(error);
        let is_told = |(last, at): &(String, Instant)| *last == why && at.elapsed() < Duration::from_secs(60);
        if !self.told.as_ref().is_some_and(is_told) && self.lines.have_room(Instant::now()) {
            console.report(&refusals::warning(error));
            self.told = Some((why, Instant::now()));
        }
    }
}

/// The reasons for which messages or their dead letters failed since the last success. Each is reported once, not for each message and
/// attempt, also where they take turns.
#[derive(Default)]
pub(super) struct Reasons(Mutex<VecDeque<String>>);

/// How many reasons are remembered: a peer may have a text of its own for each message.
const REASONS: usize = 8;

impl Reasons {
    pub(super) fn is_news(&self, error: &Error) -> bool {
        let why = words(error);
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.contains(&why) {
            return false;
        }
        if told.len() >= REASONS {
            told.pop_front();
        }
        told.push_back(why);
        true
    }

    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// An error without its code, as the report has one of its own.
pub(super) fn words(error: &Error) -> String {
    let text = error.to_string();
    text.strip_suffix(&format!(" [{}]", error.kind().code())).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::ErrorKind;

    #[test]
    fn reasons_that_take_turns_are_news_once_until_a_success() {
        let reasons = Reasons::default();
        let error = |why: &str| Error::new(ErrorKind::Unreachable).with_detail(why.to_owned());
        let told = |whys: &[&str]| whys.iter().filter(|why| reasons.is_news(&error(why))).count();
        assert_eq!(told(&["reset", "refused", "reset", "refused"]), 2);
        reasons.end();
        assert_eq!(told(&["reset", "reset"]), 1);
        // Texts with a number are not remembered without bound.
        assert!((0..100).all(|number| told(&[&number.to_string()]) == 1));
        assert_eq!(reasons.0.lock().unwrap().len(), REASONS);
    }
}
