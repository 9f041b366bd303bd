//! How many transactions a receiver makes of the messages of a target.

use crate::tools::{MINUTE, SECOND, at, event, tokio_clock};
use cloudevents_core::{DecodeOptions, Error, ErrorKind};
use cloudevents_outbox::{
    Attempt, Claim, Claimed, Counts, Entry, Health, NewMessage, Outbox, OutboxReceiverOptions, Query, Record,
    Retention, Settled, Settlement, Store, Target, Ticket, rusqlite041::SqliteStore,
};
use cloudevents_transport::{Delivery, Receiver};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep, timeout};

/// Counts the calls that are a transaction each.
struct Counting {
    inner: SqliteStore,
    calls: Arc<AtomicUsize>,
    /// The error of a claim with a settlement.
    fails: Option<ErrorKind>,
}

impl Counting {
    fn store(&self) -> &SqliteStore {
        self.calls.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }
}

impl Store for Counting {
    async fn enqueue(&self, messages: Vec<NewMessage>) -> Result<Vec<u64>, Error> {
        self.inner.enqueue(messages).await
    }
    async fn claim(&self, claim: Claim) -> Result<Claimed, Error> {
        self.store().claim(claim).await
    }
    async fn renew(&self, tickets: Vec<Ticket>, until: SystemTime) -> Result<Vec<Ticket>, Error> {
        self.store().renew(tickets, until).await
    }
    async fn settle(&self, settlements: Vec<Settlement>, now: SystemTime) -> Result<Settled, Error> {
        self.store().settle(settlements, now).await
    }
    async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        now: SystemTime,
        claim: Claim,
    ) -> Result<(Settled, Option<Claimed>), Error> {
        match self.fails {
            Some(kind) => Err(Error::new(kind)),
            None => self.store().settle_and_claim(settlements, now, claim).await,
        }
    }
    async fn find(&self, query: Query) -> Result<Vec<Record>, Error> {
        self.inner.find(query).await
    }
    async fn attempts(&self, number: u64) -> Result<Vec<Attempt>, Error> {
        self.inner.attempts(number).await
    }
    async fn replay(&self, query: Query, now: SystemTime) -> Result<u64, Error> {
        self.inner.replay(query, now).await
    }
    async fn give_up(
        &self,
        held_back: Vec<Arc<str>>,
        deadline: Option<Duration>,
        now: SystemTime,
        limit: usize,
    ) -> Result<usize, Error> {
        self.store().give_up(held_back, deadline, now, limit).await
    }
    async fn prune(&self, retention: Retention, now: SystemTime, limit: usize) -> Result<usize, Error> {
        self.store().prune(retention, now, limit).await
    }
    async fn targets(&self, after: Box<str>) -> Result<Vec<Target>, Error> {
        self.inner.targets(after).await
    }
    async fn set_health(&self, target: Box<str>, health: Health) -> Result<(), Error> {
        self.inner.set_health(target, health).await
    }
    async fn counts(&self) -> Result<Counts, Error> {
        self.inner.counts().await
    }
}

fn outbox() -> (Outbox<Counting>, Arc<AtomicUsize>) {
    outbox_that(None)
}

fn outbox_that(fails: Option<ErrorKind>) -> (Outbox<Counting>, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let store = Counting { inner: SqliteStore::in_memory().unwrap(), calls: Arc::clone(&calls), fails };
    (Outbox::new(store).with_clock(tokio_clock()), calls)
}

async fn enqueue(outbox: &Outbox<Counting>, ids: impl IntoIterator<Item = usize>) {
    let entries = ids.into_iter().map(|id| Entry::new("a", event(id)).in_order());
    outbox.enqueue_all(entries.collect::<Vec<_>>()).await.unwrap();
}

/// A receiver that looks by itself once an hour.
async fn receiver(outbox: &Outbox<Counting>) -> Receiver {
    let mut options = OutboxReceiverOptions::from(DecodeOptions::strict());
    options.poll = 60 * MINUTE;
    outbox.receiver("a", options).await.unwrap()
}

async fn next(receiver: &mut Receiver) -> Delivery {
    timeout(MINUTE, receiver.next()).await.expect("nothing comes").unwrap().unwrap()
}

/// Handles so many messages in order, and returns the number of transactions.
async fn handled(messages: usize, (outbox, calls): (Outbox<Counting>, Arc<AtomicUsize>)) -> usize {
    enqueue(&outbox, 0..messages).await;
    let begun = Instant::now();
    let mut receiver = receiver(&outbox).await;
    for id in 0..messages {
        let delivery = next(&mut receiver).await;
        assert_eq!(delivery.event().unwrap().id(), id.to_string());
        delivery.accept().await.unwrap();
    }
    // Nothing waits for a timer: not for a poll, and not for other settlements.
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let delivered = outbox.counts().await.unwrap().delivered;
    assert_eq!(usize::try_from(delivered).unwrap(), messages);
    calls.load(Ordering::Relaxed)
}

/// There are some more at the beginning: two claims, a look for old messages, and a settlement while that is under way.
#[tokio::test(start_paused = true)]
async fn a_message_in_order_is_settled_in_the_transaction_that_claims_the_next_one() {
    let calls = handled(100, outbox()).await;
    assert!(calls < 125, "{calls} transactions");
}

/// Then a message has a transaction for its claim, and one for its settlement. A claim may fail because reading the messages takes too
/// long.
#[tokio::test(start_paused = true)]
async fn results_are_recorded_although_messages_cannot_be_claimed_with_them() {
    for kind in [ErrorKind::Transport, ErrorKind::Timeout] {
        let calls = handled(100, outbox_that(Some(kind))).await;
        assert!(calls <= 210, "{kind:?}: {calls} transactions");
    }
}

/// A settlement makes the receiver look again, and so does a message that is enqueued here.
#[tokio::test(start_paused = true)]
async fn while_a_message_in_order_is_held_nothing_is_claimed() {
    let (outbox, calls) = outbox();
    enqueue(&outbox, 0..3).await;
    let mut receiver = receiver(&outbox).await;
    next(&mut receiver).await.accept().await.unwrap();
    let held = next(&mut receiver).await;
    sleep(SECOND).await;
    let before = calls.load(Ordering::Relaxed);
    sleep(10 * SECOND).await;
    assert_eq!(calls.load(Ordering::Relaxed), before);
    // A message without an order does not wait for the one that is held.
    outbox.enqueue(Entry::new("a", event(10))).await.unwrap();
    assert_eq!(next(&mut receiver).await.event().unwrap().id(), "10");
    held.accept().await.unwrap();
    assert_eq!(next(&mut receiver).await.event().unwrap().id(), "2");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_released_comes_again_at_once() {
    let (outbox, _) = outbox();
    outbox.enqueue(Entry::new("a", event(1))).await.unwrap();
    let mut receiver = receiver(&outbox).await;
    for _ in 0..3 {
        drop(next(&mut receiver).await);
    }
}

/// The settlement claims the next message while the receiver stops. This message goes back.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_stops_keeps_no_message() {
    let (outbox, _) = outbox();
    enqueue(&outbox, 0..2).await;
    let mut receiver = receiver(&outbox).await;
    let held = next(&mut receiver).await;
    sleep(SECOND).await;
    let accepted = held.accept();
    receiver.drain(MINUTE).await.unwrap();
    accepted.await.unwrap();
    let mut claim = Claim::new(at(30), 10, MINUTE);
    claim.only = Some("a".into());
    let left = outbox.store().claim(claim).await.unwrap().messages;
    assert_eq!(left.iter().map(|message| message.ticket.number).collect::<Vec<_>>(), [2]);
}
