//! A killed consumer of JetStream loses nothing: messages that it has not accepted are delivered again.

use crate::tools::{create_stream, events, id, name, next, patience, real, strict, within};
use cloudevents_core::Event;
use cloudevents_nats::async_nats051::{NatsSenderOptions, receiver, sender};
use cloudevents_testkit::kill::{handled, handled_until_killed};
use std::{collections::BTreeSet, env};
use tokio::{task::spawn_blocking, time::timeout};

/// The environment variable with the URL for the consumer's process.
const URL: &str = "CE_KILL_URL";

const EVENTS: usize = 200;

/// Runs `CE_KILL_ROUNDS` rounds, 3 by default. Each sends as many events, and kills the consumer while it
/// handles them. The events that it reported as handled, and those left in the end, are all events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_consumer_loses_nothing_on_a_real_server() {
    let rounds: usize = env::var("CE_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let Some(server) = real() else { return };
    let name = name("kill");
    create_stream(&server, &name).await;
    let url = format!("{}/{name}.x", server.replacen("nats:", "nats+jetstream:", 1));
    let consuming = format!("{url}?consumer=killed&ack-wait=2s&double-ack=true");
    let (mut sent, mut handled) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..rounds {
        let batch: Vec<Event> = events(EVENTS)
            .map(|event| {
                let id = format!("{round}/{}", event.id());
                event.into_builder().id(id).build().unwrap()
            })
            .collect();
        sent.extend(batch.iter().map(|event| event.id().to_owned()));
        let sender = sender(&url, NatsSenderOptions::default()).await.unwrap();
        within(sender.send_all(batch)).await.unwrap();
        let kill_after = 1 + (round * 67) % (EVENTS - 20);
        handled.extend(consume_and_kill(consuming.clone(), kill_after).await);
    }
    assert!(handled.len() < sent.len(), "nothing was left: no consumer was killed in the middle");
    let before = handled.len();
    let mut left = receiver(&consuming, strict()).await.unwrap();
    while handled.len() < sent.len() {
        let delivery = next(&mut left).await;
        handled.insert(id(&delivery));
        within(delivery.accept()).await.unwrap();
    }
    println!("{rounds} rounds: {before} of {} dealt with before the kill", sent.len());
    assert_eq!(handled, sent);
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
