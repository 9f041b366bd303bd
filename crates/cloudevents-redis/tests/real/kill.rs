//! A killed consumer loses nothing: entries that it has not accepted are taken over.

use crate::tools::{Place, event, id, next, patience, strict, within};
use cloudevents_redis::redis1::receiver;
use cloudevents_testkit::kill::{handled, handled_until_killed};
use std::{collections::BTreeSet, env};
use tokio::{task::spawn_blocking, time::timeout};

/// The environment variable with the URL for the consumer's process.
const URL: &str = "CE_KILL_URL";

const EVENTS: usize = 200;

/// Runs `CE_KILL_ROUNDS` rounds, 3 by default. Each sends as many events, and kills the consumer while it handles them. The events that it
/// reported as handled, and those left in the end, are all events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_consumer_loses_nothing() {
    let rounds: usize = env::var("CE_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let Some(place) = Place::new("kill") else { return };
    let url = place.url("group=killed&lock=1s");
    let sender = place.sender("").await;
    let (mut sent, mut handled) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..rounds {
        let batch: Vec<_> = (0..EVENTS).map(|number| event(format!("{round}/{number}"))).collect();
        sent.extend(batch.iter().map(|event| event.id().to_owned()));
        within(sender.send_all(batch)).await.unwrap();
        let kill_after = 1 + (round * 67) % (EVENTS - 20);
        let consuming = url.clone();
        let consuming =
            spawn_blocking(move || handled_until_killed("kill::consumer", (URL, &consuming), kill_after));
        handled.extend(timeout(patience(), consuming).await.unwrap().unwrap().unwrap());
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
