//! A killed consumer loses nothing: messages that it has not accepted are delivered again.

use crate::tools::{
    events, id, name, next, patience, queues, real, receiver_from, sender_to, strict, until, within,
};
use cloudevents_core::Event;
use cloudevents_rabbitmq::lapin4::{RabbitSenderOptions, receiver, sender};
use cloudevents_testkit::{
    kill::{handled, handled_until_killed},
    rabbitmq::Broker,
};
use std::{collections::BTreeSet, env, time::Duration};
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
        let batch: Vec<Event> = events(EVENTS).map(|event| named(&event, round)).collect();
        sent.extend(batch.iter().map(|event| event.id().to_owned()));
        within(sender_to(&broker, "kill").await.send_all(batch)).await.unwrap();
        let kill_after = 1 + (round * 67) % (EVENTS - 20);
        handled.extend(consume_and_kill(broker.url("queue=kill"), kill_after).await);
        until(&queue, |queue| queue.unsettled() == 0).await;
    }
    assert!(handled.len() < sent.len(), "nothing was left: no consumer was killed in the middle");
    let mut left = receiver_from(&broker, "kill").await;
    let mut rest = queue.len() + queue.unsettled();
    println!("{rounds} rounds: {} of {} dealt with before the kill, {rest} left", handled.len(), sent.len());
    while rest > 0 {
        let delivery = next(&mut left).await;
        handled.insert(id(&delivery));
        within(delivery.accept()).await.unwrap();
        rest -= 1;
    }
    assert_eq!(handled, sent);
}

/// The same with a real broker, and with retries, which are published before they are acknowledged. Events may
/// come more than once, and none is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_consumer_loses_nothing_on_a_real_broker() {
    let rounds: usize = env::var("CE_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let Some(server) = real() else { return };
    let url = format!("{server}?queue={}&declare={}", name("kill"), queues());
    let (mut sent, mut handled) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..rounds {
        let batch: Vec<Event> = events(EVENTS).map(|event| named(&event, round)).collect();
        sent.extend(batch.iter().map(|event| event.id().to_owned()));
        let sender = sender(&url, RabbitSenderOptions::default()).await.unwrap();
        within(sender.send_all(batch)).await.unwrap();
        let kill_after = 1 + (round * 67) % (EVENTS / 2);
        handled.extend(consume_and_kill(url.clone(), kill_after).await);
    }
    assert!(handled.len() < sent.len(), "nothing was left: no consumer was killed in the middle");
    let before = handled.len();
    let mut left = receiver(&url, strict()).await.unwrap();
    while handled.len() < sent.len() {
        let delivery = next(&mut left).await;
        handled.insert(id(&delivery));
        within(delivery.accept()).await.unwrap();
    }
    println!("{rounds} rounds: {before} of {} dealt with before the kill", sent.len());
    assert_eq!(handled, sent);
}

fn named(event: &Event, round: usize) -> Event {
    event.clone().into_builder().id(format!("{round}/{}", event.id())).build().unwrap()
}

/// Returns the events that the consumer's process reported as handled before it was killed, at least this
/// many.
async fn consume_and_kill(url: String, kill_after: usize) -> Vec<String> {
    let consuming = spawn_blocking(move || handled_until_killed("kill::consumer", (URL, &url), kill_after));
    timeout(patience(), consuming).await.unwrap().unwrap().unwrap()
}

/// Not a test: the process that is killed.
#[tokio::test]
async fn consumer() {
    let Ok(url) = env::var(URL) else { return };
    let mut receiver = receiver(&url, strict()).await.unwrap();
    loop {
        let delivery = next(&mut receiver).await;
        // Every fifth comes a second time before it counts as handled.
        let again = delivery.attempt() == 1 && id(&delivery).ends_with('5');
        if again {
            drop(delivery.retry(Duration::ZERO));
            continue;
        }
        handled(&id(&delivery));
        drop(delivery.accept());
    }
}
