//! What the log says of messages that are dropped.

use cloudevents_testkit::logged::Logged;
use cloudevents_transport::Connectivity;
use std::time::Duration;
use tokio::{task::yield_now, time::sleep};

/// A burst is logged whole, though nothing is dropped behind it.
#[tokio::test(start_paused = true)]
async fn they_are_logged_at_once_and_then_every_ten_seconds() {
    let logged = Logged::begin();
    let lines = || logged.text().matches("messages are dropped").count();
    let (reporter, _connectivity) = Connectivity::channel();
    for _ in 0..3 {
        reporter.dropped(2);
    }
    assert_eq!(lines(), 1, "{}", logged.text());
    sleep(Duration::from_secs(10)).await;
    yield_now().await;
    assert!(lines() == 2 && logged.text().contains("dropped=6"), "{}", logged.text());
    sleep(Duration::from_secs(30)).await;
    assert_eq!(lines(), 2, "{}", logged.text());
    reporter.dropped(1);
    assert!(lines() == 3 && logged.text().contains("dropped=7"), "{}", logged.text());
}
