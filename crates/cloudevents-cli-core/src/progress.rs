//! Shows progress of work that takes longer than a second, on a terminal.

use crate::console::Console;
use crate::plain::thousands;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

/// A progress bar, or a count if the total is unknown, that appears after a second.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    begin: Instant,
    length: Option<u64>,
    unit: &'static str,
    done: u64,
    enabled: bool,
}

impl Progress {
    /// Creates progress with a total of `length` units, if it is known.
    pub fn new(console: &Console, length: Option<usize>, unit: &'static str) -> Self {
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
    pub fn step(&mut self) {
        self.steps(1);
    }

    /// Counts this number of units as done.
    pub(crate) fn steps(&mut self, units: usize) {
        self.done = self.done.saturating_add(u64::try_from(units).unwrap_or(u64::MAX));
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.enabled && self.begin.elapsed() > Duration::from_secs(1) {
            self.bar = Some(self.appear());
        }
    }

    /// Runs `work` with the bar hidden.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn appear(&self) -> ProgressBar {
        let template = match self.length {
            Some(_) => "{bar:30} {human_pos} of {human_len} {msg} ({rate}, {eta} left)",
            None => "{spinner} {human_pos} {msg} ({rate})",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.with_key("rate", Rate::new(self.begin));
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let bar =
            ProgressBar::with_draw_target(self.length, target).with_style(style).with_message(self.unit);
        bar.with_elapsed(self.begin.elapsed()).with_position(self.done)
    }
}

/// The rate over the last seconds. That of the last few steps would jump.
#[derive(Clone, Debug)]
struct Rate {
    /// When how many units were done; at least `STEP` apart, over about `SPAN`.
    marks: VecDeque<(Instant, u64)>,
    shown: u64,
}

const STEP: Duration = Duration::from_millis(500);
const SPAN: Duration = Duration::from_secs(10);

impl Rate {
    fn new(begin: Instant) -> Self {
        Self { marks: VecDeque::from([(begin, 0)]), shown: 0 }
    }

    fn update(&mut self, now: Instant, done: u64) {
        if self.shown > 0 && self.marks.back().is_some_and(|(last, _)| now.duration_since(*last) < STEP) {
            return;
        }
        while self.marks.len() > 1
            && self.marks.front().is_some_and(|(first, _)| now.duration_since(*first) > SPAN)
        {
            self.marks.pop_front();
        }
        if let Some((first, before)) = self.marks.front() {
            let seconds = now.duration_since(*first).as_secs_f64();
            if seconds > 0.0 {
                self.shown = (done.saturating_sub(*before) as f64 / seconds).round() as u64;
            }
        }
        self.marks.push_back((now, done));
    }
}

impl indicatif::style::ProgressTracker for Rate {
    fn clone_box(&self) -> Box<dyn indicatif::style::ProgressTracker> {
        Box::new(self.clone())
    }

    fn tick(&mut self, state: &ProgressState, now: Instant) {
        self.update(now, state.pos());
    }

    fn reset(&mut self, _: &ProgressState, now: Instant) {
        *self = Self::new(now);
    }

    fn write(&self, _: &ProgressState, text: &mut dyn fmt::Write) {
        let _ = write!(text, "{}/s", thousands(usize::try_from(self.shown).unwrap_or(usize::MAX)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_steady() {
        let begin = Instant::now();
        let mut rate = Rate::new(begin);
        let mut rates = Vec::new();
        // Bursts of 100 every second.
        for tenth in 1..300_u64 {
            rate.update(begin + Duration::from_millis(tenth * 100), tenth / 10 * 100);
            if tenth >= 100 {
                rates.push(rate.shown);
            }
        }
        assert!(rates.iter().all(|rate| (90..=110).contains(rate)), "{rates:?}");
    }
}
