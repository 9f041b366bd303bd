//! A consumer that is killed while it works loses nothing. The broker runs in this process. The consumer is
//! this program again, in its own process, which is killed with SIGKILL.
//!
//! `CE_KILL_ROUNDS` sets the number of rounds; the default is 3.

use crate::broker::{Topic, event, next, number, soon};
use cloudevents_kafka::rdkafka039::{KafkaReceiverOptions, receiver};
use cloudevents_testkit::{kafka::Broker, kill::handled_until_killed};
use cloudevents_transport::Receiver;
use std::{collections::BTreeMap, io::Write, time::Duration};
use tokio::task::spawn_blocking;

/// The URL for the consumer's process; without it, this process is the test.
const URL: &str = "CE_TEST_KILL_URL";

/// The number of events in a round.
const EVENTS: usize = 200;

/// The number of deliveries that are held at once and settled in reverse order.
const HELD: usize = 7;

async fn open(url: &str) -> Receiver {
    let mut options = KafkaReceiverOptions::default();
    options.commit_interval = Duration::from_millis(5);
    soon(receiver(url, options)).await.unwrap()
}

/// Prints the events it handles, then accepts them, until it is killed.
#[tokio::test]
async fn consumer() {
    let Ok(url) = std::env::var(URL) else { return };
    let mut receiver = open(&url).await;
    loop {
        let mut held = Vec::new();
        while held.len() < HELD {
            match tokio::time::timeout(Duration::from_millis(50), receiver.next()).await {
                Ok(delivery) => held.push(delivery.unwrap().unwrap()),
                Err(_) if held.is_empty() => {}
                Err(_) => break,
            }
        }
        while let Some(delivery) = held.pop() {
            // The work takes long enough for commits to happen in between.
            tokio::time::sleep(Duration::from_millis(2)).await;
            let mut out = std::io::stdout().lock();
            writeln!(out, "handled {}", number(&delivery)).unwrap();
            out.flush().unwrap();
            drop(out);
            // On a slow machine the session may end during this; then the message is delivered again.
            drop(delivery.accept());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_is_killed_loses_nothing() {
    let broker = Broker::start().unwrap();
    loses_nothing(Topic::on(&broker, 3)).await;
}

pub(crate) async fn loses_nothing(topic: Topic) {
    let rounds: usize = std::env::var("CE_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    // A killed process stays in the group until its session ends.
    let url = topic.url(
        "group=g&reject=drop&session.timeout.ms=1500&max.poll.interval.ms=3000&heartbeat.interval.ms=200",
    );
    let sender = topic.sender().await;
    let mut handled = BTreeMap::<usize, usize>::new();
    for round in 0..rounds {
        let events = (0..EVENTS).map(|number| round * EVENTS + number);
        soon(sender.send_all(events.map(|number| event(number, &number.to_string())))).await.unwrap();
        // Killed while it works, at another point in every round.
        let until = EVENTS / 4 + (round * 37) % (EVENTS / 2);
        let consumer = url.clone();
        let killed = spawn_blocking(move || handled_until_killed("kill::consumer", (URL, &consumer), until));
        for id in killed.await.unwrap().unwrap() {
            *handled.entry(id.parse().unwrap()).or_default() += 1;
        }
    }
    let mut last = open(&url).await;
    let missing = |handled: &BTreeMap<usize, usize>| rounds * EVENTS - handled.len();
    while missing(&handled) > 0 {
        let delivery = next(&mut last).await;
        *handled.entry(number(&delivery)).or_default() += 1;
        drop(delivery.accept()); // it comes again if the session has ended meanwhile
    }
    let again: usize = handled.values().map(|times| times - 1).sum();
    println!("{rounds} rounds: {} events were handled, {again} of them again", handled.len());
}
