//! Behaviours that an embedded broker shares with the real one: one list, which runs against both.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::SystemTime,
};

/// A behaviour: a sentence, and a function that panics if the sentence does not hold at this broker.
pub type Behaviour<P> = (&'static str, fn(&P));

/// Runs every behaviour, one after the other, and returns how many there were.
///
/// # Panics
///
/// If any does not hold, when all have run: with the sentences of those. The reasons were printed before.
///
/// ```
/// use cloudevents_testkit::behaviours::{Behaviour, check};
///
/// let all: &[Behaviour<i32>] = &[("it is positive", |place| assert!(*place > 0)), ("it is even", |place| assert_eq!(place % 2, 0))];
/// assert_eq!(check("a number", &42, all), 2);
/// assert!(std::panic::catch_unwind(|| check("another", &41, all)).is_err());
/// ```
#[allow(clippy::panic, reason = "documented")]
pub fn check<P>(venue: &str, place: &P, all: &[Behaviour<P>]) -> usize {
    let holds = |holds: fn(&P)| catch_unwind(AssertUnwindSafe(|| holds(place))).is_ok();
    let failed: Vec<&str> =
        all.iter().filter(|(_, behaviour)| !holds(*behaviour)).map(|(says, _)| *says).collect();
    if !failed.is_empty() {
        panic!("{venue}: {} of {} do not hold:\n- {}", failed.len(), all.len(), failed.join("\n- "));
    }
    all.len()
}

/// A name that no other test and no other run has given to a queue, a topic or a client: `what`, a hyphen, digits and hyphens.
///
/// ```
/// use cloudevents_testkit::behaviours::name;
///
/// assert!(name("queue").starts_with("queue-"));
/// assert_ne!(name("queue"), name("queue"));
/// ```
pub fn name(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
    format!("{what}-{}-{now}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}
