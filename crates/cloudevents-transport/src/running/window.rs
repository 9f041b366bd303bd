//! How many messages are under way at once.

use crate::{Bounds, Fault};
use cloudevents_core::{Error, ErrorKind};
use std::time::Duration;
use tokio::time::Instant;

/// A peer may also say at once that something of its own was not in time.
const SHORTEST: Duration = Duration::from_secs(1);

/// The number of messages that may be under way at a target: it follows the messages that the target answers in time.
///
/// A slow target lets messages wait that it cannot take yet. A message that waits until its time limit is sent again, behind messages that
/// the target still works on.
///
/// - An answer permits one more message, until the first attempt reaches its time limit. From then on, one more is permitted each time that
///   all are answered.
/// - An answer that took long permits no more, because it has waited for others. It took long if it took more than a quarter of the way
///   from the fastest answer to the time limit. Messages that are begun until such an answer comes wait twice as long at most, and so stay
///   below the limit.
/// - A time limit halves the number, once for all messages that were under way together.
pub(super) struct Window {
    most: usize,
    size: usize,
    /// Answers since it has grown.
    answers: usize,
    fastest: Option<Duration>,
    /// The time limit of an attempt: that of the settings, until an attempt has reached one.
    limit: Duration,
    /// Whether an attempt has reached it.
    is_reached: bool,
    /// When it was halved last, and when it was full last.
    halved: Option<Instant>,
    full: Option<Instant>,
}

impl Window {
    /// Creates a window that follows, up to this number, with the time limit of an attempt. Without a time limit, it always has this
    /// number.
    pub(super) fn new(most: usize, follows: Option<Duration>) -> Self {
        // It has doubled each time that all are answered, so that a fast target soon has as many as permitted.
        let size = if follows.is_some() { Bounds::FIRST.min(most) } else { most };
        Self {
            most,
            size,
            answers: 0,
            fastest: None,
            limit: follows.unwrap_or_default(),
            is_reached: false,
            halved: None,
            full: None,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// An attempt begins, and so many are under way with it.
    pub(super) fn begins(&mut self, under_way: usize, now: Instant) {
        if under_way >= self.size {
            self.full = Some(now);
        }
    }

    /// An attempt that began then was answered now.
    pub(super) fn answered(&mut self, begun: Instant, now: Instant) {
        let took = now.saturating_duration_since(begun);
        let fastest = *self.fastest.insert(self.fastest.map_or(took, |fastest| fastest.min(took)));
        let rest = self.limit.saturating_sub(fastest);
        // Beside fewer others, it does not tell whether the target takes more.
        let was_full = self.full.is_some_and(|full| full >= begun);
        if self.size >= self.most
            || !was_full
            || took > fastest.saturating_add(rest.checked_div(4).unwrap_or(rest))
        {
            return;
        }
        self.answers = self.answers.saturating_add(1);
        if !self.is_reached || self.answers >= self.size {
            (self.size, self.answers) = (self.size.saturating_add(1), 0);
        }
    }

    /// An attempt that began then reached its time limit now. Returns whether it is halved.
    pub(super) fn timed_out(&mut self, begun: Instant, now: Instant) -> bool {
        let took = now.saturating_duration_since(begun);
        (self.limit, self.is_reached) = (took.max(SHORTEST), true);
        let is_halved = self.size > 1 && self.halved.is_none_or(|halved| begun >= halved);
        if is_halved {
            (self.size, self.answers, self.halved) = (self.size / 2, 0, Some(now));
        }
        is_halved
    }
}

/// Whether an attempt failed because of its time limit, and not because of a wait of the sender itself.
pub(super) fn is_time_limit(error: &Error) -> bool {
    error.kind() == ErrorKind::Timeout && Fault::of(error, false) == Fault::Target
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each attempt has times of its own on a clock that does not stand still.
    #[test]
    fn one_at_a_time_becomes_many_again() {
        let (limit, fast) = (Duration::from_secs(3), Duration::from_millis(2));
        let mut window = Window::new(16, Some(limit));
        let mut now = Instant::now();
        while window.size() > 1 {
            window.begins(window.size(), now);
            let begun = now;
            now += limit;
            assert!(window.timed_out(begun, now));
        }
        for answered in 1..=200 {
            let begun = now;
            window.begins(window.size(), begun);
            now += fast;
            window.answered(begun, now);
            now += Duration::from_nanos(100);
            assert!(answered < 200 || window.size() == 16, "{}", window.size());
        }
        // An attempt beside fewer others tells nothing.
        let size = window.size();
        window.timed_out(now, now + limit);
        now += limit;
        for _ in 0..200 {
            let begun = now;
            window.begins(1, begun);
            now += fast;
            window.answered(begun, now);
        }
        assert_eq!(window.size(), size / 2);
    }
}
