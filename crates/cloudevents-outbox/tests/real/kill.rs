//! Programs that are killed while they enqueue and deliver lose nothing, and send nothing twice but the events in flight.
//!
//! This process is the peer, and counts the arriving events. The child enqueues and delivers at once until it is killed with SIGKILL.
//! `CE_KILL_ROUNDS` sets the number of rounds; the default is 3.

use crate::tools::{event, id, sender};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_outbox::{
    Entry, Outbox, OutboxOptions, Query, RetrySchedule, State, Store, rusqlite041::SqliteStore,
};
use cloudevents_testkit::patience;
use cloudevents_transport::{Receipt, Sender, binding::connect::Backoff};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// The store for the child; without it, this process is the test.
const STORE: &str = "CE_TEST_KILL_STORE";

/// Where the child's ids begin.
const FIRST: &str = "CE_TEST_KILL_FIRST";

/// The ids of a round begin with a multiple of this.
const ROUND: usize = 1_000_000;

/// The most messages that the child has in flight.
const IN_FLIGHT: usize = 16;

/// Not a test: the process that is killed. It prints the events that are enqueued for certain, and the sent events.
#[tokio::test]
async fn child() {
    let Ok(store) = env::var(STORE) else { return };
    work(SqliteStore::open(store).unwrap()).await;
}

fn say(word: &str, id: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{word} {id}").unwrap();
    out.flush().unwrap();
}

fn options() -> OutboxOptions {
    let mut options = OutboxOptions::default();
    options.in_flight.messages = IN_FLIGHT;
    options.lease = Duration::from_millis(300);
    options.poll = Duration::from_millis(10);
    // Whatever failed in many rounds is due soon.
    let (shortest, longest) = (Duration::from_millis(5), Duration::from_millis(50));
    options.retry = RetrySchedule::exponential(shortest, longest);
    // Also the events that wait for a target in an outage: a pause grows with the rounds, and would outlast the test.
    options.pauses = Backoff::default().with_delays(shortest, longest);
    options
}

/// A peer that prints the events that it gets. In every other round, it fails often enough for an outage of one of the targets.
fn printing(first: usize) -> Sender {
    let fails = (first / ROUND).is_multiple_of(2);
    sender(move |outgoing| async move {
        sleep(Duration::from_millis(1)).await;
        let id = id(&outgoing);
        if id.ends_with('7') && fails {
            return Err(Error::new(ErrorKind::Refused).with_retry_after(Duration::from_millis(5)));
        }
        say("sent", &id);
        Ok(Receipt::new())
    })
}

pub(crate) async fn work(store: impl Store) {
    let first: usize = env::var(FIRST).unwrap().parse().unwrap();
    let outbox = Outbox::new(store);
    let enqueuing = async {
        for number in first.. {
            let entry = Entry::new(format!("t{}", number % 5), event(number));
            outbox.enqueue(if number % 3 == 0 { entry.in_order() } else { entry }).await.unwrap();
            say("enqueued", &number.to_string());
        }
    };
    let peer = printing(first);
    let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
    outbox.run(route, options()).until(enqueuing).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_program_loses_nothing_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    loses_nothing("kill::child", STORE, path.to_str().unwrap(), || SqliteStore::open(&path).unwrap()).await;
}

pub(crate) async fn loses_nothing<S: Store>(child: &str, variable: &str, value: &str, open: impl Fn() -> S) {
    let rounds: usize = env::var("CE_KILL_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let (mut enqueued, mut sent) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    for round in 0..rounds {
        let first = (round * ROUND).to_string();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", child, "--nocapture"]).env(variable, value).env(FIRST, first);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        // At another point in every round.
        let kill_after = 40 + (round * 67) % 400;
        let lines = tokio::task::spawn_blocking(move || {
            let (mut lines, mut killed) = (Vec::new(), false);
            for line in output.lines() {
                let Ok(line) = line else { break };
                lines.push(line);
                if lines.len() >= kill_after && !killed {
                    child.kill().unwrap(); // SIGKILL
                    killed = true;
                }
            }
            assert!(!child.wait().unwrap().success());
            assert!(killed, "the child ended by itself: {lines:?}");
            lines
        })
        .await
        .unwrap();
        for line in lines {
            match line.split_once(' ') {
                // The last line may be cut off; then it is the id of an event of an earlier round, or none.
                Some(("enqueued", id)) => drop(enqueued.insert(id.to_owned())),
                Some(("sent", id)) => *sent.entry(id.to_owned()).or_default() += 1,
                _ => {}
            }
        }
    }
    assert!(!enqueued.is_empty() && !sent.is_empty());
    // The rest is delivered here. Events that a child enqueued without having printed them are there, too.
    let outbox = Outbox::new(open());
    let left = outbox.counts().await.unwrap().pending;
    let here = crate::tools::Arrived::default();
    let peer = here.sender();
    let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
    let done = async {
        let (mut fewest, mut since) = (u64::MAX, Instant::now());
        loop {
            let pending = outbox.counts().await.unwrap().pending;
            if pending < fewest {
                (fewest, since) = (pending, Instant::now());
            }
            if pending == 0 {
                break;
            }
            let targets = outbox.targets("").await.unwrap();
            // The whole may take longer: it depends on the rounds and on the machine.
            assert!(since.elapsed() < patience(), "{pending} messages do not get on: {targets:?}");
            sleep(Duration::from_millis(20)).await;
        }
    };
    outbox.run(route, options()).until(done).await.unwrap();
    for id in here.ids() {
        *sent.entry(id).or_default() += 1;
    }
    let stored: BTreeSet<_> = all(&outbox).await;
    let lost: Vec<_> = enqueued.difference(&stored).collect();
    assert!(lost.is_empty(), "enqueued and not in the store: {lost:?}");
    // What is delivered in the store was sent. The line of a sent message may be lost with its process, but only that of what was
    // being written.
    let unsent = stored.iter().filter(|id| !sent.contains_key(*id)).count();
    assert!(unsent <= rounds, "{unsent} are delivered in the store and were not sent");
    let again: usize = sent.values().map(|times| times - 1).sum();
    println!("{rounds} rounds: {} enqueued, {left} left at the end, {again} sent twice", stored.len());
    assert!(
        again <= rounds * IN_FLIGHT,
        "{again} sent twice, with {IN_FLIGHT} in flight at each of {rounds} kills"
    );
}

async fn all(outbox: &Outbox<impl Store>) -> BTreeSet<String> {
    let (mut all, mut after) = (BTreeSet::new(), 0);
    loop {
        let page = outbox.find(Query::default().after(after).with_limit(1000)).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = last.number;
        for record in page {
            assert_eq!(record.state, State::Delivered, "{record:?}");
            assert!(all.insert(record.id.unwrap().into_string()), "stored twice");
        }
    }
}
