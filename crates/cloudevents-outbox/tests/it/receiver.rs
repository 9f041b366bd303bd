//! The outbox as a source: what each settlement makes of a message.

use crate::tools::{MINUTE, SECOND, at, event, tokio_clock};
use cloudevents_core::{DecodeOptions, ErrorKind, Event};
use cloudevents_outbox::{
    Claim, Clock, Entry, Outbox, OutboxReceiverOptions, Query, ReceivedMessage, Record, State, Store,
    rusqlite041::SqliteStore,
};
use cloudevents_transport::{Bridge, Delivery, Outgoing, Receiver, bridge::BridgePolicy, fake::FakeQueue};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

fn outbox() -> Outbox<SqliteStore> {
    Outbox::new(SqliteStore::in_memory().unwrap()).with_clock(tokio_clock())
}

async fn enqueue(outbox: &Outbox<SqliteStore>, ids: impl IntoIterator<Item = u32>, ordered: bool) {
    let entry = |id| Entry::new("a", event(id));
    let entries: Vec<_> =
        ids.into_iter().map(|id| if ordered { entry(id).in_order() } else { entry(id) }).collect();
    outbox.enqueue_all(entries).await.unwrap();
}

async fn receiver(outbox: &Outbox<SqliteStore>) -> Receiver {
    outbox.receiver("a", DecodeOptions::strict()).await.unwrap()
}

async fn next(receiver: &mut Receiver) -> Delivery {
    timeout(60 * MINUTE, receiver.next()).await.expect("nothing comes").unwrap().unwrap()
}

fn id(delivery: &Delivery) -> String {
    delivery.event().unwrap().id().to_owned()
}

async fn one(outbox: &Outbox<SqliteStore>, id: u32) -> Record {
    let all = outbox.find(Query::default()).await.unwrap();
    all.into_iter().find(|record| record.id.as_deref() == Some(&*id.to_string())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_settlements_make_of_a_message() {
    let outbox = outbox();
    enqueue(&outbox, [1], false).await;
    let mut receiver = receiver(&outbox).await;

    let delivery = next(&mut receiver).await;
    assert_eq!((id(&delivery), delivery.attempt()), ("1".to_owned(), 1));
    drop(delivery); // a release
    let delivery = next(&mut receiver).await;
    assert_eq!(delivery.attempt(), 1);
    let begun = Instant::now();
    delivery.retry(10 * SECOND).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!((delivery.attempt(), begun.elapsed() >= 10 * SECOND), (2, true));
    delivery.accept().await.unwrap();
    let record = one(&outbox, 1).await;
    assert_eq!((record.state, record.attempts), (State::Delivered, 2));
    let attempts = outbox.attempts(record.number).await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| &*attempt.status).collect::<Vec<_>>(), ["retry", "delivered"]);

    enqueue(&outbox, [2], false).await;
    next(&mut receiver).await.reject("no such customer").await.unwrap();
    let record = one(&outbox, 2).await;
    assert_eq!((record.state, record.reason.as_deref()), (State::Dead, Some("no such customer")));
    // An operator sends it once more.
    outbox.replay(Query::default().with_state(State::Dead)).await.unwrap();
    let delivery = next(&mut receiver).await;
    assert_eq!((id(&delivery), delivery.attempt()), ("2".to_owned(), 1));
    delivery.accept().await.unwrap();
    receiver.drain(MINUTE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn messages_in_order_come_one_after_the_other() {
    let outbox = outbox();
    enqueue(&outbox, 1..=3, true).await;
    enqueue(&outbox, [10], false).await;
    let mut receiver = receiver(&outbox).await;
    let first = next(&mut receiver).await;
    assert_eq!(id(&first), "1");
    // A message without an order does not wait.
    let other = next(&mut receiver).await;
    assert_eq!(id(&other), "10");
    other.accept().await.unwrap();
    assert!(timeout(5 * SECOND, receiver.next()).await.is_err(), "the second one waits for the first one");
    first.retry(10 * SECOND).await.unwrap();
    let again = next(&mut receiver).await;
    assert_eq!((id(&again), again.attempt()), ("1".to_owned(), 2));
    again.reject("refused").await.unwrap();
    // The next ones come without a wait for the next poll.
    let begun = Instant::now();
    for expected in ["2", "3"] {
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), expected);
        delivery.accept().await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_millis(250), "{:?}", begun.elapsed());
}

