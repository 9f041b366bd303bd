//! The log and `/ready` say when an outage began, how long it is, and that it is over.

use super::{
    ends::{Does, End, Feed, SECOND, bridge, for_now, refused, refusing, send},
    table::count,
};
use crate::event;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Timestamp};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    Bridge, Connectivity, Receiver, binding::queue::QueueOptions, bridge::BridgePolicy, fake::FakeQueue,
};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;
use tracing::Level;

const OVER: &str = "attempts at the target succeed again";
const ENDS: &str = "the bridge ends during the outage";

/// The seconds in a field of each line that begins like this.
fn seconds(log: &Logged, begins: &str, field: &str) -> Vec<f64> {
    let lines = log.lines(Level::INFO).into_iter().filter(|line| line.text.starts_with(begins));
    let of = |line: &str| {
        let (_, value) = line.split_once(&format!(" {field}=")).unwrap_or_else(|| panic!("{line}"));
        let (number, _) = value.split_once('s').unwrap();
        let (_, decimals) = number.split_once('.').unwrap();
        assert_eq!(decimals.len(), 2, "{line}");
        number.parse().unwrap()
    };
    lines.map(|line| of(&line.text)).collect()
}

/// The seconds from the begin to the end, by the clock, of the line that begins like this.
fn lasted(log: &Logged, begins: &str) -> f64 {
    let lines = log.lines(Level::WARN);
    let line = lines.iter().find(|line| line.text.starts_with(begins)).unwrap();
    let at = |field: &str| {
        let (_, value) =
            line.text.split_once(&format!(" {field}=")).unwrap_or_else(|| panic!("{}", line.text));
        SystemTime::try_from(Timestamp::parse(value.split(' ').next().unwrap()).unwrap()).unwrap()
    };
    at("ended").duration_since(at("began")).unwrap().as_secs_f64()
}

/// The number of moved messages in each line that begins like this.
fn moved(log: &Logged, begins: &str) -> Vec<u64> {
    let lines = log.lines(Level::WARN).into_iter().filter(|line| line.text.starts_with(begins));
    let of = |line: &str| {
        let (_, value) = line.split_once(" moved=").unwrap_or_else(|| panic!("{line}"));
        value.split(' ').next().unwrap().parse().unwrap()
    };
    lines.map(|line| of(&line.text)).collect()
}

