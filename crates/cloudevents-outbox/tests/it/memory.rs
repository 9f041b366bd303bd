//! A worker's memory grows neither with the backlog nor with the number of targets.

use crate::tools::{at, message, sender, tokio_clock};
use cloudevents_core::{Error, EventKey};
use cloudevents_outbox::{
    Attempt, Claim, Claimed, ClaimedMessage, Counts, Health, InboxStore, MemoryInbox, NewMessage, Outbox,
    OutboxOptions, Query, Record, Retention, Settled, Settlement, Store, Target, Ticket,
};
use cloudevents_testkit::{heap, size};
use cloudevents_transport::Receipt;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::time::sleep;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

/// A store that makes its messages up, so that all memory is the worker's. The counts of the heap are of one thread.
struct Endless {
    body: String,
    targets: usize,
    claimed: AtomicUsize,
    settled: Arc<AtomicUsize>,
    messages: usize,
}

impl Store for Endless {
    async fn claim(&self, claim: Claim) -> Result<Claimed, Error> {
        let mut claimed = Claimed { has_more: true, ..Claimed::default() };
        while claimed.messages.len() < claim.limit {
            let number = self.claimed.load(Ordering::Relaxed);
            let target: Arc<str> = format!("target {}", number % self.targets).into();
            let held =
                claimed.messages.iter().filter(|message: &&ClaimedMessage| message.target == target).count();
            if number >= self.messages || claim.room(&target) <= held {
                break;
            }
            self.claimed.store(number + 1, Ordering::Relaxed);
            claimed.messages.push(ClaimedMessage {
                ticket: Ticket { number: u64::try_from(number).unwrap(), claim: 1 },
                target,
                ordered: false,
                attempt: 1,
                started: claim.now,
                expires: None,
                health: Health::default(),
                body: self.body.clone(),
            });
        }
        Ok(claimed)
    }
    async fn settle(&self, settlements: Vec<Settlement>, _: SystemTime) -> Result<Settled, Error> {
        self.settled.fetch_add(settlements.len(), Ordering::Relaxed);
        Ok(Settled { valid: settlements.len(), ..Settled::default() })
    }
    async fn renew(&self, _: Vec<Ticket>, _: SystemTime) -> Result<Vec<Ticket>, Error> {
        unreachable!()
    }
    async fn give_up(
        &self,
        _: Vec<Arc<str>>,
        _: Option<Duration>,
        _: SystemTime,
        _: usize,
    ) -> Result<usize, Error> {
        Ok(0)
    }
    async fn prune(&self, _: Retention, _: SystemTime, _: usize) -> Result<usize, Error> {
        Ok(0)
    }
    async fn enqueue(&self, _: Vec<NewMessage>) -> Result<Vec<u64>, Error> {
        unreachable!()
    }
    async fn find(&self, _: Query) -> Result<Vec<Record>, Error> {
        unreachable!()
    }
    async fn attempts(&self, _: u64) -> Result<Vec<Attempt>, Error> {
        unreachable!()
    }
    async fn replay(&self, _: Query, _: SystemTime) -> Result<u64, Error> {
        unreachable!()
    }
    async fn targets(&self, _: Box<str>) -> Result<Vec<Target>, Error> {
        unreachable!()
    }
    async fn set_health(&self, _: Box<str>, _: Health) -> Result<(), Error> {
        unreachable!()
    }
    async fn counts(&self) -> Result<Counts, Error> {
        unreachable!()
    }
}

/// The most memory in use while a worker delivers so many messages to so many targets, so many at a time.
fn peak(messages: usize, targets: usize, at_once: usize) -> isize {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let settled = Arc::new(AtomicUsize::new(0));
    let body = message("a", "x".repeat(1000), at(0)).body;
    let store =
        Endless { body, targets, claimed: AtomicUsize::new(0), settled: Arc::clone(&settled), messages };
    let measured = heap::of(|| {
        runtime.block_on(async {
            let peer = sender(|_| async {
                sleep(Duration::from_millis(50)).await;
                Ok(Receipt::new())
            });
            let route = move |_: Arc<str>| std::future::ready(Ok(peer.clone()));
            let mut options = OutboxOptions::default();
            options.clock = tokio_clock();
            options.in_flight.messages = at_once;
            let done = async {
                while settled.load(Ordering::Relaxed) < messages {
                    sleep(Duration::from_secs(1)).await;
                }
            };
            Outbox::new(store).run(route, options).until(done).await.unwrap();
        });
    });
    measured.peak
}

#[test]
fn a_backlog_takes_no_memory() {
    let (few, many) = (peak(3_000, 50, 1_024), peak(size(48_000), 50, 1_024));
    println!("peak with 3,000 messages: {few} bytes; with {}: {many}", size(48_000));
    assert!(many < few * 3 / 2, "{few} {many}");
}

#[test]
fn targets_take_no_memory() {
    let most = size(20_000);
    // Both are more than the worker remembers. With few messages at once, what it remembers is most of its memory.
    let some = most * 2 / 5;
    let (few, many) = (peak(most, some, 16), peak(most, most, 16));
    println!("peak with {some} targets: {few} bytes; with {most}: {many}");
    assert!(many < few * 3 / 2, "{few} {many}");
}

/// Each event takes its place once, however often it comes.
#[test]
fn an_inbox_in_memory_keeps_nothing_of_what_comes_again() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let held = |times: u64| {
        let inbox = MemoryInbox::new(100.try_into().unwrap());
        let heap = heap::of(|| {
            runtime.block_on(async {
                for number in 0..times {
                    let key = EventKey::new("/tests", (number % 10).to_string()).unwrap();
                    inbox.see("it".into(), key, at(number)).await.unwrap();
                }
            });
        });
        heap.held
    };
    let (some, many) = (held(100), held(10_000));
    assert!(many <= some, "{some} bytes of 100 deliveries, {many} of 10,000");
}
