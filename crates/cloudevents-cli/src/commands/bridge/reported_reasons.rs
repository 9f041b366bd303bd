//! Reasons that were reported, so that each is reported once.

use crate::{
    commands::refusals::{self, Lines},
    console::Console,
};
use cloudevents_kit::Error;
use std::{
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
