//! The time that stores keep.

use std::{fmt, sync::Arc, time::SystemTime};

/// Where the current time comes from: the system, or a test.
///
/// Workers that share a store have to agree on the time to within a fraction of the lease.
///
/// ```
/// use cloudevents_outbox::Clock;
/// use std::time::SystemTime;
///
/// let clock = Clock::new(|| SystemTime::UNIX_EPOCH);
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH);
/// ```
#[derive(Clone)]
pub struct Clock(Option<Arc<dyn Fn() -> SystemTime + Send + Sync>>);

impl Clock {
    /// The clock of the system.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that shows the time that this function returns.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(now)))
    }

    /// The current time.
    pub fn now(&self) -> SystemTime {
        self.0.as_ref().map_or_else(SystemTime::now, |now| now())
    }
}

/// The clock of the system.
impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(program)" } else { "Clock(system)" })
    }
}
