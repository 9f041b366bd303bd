//! A killed consumer loses nothing: what it has not accepted is delivered again.

use crate::tools::{PATIENCE, events, id, next, receiver_from, sender_to, strict, until, within};
use cloudevents_amqp::fe2o3_amqp018::receiver;
use cloudevents_core::Event;
use cloudevents_testkit::{amqp::Broker, kill::handled_until_killed};
use std::{collections::BTreeSet, env};
use tokio::{task::spawn_blocking, time::timeout};

/// The environment variable with the URL for the consumer's process.
const URL: &str = "CE_KILL_URL";

const EVENTS: usize = 200;

/// Runs `CE_KILL_ROUNDS` rounds, 3 by default. Each sends as many events, and kills the consumer while it
/// handles them. The events that it reported as handled, and those left in the end, are all events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_consumer_loses_nothing() {
    let rounds: usize = env::var("CE_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let broker = Broker::start().unwrap();
    let queue = broker.queue("kill");
    let (mut sent, mut handled) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..rounds {
        let batch: Vec<Event> = events(EVENTS)
            .map(|event| {
                let id = format!("{round}/{}", event.id());
                event.into_builder().id(id).build().unwrap()
            })
            .collect();
        sent.extend(batch.iter().map(|event| event.id().to_owned()));
        within(sender_to(&broker, "kill").await.send_all(batch)).await.unwrap();
        let kill_after = 1 + (round * 67) % (EVENTS - 20);
        handled.extend(consume_and_kill(broker.url("kill"), kill_after).await);
        until(&queue, |queue| queue.unsettled() == 0).await;
    }
    assert!(handled.len() < sent.len(), "nothing was left: no consumer was killed in the middle");
    let mut left = receiver_from(&broker, "kill").await;
    let mut rest = queue.len();
    println!("{rounds} rounds: {} of {} dealt with before the kill, {rest} left", handled.len(), sent.len());
    while rest > 0 {
        let delivery = next(&mut left).await;
        handled.insert(id(&delivery));
        within(delivery.accept()).await.unwrap();
        rest -= 1;
    }
    assert_eq!(handled, sent);
}

/// Returns the events that the consumer's process reported as handled before it was killed, at least this
/// many.
async fn consume_and_kill(url: String, kill_after: usize) -> Vec<String> {
    let consuming = spawn_blocking(move || handled_until_killed("kill::consumer", (URL, &url), kill_after));
    timeout(PATIENCE, consuming).await.unwrap().unwrap().unwrap()
}

/// Not a test: the process that is killed.
#[tokio::test]
async fn consumer() {
    let Ok(url) = env::var(URL) else { return };
    let mut receiver = receiver(&url, strict()).await.unwrap();
    loop {
        let delivery = next(&mut receiver).await;
        println!("handled {}", id(&delivery));
        drop(delivery.accept());
    }
}
