//! Reasons that were reported, so that each is reported once.

use crate::{commands::refusals, console::Console};
use cloudevents_kit::Error;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How many refusals are reported within a second. A stranger chooses the reasons, and would choose the size of the log.
const A_SECOND: usize = 10;

/// The last refusal of a request that was reported. Refusals for the same reason are reported once a minute.
#[derive(Default)]
pub(super) struct LastRefusal {
    told: Option<(String, Instant)>,
    /// The begin of the present second, and the lines in it.
    second: Option<(Instant, usize)>,
}

impl LastRefusal {
    pub(super) fn tell(&mut self, error: &Error, console: &Console) {
        let why = words(error);
        let is_told = |(last, at): &(String, Instant)| *last == why && at.elapsed() < Duration::from_secs(60);
        if !self.told.as_ref().is_some_and(is_told) && self.has_room() {
            console.report(&refusals::warning(error));
            self.told = Some((why, Instant::now()));
        }
    }

    /// Whether the present second has a line left.
    fn has_room(&mut self) -> bool {
        let (begin, lines) = self
            .second
            .filter(|(begin, _)| begin.elapsed() < Duration::from_secs(1))
            .unwrap_or_else(|| (Instant::now(), 0));
        self.second = Some((begin, lines.saturating_add(1)));
        lines < A_SECOND
    }
}

/// The last reason for which messages or their dead letters failed. It is reported once, not for each message and attempt.
#[derive(Default)]
pub(super) struct LastReason(Mutex<Option<String>>);

impl LastReason {
    pub(super) fn is_news(&self, error: &Error) -> bool {
        let why = words(error);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = last.as_ref() != Some(&why);
        *last = Some(why);
        is_news
    }

    pub(super) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// An error without its code, as the report has one of its own.
pub(super) fn words(error: &Error) -> String {
    let text = error.to_string();
    text.strip_suffix(&format!(" [{}]", error.kind().code())).unwrap_or(&text).to_owned()
}
