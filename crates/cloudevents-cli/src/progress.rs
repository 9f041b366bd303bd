//! Shows progress of work that takes longer than a second, on a terminal.

use crate::console::Console;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// A progress bar, or a count if the total is unknown, that appears after a second.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    begin: Instant,
    length: Option<u64>,
    unit: &'static str,
    done: u64,
    enabled: bool,
}

impl Progress {
    /// Creates progress with a total of `length` units, if it is known.
    pub(crate) fn new(console: &Console, length: Option<usize>, unit: &'static str) -> Self {
        Self {
            bar: None,
            begin: Instant::now(),
            length: length.and_then(|length| u64::try_from(length).ok()),
            unit,
            done: 0,
            enabled: console.shows_progress(),
        }
    }

    /// Counts one unit as done.
    pub(crate) fn step(&mut self) {
        self.done = self.done.saturating_add(1);
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.enabled && self.begin.elapsed() > Duration::from_secs(1) {
            self.bar = Some(self.appear());
        }
    }

    /// Runs `work` with the bar hidden.
    pub(crate) fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn appear(&self) -> ProgressBar {
        let template = match self.length {
            Some(_) => "{bar:30} {human_pos} of {human_len} {msg} ({per_sec}, {eta} left)",
            None => "{spinner} {human_pos} {msg} ({per_sec})",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let bar =
            ProgressBar::with_draw_target(self.length, target).with_style(style).with_message(self.unit);
        bar.with_elapsed(self.begin.elapsed()).with_position(self.done)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
