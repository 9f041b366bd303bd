//! Readiness, the gauge and the log of a bridge that moves nothing are those of the table in `docs/operating.md`.

use super::{
    ends::{Answer, Does, End, Feed, SECOND, bridge, refused, refusing, send},
    table::{self, count, rows, seen},
};
use crate::{Gives, event, received};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    Bounds, Bridge, Connectivity, OrderBy, Outgoing, Receiver, ReceiverCapabilities, ReceiverOptions,
    RunState,
    binding::{Incoming, Receive, Reporter, Token, queue::QueueOptions},
    bridge::{BridgePolicy, HOPS, Stall},
    fake::FakeQueue,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{sleep, timeout};

const PAGE: &str = "operating.md";

/// One row of the table.
struct Row {
    /// At once, and after a minute.
    ready: [bool; 2],
    stalled: [bool; 2],
    line: String,
}

fn row(state: &str) -> Row {
    let cells = table::row(PAGE, "state", state);
    let both = |cell: &str, yes: &str| {
        let (first, then) = cell.split_once(", then ").unwrap_or((cell, cell));
        [first == yes, then == yes]
    };
    Row { ready: both(&cells[1], "200"), stalled: both(&cells[2], "1"), line: cells[3].clone() }
}

#[test]
fn every_row_has_a_test() {
    let tests = include_str!("stalling.rs");
    for cells in rows(PAGE, "state") {
        assert!(tests.contains(&format!("\"{}\"", cells[0])), "no test of the row `{}`", cells[0]);
    }
}

/// Breaks a bridge that runs, compares it with the row, repairs it, and does so a second time.
async fn twice(state: &str, bridge: Bridge, mut set: impl AsyncFnMut(bool)) {
    let (row, log, status) = (row(state), Logged::begin(), bridge.status());
    assert!(matches!(status.stall(), Some(Stall::NotRunning)));
    let watch = async {
        sleep(SECOND).await;
        assert_eq!(seen(&status), (true, false), "{state}, before: {status:?}");
        for round in 1..=2 {
            let before = count(&log, "the bridge stalls");
            set(true).await;
            sleep(2 * SECOND).await;
            assert_eq!(seen(&status), (row.ready[0], row.stalled[0]), "{state}, at once: {status:?}");
            sleep(44 * SECOND).await;
            assert_eq!(seen(&status), (row.ready[0], row.stalled[0]), "{state}, before a minute: {status:?}");
            sleep(24 * SECOND).await;
            assert_eq!(seen(&status), (row.ready[1], row.stalled[1]), "{state}, after a minute: {status:?}");
            sleep(140 * SECOND).await;
            assert_eq!(seen(&status), (row.ready[1], row.stalled[1]), "{state}, for long: {status:?}");
            let (begun, over) =
                ("the bridge stalls", ["the bridge moves messages again", "the stall is over"]);
            let lines = count(&log, begun) - before;
            if row.stalled[1] {
                let last = log.text().lines().rfind(|line| line.contains(begun)).unwrap().to_owned();
                assert!(last.contains(&row.line), "{state}: {}", log.text());
                // At once, and once a minute.
                assert!((3..=4).contains(&lines), "{state}: {lines}: {}", log.text());
            } else {
                assert_eq!((row.line.as_str(), lines), ("", 0), "{state}: {}", log.text());
            }
            set(false).await;
            sleep(130 * SECOND).await;
            assert_eq!(seen(&status), (true, false), "{state}, when it is over: {status:?}");
            let overs: usize = over.iter().map(|over| count(&log, over)).sum();
            assert_eq!(overs, if row.stalled[1] { round } else { 0 }, "{state}: {}", log.text());
            let lines = count(&log, begun);
            sleep(70 * SECOND).await;
            assert_eq!(count(&log, begun), lines, "{state}: {}", log.text());
        }
    };
    timeout(3600 * SECOND, bridge.run().until(watch)).await.unwrap().unwrap();
    assert!(matches!(status.stall(), Some(Stall::NotRunning)));
    let stands = self::row("the bridge does not run");
    assert_eq!(seen(&status), (stands.ready[0], stands.stalled[0]));
}

