//! Schedules of attempts, with generated times.

use cloudevents_transport::RetrySchedule;
use proptest::prelude::*;
use std::time::Duration;

proptest! {
    /// Never before the target wants it, never after the deadline, never longer than the schedule says unless the target wants it.
    #[test]
    fn waits_keep_their_bounds(attempt in 0_u32..100, elapsed in 0_u64..500_000, requested in prop::option::of(0_u64..500_000), random in 0.0..1.0) {
        let (elapsed, requested) = (Duration::from_secs(elapsed), requested.map(Duration::from_secs));
        let presets =
            [RetrySchedule::cloudevents(), RetrySchedule::event_grid(), RetrySchedule::standard_webhooks(), RetrySchedule::knative(5)];
        for schedule in presets {
            let Some(wait) = schedule.wait(attempt, elapsed, requested, random) else { continue };
            prop_assert!(wait >= requested.unwrap_or_default());
            prop_assert!(elapsed + wait <= schedule.deadline().unwrap());
            let full = schedule.clone().with_jitter(0).wait(attempt, Duration::ZERO, None, 0.0).unwrap_or(Duration::MAX);
            prop_assert!(wait <= full.max(requested.unwrap_or_default()));
        }
    }
}
