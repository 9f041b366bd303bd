//! What responses mean, and how long to wait.

use cloudevents_webhook::deliver::{Conclusion, Practice, Schedule, retry_after};
use http::{HeaderMap, HeaderValue, Response};
use proptest::prelude::*;
use std::time::{Duration, UNIX_EPOCH};

fn conclude(practice: Practice, status: u16) -> Conclusion {
    practice.conclude(&Response::builder().status(status).body(()).unwrap(), UNIX_EPOCH)
}

fn is_retried(practice: Practice, status: u16) -> bool {
    matches!(conclude(practice, status), Conclusion::Retry { .. })
}

#[test]
fn statuses() {
    use Practice::{CloudEvents, EventGrid, Knative, StandardWebhooks};
    for practice in [CloudEvents, Knative, EventGrid, StandardWebhooks] {
        for delivered in [200, 201, 202, 204, 299] {
            assert_eq!(conclude(practice, delivered), Conclusion::Delivered);
        }
        assert_eq!(conclude(practice, 410), Conclusion::Gone);
        for retried in [408, 429, 500, 502, 503, 504] {
            assert!(is_retried(practice, retried), "{practice:?} {retried}");
        }
    }
    for (status, by) in [
        (400, vec![StandardWebhooks]),
        (401, vec![StandardWebhooks]),
        (403, vec![StandardWebhooks]),
        (404, vec![Knative, EventGrid, StandardWebhooks]),
        (409, vec![Knative, EventGrid, StandardWebhooks]),
        (413, vec![StandardWebhooks]),
        (415, vec![EventGrid, StandardWebhooks]),
        (422, vec![EventGrid, StandardWebhooks]),
        (501, vec![Knative, EventGrid, StandardWebhooks]),
        (302, vec![EventGrid, StandardWebhooks]),
    ] {
        for practice in [CloudEvents, Knative, EventGrid, StandardWebhooks] {
            assert_eq!(is_retried(practice, status), by.contains(&practice), "{practice:?} {status}");
        }
    }
}

#[test]
fn waits_that_targets_request() {
    let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
    let of = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_str(value).unwrap());
        retry_after(&headers, now)
    };
    assert_eq!(of("120"), Some(Duration::from_secs(120)));
    assert_eq!(of("0"), Some(Duration::ZERO));
    assert_eq!(of("Sun, 06 Nov 1994 08:51:37 GMT"), Some(Duration::from_secs(120)));
    assert_eq!(of("Sunday, 06-Nov-94 08:51:37 GMT"), Some(Duration::from_secs(120)));
    assert_eq!(of("Sun, 06 Nov 1994 08:49:36 GMT"), Some(Duration::ZERO));
    assert_eq!(of("99999999999999999999999"), Some(Duration::MAX));
    for malformed in ["", "-1", "+1", "1.5", "soon", "1 2"] {
        assert_eq!(of(malformed), None, "{malformed}");
    }
}

#[test]
fn schedules() {
    let standard = Schedule::standard_webhooks().with_jitter(0);
    let waits: Vec<u64> = (1..=10)
        .map_while(|attempt| standard.wait(attempt, Duration::ZERO, None, 0.0))
        .map(|wait| wait.as_secs())
        .collect();
    assert_eq!(waits, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    let exponential = Schedule::exponential(Duration::from_secs(1), Duration::from_secs(5)).with_jitter(0);
    let waits: Vec<u64> = (1..=6)
        .map_while(|attempt| exponential.wait(attempt, Duration::ZERO, None, 0.0))
        .map(|wait| wait.as_secs())
        .collect();
    assert_eq!(waits, [1, 2, 4, 5, 5, 5]);
    assert_eq!(Schedule::knative(3).with_jitter(0).wait(4, Duration::ZERO, None, 0.0), None);
    // Beyond the deadline: given up.
    let short = Schedule::cloudevents().with_deadline(Duration::from_secs(10)).with_jitter(0);
    assert_eq!(short.wait(1, Duration::from_secs(9), None, 0.0), Some(Duration::from_secs(1)));
    assert_eq!(short.wait(1, Duration::from_secs(10), None, 0.0), None);
    assert_eq!(short.wait(1, Duration::ZERO, Some(Duration::MAX), 0.0), None);
}

proptest! {
    /// Never before the target wants it, never after the deadline, never longer than the schedule says unless the target wants it.
    #[test]
    fn waits_keep_their_bounds(attempt in 0_u32..100, elapsed in 0_u64..200_000, requested in prop::option::of(0_u64..200_000), random in 0.0..1.0) {
        let (elapsed, requested) = (Duration::from_secs(elapsed), requested.map(Duration::from_secs));
        for schedule in [Schedule::cloudevents(), Schedule::event_grid(), Schedule::standard_webhooks(), Schedule::knative(5)] {
            let Some(wait) = schedule.wait(attempt, elapsed, requested, random) else { continue };
            prop_assert!(wait >= requested.unwrap_or_default());
            let full = schedule.clone().with_jitter(0).wait(attempt, Duration::ZERO, None, 0.0).unwrap_or(Duration::MAX);
            prop_assert!(wait <= full.max(requested.unwrap_or_default()));
        }
    }
}