/// A bridge that may hold this many messages.
fn narrow(from: &FakeQueue, to: &End, messages: usize) -> Bridge {
    let mut options = ReceiverOptions::default();
    options.in_flight = Bounds { messages, bytes: usize::MAX };
    Bridge::new(from.receiver(options), to.sender(), BridgePolicy::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_empty_source_is_no_stall() {
    let from = FakeQueue::new();
    twice("the source is empty", bridge(&from, &End::new()), async |_| {}).await;
}

/// For the new bridge, nothing is there. Then the messages come.
#[tokio::test(start_paused = true)]
async fn messages_that_a_killed_bridge_held_are_no_stall() {
    let (feed, to) = (Feed::new(), End::new());
    feed.reporter.connected(None);
    let bridge = Bridge::new(feed.receiver(), to.sender(), BridgePolicy::default()).unwrap();
    let set = async |held: bool| {
        if !held {
            feed.has(event(1), 30 * SECOND);
        }
    };
    twice("a bridge that was killed held the next messages, which come again after `lock`", bridge, set)
        .await;
    assert_eq!(to.tried.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_away() {
    let (from, to) = (FakeQueue::new(), End::new());
    let set = async |away| {
        to.is_away(away);
        send(&from, 3).await;
    };
    twice("the target is away", bridge(&from, &to), set).await;
}

/// Nothing was lost, and there is no error: all the same, an end that has not been connected yet is away.
#[tokio::test(start_paused = true)]
async fn an_end_is_away_before_its_first_connection() {
    for (state, of_the_source) in [("the source is away", true), ("the target is away", false)] {
        let (from, feed, mut to) = (FakeQueue::new(), Feed::new(), End::new());
        if !of_the_source {
            to.reporter = Connectivity::channel().0;
        }
        let (receiver, reporter) = match of_the_source {
            true => (feed.receiver(), feed.reporter.clone()),
            false => (from.receiver(DecodeOptions::strict()), to.reporter.clone()),
        };
        let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
        let (status, row) = (bridge.status(), row(state));
        let watch = async {
            for _ in 0..3 {
                sleep(SECOND).await;
                assert_eq!(seen(&status), (row.ready[0], row.stalled[0]), "{state}: {status:?}");
                let why = status.unready().unwrap().to_string();
                assert!(why.contains(&row.line), "{state}: {why}");
            }
            reporter.connected(None);
            sleep(SECOND).await;
            assert_eq!(seen(&status), (true, false), "{state}, when it is connected: {status:?}");
        };
        timeout(3600 * SECOND, bridge.run().until(watch)).await.unwrap().unwrap();
    }
}

/// It is connected, and messages wait: no attempt fails, also if its time passes.
#[tokio::test(start_paused = true)]
async fn a_target_that_has_an_alarm() {
    let alarm = Error::new(ErrorKind::Refused).with_temporary(true).with_detail("low on memory");
    for messages in [0, 3] {
        let (from, to) = (FakeQueue::new(), End::new());
        let (bridge, log) = (bridge(&from, &to), Logged::begin());
        let set = async |blocks| {
            match blocks {
                true => to.reporter.blocked(&alarm),
                false => to.reporter.unblocked(),
            }
            to.set(if blocks { Does::Hangs } else { Does::Takes });
            if blocks {
                send(&from, messages).await;
            }
        };
        twice("the target takes no messages for now: an alarm of RabbitMQ", bridge, set).await;
        for line in ["the peer takes no messages", "the peer takes messages again"] {
            assert_eq!(count(&log, line), 2, "{line}: {}", log.text());
        }
        assert!(log.text().contains("the target takes no messages: "), "{}", log.text());
        assert!(log.text().contains("low on memory"), "{}", log.text());
    }
}

/// Whatever it answers, and however many messages there are.
#[tokio::test(start_paused = true)]
async fn a_target_that_fails_or_refuses_everything() {
    let temporary = Error::new(ErrorKind::Refused).with_temporary(true);
    let asks = temporary.clone().with_retry_after(100 * SECOND);
    let for_now = "the target fails for now: no answer in time, 408, 425, 429 or 5xx";
    for (state, error) in [
        (for_now, temporary),
        (for_now, asks),
        (for_now, Error::new(ErrorKind::Timeout)),
        ("the target is HTTP, and is away", Error::new(ErrorKind::Unreachable)),
        ("the target refuses everything: 401, 403, 404, 410", refused()),
    ] {
        for messages in [1, 20] {
            let (from, to) = (FakeQueue::new(), End::new());
            let set = async |fails| {
                to.set(if fails { Does::Fails(error.clone()) } else { Does::Takes });
                if fails {
                    send(&from, messages).await;
                }
            };
            twice(state, bridge(&from, &to), set).await;
        }
    }
}

/// One message of its own that fails is no stall while others are moved.
#[tokio::test(start_paused = true)]
async fn a_target_that_takes_other_messages_is_no_stall() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    to.refuse_if(|message| {
        message.attribute("id", &DecodeOptions::strict()).unwrap().as_deref() == Some("0")
    });
    let mut policy = BridgePolicy::default();
    policy.refuses_message = Some(|_| false);
    policy.order = OrderBy::None;
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let (status, log) = (bridge.status(), Logged::begin());
    let watch = async {
        for _ in 0..40 {
            send(&from, 2).await;
            sleep(10 * SECOND).await;
            assert_eq!(seen(&status), (true, false), "{status:?}");
        }
    };
    bridge.run().until(watch).await.unwrap();
    assert_eq!(count(&log, "the bridge"), 0, "{}", log.text());
}

/// Each attempt that fails blocks a bridge that moves one message after the other. These stalls are not one that lasts.
#[tokio::test(start_paused = true)]
async fn stalls_between_messages_that_move_are_no_line_of_the_log() {
    let (from, to) = (FakeQueue::new(), End::new());
    let bridge = narrow(&from, &to, 1);
    let (status, log) = (bridge.status(), Logged::begin());
    let watch = async {
        let mut stalls = 0;
        send(&from, 2000).await;
        for _ in 0..200 {
            to.set(Does::Fails(Error::new(ErrorKind::Refused).with_temporary(true)));
            sleep(SECOND).await;
            stalls += usize::from(status.stall().is_some());
            let moved = status.metrics().confirmed;
            to.set(Does::TakesIts(SECOND));
            while status.metrics().confirmed < moved + 2 {
                sleep(SECOND / 20).await;
            }
        }
        assert!(stalls > 100, "{stalls}");
        assert!(status.metrics().confirmed < 2000);
    };
    bridge.run().until(watch).await.unwrap();
    assert_eq!(count(&log, "the bridge stalls"), 0, "{}", log.text());
}

/// All messages become dead letters.
#[tokio::test(start_paused = true)]
async fn a_target_that_refuses_each_message() {
    let (from, to, place) = (FakeQueue::new(), End { of_messages: true, ..End::new() }, FakeQueue::new());
    let mut policy = BridgePolicy::default();
    let letters = place.sender();
    letters.send(event(0)).await.unwrap(); // so that it is connected
    policy.dead_letters = Some(letters);
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let status = bridge.status();
    let comes = async {
        loop {
            send(&from, 1).await;
            sleep(SECOND).await;
        }
    };
    let state = "the target refuses each message: 400, 409, 413, 415, 422, 431, without `Retry-After`";
    let set = async |fails| to.set(if fails { Does::Fails(refused()) } else { Does::Takes });
    tokio::select! {
        () = twice(state, bridge, set) => {}
        () = comes => {}
    }
    let metrics = status.metrics();
    assert_eq!((metrics.all_refused(), status.waiting_letters()), (place.len() as u64 - 1, 0));
    assert!(metrics.all_refused() > 400 && metrics.confirmed > 250, "{metrics:?}");
}

/// It never reached the target, which fails for the message before it.
#[tokio::test(start_paused = true)]
async fn what_is_refused_without_an_attempt_shows_nothing_about_the_target() {
    let (from, to) = (FakeQueue::new(), End::new());
    to.set(Does::Fails(Error::new(ErrorKind::Refused).with_temporary(true)));
    let mut policy = BridgePolicy::default();
    policy.order = OrderBy::None;
    let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
    let status = bridge.status();
    let watch = async {
        send(&from, 1).await;
        sleep(SECOND).await;
        for number in 1..50 {
            assert_eq!(seen(&status), (false, false), "{number}: {status:?}");
            let looped = Outgoing::from(event(number)).header(HOPS, "8");
            from.sender().send(looped).await.unwrap();
            sleep(SECOND).await;
            assert_eq!(from.rejected().len(), number);
        }
        to.set(Does::Takes);
        sleep(130 * SECOND).await;
        assert_eq!((seen(&status), status.metrics().confirmed), ((true, false), 1));
    };
    bridge.run().until(watch).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_target_that_hangs_or_is_slow() {
    for (state, does) in [
        ("the target answers nothing for a minute, and nothing ends the attempt before", Does::Hangs),
        ("the target is slow, and answers within a minute", Does::TakesIts(50 * SECOND)),
    ] {
        let (from, to) = (FakeQueue::new(), End::new());
        let set = async |breaks| {
            to.set(if breaks { does.clone() } else { Does::Takes });
            if breaks {
                send(&from, 5).await;
            }
        };
        twice(state, bridge(&from, &to), set).await;
    }
}

/// It answers nothing for a minute, and then it has answered.
#[tokio::test(start_paused = true)]
async fn a_target_that_needs_more_than_a_minute() {
    let (from, to) = (FakeQueue::new(), End::new());
    to.set(Does::TakesIts(90 * SECOND));
    send(&from, 1).await;
    let bridge = bridge(&from, &to);
    let status = bridge.status();
    let watch = async {
        for (after, wanted) in
            [(59, (true, false)), (2, (false, true)), (28, (false, true)), (2, (true, false))]
        {
            sleep(after * SECOND).await;
            assert_eq!(seen(&status), wanted, "{status:?}");
        }
        assert_eq!(status.metrics().confirmed, 1);
    };
    bridge.run().until(watch).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_place_of_the_bridge() {
    // It is bad enough that it refuses the letters themselves.
    for (is_away, of_messages) in [(true, false), (false, false), (false, true)] {
        let (from, to, place) = (FakeQueue::new(), refusing(), End { of_messages, ..End::new() });
        let mut policy = BridgePolicy::default();
        policy.dead_letters = Some(place.sender());
        let bridge = Bridge::new(from.receiver(DecodeOptions::strict()), to.sender(), policy).unwrap();
        let state = match is_away {
            true => "the dead-letter place of the bridge is away",
            false => "the dead-letter place of the bridge is missing, full or forbidden",
        };
        let set = async |breaks| {
            match (is_away, breaks) {
                (true, true) => place.reporter.lost(&Error::new(ErrorKind::Disconnected)),
                (true, false) => place.reporter.connected(None),
                (false, true) => place.set(Does::Fails(refused())),
                (false, false) => place.set(Does::Takes),
            }
            if breaks {
                send(&from, 1).await;
            }
        };
        twice(state, bridge, set).await;
    }
}

/// Letters are counted, and named as such, when they are stored.
#[tokio::test(start_paused = true)]
async fn a_dead_letter_place_of_the_source() {
    for (state, does) in [
        ("the dead-letter place of the source is missing, full or forbidden", Does::Fails(refused())),
        ("the dead-letter place of the source answers nothing", Does::Hangs),
    ] {
        let (from, to, place) = (FakeQueue::new(), refusing(), End::new());
        let fates = Arc::new(Mutex::new(Vec::new()));
        let mut policy = BridgePolicy::default();
        policy.observer = Some(Arc::new({
            let fates = Arc::clone(&fates);
            move |_, fate: &_| fates.lock().unwrap().push(format!("{fate}"))
        }));
        let receiver =
            from.receiver_with(DecodeOptions::strict(), QueueOptions::default().with_sink(place.clone()));
        let bridge = Bridge::new(receiver, to.sender(), policy).unwrap();
        let (status, log, fails) = (bridge.status(), Logged::begin(), matches!(does, Does::Fails(_)));
        let mut letters = 0;
        let set = async |breaks: bool| {
            place.set(if breaks { does.clone() } else { Does::Takes });
            let (stored, waiting) = (status.metrics().all_refused(), status.waiting_letters());
            if breaks {
                assert_eq!((stored, waiting), (letters, 0));
                letters += 2;
                send(&from, 2).await;
            } else {
                assert_eq!((stored, waiting), (letters - 2, 2));
            }
        };
        twice(state, bridge, set).await;
        let fates = std::mem::take(&mut *fates.lock().unwrap());
        let is_letter = |fate: &&String| fate.starts_with("a dead letter: ");
        assert_eq!(
            (fates.iter().filter(is_letter).count(), status.metrics().all_refused()),
            (4, 4),
            "{fates:?}"
        );
        let waits =
            |fate: &&String| fate.starts_with("refused: ") && fate.contains("its dead letter is not stored");
        assert_eq!(fates.iter().filter(waits).count() > 0, fails, "{fates:?}");
        let (refuses, stores) =
            (count(&log, "a dead letter cannot be stored"), count(&log, "dead letters are stored again"));
        assert_eq!(
            ((4..=10).contains(&refuses), stores),
            (fails, if fails { 2 } else { 0 }),
            "{}",
            log.text()
        );
    }
}

/// However long its attempts take: one that begins makes no room.
#[tokio::test(start_paused = true)]
async fn a_bridge_without_room_moves_nothing_until_a_message_has_moved() {
    let (from, to) = (FakeQueue::new(), End::new());
    let bridge = narrow(&from, &to, 20);
    let (status, log) = (bridge.status(), Logged::begin());
    let watch = async {
        to.set(Does::FailsAfter(8 * SECOND, refused()));
        send(&from, 50).await;
        sleep(SECOND).await;
        assert_eq!(seen(&status), (true, false), "{status:?}");
        while status.stall().is_none() {
            sleep(SECOND / 20).await;
        }
        for _ in 0..3000 {
            assert_eq!(seen(&status), (false, true), "{status:?}");
            sleep(SECOND / 20).await;
        }
        assert_eq!(count(&log, "the bridge moves messages again"), 0, "{}", log.text());
        assert_eq!(count(&log, "there is no room"), 0, "{}", log.text());
        to.set(Does::Takes);
        sleep(100 * SECOND).await;
        assert_eq!(seen(&status), (true, false), "{status:?}");
        assert_eq!(count(&log, "the bridge moves messages again"), 1, "{}", log.text());
    };
    bridge.run().until(watch).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_room_behind_messages_that_wait() {
    let (from, to) = (FakeQueue::new(), End::new());
    let bridge = narrow(&from, &to, 20);
    let (status, log) = (bridge.status(), Logged::begin());
    let row = row("there is no room behind messages that wait");
    let watch = async {
        for round in 1..=2 {
            to.set(Does::Hangs);
            from.sender().send_all((0..50).map(|number| crate::keyed(number, "a"))).await.unwrap();
            while status.activity().state() != RunState::Blocked {
                sleep(SECOND).await;
            }
            assert_eq!(seen(&status), (row.ready[0], row.stalled[0]), "{status:?}");
            sleep(10 * SECOND).await;
            assert_eq!(count(&log, &row.line), round, "{}", log.text());
            to.set(Does::Takes);
            sleep(10 * SECOND).await;
            assert_eq!(seen(&status), (true, false), "{status:?}");
            assert_eq!(count(&log, "the bridge moves messages again"), round, "{}", log.text());
        }
    };
    bridge.run().until(watch).await.unwrap();
}

/// With a backlog, all permits are in use behind the attempt of one key. The target still takes a message in each of its times.
#[tokio::test(start_paused = true)]
async fn a_slow_target_behind_a_backlog_of_one_key_is_no_stall() {
    let (from, to) = (FakeQueue::new(), End::new());
    let bridge = narrow(&from, &to, 20);
    let (status, log) = (bridge.status(), Logged::begin());
    let watch = async {
        to.set(Does::TakesIts(27 * SECOND));
        from.sender().send_all((0..50).map(|number| crate::keyed(number, "a"))).await.unwrap();
        for _ in 0..3000 {
            sleep(SECOND / 10).await;
            assert_eq!(seen(&status), (true, false), "{status:?}");
        }
        assert!(status.metrics().confirmed >= 10, "{status:?}");
        assert_eq!((count(&log, "stalls"), count(&log, "moves messages again")), (0, 0), "{}", log.text());
        to.set(Does::Takes);
        sleep(60 * SECOND).await;
    };
    bridge.run().until(watch).await.unwrap();
}

/// A source with a connection, from which nothing comes.
pub(super) struct Silent(pub(super) Reporter);

impl Receive for Silent {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::queue()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        std::future::pending().await
    }

    async fn drain(&mut self, _: Duration) -> Result<(), Error> {
        Ok(())
    }

    fn connectivity(&self) -> Connectivity {
        self.0.connectivity()
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away() {
    let (reporter, _connectivity) = Connectivity::channel();
    reporter.connected(None);
    let receiver = Receiver::new(Silent(reporter.clone()), DecodeOptions::strict());
    let bridge = Bridge::new(receiver, End::new().sender(), BridgePolicy::default()).unwrap();
    let set = async |away| match away {
        true => reporter.lost(&Error::new(ErrorKind::Disconnected)),
        false => reporter.connected(None),
    };
    twice("the source is away", bridge, set).await;
}

/// The target takes every message, and the source would send each of them again.
#[tokio::test(start_paused = true)]
async fn a_source_that_answers_no_settlement() {
    let (from, to) = (FakeQueue::new(), End::new());
    let set = async |hangs| {
        from.hold_settlements(hangs);
        send(&from, 3).await;
    };
    let bridge = bridge(&from, &to);
    twice("the source answers no settlement, or refuses each", bridge, set).await;
}

/// A server that is not ready would get no request that shows whether the target is back.
#[tokio::test(start_paused = true)]
async fn a_target_that_refuses_all_requests() {
    let to = End::new();
    // Peers send a request each second, and hold nothing between two.
    let next = || async {
        sleep(SECOND).await;
        Ok(Some(Incoming::new(received(event(1)), Token::new(Answer))))
    };
    let receiver = Receiver::new(Gives(ReceiverCapabilities::exchange(), next), DecodeOptions::strict());
    let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
    let set = async |fails| to.set(if fails { Does::Fails(refused()) } else { Does::Takes });
    twice("the source is HTTP, and the target refuses everything", bridge, set).await;
}