/// Their releases take more than one transaction, and the clock goes on between them.
#[tokio::test(start_paused = true)]
async fn what_is_left_at_an_end_keeps_its_order() {
    const COUNT: u32 = 300;
    let looks = AtomicU64::new(0);
    let clock = Clock::new(move || at(0) + Duration::from_millis(looks.fetch_add(1, Relaxed)));
    let outbox = Outbox::new(SqliteStore::in_memory().unwrap()).with_clock(clock);
    enqueue(&outbox, 0..COUNT, false).await;
    let mut first = receiver(&outbox).await;
    let mut held = Vec::new();
    for _ in 0..COUNT {
        held.push(next(&mut first).await);
    }
    first.stopper().stop();
    while let Some(delivery) = held.pop() {
        delivery.release().await.unwrap();
    }
    first.drain(MINUTE).await.unwrap();
    let mut second = receiver(&outbox).await;
    for expected in 0..COUNT {
        let delivery = next(&mut second).await;
        assert_eq!(id(&delivery), expected.to_string());
        delivery.accept().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn it_takes_of_its_target_alone_and_what_is_enqueued_here_at_once() {
    let outbox = outbox();
    outbox.enqueue_all(["A", "b", "aa"].map(|target| Entry::new(target, event(target)))).await.unwrap();
    let mut receiver = receiver(&outbox).await;
    assert!(timeout(MINUTE, receiver.next()).await.is_err());
    let begun = Instant::now();
    enqueue(&outbox, [1], false).await;
    let delivery = next(&mut receiver).await;
    assert!(begun.elapsed() < Duration::from_millis(250), "{:?}", begun.elapsed());
    delivery.accept().await.unwrap();
    assert_eq!(outbox.counts().await.unwrap().pending, 3);
    for target in ["", "a\0", &"x".repeat(1025)] {
        let error = outbox.receiver(target, DecodeOptions::strict()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{target:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_disabled_target_is_left_alone() {
    let outbox = outbox();
    outbox.disable("a", "maintenance").await.unwrap();
    enqueue(&outbox, [1], false).await;
    let mut receiver = receiver(&outbox).await;
    assert!(timeout(MINUTE, receiver.next()).await.is_err());
    outbox.resume("a").await.unwrap();
    next(&mut receiver).await.accept().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_has_expired_is_dead() {
    let outbox = outbox();
    let expires = Outgoing::from(event(1)).expires_after(SECOND);
    outbox.enqueue(Entry::new("a", expires).in_order()).await.unwrap();
    enqueue(&outbox, [2], true).await;
    sleep(2 * SECOND).await;
    let mut receiver = receiver(&outbox).await;
    assert_eq!(id(&next(&mut receiver).await), "2");
    assert_eq!(one(&outbox, 1).await.reason.as_deref(), Some("it expired before it could be delivered"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_lost_is_the_failure_of_one_message() {
    let outbox = outbox();
    enqueue(&outbox, [1, 2], false).await;
    let mut receiver = receiver(&outbox).await;
    let (lost, kept) = (next(&mut receiver).await, next(&mut receiver).await);
    let lost_id = id(&lost);
    // By a clock that is an hour ahead, the leases have ended.
    let mut claim = Claim::new(at(3600), 1, 60 * MINUTE);
    claim.only = Some("a".into());
    let taken = outbox.store().claim(claim).await.unwrap().messages;
    let taken = &taken[0].outgoing(at(3600)).unwrap();
    let is_first = crate::tools::id(taken) == lost_id;
    let (lost, kept) = if is_first { (lost, kept) } else { (kept, lost) };
    kept.accept().await.unwrap();
    let error = lost.accept().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(error.help().unwrap().contains("lease"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_held_message_stays_leased() {
    let outbox = outbox();
    enqueue(&outbox, [1], false).await;
    let mut receiver = receiver(&outbox).await;
    let held = next(&mut receiver).await;
    let mut other = self::receiver(&outbox).await;
    assert!(timeout(5 * MINUTE, other.next()).await.is_err());
    held.accept().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_ended_long_ago_is_deleted() {
    let outbox = outbox();
    enqueue(&outbox, [1], false).await;
    let mut options = OutboxReceiverOptions::from(DecodeOptions::strict());
    options.poll = MINUTE;
    let mut receiver = outbox.receiver("a", options).await.unwrap();
    next(&mut receiver).await.accept().await.unwrap();
    assert!(timeout(23 * 60 * MINUTE, receiver.next()).await.is_err());
    assert_eq!(outbox.counts().await.unwrap().delivered, 1);
    assert!(timeout(2 * 60 * MINUTE, receiver.next()).await.is_err());
    assert_eq!(outbox.counts().await.unwrap().delivered, 0);
}

#[tokio::test(start_paused = true)]
async fn everything_of_a_message_is_there() {
    let outbox = outbox();
    let whole = Outgoing::from(event(1))
        .to("elsewhere")
        .key("k7")
        .header("tenant", "t7")
        .reply_to("answers")
        .correlation("c1")
        .priority(3);
    outbox.enqueue(Entry::new("a", whole)).await.unwrap();
    let mut receiver = receiver(&outbox).await;
    let delivery = next(&mut receiver).await;
    let received = delivery.received();
    assert_eq!((received.topic(), received.key().as_deref()), (Some("a"), Some(&b"k7"[..])));
    assert_eq!((received.reply_to(), received.correlation().as_deref()), (Some("answers"), Some(&b"c1"[..])));
    assert_eq!(received.header_text("tenant").unwrap(), "t7");
    // For a place of dead letters that takes bytes, it is as in binary mode.
    let shown = ["ce-specversion", "ce-id", "ce-source", "ce-type", "content-type"];
    let shown = shown.map(|name| received.header_text(name).unwrap().into_owned());
    assert_eq!(shown, ["1.0", "1", "/shop", "com.example.order.placed", "application/json"]);
    assert_eq!(received.body().unwrap(), r#"{"order":"1"}"#);
    let native: &ReceivedMessage = received.native().unwrap();
    assert_eq!(
        (native.outgoing.destination(), native.outgoing.priority_level()),
        (Some("elsewhere"), Some(3))
    );
    assert_eq!(delivery.event().unwrap(), event(1));
}

#[tokio::test(start_paused = true)]
async fn a_bridge_moves_messages_to_any_sender() {
    let (outbox, target) = (outbox(), FakeQueue::new());
    enqueue(&outbox, 0..100, true).await;
    let mut options = OutboxReceiverOptions::default();
    options.prefetch = 10;
    let from = outbox.receiver("a", options).await.unwrap();
    let bridge = Bridge::new(from, target.sender(), BridgePolicy::default()).unwrap();
    let done = async {
        while outbox.counts().await.unwrap().pending > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    bridge.run().until(done).await.unwrap();
    let mut arrived = target.receiver(DecodeOptions::strict());
    for expected in 0..100 {
        let delivery = next(&mut arrived).await;
        let moved: Event = delivery.event().unwrap();
        assert_eq!(moved, event(expected));
        delivery.accept().await.unwrap();
    }
}
