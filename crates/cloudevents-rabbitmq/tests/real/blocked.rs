//! A broker in an alarm (`connection.blocked`) reads nothing from a client that publishes. Messages wait, and operators see why.

use crate::tools::{event, id, next, receiver_from, sender_to, within};
use cloudevents_testkit::{logged::Logged, rabbitmq::Broker};
use cloudevents_transport::Sender;
use futures_util::FutureExt;
use std::pin::pin;

/// Waits until the sender knows that the broker takes no messages, or that it takes them.
async fn is_blocked(sender: &Sender, blocked: bool) {
    let mut connectivity = sender.connectivity();
    within(async {
        while connectivity.blocked().is_some() != blocked {
            connectivity.changed().await;
        }
    })
    .await;
}

/// Each of two alarms is the same: it shows, what is sent meanwhile is not handed over before its end, and no message fails.
#[tokio::test]
async fn an_alarm_makes_messages_wait_and_shows_until_it_ends() {
    let broker = Broker::start().unwrap();
    let (sender, queue, log) = (sender_to(&broker, "q").await, broker.queue("q"), Logged::begin());
    let mut expected = Vec::new();
    for round in 1..=2 {
        let count = |words: &str| log.text().lines().filter(|line| line.contains(words)).count();
        broker.block("low on memory");
        // Only a client that publishes hears of it. The broker reads the rest of this message when the alarm ends.
        let (over, waits) = (event(format!("over {round}")), event(format!("waits {round}")));
        let mut first = pin!(sender.send(&over));
        tokio::select! {
            sent = first.as_mut() => panic!("round {round}: {sent:?}"),
            () = is_blocked(&sender, true) => {}
        }
        let why = sender.connectivity().blocked().unwrap();
        assert!(why.detail().contains("low on memory") && why.is_temporary(), "round {round}: {why:?}");
        assert!(sender.connectivity().state().is_connected(), "round {round}");
        assert_eq!(count("the peer takes no messages"), round, "{}", log.text());
        // A message that waits is not handed over to the client: dropped, it has sent nothing.
        assert!(sender.send(&event("dropped")).now_or_never().is_none(), "round {round}");
        let mut second = pin!(sender.send(&waits));
        assert!(second.as_mut().now_or_never().is_none(), "round {round}");
        assert_eq!(queue.len(), expected.len(), "round {round}");
        assert_eq!(count("the peer takes messages again"), round - 1, "{}", log.text());

        broker.unblock();
        within(first).await.unwrap();
        within(second).await.unwrap();
        is_blocked(&sender, false).await;
        assert_eq!(count("the peer takes messages again"), round, "{}", log.text());
        expected.extend([format!("over {round}"), format!("waits {round}")]);
    }
    let mut receiver = receiver_from(&broker, "q").await;
    for expected in &expected {
        let delivery = next(&mut receiver).await;
        assert_eq!(id(&delivery), *expected);
        within(delivery.accept()).await.unwrap();
    }
    assert!(queue.is_empty(), "{queue:?}");
    let metrics = sender.metrics();
    assert_eq!((metrics.sent, metrics.disconnects), (expected.len() as u64, 0), "{metrics}");
}

/// A connection that is lost in an alarm ends the state. The next one begins without an alarm.
#[tokio::test]
async fn an_alarm_does_not_outlive_its_connection() {
    let mut broker = Broker::start().unwrap();
    let sender = sender_to(&broker, "q").await;
    broker.block("low on disk");
    {
        let one = event("lost");
        let mut lost = pin!(sender.send(&one));
        tokio::select! {
            sent = lost.as_mut() => panic!("{sent:?}"),
            () = is_blocked(&sender, true) => {}
        }
        broker.stop();
        within(lost).await.unwrap_err();
    }
    broker.unblock();
    broker.restart().unwrap();
    is_blocked(&sender, false).await;
    within(sender.send(&event("next"))).await.unwrap();
    let mut receiver = receiver_from(&broker, "q").await;
    assert_eq!(id(&next(&mut receiver).await), "next");
}
