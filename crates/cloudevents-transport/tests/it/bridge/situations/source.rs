//! The source, its connection, and the age of its messages.

use super::Situation;
use crate::{
    bridge::ends::{Does, End, Feed, SECOND},
    event, keyed,
};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{Bridge, bridge::BridgePolicy, fake::FakeQueue};
use std::time::Duration;
use tokio::time::sleep;
use tracing::Level;

fn from(feed: &Feed, to: &End) -> Bridge {
    Bridge::new(feed.receiver(), to.sender(), BridgePolicy::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_not_there_yet() {
    let (feed, to) = (Feed::new(), End::new());
    let bridge = from(&feed, &to);
    let mut now = Situation::begin("the source is not there yet when the bridge starts", bridge.status());
    let watch = async {
        feed.has(event(1), SECOND);
        let refused = Error::new(ErrorKind::Unreachable).with_detail("connection refused");
        for failed in 1..=15 {
            feed.reporter.trying_again(failed, &refused);
            now.lasts(10 * SECOND).await;
        }
        assert!(now.line("stalls").contains("connection refused"));
        feed.reporter.connected(None);
        now.is_over_after(10 * SECOND).await;
        assert_eq!(now.status.metrics().confirmed, 1);
    };
    bridge.run().until(watch).await.unwrap();
    now.compare(&[("each attempt", 15)]);
}

/// The lag is that of the last confirmed message all the time, and small when the backlog is moved.
#[tokio::test(start_paused = true)]
async fn a_backlog() {
    let (feed, to) = (Feed::new(), End::new());
    feed.reporter.connected(None);
    to.set(Does::TakesIts(SECOND));
    for number in 0..3600_u32 {
        feed.has(keyed(number, &number.to_string()), SECOND * (3600 - number));
    }
    let bridge = from(&feed, &to);
    let mut now = Situation::begin("the bridge starts with a backlog of an hour", bridge.status());
    let lag = |now: &Situation| now.status.metrics().lag.unwrap();
    let watch = async {
        now.lasts(2 * SECOND).await;
        assert!(lag(&now) > 3500 * SECOND, "{:?}", now.status);
        while now.status.metrics().confirmed < 3600 {
            now.lasts(SECOND).await;
        }
        assert!(lag(&now) < 60 * SECOND, "{:?}", now.status);
    };
    bridge.run().until(watch).await.unwrap();
    now.compare(&[]);
}

/// A target that was away for an hour gets a message, and nothing comes after that: nothing is behind.
#[tokio::test(start_paused = true)]
async fn nothing_comes_after_an_old_message() {
    let (feed, to) = (Feed::new(), End::new());
    feed.reporter.connected(None);
    let bridge = from(&feed, &to);
    let mut now = Situation::begin("nothing comes after a message that was an hour old", bridge.status());
    let watch = async {
        feed.has(event(1), 3600 * SECOND);
        now.lasts(50 * SECOND).await;
        assert!(now.status.metrics().lag.unwrap() >= 3600 * SECOND, "{:?}", now.status);
        now.lasts(20 * SECOND).await;
        assert_eq!(now.status.metrics().lag, Some(Duration::ZERO), "{:?}", now.status);
    };
    bridge.run().until(watch).await.unwrap();
    now.compare(&[]);
}

/// Each look of the log finds it away, and it was away for seconds only.
#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_at_each_look() {
    let (feed, to) = (Feed::new(), End::new());
    feed.reporter.connected(None);
    let bridge = from(&feed, &to);
    let log = Logged::begin();
    let watch = async {
        sleep(4 * SECOND).await;
        for _ in 0..20 {
            feed.reporter.lost(&Error::new(ErrorKind::Disconnected));
            sleep(13 * SECOND / 2).await;
            feed.reporter.connected(None);
            sleep(7 * SECOND / 2).await;
        }
    };
    bridge.run().until(watch).await.unwrap();
    let stalls: Vec<_> =
        log.lines(Level::WARN).into_iter().filter(|line| line.text.contains("stalls")).collect();
    assert!(stalls.len() == 4 && stalls.iter().all(|line| line.text.contains("lasts=6.00s")), "{stalls:#?}");
}

/// It is not known how many messages wait there.
#[tokio::test(start_paused = true)]
async fn the_lag_behind_a_source_that_is_away() {
    let feed = Feed::new();
    feed.reporter.connected(None);
    feed.has(event(1), 3600 * SECOND);
    let bridge = from(&feed, &End::new());
    let status = bridge.status();
    let watch = async {
        sleep(SECOND).await;
        feed.reporter.lost(&Error::new(ErrorKind::Disconnected));
        sleep(90 * SECOND).await;
        assert!(status.metrics().lag.unwrap() >= 3600 * SECOND, "{status:?}");
        feed.reporter.connected(None);
        sleep(SECOND).await;
        assert_eq!(status.metrics().lag, Some(Duration::ZERO), "{status:?}");
    };
    bridge.run().until(watch).await.unwrap();
}

/// It moves messages in between, or there are none.
#[tokio::test(start_paused = true)]
async fn a_connection_to_the_source_that_flaps() {
    for has_messages in [true, false] {
        let (feed, to) = (Feed::new(), End::new());
        feed.reporter.connected(None);
        let bridge = from(&feed, &to);
        let mut now =
            Situation::begin("the connection to the source is lost every ten seconds", bridge.status());
        let watch = async {
            sleep(2 * SECOND).await;
            for number in 0..30 {
                feed.reporter.lost(&Error::new(ErrorKind::Disconnected));
                if has_messages {
                    feed.has(event(number), SECOND);
                }
                now.lasts(6 * SECOND).await;
                feed.reporter.connected(None);
                now.lasts(4 * SECOND).await;
            }
        };
        bridge.run().until(watch).await.unwrap();
        // It was away for six seconds at most.
        for line in now.said().iter().filter(|line| line.contains("the bridge stalls")) {
            assert!(line.contains("lasts=5") || line.contains("lasts=0"), "{line}");
        }
        assert_eq!(now.status.metrics().confirmed, if has_messages { 30 } else { 0 });
        let (each, over) = (now.grew("cloudevents_disconnects_total{end=\"source\"}") as usize, 0);
        now.compare(&[("each loss", each), ("over", over)]);
    }
}

/// The target reports the second time.
#[tokio::test(start_paused = true)]
async fn a_settlement_that_is_lost() {
    let (feed, to) = (Feed::new(), End { knows: true, ..End::new() });
    feed.reporter.connected(None);
    *feed.loses.lock().unwrap() = true;
    let bridge = from(&feed, &to);
    let name = "a settlement is lost with its connection, and the message comes again";
    let mut now = Situation::begin(name, bridge.status());
    let watch = async {
        feed.has(event(1), SECOND);
        now.lasts(90 * SECOND).await;
        now.is_over_after(SECOND).await;
        assert_eq!((to.tried.lock().unwrap().len(), now.status.metrics().confirmed), (2, 2));
        assert_eq!(now.grew("cloudevents_bridge_duplicates_total"), 1.0);
        assert_eq!(now.grew("cloudevents_settlements_failed_total{end=\"source\"}"), 1.0);
    };
    bridge.run().until(watch).await.unwrap();
    now.compare(&[]);
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_matches_nothing() {
    let (from, to) = (FakeQueue::new(), End::new());
    let filter = cloudevents_transport::EventFilter::new(|_, _| Ok(false)).drop_unmatched();
    let receiver = from.receiver(DecodeOptions::strict()).filter(filter).unwrap();
    let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
    let mut now = Situation::begin("a filter matches no event", bridge.status());
    let watch = async {
        for number in 0..100 {
            from.sender().send(&keyed(number, "a")).await.unwrap();
            now.lasts(SECOND).await;
        }
        assert_eq!(now.grew("cloudevents_unmatched_total{end=\"source\"}"), 100.0);
        assert_eq!((now.status.metrics().confirmed, from.len()), (0, 0));
    };
    bridge.run().until(watch).await.unwrap();
    now.compare(&[]);
}
