//! Messages that are not accepted come again: here, or to others.

use crate::tools::{Place, event, id, next, until, within};
use cloudevents_core::ErrorKind;
use cloudevents_pgmq::tokio_postgres07::ReceivedMessage;
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::Delivery;
use std::time::Duration;
use tracing::Level;

fn number(delivery: &Delivery) -> i64 {
    delivery.received().native::<ReceivedMessage>().unwrap().id
}

/// Of messages that are settled in one statement, a message fails if it is gone or another receiver has it, and no other fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_lock_is_the_failure_of_one_message() {
    let Some(place) = Place::new("stale").await else { return };
    within(place.sender("").await.send_all((0..6).map(event))).await.unwrap();
    // It has all that it may have, and reads no more.
    let mut receiver = place.receiver("lock=10m&in-flight=6").await;
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(next(&mut receiver).await);
    }
    // Behind the back of this one, another program deletes one of them, and reads two others, for a lock of theirs ended.
    let (gone, read, retried) = (held.remove(4), held.remove(2), held.remove(0));
    place.run(&format!("SELECT pgmq.delete('{}', {})", place.queue, number(&gone))).await;
    for delivery in [&read, &retried] {
        place.run(&format!("SELECT pgmq.set_vt('{}', {}, 0)", place.queue, number(delivery))).await;
    }
    let taken = place.ask(&format!("SELECT msg_id FROM pgmq.read('{}', 600, 10)", place.queue)).await;
    assert_eq!(taken.len(), 2);
    let good: Vec<_> = held.into_iter().map(|delivery| delivery.accept()).collect();
    let late = [gone.accept(), read.accept(), retried.retry(Duration::ZERO)];
    for outcome in good {
        within(outcome).await.unwrap();
    }
    for outcome in late {
        let error = within(outcome).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        assert!(error.help().unwrap().contains("raise `lock`"), "{error}");
    }
    assert_eq!(place.counts().await, (0, 2), "those of the other program stay, and stay hidden");
    assert_eq!(receiver.connectivity().losses(), 0);
}

#[tokio::test]
async fn a_lock_that_was_lost_is_said_when_it_is_renewed() {
    let Some(place) = Place::new("lost").await else { return };
    let logged = Logged::begin();
    within(place.sender("").await.send_all((0..2).map(event))).await.unwrap();
    let mut receiver = place.receiver("lock=1s").await;
    let (gone, _held) = (next(&mut receiver).await, next(&mut receiver).await);
    place.run(&format!("SELECT pgmq.delete('{}', {})", place.queue, number(&gone))).await;
    let lost = || {
        let lines = logged.lines(Level::WARN).into_iter().map(|line| line.text);
        lines.filter(|line| line.contains("the lock of messages was lost")).collect::<Vec<_>>()
    };
    until(async || !lost().is_empty()).await;
    assert!(lost().iter().all(|line| line.contains("messages=1")), "{:?}", lost());
}

/// The messages of a receiver that is gone come to others after the time of the lock, and that counts as an attempt.
#[tokio::test]
async fn what_a_dead_receiver_left_comes_after_the_lock() {
    let Some(place) = Place::new("dead").await else { return };
    place.sender("").await.send(&event(0)).await.unwrap();
    let taken = place.ask(&format!("SELECT msg_id FROM pgmq.read('{}', 1, 1)", place.queue)).await;
    assert_eq!(taken.len(), 1);
    let mut receiver = place.receiver("").await;
    let delivery = next(&mut receiver).await;
    assert_eq!((id(&delivery), delivery.attempt()), ("0".into(), 2));
    within(delivery.accept()).await.unwrap();
}

/// The deletion waits for longer than half of the lock, and so does the renewal behind it.
#[tokio::test]
async fn what_is_being_deleted_is_not_said_to_be_lost() {
    let Some(place) = Place::new("deleting").await else { return };
    let logged = Logged::begin();
    within(place.sender("").await.send_all((0..3).map(event))).await.unwrap();
    let mut receiver = place.receiver("lock=2s").await;
    let mut held = Vec::new();
    while held.len() < 3 {
        held.push(next(&mut receiver).await);
    }
    let holder = place.client().await;
    holder.batch_execute(&format!("BEGIN; LOCK TABLE pgmq.q_{}", place.queue)).await.unwrap();
    let accepted: Vec<_> = held.into_iter().map(Delivery::accept).collect();
    tokio::time::sleep(Duration::from_millis(1500)).await; // a renewal is due
    holder.batch_execute("COMMIT").await.unwrap();
    for accepted in accepted {
        within(accepted).await.unwrap();
    }
    within(receiver.drain(Duration::from_secs(5))).await.unwrap();
    assert!(!logged.text().contains("was lost"), "{}", logged.text());
}
