//! What responses mean, and how long to wait.

use cloudevents_webhook::deliver::{Admission, Conclusion, Health, Practice, retry_after};
use http::{HeaderMap, HeaderValue, Response};
use std::time::{Duration, Instant, UNIX_EPOCH};

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
    for denied in [401, 403, 407] {
        assert_eq!(conclude(CloudEvents, denied), Conclusion::Denied);
        assert!(is_retried(StandardWebhooks, denied));
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
        (505, vec![Knative, EventGrid, StandardWebhooks]),
        // Not in RFC 9110, whose section 15 then takes it for 500.
        (506, vec![CloudEvents, Knative, EventGrid, StandardWebhooks]),
        (599, vec![CloudEvents, Knative, EventGrid, StandardWebhooks]),
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
    let day = Some(Duration::from_secs(86_400));
    for beyond in [
        "86401",
        "1795219200",
        "18446744073709551616",
        "99999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        assert_eq!(of(beyond), day, "{beyond}");
    }
    for malformed in ["", "-1", "+1", "1.5", "soon", "1 2"] {
        assert_eq!(of(malformed), None, "{malformed}");
    }
}

/// Each outage of a target begins with the first pause, whatever came before.
#[test]
fn pauses_are_those_of_the_first_outage_in_each_one() {
    let second = Duration::from_secs(1);
    let (mut health, mut now) = (Health::new(2, second, 8 * second), Instant::now());
    let failed = Conclusion::Retry { not_before: None, throttled: false };
    for outage in 1..=3 {
        assert_eq!(health.admit(now), Admission::Send);
        health.record(failed, now);
        for seconds in [1, 2, 4, 8, 8] {
            assert_eq!(health.admit(now), Admission::Send, "outage {outage}");
            health.record(failed, now);
            let until = now + seconds * second;
            assert_eq!(health.admit(now), Admission::Wait(Some(until)), "outage {outage}");
            now = until;
        }
        assert_eq!(health.admit(now), Admission::Send);
        health.record(Conclusion::Delivered, now);
    }
}
