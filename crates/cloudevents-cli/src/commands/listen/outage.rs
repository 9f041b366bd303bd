//! How long a connection may be away.

use std::time::{Duration, Instant};

/// The failures in a row that end the command without a limit of time. With a receiver's pauses, this is half a minute.
const FAILURES: u32 = 10;

/// The time without a connection.
#[derive(Debug)]
pub(super) struct Outage {
    since: Option<Instant>,
    limit: Option<Duration>,
}

impl Outage {
    /// There is a connection. An outage may take this long.
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { since: None, limit }
    }

    /// The connection is lost, or could not be opened again. Returns whether that is news.
    pub(super) fn begin(&mut self) -> bool {
        let is_news = self.since.is_none();
        self.since.get_or_insert_with(Instant::now);
        is_news
    }

    /// There is a connection. Returns when the outage began, if there was one.
    pub(super) fn end(&mut self) -> Option<Instant> {
        self.since.take()
    }

    /// Whether to give up after this many failures in a row.
    pub(super) fn is_too_long(&self, failed: u32) -> bool {
        match (self.limit, self.since) {
            (Some(limit), since) => since.is_some_and(|since| since.elapsed() >= limit),
            (None, _) => failed >= FAILURES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_time_takes_the_place_of_that_of_failures() {
        let mut outage = Outage::new(None);
        assert!(outage.begin() && !outage.begin());
        assert!(!outage.is_too_long(9) && outage.is_too_long(10));
        assert!(outage.end().is_some() && outage.end().is_none());
        let mut long = Outage::new(Some(Duration::from_secs(3600)));
        assert!(long.begin() && !long.is_too_long(1000));
        let mut short = Outage::new(Some(Duration::ZERO));
        assert!(!short.is_too_long(1000));
        assert!(short.begin() && short.is_too_long(0));
    }
}
