//! What a receiver that runs says of itself is what is so.

use crate::{Gives, Takes, event, keyed, slow};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Formats, Message};
use cloudevents_json::Json;
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{
    Activity, Bounds, Bridge, Confirmed, Delivery, Failure, OrderBy, Outcome, Outgoing, PrometheusPage,
    Receipt, Receiver, ReceiverCapabilities, ReceiverOptions, RunState, Sender, SenderCapabilities,
    bridge::BridgePolicy, fake::FakeQueue,
};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

async fn becomes(activity: &Activity, state: RunState) {
    let wait = async {
        while activity.state() != state {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(120), wait).await.unwrap_or_else(|_| panic!("{activity:?} is not {state:?}"));
}

/// One handler hangs, in an order; what follows it fills the room.
#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_shows_and_is_named() {
    let log = Logged::begin();
    let queue = FakeQueue::new();
    let mut options = ReceiverOptions::default();
    options.in_flight = Bounds { messages: 20, bytes: usize::MAX };
    let receiver = queue.receiver(options);
    let activity = receiver.activity();
    assert_eq!(
        (activity.state(), activity.running(), activity.longest_running()),
        (RunState::NotRunning, 0, None)
    );
    let (stop, stopped) = oneshot::channel::<()>();
    let handle = async |event: Event| {
        if event.id() == "hangs" {
            pending::<()>().await;
        }
    };
    let run = receiver.run(handle).concurrency(4).in_order(OrderBy::Key).until(stopped);
    let watch = async {
        becomes(&activity, RunState::Receiving).await;
        queue.sender().send(&keyed("hangs", "a")).await.unwrap();
        sleep(SECOND).await;
        assert_eq!((activity.state(), activity.running()), (RunState::Receiving, 1));
        let others = (0..50).map(|number| keyed(number, "a"));
        queue.sender().send_all(others).await.unwrap();
        becomes(&activity, RunState::Blocked).await;
        assert!(activity.state().is_stalled());
        sleep(20 * SECOND).await;
        assert!(activity.longest_running().unwrap() >= 20 * SECOND);
        drop(stop);
        becomes(&activity, RunState::Ending).await;
    };
    let (ended, ()) = tokio::join!(run, watch);
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(activity.state(), RunState::NotRunning);
    let said = log.text();
    assert!(
        said.contains("no handler has ended for long") && said.contains("oldest=hangs of /tests"),
        "{said}"
    );
    assert!(said.lines().count() <= 3, "{said}");
}

/// An outage, in which the only handler hangs.
#[tokio::test(start_paused = true)]
async fn a_handler_that_hangs_in_an_outage_is_named() {
    let log = Logged::begin();
    let queue = FakeQueue::new();
    queue.sender().send_all((0..9).map(event)).await.unwrap();
    let receiver = queue.receiver(ReceiverOptions::default());
    let activity = receiver.activity();
    let calls = std::cell::Cell::new(0);
    let handle = async |_: Event| -> Result<(), Failure> {
        calls.set(calls.get() + 1);
        if calls.get() == 9 {
            pending::<()>().await;
        }
        Err(Failure::retry("the database is away"))
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let run = receiver.run(handle).concurrency(1).until(stopped);
    let watch = async {
        becomes(&activity, RunState::Slowed).await;
        sleep(1200 * SECOND).await;
        assert_eq!((calls.get(), activity.running()), (9, 1));
        drop(stop);
    };
    let (ended, ()) = tokio::join!(run, watch);
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Timeout);
    let said = log.text();
    assert!(said.contains("no handler has ended for long") && said.contains(" of /tests"), "{said}");
}