/// It is this time, and at most so much more.
fn is(value: f64, time: u64, more: u64) {
    assert!(
        value >= time as f64 && value <= (time + more) as f64,
        "{value} is not {time} to {}",
        time + more
    );
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_target_counts_from_its_first_failure() {
    for error in [Error::new(ErrorKind::Unreachable), for_now(), refused()] {
        let (from, to, log) = (FakeQueue::new(), End::new(), Logged::begin());
        let bridge = bridge(&from, &to);
        let status = bridge.status();
        let watch = async {
            send(&from, 3).await;
            sleep(200 * SECOND).await;
            to.set(Does::Fails(error));
            send(&from, 3).await;
            sleep(150 * SECOND).await;
            let lasts = seconds(&log, "the bridge stalls", "lasts");
            assert_eq!(lasts.len(), 2, "{}", log.text());
            is(lasts[0], 60, 10);
            is(lasts[1], 120, 15);
            to.set(Does::Takes);
            sleep(70 * SECOND).await;
            assert_eq!(status.metrics().confirmed, 6);
        };
        bridge.run().until(watch).await.unwrap();
        let after = seconds(&log, "the bridge moves messages again", "after");
        assert_eq!((after.len(), count(&log, OVER)), (1, 0), "{}", log.text());
        // With the pause before the next attempt.
        is(after[0], 150, 31);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_counts_from_the_loss_of_the_connection() {
    for of_the_source in [false, true] {
        let (from, to, log) = (FakeQueue::new(), End::new(), Logged::begin());
        let (reporter, _connectivity) = Connectivity::channel();
        reporter.connected(None);
        let bridge = match of_the_source {
            true => {
                let receiver =
                    Receiver::new(super::stalling::Silent(reporter.clone()), DecodeOptions::strict());
                Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap()
            }
            false => bridge(&from, &to),
        };
        let status = bridge.status();
        let watch = async {
            // Not when the log looks.
            sleep(31 * SECOND).await;
            match of_the_source {
                true => reporter.lost(&Error::new(ErrorKind::Disconnected).with_detail("reset by peer")),
                false => to.is_away(true),
            }
            sleep(75 * SECOND).await;
            let lasts = seconds(&log, "the bridge stalls", "lasts");
            assert_eq!(lasts.len(), 2, "{}", log.text());
            is(lasts[0], 5, 5);
            is(lasts[1], 65, 5);
            let why = status.unready().unwrap().to_string();
            let said = match of_the_source {
                true => {
                    "the source is not connected: the connection was lost: reset by peer [disconnected], for 75 s"
                }
                false => "the target is not connected: the connection was lost [disconnected], for 75 s",
            };
            assert_eq!(why, said);
            match of_the_source {
                true => reporter.connected(None),
                false => to.is_away(false),
            }
            sleep(10 * SECOND).await;
        };
        bridge.run().until(watch).await.unwrap();
        // It ended with the connection, and not when the log looked.
        is(seconds(&log, "the stall is over", "after")[0], 75, 0);
        is(seconds(&log, "connected again", "after")[0], 75, 0);
        for line in ["the stall is over", "connected again"] {
            let lasted = lasted(&log, line);
            assert!((74.9..76.0).contains(&lasted), "{line}: {lasted}");
        }
        assert_eq!((count(&log, "connected again"), count(&log, OVER)), (1, 0), "{}", log.text());
    }
}

/// Its line is later, at the next look of the log.
#[tokio::test(start_paused = true)]
async fn an_outage_of_a_connection_ends_with_the_first_success() {
    let (from, to, log) = (Feed::new(), End::new(), Logged::begin());
    from.reporter.connected(None);
    let bridge = Bridge::new(from.receiver(), to.sender(), BridgePolicy::default()).unwrap();
    let watch = async {
        sleep(31 * SECOND).await;
        from.reporter.lost(&Error::new(ErrorKind::Disconnected));
        (0..3).for_each(|id| from.has(event(id), Duration::ZERO));
        sleep(75 * SECOND).await;
        to.set(Does::TakesIts(SECOND));
        from.reporter.connected(None);
        sleep(30 * SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
    let after = seconds(&log, "the bridge moves messages again", "after");
    assert_eq!(after.len(), 1, "{}", log.text());
    // The log looks four seconds after the connection.
    is(after[0], 76, 1);
    let lasted = lasted(&log, "the bridge moves messages again");
    assert!((75.9..77.5).contains(&lasted), "{lasted}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_dead_letter_place_counts_from_its_first_failure() {
    for does in [Does::Fails(refused()), Does::Hangs] {
        let (from, to, place, log) = (FakeQueue::new(), refusing(), End::new(), Logged::begin());
        let hangs = matches!(does, Does::Hangs);
        place.set(does);
        let options = QueueOptions::default().with_sink(place.clone());
        let receiver = from.receiver_with(DecodeOptions::strict(), options);
        let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
        let status = bridge.status();
        let watch = async {
            sleep(32 * SECOND).await;
            send(&from, 1).await;
            sleep(100 * SECOND).await;
            is(seconds(&log, "the bridge stalls", "lasts")[0], if hangs { 60 } else { 5 }, 10);
            let why = status.unready().unwrap().to_string();
            let long = why.rsplit_once(", for ").unwrap().1.strip_suffix(" s").unwrap().parse().unwrap();
            is(long, 95, 5);
            assert!(why.starts_with("the dead-letter place takes nothing"), "{why}");
        };
        bridge.run().until(watch).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_dead_letter_place_that_is_over_is_none_at_the_end() {
    let (from, to, place, log) = (FakeQueue::new(), refusing(), End::new(), Logged::begin());
    place.set(Does::Fails(refused()));
    let options = QueueOptions::default().with_sink(place.clone());
    let receiver = from.receiver_with(DecodeOptions::strict(), options);
    let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
    let status = bridge.status();
    let watch = async {
        send(&from, 1).await;
        sleep(100 * SECOND).await;
        assert!(count(&log, "the bridge stalls") > 0, "{}", log.text());
        place.set(Does::Takes);
        while status.unready().is_some() {
            sleep(Duration::from_millis(10)).await; // and not until the log looks
        }
    };
    bridge.run().until(watch).await.unwrap();
    assert_eq!(count(&log, "the bridge ends during the outage"), 0, "{}", log.text());
}

/// Failures of a target without a connection, and the line of their end.
async fn fails_for(time: Duration, error: Error) -> (Logged, usize) {
    let (from, to, log) = (FakeQueue::new(), End::new(), Logged::begin());
    let bridge = bridge(&from, &to);
    let status = bridge.status();
    let watch = async {
        send(&from, 1).await;
        sleep(20 * SECOND).await;
        to.set(Does::Fails(error));
        send(&from, 3).await;
        sleep(time).await;
        to.set(Does::Takes);
        sleep(70 * SECOND).await;
        assert_eq!(status.metrics().confirmed, 4);
    };
    bridge.run().until(watch).await.unwrap();
    let overs = count(&log, OVER);
    (log, overs)
}

/// Also if the bridge ends before the log looks at it again.
#[tokio::test(start_paused = true)]
async fn a_short_outage_has_an_end_in_the_log() {
    for time in [20, 50] {
        let (log, overs) = fails_for(SECOND * time, for_now()).await;
        assert_eq!(overs, 1, "{}", log.text());
        assert_eq!(count(&log, "the bridge"), 0, "{}", log.text());
        is(seconds(&log, OVER, "after")[0], u64::from(time), 31);
    }
    let (from, to, log) = (FakeQueue::new(), End::new(), Logged::begin());
    let bridge = bridge(&from, &to);
    let status = bridge.status();
    let watch = async {
        to.set(Does::Fails(for_now()));
        send(&from, 1).await;
        sleep(20 * SECOND).await;
        to.set(Does::Takes);
        while status.metrics().confirmed == 0 {
            sleep(SECOND / 100).await;
        }
    };
    bridge.run().until(watch).await.unwrap();
    assert_eq!(count(&log, OVER), 1, "{}", log.text());
}

/// Before `the bridge stalls` and after it.
#[tokio::test(start_paused = true)]
async fn an_outage_of_the_target_that_lasts_until_the_end_has_a_line() {
    for (time, stalls) in [(20, 0), (90, 1)] {
        let (from, to, log) = (FakeQueue::new(), End::new(), Logged::begin());
        let bridge = bridge(&from, &to);
        let watch = async {
            send(&from, 2).await;
            sleep(20 * SECOND).await;
            to.set(Does::Fails(for_now()));
            send(&from, 1).await;
            sleep(SECOND * time).await;
        };
        bridge.run().until(watch).await.unwrap();
        assert_eq!((count(&log, ENDS), count(&log, "the bridge stalls")), (1, stalls), "{}", log.text());
        is(seconds(&log, ENDS, "after")[0], u64::from(time), 1);
        let by_the_clock = lasted(&log, ENDS);
        assert!((f64::from(time) - 0.1..f64::from(time) + 1.1).contains(&by_the_clock), "{by_the_clock}");
        assert_eq!(moved(&log, ENDS), [2]);
        assert_eq!((count(&log, OVER), count(&log, "the bridge moves")), (0, 0), "{}", log.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_until_the_end_has_a_line() {
    for (time, is_back) in [(3, false), (90, false), (90, true)] {
        let (from, to, log) = (FakeQueue::new(), End::new(), Logged::begin());
        let bridge = bridge(&from, &to);
        let watch = async {
            sleep(31 * SECOND).await;
            to.is_away(true);
            sleep(SECOND * time).await;
            if is_back {
                to.is_away(false);
            }
        };
        bridge.run().until(watch).await.unwrap();
        assert_eq!(count(&log, ENDS), usize::from(!is_back), "{}", log.text());
        assert_eq!(count(&log, "connected again"), usize::from(is_back), "{}", log.text());
        seconds(&log, ENDS, "after").into_iter().for_each(|after| is(after, u64::from(time), 1));
    }
}

/// A source whose login is refused for too long ends the bridge.
#[tokio::test(start_paused = true)]
async fn an_outage_that_ends_the_bridge_has_a_line() {
    let (to, log, (reporter, _connectivity)) = (End::new(), Logged::begin(), Connectivity::channel());
    reporter.connected(None);
    let receiver = Receiver::new(super::stalling::Silent(reporter.clone()), DecodeOptions::strict());
    let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
    let watch = async {
        sleep(31 * SECOND).await;
        reporter.lost(&Error::new(ErrorKind::Disconnected));
        reporter.failed(&Error::new(ErrorKind::Refused));
        sleep(300 * SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
    is(seconds(&log, ENDS, "after")[0], 300, 1);
    assert_eq!(count(&log, ENDS), 1, "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn each_line_of_an_outage_has_how_many_messages_were_moved() {
    let (from, to, log) = (FakeQueue::new(), End::new(), Logged::begin());
    let bridge = bridge(&from, &to);
    let watch = async {
        send(&from, 3).await;
        sleep(20 * SECOND).await;
        for (more, time) in [(2, 90), (4, 25)] {
            to.set(Does::Fails(for_now()));
            send(&from, more).await;
            sleep(SECOND * time).await;
            to.set(Does::Takes);
            sleep(70 * SECOND).await;
        }
    };
    bridge.run().until(watch).await.unwrap();
    assert_eq!(moved(&log, "the bridge stalls"), [3]);
    assert_eq!(moved(&log, "the bridge moves messages again"), [5]);
    assert_eq!(moved(&log, OVER), [9]);
    assert_eq!(count(&log, ENDS), 0, "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn failures_of_a_moment_and_a_single_one_have_no_end_in_the_log() {
    let (log, overs) = fails_for(3 * SECOND, for_now()).await;
    assert_eq!(overs, 0, "{}", log.text());
    let (from, to, log) = (FakeQueue::new(), End::new(), Logged::begin());
    let bridge = bridge(&from, &to);
    let watch = async {
        to.judges(|_, attempt| match attempt {
            1 => Does::Fails(for_now().with_retry_after(40 * SECOND)),
            _ => Does::Takes,
        });
        send(&from, 1).await;
        sleep(60 * SECOND).await;
        assert_eq!(to.tried.lock().unwrap().len(), 2);
    };
    bridge.run().until(watch).await.unwrap();
    assert_eq!((count(&log, "tried again"), count(&log, OVER)), (1, 0), "{}", log.text());
}

/// Their begin is no line of its own, either.
#[tokio::test(start_paused = true)]
async fn refused_messages_are_no_outage_that_ends() {
    let (from, log) = (FakeQueue::new(), Logged::begin());
    let to = End { of_messages: true, ..End::new() };
    to.judges(|id, _| if id == "0" { Does::Fails(refused()) } else { Does::Takes });
    let receiver = from.receiver_with(DecodeOptions::strict(), QueueOptions::default().dropping_rejected());
    let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
    let watch = async {
        for _ in 0..3 {
            send(&from, 1).await;
            sleep(8 * SECOND).await;
        }
        send(&from, 2).await;
        sleep(8 * SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
    assert_eq!((from.len(), count(&log, OVER)), (0, 0), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_bridge_says_why_it_is_not_ready() {
    let (from, to) = (FakeQueue::new(), End::new());
    let bridge = bridge(&from, &to);
    let status = bridge.status();
    assert_eq!(status.unready().unwrap().to_string(), "the bridge does not run");
    let watch = async {
        sleep(SECOND).await;
        assert!(status.is_ready() && status.unready().is_none());
        to.set(Does::Fails(for_now()));
        send(&from, 1).await;
        sleep(12 * SECOND).await;
        let fails =
            "every attempt at the target fails: the peer refused this: 503 Service Unavailable [refused]";
        assert_eq!(status.unready().unwrap().to_string(), format!("{fails}, for 12 s"));
        sleep(60 * SECOND).await;
        assert_eq!(status.unready().unwrap().to_string(), format!("{fails}, for 72 s"));
        assert_eq!(status.is_ready(), status.unready().is_none());
        to.set(Does::Takes);
        sleep(60 * SECOND).await;
        assert!(status.is_ready() && status.unready().is_none());
    };
    bridge.run().until(watch).await.unwrap();
}
