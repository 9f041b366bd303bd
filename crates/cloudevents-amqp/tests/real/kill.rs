//! A killed consumer loses nothing: messages that it has not accepted are delivered again.

use crate::tools::{events, id, next, patience, strict, within};
use cloudevents_amqp::fe2o3_amqp018::{AmqpSenderOptions, receiver, sender};
use cloudevents_core::Event;
use cloudevents_testkit::{
    amqp::Broker,
    kill::{handled, handled_until_killed},
};
use std::{collections::BTreeSet, env};
use tokio::{task::spawn_blocking, time::timeout};

/// The environment variable with the URL for the consumer's process.
const URL: &str = "CE_KILL_URL";

const EVENTS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_consumer_loses_nothing() {
    let broker = Broker::start().unwrap();
    loses_nothing(&broker.url("kill")).await;
}

/// On the broker that `CE_TEST_AMQP_URL` names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_consumer_loses_nothing_on_a_real_broker() {
    let Ok(prefix) = env::var("CE_TEST_AMQP_URL") else {
        println!("skipped: CE_TEST_AMQP_URL is not set");
        return;
    };
    loses_nothing(&format!("{prefix}kill-{}", std::process::id())).await;
}

/// Runs `CE_KILL_ROUNDS` rounds, 3 by default. Each sends as many events, and kills the consumer while it
/// handles them. The events that it reported as handled, and those that are left in the end, are all events.
async fn loses_nothing(url: &str) {
    let rounds: usize = env::var("CE_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let consumed = format!("{url}?reject=broker");
    let sender = within(sender(url, AmqpSenderOptions::default())).await.unwrap();
    let (mut sent, mut handled) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..rounds {
        let batch: Vec<Event> = events(EVENTS)
            .map(|event| {
                let id = format!("{round}/{}", event.id());
                event.into_builder().id(id).build().unwrap()
            })
            .collect();
        sent.extend(batch.iter().map(|event| event.id().to_owned()));
        within(sender.send_all(batch)).await.unwrap();
        let kill_after = 1 + (round * 67) % (EVENTS - 20);
        handled.extend(consume_and_kill(consumed.clone(), kill_after).await);
    }
    let before = handled.len();
    assert!(before < sent.len(), "nothing was left: no consumer was killed in the middle");
    let mut left = within(receiver(&consumed, strict())).await.unwrap();
    let mut again = 0;
    while handled.len() < sent.len() {
        let delivery = next(&mut left).await;
        again += usize::from(!handled.insert(id(&delivery)));
        within(delivery.accept()).await.unwrap();
    }
    println!("{rounds} rounds: {before} of {} handled before the kills, {again} of them again", sent.len());
    assert_eq!(handled, sent);
    within(left.drain(patience())).await.unwrap();
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
        handled(&id(&delivery));
        drop(delivery.accept());
    }
}