/// All handlers are in use.
#[tokio::test(start_paused = true)]
async fn busy_is_not_stalled_and_reported_after_a_minute() {
    let log = Logged::begin();
    let queue = FakeQueue::new();
    queue.sender().send_all((0..10).map(event)).await.unwrap();
    let receiver = queue.receiver(DecodeOptions::strict());
    let activity = receiver.activity();
    let (stop, stopped) = oneshot::channel::<()>();
    let run = receiver.run(async |_: Event| sleep(100 * SECOND).await).concurrency(10).until(stopped);
    let watch = async {
        becomes(&activity, RunState::Busy).await;
        assert!(!activity.state().is_stalled() && activity.running() == 10);
        sleep(59 * SECOND).await;
        assert_eq!(log.text(), "");
        sleep(2 * SECOND).await;
        assert_eq!(log.text().lines().count(), 1, "{}", log.text());
        becomes(&activity, RunState::Receiving).await;
        drop(stop);
    };
    let (ended, ()) = tokio::join!(run, watch);
    ended.unwrap();
    assert_eq!(log.text().lines().count(), 1, "a clean end is no error: {}", log.text());
}

/// Each line about a failure says which message, which attempt, why, and what happens next.
#[tokio::test(start_paused = true)]
async fn an_outage_shows_and_failures_are_named() {
    let log = Logged::begin();
    let queue = FakeQueue::new();
    queue.sender().send_all((0..100).map(event)).await.unwrap();
    let receiver = queue.receiver(DecodeOptions::strict());
    let activity = receiver.activity();
    let away = AtomicBool::new(true);
    let (stop, stopped) = oneshot::channel::<()>();
    let handle = async |_: Event| {
        if away.load(Ordering::Relaxed) { Err(Failure::retry("the database is away")) } else { Ok(()) }
    };
    let run = receiver.run(handle).concurrency(16).until(stopped);
    let watch = async {
        becomes(&activity, RunState::Slowed).await;
        assert!(activity.waiting() >= 16);
        away.store(false, Ordering::Relaxed);
        becomes(&activity, RunState::Receiving).await;
        drop(stop);
    };
    let (ended, ()) = tokio::join!(run, watch);
    ended.unwrap();
    let said = log.text();
    let first = said.lines().next().unwrap();
    for part in ["delivery=0 of /tests", "attempt=1", "the database is away", "after=1s", "is tried again"] {
        assert!(first.contains(part), "{part}: {first}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_shows() {
    let mut errors = 0..5;
    let next = move || {
        let fails = errors.next().is_some();
        async move { if fails { Err(Error::new(ErrorKind::Disconnected)) } else { pending().await } }
    };
    let receiver = Receiver::new(Gives(ReceiverCapabilities::queue(), next), DecodeOptions::strict());
    let activity = receiver.activity();
    let watch = async {
        becomes(&activity, RunState::Disconnected).await;
        becomes(&activity, RunState::Receiving).await; // once the source is silent instead of away
        sleep(60 * SECOND).await;
        assert_eq!(activity.state(), RunState::Receiving);
    };
    receiver.run(async |_: Event| ()).until(watch).await.unwrap();
}

/// A target that hangs is connected, and answers nothing.
#[tokio::test(start_paused = true)]
async fn a_bridge_that_stands_still_is_not_ready() {
    let queue = FakeQueue::new();
    let hangs = Arc::new(AtomicBool::new(false));
    let mut options = ReceiverOptions::default();
    options.in_flight = Bounds { messages: 20, bytes: usize::MAX };
    let stopped = Arc::clone(&hangs);
    let take = move |_: Outgoing| {
        let stopped = Arc::clone(&stopped);
        async move {
            while stopped.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(10)).await;
            }
            Ok(Outcome::ready(Ok(Receipt::new())))
        }
    };
    let sender = Sender::new(Takes(SenderCapabilities::plain(Confirmed::Accepted), take));
    let bridge = Bridge::new(queue.receiver(options), sender, BridgePolicy::default()).unwrap();
    let status = bridge.status();
    let watch = async {
        queue.sender().send(&keyed("first", "a")).await.unwrap();
        becomes(status.activity(), RunState::Receiving).await;
        while status.metrics().confirmed == 0 {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(status.is_ready());
        hangs.store(true, Ordering::Relaxed);
        queue.sender().send_all((0..50).map(|number| keyed(number, "a"))).await.unwrap();
        becomes(status.activity(), RunState::Blocked).await;
        assert!(!status.is_ready());
        // Another attempt makes no room.
        sleep(15 * SECOND).await;
        assert!(!status.is_ready() && status.activity().longest_running().is_some());
        hangs.store(false, Ordering::Relaxed);
        while status.metrics().confirmed < 51 {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(status.is_ready());
    };
    bridge.run().until(watch).await.unwrap();
}

/// Its ends are as it left them.
#[tokio::test(start_paused = true)]
async fn a_bridge_is_ready_only_while_it_runs() {
    let (from, to) = (FakeQueue::new(), FakeQueue::new());
    let receiver = from.receiver(DecodeOptions::strict());
    let bridge = Bridge::new(receiver, to.sender(), BridgePolicy::default()).unwrap();
    let status = bridge.status();
    let page = || {
        let mut page = PrometheusPage::new();
        status.add_to(&mut page);
        page.to_string()
    };
    let stands = |page: String| {
        page.contains("\ncloudevents_bridge_ready 0\n") && page.contains("\ncloudevents_bridge_stalled 1\n")
    };
    from.sender().send(&event(1)).await.unwrap();
    assert!(!status.is_ready() && stands(page()), "{}", page());
    let watch = async {
        while status.metrics().confirmed == 0 {
            sleep(SECOND).await;
        }
        assert!(status.is_ready() && !stands(page()), "{}", page());
    };
    bridge.run().until(watch).await.unwrap();
    assert!(!status.is_ready() && stands(page()), "{}", page());
}

/// What has no room moves all the same while handlers end: one key of a large backlog, and batches, which go alone.
#[tokio::test(start_paused = true)]
async fn a_bridge_that_moves_one_after_the_other_is_ready() {
    for batches in [false, true] {
        let queue = FakeQueue::new();
        let mut options = ReceiverOptions::default();
        options.in_flight = Bounds { messages: 20, bytes: usize::MAX };
        options.decoding = DecodeOptions::strict().with_formats(Formats::none().with(Json::new()));
        let mut policy = BridgePolicy::default();
        policy.order = OrderBy::Key;
        let bridge = Bridge::new(queue.receiver(options), slow(FakeQueue::new().sender()), policy).unwrap();
        let status = bridge.status();
        for number in 0..200 {
            let event = keyed(number, "a");
            match batches {
                true => queue.sender().send(Message::batched(&[event], &Json::new()).unwrap().0).await,
                false => queue.sender().send(Outgoing::from(event).key("a")).await,
            }
            .unwrap();
        }
        let watch = async {
            let begun = Instant::now();
            while status.metrics().confirmed < 150 {
                sleep(Duration::from_millis(10)).await;
                assert!(status.is_ready() && begun.elapsed() < 60 * SECOND, "{status:?}");
            }
        };
        bridge.run().until(watch).await.unwrap();
    }
}

/// Failures that are far apart, with deliveries between them that handlers pass on to other tasks.
#[tokio::test(start_paused = true)]
async fn handlers_that_pass_deliveries_on_have_succeeded() {
    let queue = FakeQueue::new();
    queue.sender().send_all(crate::events(100)).await.unwrap();
    let mut options = ReceiverOptions::default();
    options.attempts = Some(1);
    let receiver = queue.receiver(options);
    let (activity, counters) = (receiver.activity(), receiver.counters());
    let (pass, mut passed) = tokio::sync::mpsc::unbounded_channel::<Delivery>();
    let others = tokio::spawn(async move {
        while let Some(delivery) = passed.recv().await {
            sleep(SECOND).await;
            delivery.accept().await.unwrap();
        }
    });
    let handle = async |delivery: Delivery| {
        sleep(SECOND).await;
        if delivery.event().unwrap().id().ends_with('1') {
            return Err("poison");
        }
        pass.send(delivery).map_err(|_| "the other task has ended")
    };
    let watch = crate::until_settled(Arc::clone(&counters), 100);
    receiver
        .run(handle)
        .concurrency(1)
        .until(async {
            watch.await;
            assert_eq!(activity.state(), RunState::Receiving);
        })
        .await
        .unwrap();
    drop(pass);
    others.await.unwrap();
    let metrics = counters.snapshot();
    assert_eq!((metrics.accepted, metrics.rejected, metrics.outages), (90, 10, 0));
}
