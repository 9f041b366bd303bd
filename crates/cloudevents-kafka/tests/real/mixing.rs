//! Members come and go while messages are poisoned, a handler hangs, and its partition is held back.

use crate::broker::{Topic, event, patience, soon};
use cloudevents_core::{Error, ErrorKind, Event};
use cloudevents_kafka::rdkafka039::{self, KafkaReceiverOptions};
use cloudevents_transport::{
    Counters, DeadLetter, DeadLetterSink, Delivery, Failure, OrderBy, Stopper, binding::log::LogOptions,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

const COUNT: usize = 4_000;
const KEYS: usize = 40;

const HANDLERS: usize = 16;
const IN_FLIGHT: usize = 60;

/// This one hangs until the gate opens: its key, and in time its partition, wait.
const HANGS: usize = 41;

fn is_poison(number: usize) -> bool {
    number % 100 == 7
}

/// What was handled, and the letters.
#[derive(Default)]
struct Seen {
    /// The first effects of each key, in their order.
    effects: BTreeMap<usize, Vec<usize>>,
    handled: BTreeSet<usize>,
    twice: usize,
    letters: BTreeSet<usize>,
    foreign: usize,
}

#[derive(Clone)]
struct World(Arc<Mutex<Seen>>, watch::Receiver<bool>);

struct Letters(World);

impl DeadLetterSink for Letters {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let event = letter.received.message()?.event(&cloudevents_core::DecodeOptions::strict())?;
        let number = event.value.id().parse().unwrap();
        self.0.0.lock().unwrap().letters.insert(number);
        Ok(())
    }
}

impl World {
    async fn handle(&self, delivery: Delivery) -> Result<(), Failure> {
        let event: Event = delivery.event().unwrap();
        let number: usize = event.id().parse().unwrap();
        self.0.lock().unwrap().foreign += usize::from(!delivery.is_current());
        sleep(Duration::from_millis(2)).await;
        if is_poison(number) {
            return Err(Failure::retry("poison"));
        }
        if number == HANGS {
            drop(self.1.clone().wait_for(|open| *open).await);
        }
        let mut seen = self.0.lock().unwrap();
        if seen.handled.insert(number) {
            seen.effects.entry(number % KEYS).or_default().push(number);
        } else {
            seen.twice += 1;
        }
        Ok(())
    }
}

/// A member that runs, its counters, and what stops it.
type Member = (JoinHandle<Result<(), Error>>, Arc<Counters>, Stopper);

async fn member(topic: &Topic, world: &World, more: &str, drain: Duration) -> Member {
    let mut options = KafkaReceiverOptions::default();
    options.receiver.in_flight.messages = IN_FLIGHT;
    options.receiver.attempts = Some(3);
    options.receiver.drain = drain;
    options.receiver.retry.first = Duration::from_millis(20);
    options.commit_interval = Duration::from_millis(100);
    options.log = LogOptions::default().with_sink(Letters(world.clone()));
    let url = topic.url(&format!("group={}{more}", topic.group()));
    let receiver = soon(rdkafka039::receiver(&url, options)).await.unwrap();
    let (counters, stopper, world) = (receiver.counters(), receiver.stopper(), world.clone());
    let handle = move |delivery| {
        let world = world.clone();
        async move { world.handle(delivery).await }
    };
    (tokio::spawn(receiver.run(handle).concurrency(HANDLERS).in_order(OrderBy::Key)), counters, stopper)
}

/// Everything is handled in order, or a letter.
fn all_is_handled(seen: &Seen, more: &str) {
    let poison: BTreeSet<_> = (0..COUNT).filter(|number| is_poison(*number)).collect();
    println!("{more}: {} twice, {} foreign", seen.twice, seen.foreign);
    assert_eq!(seen.letters, poison, "{more}");
    // What others have overtaken is handled before its partition goes: of what is in flight, at each of four rebalances.
    assert!(seen.foreign <= 4 * IN_FLIGHT, "{more}: {} began for somebody else", seen.foreign);
    for (key, effects) in &seen.effects {
        assert!(effects.is_sorted(), "{more}: key {key}: {effects:?}");
    }
    assert_eq!(seen.handled.len(), COUNT - poison.len());
}

/// The embedded broker takes no commits while the group is rebalanced: then only what is handled is compared.
async fn mixing(topic: Topic, more: &str, takes_commits: bool) {
    let sender = topic.sender().await;
    let events = (0..COUNT).map(|number| event(number, &(number % KEYS).to_string()));
    soon(sender.send_all(events)).await.unwrap();
    let (open, gate) = watch::channel(false);
    let world = World(Arc::default(), gate);
    let done = || {
        let seen = world.0.lock().unwrap();
        seen.handled.len() + seen.letters.len()
    };
    let until = async |count: usize| {
        let begun = Instant::now();
        while done() < count {
            assert!(begun.elapsed() < patience() * 2, "{more}: {} of {count} after a minute", done());
            sleep(Duration::from_millis(5)).await;
        }
    };
    // Where the commits of a drain are not taken, it takes all of its time.
    let short = Duration::from_secs(2);
    let drain = if takes_commits { patience() / 2 } else { short };
    let first = member(&topic, &world, more, drain).await;
    until(COUNT / 8).await;
    // It may be the one with the handler that hangs.
    let second = member(&topic, &world, more, short).await;
    until(COUNT / 4).await;
    let third = member(&topic, &world, more, drain).await;
    // All but the key of the message that hangs, or its partition.
    until(COUNT / 2).await;
    second.2.stop();
    if let Err(error) = soon(second.0).await.unwrap() {
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    }
    // The partition that is held back belongs to one of those who are left, and the others are done.
    let held_back = async {
        while first.1.snapshot().held_back + third.1.snapshot().held_back == 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    soon(held_back).await;
    assert!(done() < COUNT);
    open.send_replace(true);
    until(COUNT).await;
    for (task, _, stopper) in [first, third] {
        stopper.stop();
        let ended = soon(task).await.unwrap();
        assert!(!takes_commits || ended.is_ok(), "{more}: {ended:?}");
    }
    all_is_handled(&world.0.lock().unwrap(), more);
    if !takes_commits {
        return;
    }
    let (committed, ends) = topic.committed_and_ends().await;
    assert_eq!(committed, ends.into_iter().map(Some).collect::<Vec<_>>(), "{more}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_beside_poison_and_a_partition_that_is_held_back() {
    mixing(Topic::new(6), "", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_real_broker_come_and_go_beside_poison_and_a_partition_that_is_held_back() {
    let timeouts = "&session.timeout.ms=6000&heartbeat.interval.ms=200";
    for strategy in [
        timeouts.to_owned(),
        format!("{timeouts}&partition.assignment.strategy=range"),
        "&group.protocol=consumer".into(),
    ] {
        match Topic::real(6).await {
            Some(topic) => mixing(topic, &strategy, true).await,
            None => println!("skipped: CE_TEST_KAFKA_URL is not set"),
        }
    }
}
